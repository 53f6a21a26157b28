// SPDX-License-Identifier: Apache-2.0
#include "vmi/replay.h"

#include "base/err.h"

#include <stdlib.h>

#define PAGE_BITS 12
#define GAP       1024u /* neighbours no further apart become one: a call costs by span, not by byte */

void ax_replay_free(struct ax_replay *r)
{
    ax_arena_free(&r->fresh);
    free(r->spans);
    free(r->copy);
    free(r->nodes);
    free(r->slots);
}

static size_t slot_of(const struct ax_replay *r, uint64_t page)
{
    return (size_t)(page * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (r->n_slots - 1);
}

static const uint8_t *within(struct ax_replay *r, size_t i, uint64_t at, size_t len)
{
    struct ax_span *s = &r->spans[i];
    if (at < s->at || at - s->at > s->len || len > s->len - (at - s->at) || !s->p)
        return NULL;
    s->used = true;
    r->last = i;
    return s->p + (at - s->at);
}

const uint8_t *ax_replay_find(struct ax_replay *r, uint64_t at, size_t len)
{
    if (r->n == 0)
        return NULL;
    const uint8_t *p = within(r, r->last, at, len);
    uint64_t page = at >> PAGE_BITS;
    for (uint32_t n = r->slots[slot_of(r, page)]; n && !p; n = r->nodes[n - 1].next)
        if (r->nodes[n - 1].page == page)
            p = within(r, r->nodes[n - 1].span, at, len);
    return p;
}

static void hang_in(struct ax_replay *r, size_t node)
{
    uint32_t *slot = &r->slots[slot_of(r, r->nodes[node].page)];
    r->nodes[node].next = *slot;
    *slot = (uint32_t)node + 1;
}

static void grow_slots(struct ax_replay *r)
{
    r->n_slots = r->n_slots ? r->n_slots * 4 : 1024;
    free(r->slots);
    r->slots = ax_calloc(r->n_slots, sizeof *r->slots);
    for (size_t i = 0; i < r->n_nodes; i++)
        hang_in(r, i);
}

static void enter(struct ax_replay *r, size_t span)
{
    const struct ax_span *s = &r->spans[span];
    uint64_t last = (s->at + s->len - 1) >> PAGE_BITS;
    for (uint64_t page = s->at >> PAGE_BITS; page <= last; page++) {
        if (r->n_nodes == r->cap_nodes) {
            r->cap_nodes = r->cap_nodes ? r->cap_nodes * 2 : 1024;
            r->nodes = ax_realloc(r->nodes, r->cap_nodes * sizeof *r->nodes);
        }
        r->nodes[r->n_nodes] = (struct ax_replay_node){.page = page, .span = (uint32_t)span};
        r->n_nodes++;
        if (r->n_nodes > r->n_slots)
            grow_slots(r);
        else
            hang_in(r, r->n_nodes - 1);
    }
}

uint8_t *ax_replay_add(struct ax_replay *r, uint64_t at, size_t len)
{
    if (len == 0 || len > AX_REPLAY_MAX - r->bytes)
        return NULL;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 256;
        r->spans = ax_realloc(r->spans, r->cap * sizeof *r->spans);
    }
    uint8_t *p = ax_arena_room(&r->fresh, len);
    r->spans[r->n] = (struct ax_span){.at = at, .p = p, .len = (uint32_t)len, .used = true};
    r->bytes += len;
    enter(r, r->n++);
    return p;
}

void ax_replay_drop_last(struct ax_replay *r)
{
    AX_ASSERT(r->n > r->settled);
    r->spans[r->n - 1].p = NULL;
    r->spans[r->n - 1].used = false;
}

static int by_address(const void *a, const void *b)
{
    const struct ax_span *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static bool worth_keeping(const struct ax_span *s)
{
    return s->used && s->p && s->len <= AX_REPLAY_BIG;
}

/* Takes out what was not used, from `from` to `to`; returns the new end. */
static size_t sift(struct ax_span *v, size_t from, size_t to, size_t at)
{
    for (size_t i = from; i < to; i++)
        if (worth_keeping(&v[i]))
            v[at++] = v[i];
    return at;
}

/* Two sorted runs become one, in place by way of a copy of the second. */
static void merge_runs(struct ax_span *v, size_t first, size_t n)
{
    size_t tail = n - first, a = first, b = tail;
    if (tail == 0 || first == 0)
        return;
    struct ax_span *second = ax_malloc(tail * sizeof *second);
    memcpy(second, v + first, tail * sizeof *second);
    for (size_t to = n; b > 0; to--) {
        if (a > 0 && v[a - 1].at > second[b - 1].at)
            v[to - 1] = v[--a];
        else
            v[to - 1] = second[--b];
    }
    free(second);
}

static size_t join_neighbours(struct ax_span *v, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        struct ax_span *last = to ? &v[to - 1] : NULL;
        uint64_t end = v[i].at + v[i].len, from = last ? last->at : 0;
        bool overlaps = last && v[i].at <= from + last->len;
        if (last && v[i].at <= from + last->len + GAP &&
            (overlaps || end - from <= AX_REPLAY_BIG)) {
            if (end > from + last->len)
                last->len = (uint32_t)(end - from);
        } else {
            v[to++] = v[i];
        }
    }
    return to;
}

/* With their gaps they may be too many: what is left out is fetched again when it is wanted. */
static size_t fitting(const struct ax_span *v, size_t n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += v[i].len;
        if (bytes > AX_REPLAY_MAX)
            return i;
    }
    return n;
}

static void lay_out(struct ax_replay *r)
{
    uint64_t size = 0;
    for (size_t i = 0; i < r->n; i++)
        size += r->spans[i].len;
    if (size > r->copy_size) {
        free(r->copy);
        r->copy_size = size + size / 4;
        r->copy = ax_malloc(r->copy_size);
    }
    uint8_t *p = r->copy;
    for (size_t i = 0; i < r->n; i++) {
        r->spans[i].p = p;
        p += r->spans[i].len;
    }
    r->n_nodes = 0;
    if (r->n_slots)
        memset(r->slots, 0, r->n_slots * sizeof *r->slots);
    for (size_t i = 0; i < r->n; i++)
        enter(r, i);
}

void ax_replay_next(struct ax_replay *r)
{
    size_t old = sift(r->spans, 0, r->settled, 0);
    size_t n = sift(r->spans, r->settled, r->n, old);
    bool same = old == r->settled && n == old && r->n == n;
    if (!same) {
        if (n > old)
            qsort(r->spans + old, n - old, sizeof *r->spans, by_address);
        merge_runs(r->spans, old, n);
        r->n = r->settled = fitting(r->spans, join_neighbours(r->spans, n));
        lay_out(r);
    }
    ax_arena_reset(&r->fresh);
    r->bytes = 0;
    r->last = 0;
    for (size_t i = 0; i < r->n; i++) {
        r->spans[i].used = false;
        r->bytes += r->spans[i].len;
    }
}
