// SPDX-License-Identifier: Apache-2.0
/* From series to alarms. A definition has a group for each combination of match_by's dimensions
 * that a series brought: the key. A series of fewer dimensions than the key belongs to the group
 * too, when those that it has are equal; so a host's metric joins the alarms of all its disks. A
 * group is an alarm once every sub-expression has a metric. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

#define NONE(number) ((number) << 1 | 1)

union ax_watch_slot *ax_slot_of_series(struct ax_stream *s, uint32_t id, bool make)
{
    union ax_watch_slot **page = &s->pages[id / AX_SERIES_PAGE];
    if (!*page && make)
        *page = ax_calloc(AX_SERIES_PAGE, sizeof **page);
    return *page ? &(*page)[id % AX_SERIES_PAGE] : NULL;
}

static struct ax_refs *refs_of(const union ax_watch_slot *slot)
{
    return slot->number & 1 ? NULL : slot->refs;
}

/* ---- alarms of a definition ---- */

struct ax_live *ax_group_find(struct ax_def *d, struct ax_str key)
{
    uint64_t found;
    return ax_map_get(&d->groups, key, &found) ? (struct ax_live *)(uintptr_t)found : NULL;
}

static struct ax_live *room(struct ax_stream *s, const struct ax_def *d)
{
    return ax_pool_take(&s->lives, d->size);
}

void ax_live_free(struct ax_stream *s, struct ax_live *al)
{
    if (al->conditional)
        ax_condition_empty(s, al);
    free(al->members);
    ax_pool_give(&s->lives, al, al->def->size);
}

struct ax_live *ax_live_new(struct ax_stream *s, struct ax_def *d, uint32_t mask, struct ax_str key)
{
    struct ax_live *al = room(s, d);
    *al = (struct ax_live){.def = d,
                           .shard = (uint8_t)(s->next_shard++ / AX_SHARD_RUN % AX_SHARDS),
                           .nsubs = (uint8_t)d->expr.nsubs,
                           .conditional = d->condition != NULL,
                           .state = d->expr.deterministic ? AX_OK : AX_UNDETERMINED,
                           .mask = mask,
                           .id = ax_uuid_at(ax_stream_now(s)),
                           .at = (uint32_t)d->n,
                           .seen = AX_LONG_AGO,
                           .until = AX_LONG_AGO};
    ax_shard_enter(ax_shard_of(s, al), al);
    for (size_t i = 0; i < d->expr.nsubs; i++) {
        struct ax_window *w = ax_window_of(al, i);
        if (d->condition)
            *ax_trail_of(w) = (struct ax_trail){0};
        else
            ax_window_init(w, &d->expr.subs[i]);
        w->line = (uint16_t)(d->offset[i] / AX_LINE);
    }
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 1;
        d->alarms = ax_realloc(d->alarms, d->cap * sizeof *d->alarms);
    }
    d->alarms[d->n++] = al;
    al->key = ax_arena_str(&d->arena, key);
    ax_map_put(&d->groups, al->key, (uintptr_t)al);
    if (d->n == 1)
        d->mask = mask;
    d->mixed |= mask != d->mask;
    __atomic_add_fetch(&s->bytes, ax_pool_size(&s->lives, d->size), __ATOMIC_RELAXED);
    return al;
}

/* ---- members ---- */

static size_t refs_size(uint32_t cap)
{
    return sizeof(struct ax_refs) + cap * sizeof(struct ax_ref);
}

static void drop_refs(struct ax_stream *s, struct ax_refs *r)
{
    __atomic_sub_fetch(&s->bytes, refs_size(r->cap), __ATOMIC_RELAXED);
    ax_pool_give(&s->refs, r, refs_size(r->cap));
}

/* Room for one more. Room is for 1, 3, 7, ...: with what stands before them powers of two. */
static struct ax_refs *more_refs(struct ax_stream *s, struct ax_refs *r)
{
    uint32_t cap = r ? r->cap * 2 + 1 : 1;
    struct ax_refs *bigger = ax_pool_take(&s->refs, refs_size(cap));
    *bigger = (struct ax_refs){.number = r ? r->number : 0, .n = r ? r->n : 0, .cap = cap};
    __atomic_add_fetch(&s->bytes, refs_size(cap), __ATOMIC_RELAXED);
    if (r) {
        memcpy(bigger->v, r->v, r->n * sizeof *r->v);
        drop_refs(s, r);
    } else {
        __atomic_add_fetch(&s->watched, 1, __ATOMIC_RELAXED);
    }
    return bigger;
}

static void add_ref(struct ax_stream *s, uint32_t id, struct ax_window *w)
{
    union ax_watch_slot *slot = ax_slot_of_series(s, id, true);
    struct ax_refs *r = refs_of(slot);
    if (!r || r->n == r->cap)
        slot->refs = r = more_refs(s, r);
    r->v[r->n++] = (struct ax_ref){w, AX_LONG_AGO};
}

static struct ax_ref *find_ref(const union ax_watch_slot *slot, const struct ax_window *w)
{
    struct ax_refs *r = refs_of(slot);
    for (uint32_t i = 0; r && i < r->n; i++)
        if (r->v[i].window == w)
            return &r->v[i];
    return NULL;
}

static void add_member(struct ax_stream *s, struct ax_live *al, uint32_t id, uint32_t sub, bool own)
{
    struct ax_window *w = ax_window_of(al, sub);
    if (find_ref(ax_slot_of_series(s, id, true), w))
        return;
    if (al->n == al->cap) {
        al->cap = al->cap ? al->cap * 2 : 1;
        al->members = ax_realloc(al->members, al->cap * sizeof *al->members);
        __atomic_add_fetch(&s->bytes, (al->cap - al->n) * sizeof *al->members, __ATOMIC_RELAXED);
    }
    al->members[al->n++] = (struct ax_member){id, (uint8_t)sub, own};
    al->joined |= 1ull << sub;
    add_ref(s, id, w);
    if (al->complete)
        ax_tell_metric(s, al, id);
}

static void drop_ref(struct ax_stream *s, uint32_t id, const struct ax_live *al)
{
    union ax_watch_slot *slot = ax_slot_of_series(s, id, false);
    struct ax_refs *r = slot ? refs_of(slot) : NULL;
    uint32_t kept = 0;
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n; i++)
        if (ax_live_of(r->v[i].window) != al)
            r->v[kept++] = r->v[i];
    r->n = kept;
    r->number = 0; /* so that its next sample looks for all that it belongs to */
    if (kept)
        return;
    __atomic_sub_fetch(&s->watched, 1, __ATOMIC_RELAXED);
    drop_refs(s, r);
    slot->number = 0;
}

void ax_live_end(struct ax_stream *s, struct ax_live *al)
{
    struct ax_def *d = al->def;
    for (uint32_t i = 0; i < al->n; i++)
        drop_ref(s, al->members[i].series, al);
    ax_shard_leave(ax_shard_of(s, al), al);
    ax_map_put(&d->groups, al->key, 0);
    d->alarms[al->at] = d->alarms[--d->n];
    d->alarms[al->at]->at = al->at;
    d->tenant->alarms -= al->complete;
    __atomic_sub_fetch(&s->bytes, ax_pool_size(&s->lives, d->size) + al->cap * sizeof *al->members,
                       __ATOMIC_RELAXED);
    ax_live_free(s, al);
}

void ax_forget_series(struct ax_stream *s, uint32_t id)
{
    union ax_watch_slot *slot = ax_slot_of_series(s, id, false);
    struct ax_refs *r = slot ? refs_of(slot) : NULL;
    if (slot && !r)
        slot->number = 0;
    while (r && (slot->number & 1) == 0 && (r = slot->refs) != NULL) {
        struct ax_live *al = ax_live_of(r->v[0].window);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < al->n; i++)
            if (al->members[i].series != id)
                al->members[kept++] = al->members[i];
        al->n = kept;
        drop_ref(s, id, al);
        if (al->conditional && !kept)
            ax_condition_forget(al);
    }
}

/* ---- joining ---- */

/* The group has a metric for each sub-expression: from now on it is an alarm. */
static void complete(struct ax_stream *s, struct ax_live *al, int64_t now)
{
    struct ax_def *d = al->def;
    uint64_t all = d->expr.nsubs == 64 ? UINT64_MAX : (1ull << d->expr.nsubs) - 1;
    if (al->complete || al->joined != all || d->condition)
        return;
    if (d->tenant->alarms >= s->o.max_alarms) {
        __atomic_add_fetch(&s->refused, 1, __ATOMIC_RELAXED);
        return;
    }
    al->complete = true;
    d->tenant->alarms++;
    ax_tell_created(s, al, now);
    for (uint32_t i = 0; i < al->n; i++)
        ax_tell_metric(s, al, al->members[i].series);
    struct ax_run r = {.s = s, .m = ax_moment_at(s, now), .at = now, .seen = now};
    enum ax_state state = ax_live_outcome(al);
    if (state != AX_NO_STATE && state != al->state)
        ax_live_decide(&r, al);
    ax_live_schedule(&r, al);
}

/* The values of match_by's dimensions that the series has: "LENGTH:VALUE" each, "-" for others. */
static uint32_t key_of(const struct ax_def *d, struct ax_labels labels, struct ax_buf *key)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < d->match_by.n; i++) {
        struct ax_str value = ax_labels_get(labels, d->match_by.v[i]);
        if (value.n)
            ax_buf_printf(key, "%zu:%.*s", value.n, AX_STR_ARG(value));
        else
            ax_buf_byte(key, '-');
        mask |= (uint32_t)(value.n > 0) << i;
    }
    return mask;
}

/* Has the key the same values as the labels in the dimensions of the mask? */
static bool key_has(struct ax_str key, const struct ax_def *d, uint32_t mask,
                    struct ax_labels labels)
{
    struct ax_str rest = key;
    for (size_t i = 0; i < d->match_by.n; i++) {
        struct ax_str digits, value = AX_STR_NULL;
        uint64_t n = 0;
        if (rest.n && rest.p[0] == '-') {
            rest = (struct ax_str){rest.p + 1, rest.n - 1};
        } else if (ax_str_cut(&rest, ':', &digits) && ax_str_u64(digits, &n) && n <= rest.n) {
            value = (struct ax_str){rest.p, n};
            rest = (struct ax_str){rest.p + n, rest.n - n};
        }
        if ((mask >> i & 1) && !ax_str_eq(value, ax_labels_get(labels, d->match_by.v[i])))
            return false;
    }
    return true;
}

/* A new group gets the series of groups whose dimensions it all has. */
static void inherit(struct ax_stream *s, struct ax_live *al, struct ax_labels labels)
{
    struct ax_def *d = al->def;
    for (size_t i = 0; d->mixed && i < d->n; i++) {
        const struct ax_live *from = d->alarms[i];
        if (from == al || !from->mask || (from->mask & ~al->mask) ||
            !key_has(from->key, d, from->mask, labels))
            continue;
        for (uint32_t j = 0; j < from->n; j++)
            if (from->members[j].own)
                add_member(s, al, from->members[j].series, from->members[j].sub, false);
    }
}

/* A series joins the groups that have more dimensions than it, too. */
static void share(struct ax_stream *s, struct ax_def *d, const struct ax_live *own, uint32_t id,
                  uint32_t sub, struct ax_labels labels, int64_t now)
{
    for (size_t i = 0; d->mixed && i < d->n; i++) {
        struct ax_live *al = d->alarms[i];
        if (al == own || (own->mask & ~al->mask) || !key_has(al->key, d, own->mask, labels))
            continue;
        add_member(s, al, id, sub, false);
        complete(s, al, now);
    }
}

static bool has_dimensions(const struct ax_sub *sub, struct ax_labels labels)
{
    for (size_t i = 0; i < sub->ndimensions; i++)
        if (!ax_str_eq(ax_labels_get(labels, sub->dimensions[i].name), sub->dimensions[i].value))
            return false;
    return true;
}

static void join(struct ax_stream *s, const struct ax_candidate *c, uint32_t id,
                 struct ax_labels labels, int64_t now)
{
    struct ax_def *d = c->def;
    AX_CLEANUP(ax_buf_free) struct ax_buf key = AX_BUF_INIT;
    if (d->condition ? !ax_condition_key(d->condition, c->sub, labels, &key)
                     : !has_dimensions(&d->expr.subs[c->sub], labels))
        return;
    uint32_t mask = d->condition ? 0 : key_of(d, labels, &key);
    if (d->match_by.n && !mask)
        return;
    struct ax_live *al = ax_group_find(d, ax_buf_view(&key));
    bool fresh = !al;
    if (fresh)
        al = ax_live_new(s, d, mask, ax_buf_view(&key));
    add_member(s, al, id, c->sub, true);
    if (fresh)
        inherit(s, al, labels);
    complete(s, al, now);
    share(s, d, al, id, c->sub, labels, now);
}

void ax_join(struct ax_stream *s, uint32_t id, int64_t now)
{
    union ax_watch_slot *slot = ax_slot_of_series(s, id, true);
    uint64_t number = slot->number & 1 ? slot->number >> 1 : slot->refs ? slot->refs->number : 0;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels labels = ax_intake_series(s->o.intake, id, &a);
    struct ax_candidates c = ax_index_find(s, labels, number, &a);
    for (size_t i = 0; i < c.n; i++)
        join(s, &c.v[i], id, labels, now);
    if (!refs_of(slot))
        slot->number = NONE(s->number);
    else
        slot->refs->number = s->number;
    ax_arena_free(&a);
}

void ax_groups_end(struct ax_stream *s)
{
    for (size_t i = 0; i < AX_PAGES; i++) {
        for (size_t j = 0; s->pages[i] && j < AX_SERIES_PAGE; j++) {
            struct ax_refs *r = refs_of(&s->pages[i][j]);
            if (r)
                drop_refs(s, r);
        }
        free(s->pages[i]);
    }
    for (size_t i = 0; i < s->ndefs; i++)
        ax_def_free(s, s->all[i]);
    ax_pool_end(&s->lives);
    ax_pool_end(&s->refs);
}

/* ---- changed definitions ---- */

/* A window goes on when its function, period and times stay; what it says is looked at anew. */
static void reshape_window(struct ax_window *to, const struct ax_sub *now,
                           const struct ax_window *from, const struct ax_sub *before)
{
    if (now->function == before->function && now->period == before->period &&
        now->times == before->times) {
        ax_window_continue(to, now, from);
        return;
    }
    ax_window_init(to, now);
    to->heard = from->heard; /* silence goes on, too */
    to->state = from->state;
}

struct ax_live *ax_live_reshape(struct ax_stream *s, struct ax_live *al, struct ax_def *to)
{
    struct ax_def *from = al->def;
    struct ax_live *fresh = room(s, to);
    struct ax_shard *sh = ax_shard_of(s, al);
    ax_heap_drop(sh, al);
    *fresh = *al;
    fresh->def = to;
    sh->alarms[fresh->number] = fresh;
    for (size_t i = 0; i < to->expr.nsubs; i++) {
        struct ax_window *w = ax_window_of(fresh, i);
        reshape_window(w, &to->expr.subs[i], ax_window_of(al, i), &from->expr.subs[i]);
        w->line = (uint16_t)(to->offset[i] / AX_LINE);
    }
    for (uint32_t i = 0; i < al->n; i++) {
        const struct ax_member *m = &al->members[i];
        struct ax_ref *ref =
            find_ref(ax_slot_of_series(s, m->series, true), ax_window_of(al, m->sub));
        if (ref)
            ref->window = ax_window_of(fresh, m->sub);
    }
    __atomic_add_fetch(&s->bytes,
                       ax_pool_size(&s->lives, to->size) - ax_pool_size(&s->lives, from->size),
                       __ATOMIC_RELAXED);
    ax_pool_give(&s->lives, al, from->size);
    return fresh;
}
