// SPDX-License-Identifier: Apache-2.0
/* Samples of conditions: into their windows, as they come and from the store at the beginning; and
 * what follows from them. */
#include "alarm/stream/inner.h"

#include <errno.h>

#define TOGETHER_MS  200 /* what was measured together comes together, within this */
#define AT_ONCE      256 /* series of one hold of the lock */
#define AHEAD_MS     86400000
#define FILL_SAMPLES 20000000

static struct ax_local_samples samples_of(const struct ax_trail *tr)
{
    return tr->n ? (struct ax_local_samples){tr->t + tr->first, tr->v + tr->first, tr->n}
                 : (struct ax_local_samples){0};
}

/* ---- one label set ---- */

static void list_active(struct ax_condition *c, struct ax_live *al)
{
    pthread_mutex_lock(&c->lock);
    if (c->nactive == c->cap_active) {
        c->cap_active = c->cap_active ? c->cap_active * 2 : 4;
        c->active = ax_realloc(c->active, c->cap_active * sizeof(struct ax_live *));
    }
    c->active[c->nactive++] = al;
    al->active = (uint32_t)c->nactive;
    pthread_mutex_unlock(&c->lock);
}

/* absent() has news with the first that is there and with the last that is not. */
static void flip(struct ax_condition *c, struct ax_live *al, double value)
{
    uint32_t before = al->holds ? __atomic_fetch_sub(&c->holding, 1, __ATOMIC_RELAXED)
                                : __atomic_fetch_add(&c->holding, 1, __ATOMIC_RELAXED);
    bool absent = ax_local_is_absent(c->o.local);
    al->holds = !al->holds;
    if (!absent) {
        /* Where several series are compared, a moment between two of them means nothing. */
        al->flipped = c->n == 1;
        if (al->holds)
            al->risen = value;
        if (!al->active)
            list_active(c, al);
    }
    if (!absent || before == !al->holds)
        c->o.changed(c->o.ctx);
}

static void schedule(struct ax_run *r, struct ax_live *al, int64_t next)
{
    const struct ax_condition *c = al->def->condition;
    bool moves = ax_local_moves(c->o.local);
    if (moves && next > r->m.now + c->o.interval_ms && next != AX_NEVER)
        next = r->m.now + c->o.interval_ms;
    if (next < al->due)
        ax_heap_put(ax_shard_of(r->s, al), al, next);
}

void ax_condition_look(struct ax_run *r, struct ax_live *al, struct ax_local_value *out)
{
    struct ax_condition *c = al->def->condition;
    struct ax_local_samples w[AX_LOCAL_MAX];
    for (size_t i = 0; i < c->n; i++) {
        struct ax_trail *tr = ax_trail_of(ax_window_of(al, i));
        ax_trail_trim(tr, r->m.now, c->selectors[i].range);
        w[i] = samples_of(tr);
    }
    bool holds = ax_local_eval(c->o.local, w, r->m.now, out);
    if (c->ready && holds != al->holds)
        flip(c, al, out->v);
    schedule(r, al, out->next);
}

void ax_condition_due(struct ax_run *r, struct ax_live *al)
{
    struct ax_local_value v;
    al->due = AX_NEVER;
    ax_condition_look(r, al, &v);
}

static void put(struct ax_run *r, struct ax_window *w, const struct ax_batch_series *series,
                bool wins)
{
    struct ax_trail *tr = ax_trail_of(w);
    const struct ax_live *al = ax_live_of(w);
    size_t sub = 0, before = ax_trail_bytes(tr);
    while (ax_window_of(al, sub) != w)
        sub++;
    for (uint32_t k = 0; k < series->n; k++) {
        ax_trail_put(tr, &series->samples[k], wins);
        ax_trail_trim(tr, r->m.now, al->def->condition->selectors[sub].range);
    }
    if (ax_trail_bytes(tr) != before)
        __atomic_add_fetch(&r->s->bytes, ax_trail_bytes(tr) - before, __ATOMIC_RELAXED);
}

/* Of several series the others may be on their way: they are looked at together, a little later. */
void ax_condition_feed(struct ax_run *r, struct ax_ref *refs, size_t n,
                       const struct ax_batch_series *series)
{
    struct ax_live *al = ax_live_of(refs[0].window);
    struct ax_local_value v;
    for (size_t i = 0; i < n; i++)
        put(r, refs[i].window, series, true);
    ax_shard_of(r->s, al)->evaluations += series->n;
    if (al->def->condition->n == 1)
        ax_condition_look(r, al, &v);
    else if (al->due > r->m.now + TOGETHER_MS)
        ax_heap_put(ax_shard_of(r->s, al), al, r->m.now + TOGETHER_MS);
}

/* ---- from the store ---- */

struct filling {
    struct ax_condition *c;
    struct ax_run run;
    struct ax_arena arena;
    struct ax_series_set found;
    uint32_t sub;
};

static uint32_t define(struct filling *f, struct ax_labels labels)
{
    struct ax_labels_builder b = {0};
    struct ax_labels whole;
    ax_labels_add_all(&b, labels);
    if (ax_intake_labels(&b, f->c->o.tenant, &f->arena, &whole, NULL) < 0)
        return AX_SERIES_NONE;
    return ax_intake_define(f->c->s->o.intake, whole);
}

/* What came meanwhile is there already, and newer. */
static void put_series(struct filling *f, uint32_t id, const struct ax_series *from)
{
    struct ax_stream *s = f->c->s;
    union ax_watch_slot *slot = ax_slot_of_series(s, id, true);
    for (uint32_t i = 0; !(slot->number & 1) && i < slot->refs->n; i++) {
        struct ax_window *w = slot->refs->v[i].window;
        const struct ax_live *al = ax_live_of(w);
        if (al->def != f->c->def || w != ax_window_of(al, f->sub))
            continue;
        for (size_t k = 0; k < from->n; k++) {
            struct ax_sample one = {from->t[k], from->v[k]};
            put(&f->run, w, &(struct ax_batch_series){.samples = &one, .n = 1}, false);
        }
    }
}

/* Some series, between which others get at the lock. Nothing is forgotten meanwhile. */
static void put_some(struct filling *f, size_t from)
{
    struct ax_stream *s = f->c->s;
    struct ax_walk nobody_forgets;
    ax_walk_begin(&nobody_forgets, s->o.intake, f->c->o.tenant);
    pthread_rwlock_wrlock(&s->shape);
    for (size_t i = from; i < f->found.n && i < from + AT_ONCE; i++) {
        uint32_t id = define(f, f->found.v[i].labels);
        if (id == AX_SERIES_NONE)
            continue;
        ax_join(s, id, f->run.m.now);
        put_series(f, id, &f->found.v[i]);
    }
    pthread_rwlock_unlock(&s->shape);
    ax_walk_end(&nobody_forgets);
}

static int fill_selector(struct filling *f, int64_t now, struct ax_err *err)
{
    const struct ax_local_selector *x = &f->c->selectors[f->sub];
    int64_t reach = x->range > AX_LOOKBACK_MS ? x->range : AX_LOOKBACK_MS;
    struct ax_store_select sel = {.tenant = f->c->o.tenant,
                                  .matchers = x->matchers,
                                  .nmatchers = x->n,
                                  .mint = now - reach,
                                  .maxt = now + AHEAD_MS,
                                  .max_samples = FILL_SAMPLES};
    int rc = ax_store_select(f->c->s->o.store, &sel, &f->arena, &f->found, err);
    for (size_t i = 0; rc == 0 && i < f->found.n; i += AT_ONCE)
        put_some(f, i);
    return rc;
}

/* From here on what is seen counts. */
static void look_at_all(struct ax_condition *c, struct ax_run *r)
{
    struct ax_local_value v;
    pthread_rwlock_wrlock(&c->s->shape);
    c->ready = true;
    for (size_t i = 0; i < c->def->n; i++)
        ax_condition_look(r, c->def->alarms[i], &v);
    pthread_rwlock_unlock(&c->s->shape);
}

int ax_condition_fill(struct ax_condition *c, int64_t now, struct ax_err *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && c->s->o.store && i < c->n; i++) {
        struct filling f = {.c = c, .run = {.s = c->s, .m = ax_moment_at(c->s, now)}, .sub = i};
        rc = fill_selector(&f, now, err);
        ax_arena_free(&f.arena);
    }
    struct ax_run r = {.s = c->s, .m = ax_moment_at(c->s, now)};
    if (rc == 0)
        look_at_all(c, &r);
    return rc;
}
