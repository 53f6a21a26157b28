// SPDX-License-Identifier: Apache-2.0
#include "notify/items.h"

#include "base/map.h"

#include <stdlib.h>

#define FAILS_TO_COOL 3
#define FAR_AHEAD_MS  (25 * 3600000ll) /* no pause is that long: the clock was set back */

/* ---- a target's heap ---- */

static bool before(const struct ax_item *a, const struct ax_item *b)
{
    return a->due != b->due ? a->due < b->due : a->id < b->id;
}

static void put(struct ax_outlet *t, size_t place, struct ax_item *i)
{
    t->heap[place] = i;
    i->place = place;
}

static void sift_up(struct ax_outlet *t, size_t at, struct ax_item *i)
{
    for (; at > 0 && before(i, t->heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(t, at, t->heap[(at - 1) / 2]);
    put(t, at, i);
}

static void sift_down(struct ax_outlet *t, size_t at, struct ax_item *i)
{
    for (size_t child; (child = 2 * at + 1) < t->n; at = child) {
        if (child + 1 < t->n && before(t->heap[child + 1], t->heap[child]))
            child++;
        if (!before(t->heap[child], i))
            break;
        put(t, at, t->heap[child]);
    }
    put(t, at, i);
}

void ax_outlet_push(struct ax_outlet *t, struct ax_item *i)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 8;
        t->heap = ax_realloc(t->heap, t->cap * sizeof(struct ax_item *));
    }
    i->state = AX_ITEM_READY;
    sift_up(t, t->n++, i);
}

static void take_out(struct ax_outlet *t, struct ax_item *i)
{
    size_t at = i->place;
    struct ax_item *last = t->heap[--t->n];
    if (last == i)
        return;
    if (at > 0 && before(last, t->heap[(at - 1) / 2]))
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

struct ax_item *ax_outlet_pop(struct ax_outlet *t)
{
    struct ax_item *i = t->heap[0];
    take_out(t, i);
    i->state = AX_ITEM_BUSY;
    return i;
}

/* ---- rate and pauses ---- */

static void refill(struct ax_outlet *t, const struct ax_notify_options *o, int64_t now)
{
    int64_t passed = now > t->tokens_at ? now - t->tokens_at : 0;
    t->tokens = t->tokens_at ? t->tokens + (double)passed * o->rate / 1000 : o->burst;
    t->tokens = t->tokens < o->burst ? t->tokens : o->burst;
    t->tokens_at = now;
}

int64_t ax_outlet_next(struct ax_outlet *t, const struct ax_notify_options *o, int64_t now)
{
    int width = !t->proven || t->fails >= FAILS_TO_COOL ? 1 : o->width;
    if (t->n == 0 || t->busy >= width)
        return INT64_MAX;
    int64_t at = t->heap[0]->due - now < FAR_AHEAD_MS ? t->heap[0]->due : now;
    if (t->cool_until - now < FAR_AHEAD_MS && at < t->cool_until)
        at = t->cool_until;
    refill(t, o, now);
    int64_t token = t->tokens >= 1 ? now : now + 1 + (int64_t)((1 - t->tokens) * 1000 / o->rate);
    return at > token ? at : token;
}

void ax_outlet_began(struct ax_outlet *t)
{
    t->tokens -= 1;
    t->busy++;
}

void ax_outlet_answered(struct ax_outlet *t)
{
    t->proven = true;
    t->fails = 0;
    t->full = 0;
    t->cool_until = 0;
}

void ax_outlet_failed(struct ax_outlet *t, int64_t pause, int64_t wait, int64_t now)
{
    t->fails++;
    if (t->fails < FAILS_TO_COOL)
        pause = 0;
    t->cool_until = now + (pause > wait ? pause : wait);
}

void ax_outlet_free(struct ax_outlet *t)
{
    if (!t)
        return;
    free(t->heap);
    free(t->address);
    free(t);
}

/* ---- chains ---- */

static void grow(struct ax_items *s)
{
    size_t wider = s->nbuckets ? s->nbuckets * 2 : 256;
    struct ax_item **buckets = ax_calloc(wider, sizeof(struct ax_item *));
    for (size_t b = 0; b < s->nbuckets; b++)
        for (struct ax_item *i = s->buckets[b], *next; i; i = next) {
            next = i->next;
            i->next = buckets[i->chain % wider];
            buckets[i->chain % wider] = i;
        }
    free(s->buckets);
    s->buckets = buckets;
    s->nbuckets = wider;
}

static struct ax_item *oldest(struct ax_items *s, uint64_t chain)
{
    struct ax_item *found = NULL;
    for (struct ax_item *i = s->nbuckets ? s->buckets[chain % s->nbuckets] : NULL; i; i = i->next)
        if (i->chain == chain && (!found || i->id < found->id))
            found = i;
    return found;
}

static void unlink_item(struct ax_items *s, struct ax_item *i)
{
    struct ax_item **at = &s->buckets[i->chain % s->nbuckets];
    while (*at != i)
        at = &(*at)->next;
    *at = i->next;
    s->n--;
    if (i->state == AX_ITEM_READY)
        take_out(i->target, i);
}

void ax_items_add(struct ax_items *s, const struct ax_row *r, struct ax_outlet *t)
{
    const uint64_t parts[2] = {ax_hash(r->alarm.p, r->alarm.n), ax_hash(r->method.p, r->method.n)};
    uint64_t chain = ax_hash(parts, sizeof parts);
    struct ax_item *first = oldest(s, chain);
    if (first && first->repeat > 0 && first->state == AX_ITEM_READY) {
        unlink_item(s, first); /* only a chain's oldest can stand */
        free(first);
        first = oldest(s, chain);
    }
    if (s->n >= s->nbuckets)
        grow(s);
    struct ax_item *i = ax_calloc(1, sizeof *i);
    *i = (struct ax_item){.id = r->id,
                          .created = r->created,
                          .due = r->due,
                          .chain = chain,
                          .target = t,
                          .next = s->buckets[chain % s->nbuckets],
                          .tries = (int)r->tries,
                          .repeat = (int)r->repeat};
    s->buckets[chain % s->nbuckets] = i;
    s->n++;
    if (!first)
        ax_outlet_push(t, i);
}

void ax_items_remove(struct ax_items *s, struct ax_item *i)
{
    uint64_t chain = i->chain;
    unlink_item(s, i);
    free(i);
    struct ax_item *next = oldest(s, chain);
    if (next && next->state == AX_ITEM_BEHIND)
        ax_outlet_push(next->target, next);
}

bool ax_items_behind(const struct ax_items *s, const struct ax_item *i)
{
    for (struct ax_item *o = s->buckets[i->chain % s->nbuckets]; o; o = o->next)
        if (o->chain == i->chain && o != i)
            return true;
    return false;
}

void ax_items_drop(struct ax_items *s, struct ax_outlet *t)
{
    for (size_t b = 0; b < s->nbuckets; b++)
        for (struct ax_item *i = s->buckets[b], *next; i; i = next) {
            next = i->next;
            if (i->target == t && (i->state == AX_ITEM_READY || i->state == AX_ITEM_BEHIND)) {
                unlink_item(s, i);
                free(i);
            }
        }
}

void ax_items_free(struct ax_items *s)
{
    for (size_t b = 0; b < s->nbuckets; b++)
        for (struct ax_item *i = s->buckets[b], *next; i; i = next) {
            next = i->next;
            free(i);
        }
    free(s->buckets);
}
