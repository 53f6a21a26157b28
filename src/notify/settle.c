// SPDX-License-Identifier: Apache-2.0
/* What becomes of a notification after a transfer. Outcomes are written together, at most SETTLE_MS
 * after the first of them, sooner when something waits for one: a chain's next departs when they
 * are on disk, so that after a crash nothing older is sent again behind something newer. */
#include "notify/sender.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define SETTLE_MS    50
#define HURRY_MS     5 /* when the next of the chain waits for it */
#define TRY_AGAIN_MS 1000
#define FULL_MS      2
#define FULL_MAX     8 /* doublings of it */

static void add(struct ax_sender *s, struct ax_outcome_row row)
{
    if (s->noutcomes == s->outcomes_cap) {
        s->outcomes_cap = s->outcomes_cap ? s->outcomes_cap * 2 : 64;
        s->outcomes = ax_realloc(s->outcomes, s->outcomes_cap * sizeof *s->outcomes);
    }
    bool hurry = row.item && ax_items_behind(&s->items, row.item);
    int64_t by = ax_mono_ns() + (hurry ? HURRY_MS : SETTLE_MS) * 1000000ll;
    if (s->noutcomes == 0 || by < s->settle_at_ns)
        s->settle_at_ns = by;
    if (row.item)
        row.item->state = AX_ITEM_SETTLING;
    s->outcomes[s->noutcomes++] = row;
}

void ax_settle_gone(struct ax_sender *s, struct ax_item *i)
{
    add(s, (struct ax_outcome_row){.what = AX_SETTLE_GONE, .item = i, .id = i->id});
}

static int64_t every(const struct ax_item *i)
{
    if (i->target->period_ms)
        return i->target->period_ms;
    return i->target->type == AX_NOTIFY_ALERTMANAGER && !i->ok ? AX_NOTIFY_REPEAT_MS : 0;
}

/* Doubles with each try, less up to a half by chance. */
static int64_t pause_of(struct ax_sender *s, int tries)
{
    const struct ax_notify_options *o = &s->n->o;
    int64_t ms = o->retry_min_ms;
    while (tries-- > 1 && ms < o->retry_max_ms)
        ms *= 2;
    ms = ms < o->retry_max_ms ? ms : o->retry_max_ms;
    s->chance = s->chance * 6364136223846793005u + 1442695040888963407u;
    return ms - (int64_t)((s->chance >> 33) % (uint64_t)(ms / 2 + 1));
}

/* It stands until its next repeat, if it has one. */
static void stay(struct ax_sender *s, struct ax_item *i)
{
    int64_t pause = every(i);
    add(s, (struct ax_outcome_row){.what = pause ? AX_SETTLE_SENT : AX_SETTLE_GONE,
                                   .taken = true,
                                   .item = i,
                                   .id = i->id,
                                   .due = ax_notify_now(s->n) + pause});
}

static void sent(struct ax_sender *s, struct ax_item *i)
{
    AX_COUNT(s, i->target->type, sent, 1);
    stay(s, i);
}

void ax_settle_quiet(struct ax_sender *s, struct ax_item *i)
{
    stay(s, i);
}

static void refused(struct ax_sender *s, struct ax_flight *f, struct ax_item *i)
{
    static struct ax_log_limit limit;
    if (f->n > 1) { /* whose fault is it? */
        i->alone = true;
        ax_outlet_push(i->target, i);
        return;
    }
    AX_COUNT(s, i->target->type, failed, 1);
    ax_log_limited(&limit, 10, AX_LOG_WARN, "notification %lld to method %s was refused: %s",
                   (long long)i->id, i->target->id, f->try.text);
    ax_settle_gone(s, i);
}

static void give_up(struct ax_sender *s, struct ax_flight *f, struct ax_item *i)
{
    static struct ax_log_limit limit;
    AX_COUNT(s, i->target->type, given_up, 1);
    ax_log_limited(&limit, 10, AX_LOG_WARN,
                   "notification %lld to method %s is given up after %d tries: %s",
                   (long long)i->id, i->target->id, i->tries, f->try.text);
    bool lasts = i->target->type == AX_NOTIFY_ALERTMANAGER && !i->ok;
    if (i->repeat || lasts) /* the state lasts: there is a next one */
        add(s, (struct ax_outcome_row){.what = AX_SETTLE_SENT,
                                       .item = i,
                                       .id = i->id,
                                       .due = ax_notify_now(s->n) + every(i)});
    else
        ax_settle_gone(s, i);
}

static void again(struct ax_sender *s, struct ax_flight *f, struct ax_item *i, int64_t now)
{
    static struct ax_log_limit limit;
    i->tries++;
    if (now - i->created > s->n->o.max_age_ms) {
        give_up(s, f, i);
        return;
    }
    int64_t pause = pause_of(s, i->tries);
    i->due = now + (pause > f->try.wait_ms ? pause : f->try.wait_ms);
    AX_COUNT(s, i->target->type, retried, 1);
    ax_log_limited(&limit, 60, AX_LOG_WARN,
                   "notification %lld to method %s is tried again in %lld ms: %s", (long long)i->id,
                   i->target->id, (long long)(i->due - now), f->try.text);
    add(s, (struct ax_outcome_row){
               .what = AX_SETTLE_LATER, .id = i->id, .due = i->due, .tries = i->tries});
    ax_outlet_push(i->target, i);
}

/* No failure, unless it lasts too long. */
static bool postpone(struct ax_sender *s, struct ax_flight *f, int64_t now)
{
    struct ax_item *i = f->items[0];
    if (!f->try.full || now - i->created > s->n->o.max_age_ms)
        return false;
    int times = f->target->full < FULL_MAX ? f->target->full++ : FULL_MAX;
    f->target->cool_until = i->due = now + (FULL_MS << times);
    ax_outlet_push(f->target, i);
    return true;
}

void ax_settle_flight(struct ax_sender *s, struct ax_flight *f)
{
    int64_t now = ax_notify_now(s->n);
    if (!f->target->gone && postpone(s, f, now))
        return;
    if (f->try.outcome == AX_AGAIN)
        ax_outlet_failed(f->target, pause_of(s, f->target->fails), f->try.wait_ms, now);
    else
        ax_outlet_answered(f->target);
    for (size_t k = 0; k < f->n; k++)
        if (f->target->gone)
            ax_settle_gone(s, f->items[k]);
        else if (f->try.outcome == AX_SENT)
            sent(s, f->items[k]);
        else if (f->try.outcome == AX_REFUSED)
            refused(s, f, f->items[k]);
        else
            again(s, f, f->items[k], now);
}

/* Who queued a plain notice hears what became of it. */
static int tell_outcome(struct ax_sender *s, const struct ax_outcome_row *o, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    const struct ax_notify_options *opt = &s->n->o;
    struct ax_letter l;
    if (!opt->settled || !o->item || !o->item->plain)
        return 0;
    int there = ax_outbox_letter(s->n->sql, o->id, &a, &l, err);
    if (there <= 0)
        return there;
    return opt->settled(opt->settled_ctx, &l.x, l.method, o->taken, err);
}

static int write_one(struct ax_sender *s, struct ax_outcome_row *o, struct ax_err *err)
{
    struct ax_sql *sql = s->n->sql;
    int rc = o->what == AX_SETTLE_LATER ? 0 : tell_outcome(s, o, err);
    if (rc < 0)
        return rc;
    o->stands = false;
    if (o->what == AX_SETTLE_LATER)
        rc = ax_outbox_later(sql, o->id, o->due, o->tries, err);
    else if (o->what == AX_SETTLE_SENT && (rc = ax_outbox_stand(sql, o->id, o->due, err)) > 0)
        o->stands = true;
    if (rc >= 0 && o->what != AX_SETTLE_LATER && !o->stands)
        rc = ax_outbox_delete(sql, o->id, err);
    return rc < 0 ? rc : 0;
}

static int write_all(struct ax_sender *s, struct ax_err *err)
{
    struct ax_sql *sql = s->n->sql;
    int rc = ax_sql_begin(sql, err);
    if (rc < 0)
        return rc;
    for (size_t k = 0; rc == 0 && k < s->noutcomes; k++)
        rc = write_one(s, &s->outcomes[k], err);
    return ax_sql_end(sql, rc, err);
}

static void stand(struct ax_outcome_row *o)
{
    struct ax_item *i = o->item;
    i->repeat++;
    i->tries = 0;
    i->created = i->due = o->due;
    ax_outlet_push(i->target, i);
}

void ax_settle_write(struct ax_sender *s)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    if (s->noutcomes == 0)
        return;
    if (write_all(s, &err) < 0) {
        ax_log_limited(&limit, 60, AX_LOG_ERROR,
                       "the outcome of %zu notifications cannot be written: %s", s->noutcomes,
                       err.text);
        s->settle_at_ns = ax_mono_ns() + TRY_AGAIN_MS * 1000000ll;
        return;
    }
    for (size_t k = 0; k < s->noutcomes; k++) {
        struct ax_outcome_row *o = &s->outcomes[k];
        if (o->stands && !o->item->target->gone)
            stand(o);
        else if (o->item)
            ax_items_remove(&s->items, o->item);
    }
    s->noutcomes = 0;
}
