// SPDX-License-Identifier: Apache-2.0
/* The write-ahead log: DIR/wal/0000000001.wal and on, one segment after the other.
 *
 *   segment: "AXWAL\0\0\0" u32 version u32 0, then records (wal_record.h)
 *
 * Each segment names the labels of every series it has samples of, so any older segment may be
 * deleted. Appends go to a buffer; one thread writes it and syncs once for all who wait (group
 * commit). When a write or sync fails, the groups that were in it fail, what was written is cut off
 * again, and the next write begins a new segment. */
#ifndef AX_STORE_WAL_H
#define AX_STORE_WAL_H

#include "intake/intake.h"

struct ax_wal;

struct ax_wal_stats {
    uint64_t bytes, syncs;
};

/* `first` is the number of the first segment to write, above all that exist; `bytes` is what the
 * existing ones hold. `dirfd` is the store's directory; `in` knows the labels of series. */
struct ax_wal *ax_wal_open(int dirfd, uint64_t first, uint64_t bytes, int64_t commit_us,
                           struct ax_intake *in);
/* Writes and syncs what is pending, then frees. */
void ax_wal_close(struct ax_wal *w);

/* Any thread. The ticket is for commit; a batch that is `now` ends its group. -ENOBUFS when the
 * disk is far behind. */
int ax_wal_append(struct ax_wal *w, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err);
/* Returns when the ticket's group is on stable storage, or with why it is not. Any thread. */
int ax_wal_commit(struct ax_wal *w, uint64_t ticket, struct ax_err *err);
/* True from a failed write until the next that works. */
bool ax_wal_failing(struct ax_wal *w);

/* Everything appended so far goes to segments below the returned number, everything after to that
 * one and on. No append may run at the same time. */
uint64_t ax_wal_rotate(struct ax_wal *w);
/* Deletes segments below `keep`. */
void ax_wal_drop(struct ax_wal *w, uint64_t keep);
void ax_wal_stats(struct ax_wal *w, struct ax_wal_stats *out);

struct ax_wal_replay {
    void *ctx;
    /* Numbers of the reader's own for a label, and for a series with such labels; AX_PAIR_NONE and
     * AX_SERIES_NONE refuse. */
    uint32_t (*pair)(void *ctx, const struct ax_label *l);
    uint32_t (*define)(void *ctx, const uint32_t *pairs, size_t n);
    void (*take)(void *ctx, const struct ax_batch *b); /* with ids; b only lives so long */
    void (*warn)(void *ctx, const char *text);
    /* When set, the log is looked at only: nothing is deleted or cut off, and what is wrong with
     * the bytes from .. to - 1 of a segment is told here instead. */
    void (*fault)(void *ctx, const char *segment, uint64_t from, uint64_t to, const char *text);

    uint64_t next_segment, bytes, damaged; /* results */
    uint64_t segments, records;
};
/* Reads the segments from number `from` on in order, deletes the ones before it, cuts a torn tail.
 * A record that is damaged in the middle is left out, counted and warned of. */
int ax_wal_replay(int dirfd, uint64_t from, struct ax_wal_replay *r, struct ax_err *err);

/* Within the log: */
uint64_t ax_wal_delete_below(int dirfd, uint64_t keep); /* how many bytes that freed */
#define AX_WAL_HEAD    16
#define AX_WAL_VERSION 2 /* what is written; 1 is read too */
#define AX_WAL_NAME    32
void ax_wal_name(uint64_t seq, char out[AX_WAL_NAME]); /* "wal/0000000001.wal" */

#endif
