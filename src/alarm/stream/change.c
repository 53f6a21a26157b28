// SPDX-License-Identifier: Apache-2.0
/* What is to be written, in the order in which it happened. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

static const char letters[] = "OUA-"; /* by enum ax_state */

void ax_subs_print(const struct ax_live *al, char out[AX_SUBS_MAX + 1])
{
    size_t n = al->def->expr.nsubs;
    for (size_t i = 0; i < n; i++)
        out[i] = letters[ax_window_of(al, i)->state & 3];
    out[n] = 0;
}

void ax_subs_read(struct ax_live *al, struct ax_str text)
{
    for (size_t i = 0; i < al->def->expr.nsubs && i < text.n; i++) {
        const char *at = memchr(letters, text.p[i], 4);
        ax_window_of(al, i)->state = (uint8_t)(at ? at - letters : AX_NO_STATE);
    }
}

void ax_queue_init(struct ax_queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->more, NULL);
    pthread_cond_init(&q->written, NULL);
    q->last = &q->first;
}

void ax_queue_end(struct ax_queue *q)
{
    for (struct ax_change_entry *e = q->first, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    pthread_cond_destroy(&q->written);
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
}

uint64_t ax_queue_put(struct ax_queue *q, const struct ax_change_entry *e)
{
    size_t n = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(e->text); i++)
        n += e->text[i].n;
    struct ax_change_entry *copy = ax_malloc(sizeof *copy + n);
    char *at = (char *)(copy + 1);
    *copy = *e;
    copy->next = NULL;
    for (size_t i = 0; i < AX_ARRAY_LEN(e->text); i++) {
        if (e->text[i].n)
            memcpy(at, e->text[i].p, e->text[i].n);
        copy->text[i].p = e->text[i].p ? at : NULL;
        at += e->text[i].n;
    }
    pthread_mutex_lock(&q->lock);
    uint64_t number = copy->number = ++q->given;
    *q->last = copy;
    q->last = &copy->next;
    pthread_cond_signal(&q->more);
    pthread_mutex_unlock(&q->lock);
    return number;
}

uint64_t ax_tell_created(struct ax_stream *s, const struct ax_live *al, int64_t now)
{
    char subs[AX_SUBS_MAX + 1];
    ax_subs_print(al, subs);
    struct ax_change_entry e = {.what = AX_CHANGE_CREATED,
                                .state = al->state,
                                .mask = al->mask,
                                .alarm = al->id,
                                .at = now,
                                .seen = al->seen,
                                .until = al->until,
                                .text = {al->def->d.id, al->key, ax_str(subs)}};
    return ax_queue_put(&s->queue, &e);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t ax_tell_metric(struct ax_stream *s, const struct ax_live *al, uint32_t series)
{
    struct ax_arena a = AX_ARENA_INIT;
    AX_CLEANUP(ax_buf_free) struct ax_buf name = AX_BUF_INIT, dimensions = AX_BUF_INIT;
    struct ax_labels labels = ax_intake_visible(s->o.intake, series, &a);
    ax_metric_print(s, labels, &name, &dimensions);
    uint64_t hash = ax_metric_hash(&al->id, ax_buf_view(&name), ax_buf_view(&dimensions));
    uint64_t number = 0;
    if (!s->nknown || !bsearch(&hash, s->known, s->nknown, sizeof hash, by_value)) {
        struct ax_change_entry e = {
            .what = AX_CHANGE_METRIC,
            .alarm = al->id,
            .text = {ax_buf_view(&name), ax_buf_view(&dimensions), ax_handle_of(labels, &a)}};
        number = ax_queue_put(&s->queue, &e);
    }
    ax_arena_free(&a);
    return number;
}

uint64_t ax_metric_hash(const struct ax_uuid *alarm, struct ax_str name, struct ax_str dimensions)
{
    uint64_t parts[] = {ax_hash(alarm, sizeof *alarm), ax_hash(name.p, name.n),
                        ax_hash(dimensions.p, dimensions.n)};
    return ax_hash(parts, sizeof parts);
}

void ax_known_sort(struct ax_stream *s)
{
    if (s->nknown)
        qsort(s->known, s->nknown, sizeof *s->known, by_value);
}
