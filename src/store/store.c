// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include "base/clock.h"
#include "store/inner.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t ax_store_now(const struct ax_store *s)
{
    return s->options.now_ms ? s->options.now_ms() : ax_now_ms();
}

void ax_store_warn(const struct ax_store *s, const char *fmt, ...)
{
    char text[AX_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (s->options.warn)
        s->options.warn(text);
}

void ax_store_note_last(struct ax_store *s, uint32_t id, int64_t t, double v)
{
    if (id >= s->nlast) {
        uint32_t n = s->nlast ? s->nlast : 1024;
        while (n <= id)
            n *= 2;
        s->last = ax_realloc(s->last, n * sizeof *s->last);
        for (uint32_t i = s->nlast; i < n; i++)
            s->last[i].t = INT64_MIN;
        s->nlast = n;
    }
    /* At or before the doubt a block may have a newer one. */
    if (t >= s->last[id].t && (t > s->doubt || s->last[id].t != INT64_MIN))
        s->last[id] = (struct ax_sample){t, v};
}

/* Writers first: a stream of queries must not starve ingestion. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

int ax_store_open(struct ax_store **out, const struct ax_store_options *o, struct ax_intake *in,
                  struct ax_err *err)
{
    if (!o->dir || !*o->dir || o->retention_ms <= 0)
        return ax_fail(err, -EINVAL, "the store needs a directory and a retention above 0");
    struct ax_directory dir;
    int rc = ax_directory_open(o->dir, &dir, err);
    if (rc < 0)
        return rc;
    struct ax_store *s = ax_calloc(1, sizeof *s);
    s->options = *o;
    s->options.dir = NULL; /* the caller's bytes; from here on there is dir.fd */
    s->intake = in;
    s->doubt = INT64_MIN;
    s->dir = dir;
    pthread_mutex_init(&s->keeping, NULL);
    init_lock(&s->flip);
    init_lock(&s->head);
    s->active = ax_mem_new();
    s->index = ax_index_new(in);
    rc = ax_store_load(s, err);
    if (rc < 0) {
        ax_store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void ax_store_close(struct ax_store *s)
{
    if (!s)
        return;
    ax_wal_close(s->wal);
    for (size_t i = 0; i < s->nblocks; i++)
        ax_block_unref(s->blocks[i]);
    free(s->blocks);
    ax_mem_unref(s->active);
    ax_mem_unref(s->frozen);
    ax_index_free(s->index);
    free(s->last);
    free(s->retired);
    pthread_mutex_destroy(&s->keeping);
    pthread_rwlock_destroy(&s->flip);
    pthread_rwlock_destroy(&s->head);
    ax_directory_close(&s->dir);
    free(s);
}

/* Where a series' open samples are takes two steps through memory that is seldom in a cache: each
 * is begun some series ahead. */
static void fetch_ahead(const struct ax_memtable *m, const struct ax_batch *b, size_t i)
{
    if (i + 16 < b->n && b->v[i + 16].id < m->nseries)
        __builtin_prefetch(&m->series[b->v[i + 16].id], 1);
    const struct ax_mem_series *s = i + 8 < b->n ? ax_mem_series(m, b->v[i + 8].id) : NULL;
    if (s && s->open)
        __builtin_prefetch((uint8_t *)ax_slab_at(&m->slab, s->open) + s->len, 1);
}

void ax_store_take(struct ax_store *s, const struct ax_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct ax_batch_series *x = &b->v[i];
        fetch_ahead(s->active, b, i);
        if (!x->n)
            continue;
        if (!ax_index_has(s->index, x->id))
            ax_index_add(s->index, x->id);
        ax_mem_append(s->active, x->id, x->samples, x->n);
        for (uint32_t k = 0; k < x->n; k++)
            ax_store_note_last(s, x->id, x->samples[k].t, x->samples[k].v);
    }
}

static int append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    struct ax_store *s = self;
    pthread_rwlock_rdlock(&s->flip);
    int rc = ax_wal_append(s->wal, b, ticket, err);
    /* While the disk takes nothing, memory shall not fill with what is being refused. */
    if (rc == 0 && ax_wal_failing(s->wal))
        rc = ax_wal_commit(s->wal, *ticket, err);
    if (rc == 0) {
        pthread_rwlock_wrlock(&s->head);
        ax_store_take(s, b);
        pthread_rwlock_unlock(&s->head);
    }
    pthread_rwlock_unlock(&s->flip);
    return rc;
}

static int commit(void *self, uint64_t ticket, struct ax_err *err)
{
    struct ax_store *s = self;
    return ax_wal_commit(s->wal, ticket, err);
}

struct ax_subscriber ax_store_subscriber(struct ax_store *s)
{
    return (struct ax_subscriber){.name = "store", .self = s, .append = append, .commit = commit};
}

int ax_store_tick(struct ax_store *s, struct ax_err *err)
{
    bool did = false;
    pthread_mutex_lock(&s->keeping);
    ax_store_forget(s);
    int rc = ax_store_flush(s, &did, err);
    if (rc == 0)
        rc = ax_store_expire(s, err);
    if (rc == 0 && !did)
        rc = ax_store_merge(s, &did, err);
    if (ax_store_measure(s) && rc == 0 && !did)
        rc = ax_store_limit_tenants(s, err);
    pthread_mutex_unlock(&s->keeping);
    return rc;
}

static void add_range(struct ax_store_stats *out, int64_t mint, int64_t maxt, bool *any)
{
    if (mint > maxt)
        return;
    out->oldest = !*any || mint < out->oldest ? mint : out->oldest;
    out->newest = !*any || maxt > out->newest ? maxt : out->newest;
    *any = true;
}

void ax_store_stats(struct ax_store *s, struct ax_store_stats *out)
{
    struct ax_wal_stats wal;
    ax_wal_stats(s->wal, &wal);
    *out = (struct ax_store_stats){.series = ax_intake_count(s->intake),
                                   .wal_bytes = wal.bytes,
                                   .syncs = wal.syncs,
                                   .damaged = __atomic_load_n(&s->damaged, __ATOMIC_RELAXED)};
    bool any = false;
    pthread_rwlock_rdlock(&s->head);
    struct ax_memtable *tables[] = {s->active, s->frozen};
    for (size_t i = 0; i < 2 && tables[i]; i++) {
        out->head_samples += tables[i]->samples;
        out->head_chunks += tables[i]->chunks;
        out->resident_bytes += ax_mem_bytes(tables[i]);
        add_range(out, tables[i]->mint, tables[i]->maxt, &any);
    }
    out->resident_bytes += s->nlast * sizeof *s->last;
    out->blocks = s->nblocks;
    out->flushed_bytes = s->flushed_bytes;
    out->rewritten_bytes = s->rewritten_bytes;
    for (size_t i = 0; i < s->nblocks; i++) {
        out->block_samples += s->blocks[i]->nsamples;
        out->block_bytes += s->blocks[i]->size;
        add_range(out, s->blocks[i]->mint, s->blocks[i]->maxt, &any);
    }
    pthread_rwlock_unlock(&s->head);
}
