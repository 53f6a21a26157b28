// SPDX-License-Identifier: Apache-2.0
/* Changing which blocks count: what flush and merge publish, and retention.
 *
 * Every step ends in one replaced MANIFEST: before it the old state counts, after it the new one.
 * Only then do queries see the change, and only then are files deleted. */
#include "store/disk.h"
#include "store/inner.h"
#include "store/partition.h"

#include <stdlib.h>

void ax_block_list_add(struct ax_block_list *l, struct ax_block *b)
{
    l->v = ax_realloc(l->v, (l->n + 1) * sizeof(struct ax_block *));
    l->v[l->n++] = b;
}

void ax_block_list_delete(int dirfd, struct ax_block_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        char name[AX_BLOCK_NAME];
        ax_block_name(l->v[i]->file, name);
        ax_disk->unlink(dirfd, name);
        ax_block_unref(l->v[i]);
    }
    l->n = 0;
}

static bool contains(const struct ax_block_list *l, const struct ax_block *b)
{
    for (size_t i = 0; l && i < l->n; i++)
        if (l->v[i] == b)
            return true;
    return false;
}

int ax_store_finish_block(struct ax_store *s, struct ax_block_writer *w, uint64_t file,
                          struct ax_block **out, struct ax_err *err)
{
    char name[AX_BLOCK_NAME];
    int rc = ax_block_finish(w, err);
    if (rc < 0)
        return rc;
    rc = ax_block_open(s->dir.fd, file, out, err);
    ax_block_name(file, name);
    if (rc < 0)
        ax_disk->unlink(s->dir.fd, name); /* it is tried again each second: not to fill the disk */
    return rc;
}

/* The blocks that will count, by rising order. */
static struct ax_block_list next_blocks(const struct ax_store *s, const struct ax_block_list *add,
                                        const struct ax_block_list *drop)
{
    struct ax_block_list next = {0};
    for (size_t i = 0; i < s->nblocks; i++)
        if (!contains(drop, s->blocks[i]))
            ax_block_list_add(&next, s->blocks[i]);
    for (size_t i = 0; add && i < add->n; i++) {
        ax_block_list_add(&next, add->v[i]);
        size_t at = next.n - 1;
        for (; at && next.v[at - 1]->order > add->v[i]->order; at--)
            next.v[at] = next.v[at - 1];
        next.v[at] = add->v[i];
    }
    return next;
}

/* After a failed write of MANIFEST. When the new one may be what the next start finds, the blocks
 * that it names stay on disk, beside all that the old one names: either is then right. */
static void give_back(struct ax_store *s, struct ax_block_list *add, bool placed)
{
    if (add && !placed)
        ax_block_list_delete(s->dir.fd, add);
    for (size_t i = 0; add && i < add->n; i++)
        ax_block_unref(add->v[i]);
    if (add)
        add->n = 0;
}

static void count_written(struct ax_store *s, const struct ax_block_list *add, bool flushed)
{
    for (size_t i = 0; add && i < add->n; i++)
        *(flushed ? &s->flushed_bytes : &s->rewritten_bytes) += add->v[i]->size;
}

int ax_store_publish(struct ax_store *s, struct ax_block_list *add, struct ax_block_list *drop,
                     uint64_t wal_from, struct ax_err *err)
{
    struct ax_block_list next = next_blocks(s, add, drop);
    struct ax_manifest m = {.wal_from = wal_from};
    for (size_t i = 0; i < next.n; i++)
        ax_manifest_add(&m, next.v[i]->file);
    bool placed = false;
    int rc = ax_manifest_write(s->dir.fd, &m, &placed, err);
    ax_manifest_free(&m);
    if (rc < 0) {
        free(next.v);
        give_back(s, add, placed);
        return rc;
    }
    struct ax_memtable *done = NULL;
    pthread_rwlock_wrlock(&s->head);
    count_written(s, add, wal_from != s->wal_from);
    struct ax_block **old = s->blocks;
    s->blocks = next.v;
    s->nblocks = next.n;
    if (wal_from != s->wal_from) {
        done = s->frozen;
        s->frozen = NULL;
        s->wal_from = wal_from;
    }
    pthread_rwlock_unlock(&s->head);
    ax_mem_unref(done);
    free(old);
    if (drop)
        ax_block_list_delete(s->dir.fd, drop);
    return 0;
}

/* At first, where the clock was when something was last stored. */
bool ax_store_clock_is_steady(struct ax_store *s, int64_t now)
{
    if (!s->clock.seen) {
        struct ax_store_stats st;
        ax_store_stats(s, &st);
        s->clock.seen = st.newest;
    }
    return ax_leap_is_over(&s->clock, now);
}

/* The oldest partition's blocks; none when only the newest is left. Partitions are those of the
 * time of the newest sample: what is deleted does not hang on a clock that may be wrong. */
static struct ax_block_list oldest_blocks(const struct ax_store *s)
{
    struct ax_block_list list = {0};
    int64_t oldest = INT64_MAX, newest = INT64_MIN;
    for (size_t i = 0; i < s->nblocks; i++) {
        oldest = s->blocks[i]->mint < oldest ? s->blocks[i]->mint : oldest;
        newest = s->blocks[i]->maxt > newest ? s->blocks[i]->maxt : newest;
    }
    int64_t end = s->nblocks ? ax_partition_of(oldest, newest).end : INT64_MIN;
    for (size_t i = 0; i < s->nblocks && newest >= end; i++)
        if (s->blocks[i]->mint < end && s->blocks[i]->maxt < newest)
            ax_block_list_add(&list, s->blocks[i]);
    return list;
}

/* One partition each time: the next tick looks again. */
static int shrink(struct ax_store *s, struct ax_err *err)
{
    struct ax_store_stats st;
    ax_store_stats(s, &st);
    if (!s->options.retention_bytes || st.block_bytes + st.wal_bytes <= s->options.retention_bytes)
        return 0;
    struct ax_block_list drop = oldest_blocks(s);
    int rc = drop.n ? ax_store_publish(s, NULL, &drop, s->wal_from, err) : 0;
    free(drop.v);
    return rc;
}

int ax_store_expire(struct ax_store *s, struct ax_err *err)
{
    int rc = shrink(s, err);
    if (rc < 0)
        return rc;
    int64_t now = ax_store_now(s), cutoff = now - s->options.retention_ms;
    struct ax_block_list drop = {0};
    if (!ax_store_clock_is_steady(s, now))
        return 0;
    for (size_t i = 0; i < s->nblocks; i++)
        if (s->blocks[i]->maxt < cutoff)
            ax_block_list_add(&drop, s->blocks[i]);
    rc = drop.n ? ax_store_publish(s, NULL, &drop, s->wal_from, err) : 0;
    free(drop.v);
    return rc;
}
