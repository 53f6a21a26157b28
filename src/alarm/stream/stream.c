// SPDX-License-Identifier: Apache-2.0
/* Opening and closing, and how the intake gets at it. */
#include "alarm/stream/inner.h"

#include <errno.h>
#include <stdlib.h>

static struct ax_stream *stream_new(const struct ax_stream_options *o)
{
    struct ax_stream *s = ax_calloc(1, sizeof *s);
    pthread_rwlockattr_t attr;
    s->o = *o;
    s->o.delay_ms = o->delay_ms ? o->delay_ms : 5000;
    s->o.max_definitions = o->max_definitions ? o->max_definitions : 10000;
    s->o.max_alarms = o->max_alarms ? o->max_alarms : 1000000;
    pthread_rwlockattr_init(&attr);
    /* Pushes hold it most of the time; who changes something must get in between. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->shape, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&s->api, NULL);
    pthread_mutex_init(&s->turn, NULL);
    for (size_t i = 0; i < AX_SHARDS; i++)
        pthread_mutex_init(&s->shards[i].lock, NULL);
    s->lives.unit = AX_LINE;
    s->refs.unit = sizeof(struct ax_refs) + sizeof(struct ax_ref);
    ax_queue_init(&s->queue);
    s->hold = s->listen = AX_LONG_AGO;
    return s;
}

int ax_stream_open(struct ax_stream **out, const struct ax_stream_options *o, struct ax_err *err)
{
    if (o->delay_ms < 0 || o->delay_ms >= 60000)
        return ax_fail(err, -EINVAL, "the delay of alarms has to be below a minute");
    struct ax_stream *s = stream_new(o);
    int rc = ax_stream_tables(o->sql, err);
    if (rc == 0)
        rc = ax_stream_restore(s, err);
    if (rc == 0)
        rc = ax_write_out(s, err); /* so that there is a mark */
    if (rc == 0)
        rc = ax_writer_start(s, err);
    if (rc < 0) {
        ax_stream_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void ax_stream_close(struct ax_stream *s)
{
    if (!s)
        return;
    struct ax_err err = {0};
    bool opened = s->writing || s->o.manual;
    ax_writer_stop(s);
    s->marked = 0;
    if (opened && ax_write_out(s, &err) < 0 && s->o.warn)
        s->o.warn(s->o.ctx, err.text);
    ax_groups_end(s);
    free(s->all);
    ax_index_end(s);
    ax_map_free(&s->tenants);
    ax_map_free(&s->defs);
    for (size_t i = 0; i < AX_SHARDS; i++) {
        pthread_mutex_destroy(&s->shards[i].lock);
        ax_shard_end(&s->shards[i]);
    }
    ax_queue_end(&s->queue);
    free(s->known);
    pthread_mutex_destroy(&s->turn);
    pthread_mutex_destroy(&s->api);
    pthread_rwlock_destroy(&s->shape);
    free(s);
}

static void forget(void *self, uint32_t id)
{
    struct ax_stream *s = self;
    pthread_rwlock_wrlock(&s->shape);
    ax_forget_series(s, id);
    pthread_rwlock_unlock(&s->shape);
}

struct ax_subscriber ax_stream_subscriber(struct ax_stream *s)
{
    return (struct ax_subscriber){.name = "alarms",
                                  .self = s,
                                  .append = ax_engine_append,
                                  .commit = ax_engine_commit,
                                  .follow = ax_engine_follow,
                                  .forget = forget};
}

void ax_stream_stats(struct ax_stream *s, struct ax_stream_stats *out)
{
    *out = (struct ax_stream_stats){0};
    pthread_rwlock_rdlock(&s->shape);
    out->definitions = s->ndefs;
    for (size_t i = 0; i < s->ndefs; i++)
        out->alarms += s->all[i]->n;
    for (size_t i = 0; i < AX_SHARDS; i++) {
        pthread_mutex_lock(&s->shards[i].lock);
        out->evaluations += s->shards[i].evaluations;
        out->left_out += s->shards[i].left_out;
        out->bytes += ax_shard_bytes(&s->shards[i]);
        pthread_mutex_unlock(&s->shards[i].lock);
    }
    pthread_rwlock_unlock(&s->shape);
    pthread_mutex_lock(&s->queue.lock);
    out->queued = s->queue.given - s->queue.done;
    pthread_mutex_unlock(&s->queue.lock);
    out->watched = __atomic_load_n(&s->watched, __ATOMIC_RELAXED);
    out->transitions = __atomic_load_n(&s->transitions, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&s->failures, __ATOMIC_RELAXED);
    out->refused = __atomic_load_n(&s->refused, __ATOMIC_RELAXED);
    out->bytes += __atomic_load_n(&s->bytes, __ATOMIC_RELAXED);
}
