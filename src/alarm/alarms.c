// SPDX-License-Identifier: Apache-2.0
#include "alarm/alarm.h"

#include <stdlib.h>

#include "alarm/inner.h"
#include "base/clock.h"

#define DEFAULT_INTERVAL_MS 5000

struct ax_alarms *ax_alarms_new(const struct ax_alarms_options *o)
{
    struct ax_alarms *al = ax_calloc(1, sizeof *al);
    pthread_mutex_init(&al->turn, NULL);
    pthread_mutex_init(&al->hearing, NULL);
    pthread_mutex_init(&al->waiting, NULL);
    pthread_cond_init(&al->arrival, NULL);
    pthread_mutex_init(&al->lock, NULL);
    al->o = *o;
    al->url = ax_strdup(o->url ? o->url : "");
    if (al->o.interval_ms <= 0)
        al->o.interval_ms = DEFAULT_INTERVAL_MS;
    return al;
}

void ax_group_free(struct ax_group *g)
{
    if (!g)
        return;
    for (size_t i = 0; g->watches && i < g->rules->n; i++)
        ax_watch_free(&g->watches[i]);
    free(g->watches);
    free(g->fault);
    ax_rule_group_free(g->rules);
    free(g);
}

void ax_alarms_free(struct ax_alarms *al)
{
    if (!al)
        return;
    for (size_t g = 0; g < al->ngroups; g++)
        ax_group_free(al->groups[g]);
    ax_left_out_free(al->left_out, al->nleft_out);
    free(al->groups);
    free(al->url);
    pthread_mutex_destroy(&al->lock);
    pthread_cond_destroy(&al->arrival);
    pthread_mutex_destroy(&al->waiting);
    pthread_mutex_destroy(&al->hearing);
    pthread_mutex_destroy(&al->turn);
    free(al);
}

static int evaluate_group(struct ax_alarms *al, struct ax_group *g, int64_t now)
{
    int changes = 0;
    int64_t began = ax_mono_ns();
    for (size_t i = 0; i < g->rules->n; i++)
        if (!g->watches[i].condition)
            changes += ax_evaluate(al, g, &g->watches[i], true, now);
    pthread_mutex_lock(&al->lock);
    g->iterations++;
    if (g->evaluated_at && now - g->due >= g->interval_ms)
        g->missed += (uint64_t)((now - g->due) / g->interval_ms);
    g->due = now + g->interval_ms;
    g->evaluated_at = now;
    g->took_ns = ax_mono_ns() - began;
    pthread_mutex_unlock(&al->lock);
    return changes;
}

int ax_alarms_tick(struct ax_alarms *al, int64_t now)
{
    int changes = 0;
    pthread_mutex_lock(&al->turn);
    for (size_t g = 0; g < al->ngroups; g++)
        if (now >= al->groups[g]->due)
            changes += evaluate_group(al, al->groups[g], now);
    pthread_mutex_unlock(&al->turn);
    return changes;
}
