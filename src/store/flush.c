// SPDX-License-Identifier: Apache-2.0
/* The head becomes blocks: one for each partition that it has samples of. */
#include "store/inner.h"

#include "store/codec.h"
#include "store/columns.h"
#include "store/partition.h"
#include "store/samples.h"

#include <stdlib.h>

/* So much log makes the next start slow (a second for 20 million samples), and so much for each
 * series is needed for blocks that are worth their index. */
#define WAL_BYTES         (64ull << 20)
#define WAL_SERIES_BYTES  128
#define HEAD_BYTES        (256ull << 20) /* of memory, and the same for each series */
#define HEAD_SERIES_BYTES 512
static bool flush_is_due(struct ax_store *s)
{
    struct ax_wal_stats wal;
    ax_wal_stats(s->wal, &wal);
    int64_t now = ax_store_now(s);
    pthread_rwlock_rdlock(&s->head);
    const struct ax_memtable *m = s->active;
    int64_t since = now - s->active_since; /* below 0 when the clock went back */
    bool over = m->samples && ax_partition_of(m->mint, m->mint).end + AX_LATE_MS <= now &&
                (since >= AX_LATE_MS || since < 0);
    uint64_t series = ax_intake_count(s->intake);
    bool due = m->samples && (over || wal.bytes >= WAL_BYTES + series * WAL_SERIES_BYTES ||
                              ax_mem_bytes(m) >= HEAD_BYTES + series * HEAD_SERIES_BYTES);
    pthread_rwlock_unlock(&s->head);
    return due;
}

static void freeze(struct ax_store *s)
{
    struct ax_memtable *fresh = ax_mem_new();
    ax_intake_hold(s->intake);
    pthread_rwlock_wrlock(&s->flip);
    s->frozen_keep = ax_wal_rotate(s->wal);
    pthread_rwlock_wrlock(&s->head);
    ax_store_retire(s);
    s->frozen = s->active;
    s->active = fresh;
    s->active_since = ax_store_now(s);
    pthread_rwlock_unlock(&s->head);
    pthread_rwlock_unlock(&s->flip);
    ax_intake_release(s->intake);
}

/* The samples of the partition, and in *next the earliest time behind it. */
static void take(struct ax_columns *c, const int64_t *t, const double *v, size_t n,
                 struct ax_partition p, int64_t *next)
{
    ax_columns_room(c, n);
    for (size_t i = 0; i < n; i++) {
        if (t[i] >= p.end)
            *next = t[i] < *next ? t[i] : *next;
        else if (t[i] >= p.start) {
            c->t[c->n] = t[i];
            c->v[c->n++] = v[i];
        }
    }
}

static void take_series(struct ax_columns *c, const struct ax_memtable *m,
                        const struct ax_mem_series *s, struct ax_partition p,
                        const struct ax_mem_chunk **order, int64_t *next)
{
    int64_t t[AX_OPEN_SAMPLES];
    double v[AX_OPEN_SAMPLES];
    size_t n = 0;
    for (const struct ax_mem_chunk *k = ax_mem_chunk(m, s->chunks); k;
         k = ax_mem_chunk(m, k->older))
        order[n++] = k;
    while (n--) {
        const struct ax_mem_chunk *k = order[n];
        if (k->mint >= p.end) {
            *next = k->mint < *next ? k->mint : *next;
        } else if (ax_mem_chunk_maxt(k) >= p.start) {
            AX_ASSERT(ax_chunk_decode(k->data, k->len, k->mint, t, v, k->n));
            take(c, t, v, k->n, p, next);
        }
    }
    if (s->nopen) {
        ax_mem_decode_open(ax_slab_at(&m->slab, s->open), s->nopen, t, v);
        take(c, t, v, s->nopen, p, next);
    }
}

static int write_partition(struct ax_store *s, struct ax_partition p, int64_t *next,
                           struct ax_block **out, struct ax_err *err)
{
    struct ax_block_writer *w = NULL;
    struct ax_columns c = {0};
    struct ax_arena labels = AX_ARENA_INIT; /* of the series at hand */
    const struct ax_mem_chunk **order = NULL;
    uint32_t most = 0;
    uint64_t file = s->next_file;
    int rc = 0;
    for (uint32_t id = 0; rc == 0 && id < s->frozen->nseries; id++) {
        const struct ax_mem_series *series = ax_mem_series(s->frozen, id);
        if (!series || series->maxt < p.start)
            continue;
        if (series->nchunks > most)
            order = ax_realloc(order, (most = series->nchunks * 2) * sizeof(*order));
        c.n = 0;
        take_series(&c, s->frozen, series, p, order, next);
        if (c.n && !w)
            rc = ax_block_create(s->dir.fd, file, s->next_order, &w, err);
        if (c.n && rc == 0) {
            ax_block_add(w, ax_intake_series(s->intake, id, &labels), c.t, c.v,
                         ax_samples_tidy(c.t, c.v, c.n));
            ax_arena_reset(&labels);
        }
    }
    free(order);
    ax_arena_free(&labels);
    ax_columns_free(&c);
    if (!w)
        return rc;
    s->next_file++;
    return ax_store_finish_block(s, w, file, out, err);
}

static int write_blocks(struct ax_store *s, struct ax_block_list *list, struct ax_err *err)
{
    int64_t now = s->final ? INT64_MAX : ax_store_now(s);
    for (int64_t t = s->frozen->mint; t <= s->frozen->maxt && t != INT64_MAX;) {
        struct ax_partition p = ax_partition_of(t, now);
        int64_t next = INT64_MAX;
        struct ax_block *b = NULL;
        int rc = write_partition(s, p, &next, &b, err);
        if (rc < 0)
            return rc;
        if (b)
            ax_block_list_add(list, b);
        t = next;
    }
    return 0;
}

static int flush_frozen(struct ax_store *s, struct ax_err *err)
{
    struct ax_block_list list = {0};
    int rc = write_blocks(s, &list, err);
    if (rc == 0)
        rc = ax_store_publish(s, &list, NULL, s->frozen_keep, err);
    if (rc < 0) {
        ax_block_list_delete(s->dir.fd, &list);
    } else {
        s->next_order++;
        s->flushed_at = ax_store_now(s);
        ax_wal_drop(s->wal, s->frozen_keep);
    }
    free(list.v);
    return rc;
}

int ax_store_flush(struct ax_store *s, bool *did, struct ax_err *err)
{
    if (!s->frozen) {
        if (!flush_is_due(s))
            return 0;
        freeze(s);
    }
    int rc = flush_frozen(s, err);
    *did = rc == 0;
    return rc;
}

int ax_store_flush_all(struct ax_store *s, struct ax_err *err)
{
    int rc = s->frozen ? flush_frozen(s, err) : 0; /* what the disk did not take the last time */
    if (rc < 0)
        return rc;
    freeze(s);
    return flush_frozen(s, err);
}
