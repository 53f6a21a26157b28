// SPDX-License-Identifier: Apache-2.0
/* The store's own view of itself.
 *
 *   samples ──> log ──> active memtable ──(flush)──> frozen memtable ──> blocks ──(merge)──> blocks
 *
 * What is newer wins: active over frozen over the block of the highest order.
 *
 * Locks, in the order in which they are taken:
 *   flip   shared by an append for as long as it is in the log but not yet in the memtable;
 *          exclusive to change memtables, so that log segments and memtables change together
 *   head   over everything below it in the struct. Held for copying in or out only: never while
 *          waiting for the disk, decoding or allocating results
 *   keeping  first of all: held by the one who changes `frozen` and `blocks` (the owner's tick, the
 *            keeper's commands), and who so reads them without another lock */
#ifndef AX_STORE_INNER_H
#define AX_STORE_INNER_H

#include "base/leap.h"
#include "store/block.h"
#include "store/directory.h"
#include "store/index.h"
#include "store/manifest.h"
#include "store/memtable.h"
#include "store/store.h"
#include "store/wal.h"

#include <pthread.h>

struct ax_store {
    struct ax_store_options options;
    struct ax_intake *intake;
    struct ax_directory dir;
    struct ax_wal *wal;
    pthread_mutex_t keeping;
    bool final;                               /* partitions of the last width, all merged */
    uint64_t wal_from, next_file, next_order; /* of who is keeping, as all up to `damaged` */
    uint64_t frozen_keep;                     /* first log segment that frozen does not need */
    struct ax_leap clock;                     /* for retention */
    int64_t flushed_at;                       /* by the store's clock; 0: not yet */
    int64_t limits_seen;                      /* when no tenant had more than it may keep */
    uint64_t damaged;                         /* atomic */

    pthread_rwlock_t flip, head;
    struct ax_memtable *active, *frozen;
    int64_t active_since; /* when it was made, by the store's clock */
    struct ax_index *index;
    struct ax_sample *last; /* by series id: the newest sample; t == INT64_MIN: not known */
    uint32_t nlast;
    int64_t doubt; /* who has a sample behind it is in the index, and its newest in `last` */
    struct ax_block **blocks; /* by rising order */
    size_t nblocks;
    uint64_t flushed_bytes, rewritten_bytes;

    unsigned age;        /* of the readers that begin now */
    uint32_t readers[2]; /* atomic: by age */
    uint32_t *retired;   /* ids that readers of the other age may still have; of the tick */
    size_t nretired, retired_cap;
};

/* Tells in words; nobody need listen. */
void ax_store_tell(const struct ax_store_teller *teller, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int64_t ax_store_now(const struct ax_store *s);
void ax_store_warn(const struct ax_store *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Samples into the head. Under head, or before there are other threads. */
void ax_store_take(struct ax_store *s, const struct ax_batch *b);
/* Remembers the newest sample of a series. Under head, or before there are other threads. */
void ax_store_note_last(struct ax_store *s, uint32_t id, int64_t t, double v);

/* ageing.c: series that are over. A reader enters under head, and leaves when it has no more ids in
 * hand. */
unsigned ax_store_enter(struct ax_store *s);
void ax_store_leave(struct ax_store *s, unsigned age);
void ax_store_retire(struct ax_store *s); /* with the intake held, flip and head exclusive */
void ax_store_forget(struct ax_store *s); /* by the ticking thread */

/* load.c: what is on disk, at open. */
int ax_store_load(struct ax_store *s, struct ax_err *err);

struct ax_block_list {
    struct ax_block **v;
    size_t n;
};
void ax_block_list_add(struct ax_block_list *l, struct ax_block *b);
/* Deletes the files and gives the references back. */
void ax_block_list_delete(int dirfd, struct ax_block_list *l);

/* One step of background work each, by who is keeping; *did says whether there was any. */
int ax_store_flush(struct ax_store *s, bool *did, struct ax_err *err);
int ax_store_flush_all(struct ax_store *s, struct ax_err *err); /* due or not: the head is empty */
int ax_store_merge(struct ax_store *s, bool *did, struct ax_err *err);
int ax_store_expire(struct ax_store *s, struct ax_err *err);
/* Not within an hour after the clock leapt ahead. */
bool ax_store_clock_is_steady(struct ax_store *s, int64_t now);
/* tenants.c: learns what of a block is whose, of one block each time; true when all are known. */
bool ax_store_measure(struct ax_store *s);
/* limits.c: what single tenants may no longer keep, of one block or one partition each time. */
int ax_store_limit_tenants(struct ax_store *s, struct ax_err *err);
/* Finishes the file of that number and opens it; on failure it is gone. */
int ax_store_finish_block(struct ax_store *s, struct ax_block_writer *w, uint64_t file,
                          struct ax_block **out, struct ax_err *err);
/* Makes `add` count instead of `drop` (either may be NULL): on disk, then for queries. A wal_from
 * other than the one before says that the frozen memtable is on disk now: it goes. On failure the
 * old state goes on, and `add` is given back and emptied. */
int ax_store_publish(struct ax_store *s, struct ax_block_list *add, struct ax_block_list *drop,
                     uint64_t wal_from, struct ax_err *err);

#endif
