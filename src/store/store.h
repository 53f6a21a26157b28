// SPDX-License-Identifier: Apache-2.0
/* The store: time series on disk. See docs/store-format.md for the files.
 *
 *   append -> head (open chunks in memory) + write-ahead log (group commit)
 *          -> immutable blocks (one per time partition) -> retention deletes them
 *
 * Promises: a batch whose commit returned 0 survives kill -9 and a power cut; values come back bit
 * by bit (NaN payloads, -0, infinities); a sample written twice counts once (for one series and
 * time the value written last wins); samples of any age within the retention are taken, in any
 * order.
 *
 * Threads: append and commit from any thread; selects from any thread at once; open and close from
 * one. Memory: results are in the caller's arena. Time: the store reads no clock but the one in its
 * options. Errors: -EINVAL another format version or options, -EBUSY directory in use, -ENOSPC,
 * -EROFS, -EIO as the file system says; texts name the file and what to do. */
#ifndef AX_STORE_STORE_H
#define AX_STORE_STORE_H

#include "intake/intake.h"
#include "model/matcher.h"

/* What the file VERSION in the directory says; another is not opened. */
#define AX_STORE_FORMAT        "auspex-store 2\n"
#define AX_STORE_FORMAT_BEFORE "auspex-store 1\n" /* is read, and becomes the present one */

struct ax_store;

/* What one tenant may keep, where that is less than all may. */
struct ax_tenant_limit {
    struct ax_str tenant;
    int64_t retention_ms; /* 0 = as all */
    uint64_t bytes;       /* of blocks; 0 = as every tenant */
};

struct ax_store_options {
    const char *dir;          /* made when missing; relative paths are fine; locked while open */
    int64_t retention_ms;     /* blocks that end before now - retention are deleted, unless
                                 the clock leapt ahead within the last hour */
    uint64_t retention_bytes; /* blocks and log together: above that the oldest blocks are deleted,
                                partition by partition, but never those of the newest; 0 = any */
    uint64_t tenant_bytes;    /* of blocks, of each tenant; 0 = any */
    const struct ax_tenant_limit *limits; /* of the caller; stay where they are */
    size_t nlimits;
    int64_t commit_us;       /* group commit: wait this long for company before a sync; 0 = don't */
    int64_t (*now_ms)(void); /* NULL = ax_now_ms */
    void (*warn)(const char *text); /* told of repaired damage and background errors; may be NULL */
};

struct ax_store_stats {
    uint64_t series, head_samples, head_chunks, blocks, block_samples;
    uint64_t wal_bytes, block_bytes, syncs, damaged; /* damaged: checksums that did not match */
    uint64_t flushed_bytes;   /* of blocks written since the store was opened: with new samples, */
    uint64_t rewritten_bytes; /* and with those of former blocks */
    uint64_t resident_bytes;  /* estimate of the head's memory */
    int64_t oldest, newest;   /* times of samples, 0 when empty */
};

/* Opens or makes the store: replays the log, cuts a torn tail, tells the intake of every series. */
int ax_store_open(struct ax_store **out, const struct ax_store_options *o, struct ax_intake *in,
                  struct ax_err *err);
void ax_store_close(struct ax_store *s); /* commits what is there; NULL is fine */

/* The interface to hand to ax_intake_subscribe. */
struct ax_subscriber ax_store_subscriber(struct ax_store *s);

/* Background work (writing full partitions into blocks, merging, retention). The owner calls it
 * about once a second from one thread; it returns soon when there is nothing to do. */
int ax_store_tick(struct ax_store *s, struct ax_err *err);

/* The keeper's commands: any thread; they wait for a tick that runs, and ticks for them. */

/* Told what is being done, in a line for people. */
struct ax_store_teller {
    void (*tell)(void *ctx, const char *text); /* may be NULL */
    void *ctx;
};
/* Everything into its final, smallest form: the head into blocks, the blocks of a partition into
 * one, also where the partition is not over. After a failure or a crash, what was done is done and
 * the rest is as it was. */
int ax_store_compact(struct ax_store *s, const struct ax_store_teller *teller, struct ax_err *err);

/* Makes the directory `path`, on the store's file system, into a store of its own that has all that
 * was appended before the call: hard links of the blocks and of the log up to here, so that it
 * costs nothing until blocks are merged. -EEXIST when it is there. On failure what was made is left
 * for the caller to remove. */
int ax_store_snapshot(struct ax_store *s, const char *path, struct ax_err *err);

struct ax_store_copied {
    uint64_t files, bytes;           /* copied */
    uint64_t kept_files, kept_bytes; /* that were there from a former backup */
};
/* Copies a store that nobody has open, or a snapshot, into another directory, where a former copy
 * may be: blocks that are there already are kept, what is no longer part of the store goes. Until
 * the new files are all there the former copy stays as it was; when it ends while they take their
 * places, verifying the copy tells that it must be done again. */
int ax_store_backup(const char *from, const char *to, const struct ax_store_teller *teller,
                    struct ax_store_copied *out, struct ax_err *err);

/* What is wrong with a file of the store: the bytes from .. to - 1, or all of it when to == 0. */
struct ax_store_fault {
    const char *file; /* in the store's directory */
    uint64_t from, to;
    const char *text;
};
struct ax_store_verifier {
    void (*fault)(void *ctx, const struct ax_store_fault *f);
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes; may be NULL */
    void *ctx;
};
struct ax_store_verified {
    uint64_t blocks, chunks, samples, segments, records, bytes, faults;
};
/* Reads everything in the directory of a store that nobody has open, and changes nothing. 0 also
 * when there are faults. -ENOENT: there is no store; -EBUSY: a server has it open. */
int ax_store_verify(const char *dir, const struct ax_store_verifier *v,
                    struct ax_store_verified *out, struct ax_err *err);

struct ax_store_select {
    struct ax_str tenant; /* required */
    const struct ax_matcher *matchers;
    size_t nmatchers;
    int64_t mint, maxt;   /* inclusive; samples outside are not returned */
    uint64_t max_samples; /* more is -E2BIG; 0 = 50 million */
    /* Labels that the caller looks at; others may be left out of the answer, even when series then
     * look alike. NULL: all. */
    const struct ax_str *only;
    size_t nonly;
};

struct ax_series {
    struct ax_labels labels; /* without __tenant__ */
    const int64_t *t;        /* strictly rising */
    const double *v;
    size_t n;
};
struct ax_series_set {
    struct ax_series *v; /* in no particular order; series without samples in range are left out */
    size_t n;
    struct ax_str warning; /* e.g. a damaged chunk was left out; empty = none */
};

/* Takes the samples in [mint, maxt] of the series that any of the selects matches out of the store,
 * and off the disk. What was appended before the call is gone afterwards; what comes while it runs
 * may stay. Queries see all of it or nothing, and so does the next start when this one dies. All
 * selects have one mint and maxt; the other members do not matter. -EIO: a block is damaged where
 * there are samples to be kept, and nothing was deleted. */
int ax_store_delete(struct ax_store *s, const struct ax_store_select *sel, size_t n,
                    uint64_t *deleted, struct ax_err *err);

/* Every sample in [mint, maxt] of the matching series. */
int ax_store_select(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                    struct ax_series_set *out, struct ax_err *err);
/* The newest sample in [mint, maxt] of each matching series (n == 1), staleness markers included:
 * what instant queries ask. Reads the last-value arrays where they hold the answer. */
int ax_store_last(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                  struct ax_series_set *out, struct ax_err *err);

/* Names, or values of one name, of the matching series with data in [mint, maxt]; sorted. */
int ax_store_label_names(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                         struct ax_str **out, size_t *n, struct ax_err *err);
int ax_store_label_values(struct ax_store *s, const struct ax_store_select *sel, struct ax_str name,
                          struct ax_arena *a, struct ax_str **out, size_t *n, struct ax_err *err);

/* What the tenant's live series are made of: the first `most` rows of each list. */
struct ax_cardinality_row {
    struct ax_str name, value; /* value: of pairs and metrics */
    uint32_t series;           /* that have it */
    uint32_t values;           /* of labels: different ones */
};
struct ax_cardinality_list {
    struct ax_cardinality_row *v;
    size_t n;
};
struct ax_cardinality {
    uint64_t series, npairs;
    struct ax_cardinality_list metrics, pairs; /* by falling number of series */
    struct ax_cardinality_list labels;         /* by falling number of values */
};
int ax_store_cardinality(struct ax_store *s, struct ax_str tenant, size_t most, struct ax_arena *a,
                         struct ax_cardinality *out, struct ax_err *err);

struct ax_tenant_bytes {
    struct ax_str tenant;
    uint64_t bytes; /* of blocks, the index among them */
};
/* What each tenant takes, in no particular order, in the arena. A block that is some seconds old
 * may be missing. */
void ax_store_tenants(struct ax_store *s, struct ax_arena *a, struct ax_tenant_bytes **out,
                      size_t *n);

void ax_store_stats(struct ax_store *s, struct ax_store_stats *out);

#endif
