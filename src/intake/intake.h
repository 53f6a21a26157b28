// SPDX-License-Identifier: Apache-2.0
/* The intake: the one way in for samples.
 *
 *   collectors, remote write, ... --> ax_intake_push --> ids, limits --> store, alarm, predict
 *
 * It knows every live series (label set <-> id), checks what comes in, and hands each batch to its
 * subscribers. A push returns when every subscriber that keeps things has them on stable storage:
 * what was answered is never lost.
 *
 * Threads: everything here may be called from any thread, except that subscribers are registered
 * before the first push. Memory: label bytes of known series are copied and owned by the intake for
 * as long as it lives. */
#ifndef AX_INTAKE_INTAKE_H
#define AX_INTAKE_INTAKE_H

#include "model/sample.h"

struct ax_intake;

/* Who wants batches. `append` gets a batch whose ids are set and whose samples passed the checks;
 * it may keep nothing of it but copies; it runs on the pushing thread, several at once. It returns
 * 0 and a ticket, or a negative errno (-ENOSPC, -EIO: the whole batch counts as not taken).
 * `commit` (may be NULL) blocks until everything up to the ticket is durable. */
struct ax_subscriber {
    const char *name;
    void *self;
    int (*append)(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err);
    int (*commit)(void *self, uint64_t ticket, struct ax_err *err);
};

struct ax_intake_options {
    int64_t max_age_ms;    /* older samples are refused (the store's retention) */
    int64_t max_future_ms; /* samples later than now + this are refused; 0 = 10 minutes */
    uint32_t max_series;   /* 0 = 10 million */
    size_t max_raw;        /* bytes to remember raw labels in, see below; 0 = 256 MiB */
};

/* What became of a batch. Bad samples are refused one by one, the good ones of the batch kept. */
struct ax_intake_result {
    uint64_t accepted, rejected;
    char reason[256]; /* of the first refusal, with the series; empty when there was none */
};

struct ax_intake_stats {
    uint64_t series, batches, samples, rejected;
    uint64_t raw_bytes; /* what remembered raw labels take */
};

struct ax_intake *ax_intake_new(const struct ax_intake_options *o);
void ax_intake_free(struct ax_intake *in); /* NULL is fine */
void ax_intake_subscribe(struct ax_intake *in, const struct ax_subscriber *s);

/* Adds the tenant to a label set under construction and finishes it: the only way labels of
 * incoming samples are made. Refuses a set that names __tenant__ itself or has no __name__. */
int ax_intake_labels(struct ax_labels_builder *b, struct ax_str tenant, struct ax_arena *a,
                     struct ax_labels *out, struct ax_err *err);
bool ax_tenant_ok(struct ax_str tenant); /* 1 to 150 of [A-Za-z0-9._@-] */

/* Sets ids where there are none, drops what is out of bounds (b->v[].n and samples may shrink),
 * hands on, waits until it is durable. `now` in ms. Returns 0 also when samples were refused (see
 * result); negative when nothing of the batch was taken: -ENOSPC, -EIO, -ENOBUFS (too many series).
 */
int ax_intake_push(struct ax_intake *in, struct ax_batch *b, int64_t now,
                   struct ax_intake_result *result, struct ax_err *err);

/* The short way to an id, for decoders: by the bytes in which the sender wrote the labels (raw).
 * Canonical labels need not be made then. A push remembers the raw bytes of the series that have
 * some (b->v[].raw) and no id yet; labels that were refused are not remembered, so they are refused
 * each time. A walk is over one request of one tenant; between begin and end no other function of
 * the intake may be called on the same thread but ax_intake_labels and ax_intake_series. */
struct ax_raw_table;
struct ax_raw;
struct ax_raw_walk {
    struct ax_raw_table *table;
    struct ax_raw *before; /* the series found last */
    uint32_t tenant;
};
void ax_raw_begin(struct ax_raw_walk *w, struct ax_intake *in, struct ax_str tenant);
/* When `series` begins with the raw bytes that followed the last ones found in an earlier request,
 * and goes on with another byte than `unless`: how many they are, and the id; else 0. */
size_t ax_raw_follow(struct ax_raw_walk *w, struct ax_str series, char unless, uint32_t *id);
bool ax_raw_find(struct ax_raw_walk *w, struct ax_str raw, uint32_t *id);
void ax_raw_end(struct ax_raw_walk *w);

/* The series table. define: finds or makes the id of a canonical set (the store calls it for what
 * it finds on disk); AX_SERIES_NONE when max_series is reached. labels: of an id that exists; the
 * view lives as long as the intake. count: ids are 0 .. count-1. */
uint32_t ax_intake_define(struct ax_intake *in, struct ax_labels labels);
struct ax_labels ax_intake_series(struct ax_intake *in, uint32_t id);
uint32_t ax_intake_count(struct ax_intake *in);
void ax_intake_stats(struct ax_intake *in, struct ax_intake_stats *out);

#endif
