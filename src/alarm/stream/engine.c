// SPDX-License-Identifier: Apache-2.0
/* Samples and time, on their way to states. */
#include "alarm/stream/inner.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

int64_t ax_stream_now(const struct ax_stream *s)
{
    return s->o.now_ms ? s->o.now_ms() : ax_now_ms();
}

/* For a while after a start periods do not end, so that senders can bring what they kept. */
struct ax_moment ax_moment_at(const struct ax_stream *s, int64_t now)
{
    return (struct ax_moment){.now = now,
                              .over = now < s->hold ? s->hold_over : now - s->o.delay_ms,
                              .delay = s->o.delay_ms,
                              .hold = s->hold,
                              .listen = s->listen};
}

/* ---- one alarm, its shard locked ---- */

/* Undetermined when one of the sub-expressions is; nothing while one has no outcome yet. */
enum ax_state ax_live_outcome(const struct ax_live *al)
{
    const struct ax_expression *e = &al->def->expr;
    uint64_t exceeded = 0;
    bool undetermined = false;
    for (size_t i = 0; i < e->nsubs; i++) {
        uint8_t state = ax_window_of(al, i)->state;
        if (state == AX_NO_STATE)
            return AX_NO_STATE;
        undetermined |= state == AX_UNDETERMINED;
        exceeded |= (uint64_t)(state == AX_ALARM) << i;
    }
    if (undetermined)
        return AX_UNDETERMINED;
    return ax_expression_holds(e, exceeded) ? AX_ALARM : AX_OK;
}

/* Up to when periods are judged. They wait while a start holds them. */
static int64_t until(const struct ax_run *r)
{
    int64_t over = r->m.over + r->m.delay;
    return r->at < over ? r->at : over;
}

void ax_live_set(struct ax_run *r, struct ax_live *al, enum ax_state state, struct ax_str reason,
                 struct ax_str sub_alarms)
{
    char subs[AX_SUBS_MAX + 1];
    ax_subs_print(al, subs);
    struct ax_change_entry e = {.what = AX_CHANGE_STATE,
                                .old = al->state,
                                .state = (uint8_t)state,
                                .alarm = al->id,
                                .at = r->at,
                                .seen = r->seen,
                                .until = until(r),
                                .text = {reason, sub_alarms, ax_str(subs)}};
    al->state = (uint8_t)state;
    al->seen = r->seen;
    r->ticket = ax_queue_put(&r->s->queue, &e);
}

static void keep_subs(struct ax_run *r, struct ax_live *al)
{
    char subs[AX_SUBS_MAX + 1];
    ax_subs_print(al, subs);
    struct ax_change_entry e = {.what = AX_CHANGE_SUBS,
                                .alarm = al->id,
                                .at = r->at,
                                .seen = r->seen,
                                .until = until(r),
                                .text = {ax_str(subs)}};
    al->seen = r->seen;
    r->ticket = ax_queue_put(&r->s->queue, &e);
}

void ax_live_decide(struct ax_run *r, struct ax_live *al)
{
    if (r->silent || !al->complete)
        return;
    enum ax_state state = ax_live_outcome(al);
    if (state == AX_NO_STATE || state == al->state) {
        keep_subs(r, al);
        return;
    }
    AX_CLEANUP(ax_buf_free) struct ax_buf reason = AX_BUF_INIT, subs = AX_BUF_INIT;
    ax_explain(al, state, &reason, &subs);
    ax_live_set(r, al, state, ax_buf_view(&reason), ax_buf_view(&subs));
}

static int64_t due_of(const struct ax_live *al, const struct ax_moment *m, size_t *which)
{
    int64_t due = AX_NEVER;
    for (size_t i = 0; i < al->nsubs; i++) {
        int64_t at = ax_window_due(ax_window_of(al, i), m);
        if (at < due) {
            due = at;
            *which = i;
        }
    }
    return due;
}

/* After a look the next is at the end of the period that samples are likely to open, so that they
 * need not move the alarm in the heap. */
void ax_live_schedule(struct ax_run *r, struct ax_live *al)
{
    size_t which;
    int64_t due = due_of(al, &r->m, &which);
    for (size_t i = 0; due != AX_NEVER && i < al->nsubs; i++) {
        int64_t at = ax_window_poll(ax_window_of(al, i), &r->m);
        due = at < due ? at : due;
    }
    ax_heap_put(ax_shard_of(r->s, al), al, due);
}

static void hasten(struct ax_run *r, struct ax_live *al)
{
    size_t which;
    int64_t due = due_of(al, &r->m, &which);
    if (due < al->due)
        ax_heap_put(ax_shard_of(r->s, al), al, due);
}

/* In the order in which it was due, also when the tick comes late. */
void ax_live_due(struct ax_run *r, struct ax_live *al)
{
    size_t which = 0;
    for (int64_t at; (at = due_of(al, &r->m, &which)) <= r->m.now;) {
        r->at = r->seen = at;
        if (ax_window_judge(ax_window_of(al, which), &r->m))
            ax_live_decide(r, al);
    }
    ax_live_schedule(r, al);
}

static void advance(struct ax_run *r, struct ax_live *al, struct ax_window *w,
                    const struct ax_sample *sample, uint64_t *left_out)
{
    int64_t top = w->top;
    uint8_t state = w->state;
    r->at = r->m.now;
    r->seen = sample->t;
    while (ax_window_room(w, sample->t, &r->m))
        ax_live_decide(r, al);
    if (ax_window_take(w, sample->t, sample->v, &r->m, left_out))
        ax_live_decide(r, al);
    if (!r->past && (top != w->top || state != w->state))
        hasten(r, al);
}

void ax_live_sample(struct ax_run *r, struct ax_ref *refs, size_t n, const struct ax_sample *sample)
{
    struct ax_live *al = ax_live_of(refs[0].window);
    struct ax_shard *sh = ax_shard_of(r->s, al);
    if (!r->past && al->due <= r->m.now)
        ax_live_due(r, al);
    for (size_t i = 0; i < n; i++) {
        if (refs[i].last == sample->t)
            continue;
        refs[i].last = sample->t;
        sh->evaluations++;
        r->slow = !ax_window_quick(refs[i].window, sample->t, sample->v);
        if (r->slow)
            advance(r, al, refs[i].window, sample, &sh->left_out);
    }
}

/* ---- batches ---- */

/* The lock is kept until an alarm of another shard comes. */
static inline void hold(struct ax_run *r, struct ax_shard *sh)
{
    if (r->held == sh)
        return;
    if (r->held)
        pthread_mutex_unlock(&r->held->lock);
    if (sh)
        pthread_mutex_lock(&sh->lock);
    r->held = sh;
}

static inline void feed(struct ax_run *r, struct ax_refs *refs,
                        const struct ax_batch_series *series)
{
    for (uint32_t i = 0, n; i < refs->n; i += n) {
        struct ax_live *al = ax_live_of(refs->v[i].window);
        for (n = 1; i + n < refs->n && ax_live_of(refs->v[i + n].window) == al;)
            n++;
        hold(r, ax_shard_of(r->s, al));
        if (al->conditional) {
            ax_condition_feed(r, &refs->v[i], n, series);
            continue;
        }
        for (uint32_t k = 0; k < series->n; k++)
            if (!isnan(series->samples[k].v))
                ax_live_sample(r, &refs->v[i], n, &series->samples[k]);
    }
}

/* What will be needed soon is asked for ahead: a series' refs, then the line of an alarm that most
 * samples need, and what comes behind it when the sample before needed that. */
#define AHEAD 64

static inline void fetch(const struct ax_window *w, bool more)
{
    __builtin_prefetch(w, 1);
    if (more) {
        __builtin_prefetch((const char *)w + AX_LINE, 1);
        __builtin_prefetch((const char *)w + 2 * AX_LINE, 1);
    }
}

static inline const union ax_watch_slot *slot_of(struct ax_stream *s, uint32_t id)
{
    const union ax_watch_slot *page = s->pages[id / AX_SERIES_PAGE];
    return page ? &page[id % AX_SERIES_PAGE] : NULL;
}

static inline const struct ax_refs *refs_at(struct ax_stream *s, const struct ax_batch *b, size_t i)
{
    const union ax_watch_slot *slot = i < b->n ? slot_of(s, b->v[i].id) : NULL;
    return slot && !(slot->number & 1) ? slot->refs : NULL;
}

static inline void look_ahead(struct ax_run *r, const struct ax_batch *b, size_t i)
{
    __builtin_prefetch(refs_at(r->s, b, i + AHEAD), 1);
    const struct ax_refs *refs = refs_at(r->s, b, i + AHEAD / 2);
    for (uint32_t k = 0; refs && k < refs->n && k < 4; k++)
        fetch(refs->v[k].window, r->slow);
}

/* Those of series that were compared with all definitions; the others' places go to `strange`. */
static size_t feed_known(struct ax_run *r, const struct ax_batch *b, uint32_t **strange)
{
    struct ax_stream *s = r->s;
    uint64_t none = s->number << 1 | 1;
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        const union ax_watch_slot *slot = slot_of(s, b->v[i].id);
        if (slot && slot->number == none)
            continue;
        look_ahead(r, b, i);
        if (slot && slot->number && !(slot->number & 1) && slot->refs->number == s->number) {
            feed(r, slot->refs, &b->v[i]);
        } else {
            if (!*strange)
                *strange = ax_malloc((b->n - i) * sizeof **strange);
            (*strange)[n++] = (uint32_t)i;
        }
    }
    hold(r, NULL);
    return n;
}

/* Series that were not compared with all definitions yet, and then their samples. */
static void feed_strange(struct ax_run *r, const struct ax_batch *b, const uint32_t *strange,
                         size_t n)
{
    struct ax_stream *s = r->s;
    for (size_t i = 0; i < n; i++)
        ax_join(s, b->v[strange[i]].id, r->m.now);
    for (size_t i = 0; i < n; i++) {
        union ax_watch_slot *slot = ax_slot_of_series(s, b->v[strange[i]].id, true);
        if (!(slot->number & 1))
            feed(r, slot->refs, &b->v[strange[i]]);
    }
    hold(r, NULL);
    r->ticket = s->queue.given; /* alarms were made, perhaps */
}

int ax_engine_append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    struct ax_stream *s = self;
    struct ax_run r = {.s = s, .m = ax_moment_at(s, ax_stream_now(s))};
    AX_CLEANUP(ax_free_ptr) uint32_t *strange = NULL;
    pthread_rwlock_rdlock(&s->shape);
    unsigned turn = s->queue.turn;
    __atomic_add_fetch(&s->queue.under_way[turn], 1, __ATOMIC_RELAXED);
    size_t n = s->number ? feed_known(&r, b, &strange) : 0;
    pthread_rwlock_unlock(&s->shape);
    if (n) {
        pthread_rwlock_wrlock(&s->shape);
        if (turn != s->queue.turn) { /* the rest is of the next turn */
            __atomic_add_fetch(&s->queue.under_way[s->queue.turn], 1, __ATOMIC_RELAXED);
            __atomic_sub_fetch(&s->queue.under_way[turn], 1, __ATOMIC_RELAXED);
            turn = s->queue.turn;
        }
        feed_strange(&r, b, strange, n);
        pthread_rwlock_unlock(&s->shape);
    }
    *ticket = r.ticket << 1 | turn;
    return r.ticket != 0;
}

#define AT_ONCE 16

static void judge_due(struct ax_run *r, struct ax_shard *sh)
{
    struct ax_live *due[AT_ONCE];
    for (size_t n; (n = ax_heap_take(sh, r->m.now, due, AT_ONCE)) > 0;) {
        for (size_t i = 0; i < n; i++)
            fetch(ax_window_of(due[i], 0), true);
        for (size_t i = 0; i < n; i++)
            if (due[i]->conditional)
                ax_condition_due(r, due[i]);
            else
                ax_live_due(r, due[i]);
    }
}

void ax_stream_tick(struct ax_stream *s, int64_t now)
{
    struct ax_run r = {.s = s, .m = ax_moment_at(s, now)};
    pthread_rwlock_rdlock(&s->shape);
    for (size_t i = 0; i < AX_SHARDS; i++) {
        struct ax_shard *sh = &s->shards[i];
        pthread_mutex_lock(&sh->lock);
        judge_due(&r, sh);
        pthread_mutex_unlock(&sh->lock);
    }
    __atomic_store_n(&s->ticked, now, __ATOMIC_RELAXED);
    pthread_rwlock_unlock(&s->shape);
}
