// SPDX-License-Identifier: Apache-2.0
/* Rules that are conditions of the streaming alarms: they are looked at when a sample has changed
 * something, when a `for` or keep_firing_for is over, and every interval, when values, annotations
 * and ALERTS are told again. */
#include "alarm/inner.h"

#include <time.h>

#define AFTER_FAILURE_MS 1000

/* With locks of the stream held. */
static void on_change(void *ctx)
{
    struct ax_watch *w = ctx;
    w->changed = true;
    pthread_mutex_lock(&w->al->waiting);
    w->al->news = true;
    pthread_cond_signal(&w->al->arrival);
    pthread_mutex_unlock(&w->al->waiting);
}

void ax_watch_begin(struct ax_alarms *al, struct ax_rule_group *g, struct ax_watch *w, int64_t now)
{
    struct ax_err err;
    struct ax_condition_options o = {.tenant = g->tenant,
                                     .local = w->rule->local,
                                     .interval_ms =
                                         g->interval_ms ? g->interval_ms : al->o.interval_ms,
                                     .changed = on_change,
                                     .ctx = w};
    w->al = al;
    w->why = ax_rule_why(g, w->rule);
    if (w->why.n)
        return;
    if (!al->o.stream)
        w->why = AX_STR("there are no streaming alarms");
    else if (ax_condition_begin(al->o.stream, &o, now, &w->condition, &err) < 0)
        w->why = ax_arena_str(&g->arena, ax_str(err.text));
}

int64_t ax_watch_due(const struct ax_watch *w)
{
    int64_t due = w->whole_at;
    for (size_t i = 0; i < w->n; i++) {
        const struct ax_alarm *a = &w->alarms[i];
        int64_t at = a->state == AX_ALARM_PENDING ? a->active_at + w->rule->for_ms
                     : a->cleared_at              ? a->cleared_at + w->rule->keep_firing_ms
                                                  : due;
        due = at < due ? at : due;
    }
    return due;
}

/* Times of evaluations rise: each writes samples of its time. A clock that was put back does not
 * end the intervals. */
static int look(struct ax_alarms *al, struct ax_group *g, struct ax_watch *w, int64_t now)
{
    bool whole = now >= w->whole_at || w->whole_at > now + g->interval_ms;
    w->changed = false;
    int64_t at = now > w->evaluated_at ? now : w->evaluated_at + 1;
    int changes = ax_evaluate(al, g, w, whole, at);
    if (whole)
        w->whole_at = now + g->interval_ms;
    w->look_at = w->owed.n ? now + AFTER_FAILURE_MS : ax_watch_due(w);
    return changes;
}

static bool is_due(const struct ax_group *g, const struct ax_watch *w, int64_t now)
{
    return now >= w->look_at || w->whole_at > now + g->interval_ms;
}

static bool has_news(struct ax_alarms *al)
{
    pthread_mutex_lock(&al->waiting);
    bool news = al->news;
    pthread_mutex_unlock(&al->waiting);
    return news;
}

/* Those that samples changed, or those that are due; of the latter one at least, and others only
 * while no sample changes anything. */
static int look_at_all(struct ax_alarms *al, bool due, int64_t now)
{
    int changes = 0;
    bool first = true;
    for (size_t i = 0; i < al->ngroups; i++)
        for (size_t k = 0; k < al->groups[i]->rules->n; k++) {
            struct ax_group *g = al->groups[i];
            struct ax_watch *w = &g->watches[k];
            if (!w->condition || !(due ? is_due(g, w, now) : w->changed))
                continue;
            if (due && !first && has_news(al))
                return changes;
            changes += look(al, g, w, now);
            first = false;
        }
    return changes;
}

/* What was published is durable when this returns: one sync for all. */
static void settle_all(struct ax_alarms *al)
{
    for (size_t i = 0; i < al->ngroups; i++)
        for (size_t k = 0; k < al->groups[i]->rules->n; k++)
            ax_publish_settle(al, &al->groups[i]->watches[k]);
}

int ax_alarms_hear(struct ax_alarms *al, int64_t now)
{
    pthread_mutex_lock(&al->hearing);
    int changes = look_at_all(al, false, now);
    changes += look_at_all(al, true, now);
    settle_all(al);
    pthread_mutex_unlock(&al->hearing);
    return changes;
}

void ax_alarms_wait(struct ax_alarms *al, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += timeout_ms % 1000 * 1000000l;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&al->waiting);
    if (!al->news)
        pthread_cond_timedwait(&al->arrival, &al->waiting, &until);
    al->news = false;
    pthread_mutex_unlock(&al->waiting);
}
