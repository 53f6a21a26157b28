// SPDX-License-Identifier: Apache-2.0
/* The intake: the one way in for samples.
 *
 *   collectors, remote write, ... --> ax_intake_push --> ids, limits --> store, alarm, predict
 *
 * It knows every live series (label set <-> id), checks what comes in, and hands each batch to its
 * subscribers. A push returns when every subscriber that keeps things has them on stable storage:
 * what was answered is never lost.
 *
 * Labels are interned: each name=value pair has a number and its bytes are kept once; a series is a
 * set of pairs.
 *
 * Threads: everything here may be called from any thread, except that subscribers are registered
 * before the first push. */
#ifndef AX_INTAKE_INTAKE_H
#define AX_INTAKE_INTAKE_H

#include "model/sample.h"

struct ax_intake;

/* Who wants batches. `append` gets a batch whose ids are set and whose samples passed the checks;
 * it may keep nothing of it but copies; it runs on the pushing thread, several at once. It returns
 * a ticket and 0, or 1 when there is something to follow; or a negative errno (-ENOSPC, -EIO: the
 * whole batch counts as not taken).
 * `commit` (may be NULL) blocks until everything up to the ticket is durable; it is called once for
 * each append when all appends of the batch went well. It must not wait for the commit of another
 * batch: one thread may do them all, one after the other. `follow` may wait for them, to end with
 * what came of the batch; it is called after all commits. `forget` is called with the intake held.
 */
struct ax_subscriber {
    const char *name;
    void *self;
    int (*append)(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err);
    int (*commit)(void *self, uint64_t ticket, struct ax_err *err);
    void (*follow)(void *self, uint64_t ticket); /* may be NULL */
    void (*forget)(void *self, uint32_t id);     /* the id is to be another series'; may be NULL */
};

struct ax_intake_options {
    int64_t max_age_ms;         /* older samples are refused (the store's retention) */
    int64_t max_future_ms;      /* samples later than now + this are refused; 0 = 10 minutes */
    uint32_t max_series;        /* 0 = 10 million */
    uint32_t max_tenant_series; /* of one tenant; 0 = no other limit */
};

/* What became of a batch. Bad samples are refused one by one, the good ones of the batch kept. */
struct ax_intake_result {
    uint64_t accepted, rejected;
    char reason[256]; /* of the first refusal, with the series; empty when there was none */
};

struct ax_intake_stats {
    uint64_t series, batches, samples, rejected; /* series: not retired */
    uint64_t bytes;                              /* what series and their labels take */
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
 * A batch that is `whole` is never taken in part: -EINVAL says what is wrong with its first bad
 * sample. */
int ax_intake_push(struct ax_intake *in, struct ax_batch *b, int64_t now,
                   struct ax_intake_result *result, struct ax_err *err);

/* The same in steps, for who can do something else while the disk writes. An offer that returned 0
 * is in the hands of the subscribers, and may be answered once it has settled and, if it is to be
 * followed, that is done, too. Both block, on any thread; but settling of all others goes on while
 * one is followed. b need not live so long. */
#define AX_SUBSCRIBERS_MAX 8
struct ax_intake_pending {
    uint64_t tickets[AX_SUBSCRIBERS_MAX];
    uint64_t samples;
    uint32_t follows; /* a bit for each subscriber; not 0: to be followed */
};
int ax_intake_offer(struct ax_intake *in, struct ax_batch *b, int64_t now,
                    struct ax_intake_result *result, struct ax_intake_pending *pending,
                    struct ax_err *err);
int ax_intake_settle(struct ax_intake *in, const struct ax_intake_pending *pending,
                     struct ax_err *err);
void ax_intake_follow(struct ax_intake *in, const struct ax_intake_pending *pending);

/* The short way to an id, for decoders: by the bytes in which the sender wrote the labels, which
 * are Label messages of the remote write protocol. Canonical labels need not be made then. A walk
 * is over one request of one tenant. Until it ends no series is forgotten, so it ends after the
 * push of what it found, which is a batch that is `held`. */
struct ax_series_table;
struct ax_walk {
    struct ax_series_table *table;
    uint32_t before, tenant; /* the series found last; the tenant's pair */
};
void ax_walk_begin(struct ax_walk *w, struct ax_intake *in, struct ax_str tenant);
/* When `series` begins with the labels that followed the ones found last in an earlier request, and
 * goes on with another byte than `unless`: how many bytes they are, and the id; else 0. */
size_t ax_walk_follow(struct ax_walk *w, struct ax_str series, char unless, uint32_t *id);
/* By all labels of the series, in any order (fastest in the one in which they came before), without
 * the tenant. Finds only what a push has brought
 * in before, so the labels need not have been checked. */
bool ax_walk_find(struct ax_walk *w, const struct ax_label *labels, size_t n, uint32_t *id);
/* Both at once for requests that number their labels: by the pairs of all labels of the series,
 * fastest in the order in which they were sent before. A pair is asked for once per request; it may
 * be AX_PAIR_NONE, then so is the series. */
uint32_t ax_walk_pair(struct ax_walk *w, struct ax_str name, struct ax_str value);
bool ax_walk_pairs(struct ax_walk *w, const uint32_t *pairs, size_t n, uint32_t *id);
void ax_walk_end(struct ax_walk *w);

/* The series table. Ids are below count; those of forgotten series are given anew. */

/* Finds or makes the id of a canonical set; AX_SERIES_NONE when a limit is reached. */
uint32_t ax_intake_define(struct ax_intake *in, struct ax_labels labels);
/* The labels of an id that exists, made into the arena. `visible` ones have no tenant. */
struct ax_labels ax_intake_series(struct ax_intake *in, uint32_t id, struct ax_arena *a);
struct ax_labels ax_intake_visible(struct ax_intake *in, uint32_t id, struct ax_arena *a);
/* Those of them that have one of the names. */
struct ax_labels ax_intake_only(struct ax_intake *in, uint32_t id, const struct ax_str *names,
                                size_t n, struct ax_arena *a);

/* Forgetting, for who knows which series are over. With the intake held nobody is between finding
 * an id and using it; hold waits for those who are. A retired series cannot be found any more: when
 * its labels come again, that is another id. What was found of it before stays readable until it is
 * forgotten, which makes the id free for another series. */
void ax_intake_hold(struct ax_intake *in);
void ax_intake_release(struct ax_intake *in);
bool ax_intake_alive(struct ax_intake *in, uint32_t id);  /* it exists and is not retired */
void ax_intake_retire(struct ax_intake *in, uint32_t id); /* held */
void ax_intake_forget(struct ax_intake *in, uint32_t id); /* held; after retire */

/* Pairs, for who keeps many series. A pair's bytes, and the pairs of a series, stay where they are
 * as long as the series exists. */
#define AX_PAIR_NONE UINT32_MAX
const uint32_t *ax_intake_pairs(struct ax_intake *in, uint32_t id, size_t *n);
struct ax_label ax_intake_pair(struct ax_intake *in, uint32_t pair);
uint32_t ax_intake_find_pair(struct ax_intake *in, struct ax_str name, struct ax_str value);
/* Finds or makes; AX_PAIR_NONE when it is no valid label. Only while nothing is pushed. */
uint32_t ax_intake_intern(struct ax_intake *in, struct ax_str name, struct ax_str value);
/* As define, by pairs; AX_SERIES_NONE also when two of them have one name. */
uint32_t ax_intake_define_pairs(struct ax_intake *in, const uint32_t *pairs, size_t n);

uint32_t ax_intake_count(struct ax_intake *in); /* ids given so far */
void ax_intake_stats(struct ax_intake *in, struct ax_intake_stats *out);

#endif
