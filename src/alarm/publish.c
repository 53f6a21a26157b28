// SPDX-License-Identifier: Apache-2.0
#include "alarm/inner.h"

#include <stdlib.h>

void ax_alarms_to_batch(const struct ax_group *g, const struct ax_watch *w, int64_t now,
                        struct ax_batch *b)
{
    static const struct ax_str state[] = {AX_STR("pending"), AX_STR("firing")};
    struct ax_sample one = {now, 1};
    for (size_t i = 0; i < w->n; i++) {
        struct ax_labels_builder build = {0};
        struct ax_labels labels;
        ax_labels_add(&build, AX_STR("__name__"), AX_STR("ALERTS"));
        ax_labels_add(&build, AX_STR("alertstate"), state[w->alarms[i].state]);
        struct ax_label l;
        AX_LABELS_EACH (w->alarms[i].labels, l)
            if (!ax_str_eq(l.name, AX_STR("alertstate")))
                ax_labels_add(&build, l.name, l.value);
        struct ax_str tenant = g->rules->tenant;
        /* Only a set that is full to the brim has no room for these; its alarm stays visible. */
        if (ax_intake_labels(&build, tenant, b->arena, &labels, NULL) == 0)
            ax_batch_add(b, labels, &one, 1);
    }
}

void ax_publish_remember(struct ax_watch *w, const struct ax_batch *b)
{
    ax_map_clear(&w->published);
    ax_arena_reset(&w->published_bytes);
    for (size_t i = 0; i < b->n; i++)
        ax_map_put(&w->published, ax_arena_str(&w->published_bytes, b->v[i].labels.bytes), 1);
}

/* Rules that samples decide are many at a time, and wait for the disk together. */
static int push(struct ax_alarms *al, struct ax_watch *w, struct ax_batch *b, int64_t now,
                struct ax_err *err)
{
    struct ax_intake_result result;
    if (!w->condition)
        return ax_intake_push(al->o.intake, b, now, &result, err);
    ax_publish_settle(al, w);
    return ax_intake_offer(al->o.intake, b, now, &result, &w->pending, err);
}

int ax_publish(struct ax_alarms *al, struct ax_watch *w, struct ax_batch *b, bool whole,
               int64_t now, struct ax_err *err)
{
    struct ax_map fresh = AX_MAP_INIT;
    for (size_t i = 0; i < b->n; i++)
        ax_map_put(&fresh, b->v[i].labels.bytes, 1);
    struct ax_batch with_ends = {.arena = b->arena};
    for (size_t i = 0; i < b->n; i++)
        if (whole || !ax_map_get(&w->published, b->v[i].labels.bytes, NULL))
            ax_batch_add(&with_ends, b->v[i].labels, b->v[i].samples, b->v[i].n);
    struct ax_sample end = {now, ax_stale()};
    struct ax_str ended;
    uint64_t ignored;
    for (size_t pos = 0; ax_map_next(&w->published, &pos, &ended, &ignored);)
        if (!ax_map_get(&fresh, ended, NULL))
            ax_batch_add(&with_ends, (struct ax_labels){ax_arena_str(b->arena, ended)}, &end, 1);
    ax_map_free(&fresh);
    int rc = with_ends.n ? push(al, w, &with_ends, now, err) : 0;
    if (rc == 0)
        ax_publish_remember(w, b);
    return rc;
}

void ax_publish_settle(struct ax_alarms *al, struct ax_watch *w)
{
    struct ax_err err;
    struct ax_intake_pending p = w->pending;
    if (!p.samples)
        return;
    w->pending = (struct ax_intake_pending){0};
    if (ax_intake_settle(al->o.intake, &p, &err) == 0) {
        ax_intake_follow(al->o.intake, &p);
        return;
    }
    pthread_mutex_lock(&al->lock);
    free(w->error);
    w->error = ax_strdup(err.text);
    pthread_mutex_unlock(&al->lock);
}
