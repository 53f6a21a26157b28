// SPDX-License-Identifier: Apache-2.0
/* Faults: events that tell of something bad, or of its end, brought to who subscribed to them,
 * within a second.
 *
 *     registry: an event is committed --wakes--> the teller, one thread
 *                                                  |-- streams: text/event-stream, bounded buffers
 *                                                  '-- subscriptions: notify's outbox -> webhooks
 *
 * Nothing is lost: ids of events rise in the order in which they were committed, and who has seen
 * one goes on behind it. A stream is a place in that order (its client keeps it); subscriptions
 * share one, which is written in the transaction that queues what they are sent.
 *
 * Threads: any; open and close from one. Errors: as in sql/sql.h. */
#ifndef AX_FAULTS_FAULTS_H
#define AX_FAULTS_FAULTS_H

#include "base/buf.h"
#include "model/prediction.h"
#include "notify/notify.h"
#include "registry/registry.h"

/* ---- what a fault is (table.c) ---- */

enum ax_fault_severity { AX_FAULT_INFO, AX_FAULT_WARNING, AX_FAULT_CRITICAL };
/* An end has the severity of what it ends, so that a filter lets both through or neither. */
enum ax_fault_phase { AX_FAULT_BEGINS, AX_FAULT_ENDS, AX_FAULT_ONCE };

const char *ax_fault_severity_name(enum ax_fault_severity s);
bool ax_fault_severity_parse(struct ax_str name, enum ax_fault_severity *out);

struct ax_fault_kind {
    const char *type, *what;
    const char *detail;              /* NULL: whichever */
    enum ax_fault_severity severity; /* unless the event has one of its own */
    enum ax_fault_phase phase;
    /* What of the resource: an end ends what began about the same. NULL: its type and detail. */
    const char *about;
    const char *cause; /* in a word that says nothing of the provider's hardware; NULL: unknown */
};
#define AX_FAULT_ALL "*" /* of an end: whatever began */
/* NULL: the event tells of no fault. */
const struct ax_fault_kind *ax_fault_of(const struct ax_event *e);
enum ax_fault_severity ax_fault_severity_of(const struct ax_event *e,
                                            const struct ax_fault_kind *k);
/* One JSON object; k is NULL for an event that is no fault. */
void ax_fault_json(const struct ax_told *t, const struct ax_fault_kind *k, struct ax_buf *out);

/* Whose and which. Empty: all. */
struct ax_fault_filter {
    struct ax_str tenant;
    struct ax_str host; /* a handle: of itself, and of all that is on it */
    struct ax_str resource;
    struct ax_str type;
    enum ax_fault_severity severity; /* and above */
    bool all;                        /* events that are no faults, too; streams alone have it */
};
bool ax_fault_matches(const struct ax_fault_filter *f, const struct ax_told *t,
                      const struct ax_fault_kind *k);

/* ---- what is to come (foretell.c) ---- */

/* Makes events of predictions: `expected` when one says twice in a row that something runs out, and
 * again when it is less than half an hour away; `averted` when it has not said so for six rounds.
 * One thread at a time; -errors as in sql/sql.h, and the next round tries again. */
struct ax_foretelling;
int ax_foretelling_open(struct ax_foretelling **out, struct ax_sql *sql,
                        struct ax_registry *registry, struct ax_err *err);
/* v: the newest verdict of every target, steady ones and abstentions, too; about once a round. */
int ax_foretell(struct ax_foretelling *x, struct ax_str tenant, const struct ax_prediction *v,
                size_t n, int64_t now, struct ax_err *err);
void ax_foretelling_close(struct ax_foretelling *x); /* NULL is fine */

/* ---- the room ---- */

struct ax_faults;
struct ax_faults_options { /* 0: what stands behind */
    struct ax_sql *sql;
    struct ax_registry *registry; /* in sql */
    struct ax_notify *notify;     /* the same */
    int max_streams;              /* 256 */
    int tenant_streams;           /* 32 */
    int max_subscriptions;        /* of a tenant; 100 */
    int64_t beat_ms;              /* between two signs of life in a stream; 15000 */
    int64_t stall_ms;             /* who takes nothing for so long is cut off; 60000 */
    void (*warn)(const char *text);
};
int ax_faults_open(struct ax_faults **out, const struct ax_faults_options *o, struct ax_err *err);
/* Streams end with what they have; new ones end at once. NULL is fine. */
void ax_faults_end(struct ax_faults *f);
void ax_faults_close(struct ax_faults *f); /* when all streams are closed; NULL is fine */

struct ax_faults_stats {
    uint64_t streams, subscriptions;
    uint64_t streamed;                             /* faults put into streams */
    uint64_t queued;                               /* for webhooks */
    uint64_t streams_refused, streams_cut, failed; /* failed: readings and writings of the database,
                                                      which are made again */
};
void ax_faults_stats(struct ax_faults *f, struct ax_faults_stats *out);

/* ---- streams ---- */

struct ax_fault_stream;
struct ax_fault_stream_options { /* strings are copied */
    struct ax_fault_filter filter;
    struct ax_str owner;     /* the tenant that it counts for */
    int64_t since;           /* goes on behind this id; negative: begins now */
    int64_t lasts_ms;        /* ends then, with all that there was; negative: never */
    void (*park)(void *ctx); /* within take: there is nothing now, wake will be called once */
    void (*wake)(void *ctx);
    bool (*may)(void *ctx); /* asked at each sign of life, on a thread that may wait: still? */
    void (*free)(void *ctx);
    void *ctx;
};
/* -EAGAIN: there are too many, the text says of which limit; free is not called. */
int ax_fault_stream_open(struct ax_faults *f, const struct ax_fault_stream_options *o,
                         struct ax_fault_stream **out, struct ax_err *err);
/* Appends what is there: 1. Or 0: that was all; or AX_FAULT_PARKED: park was called. */
#define AX_FAULT_PARKED 2
int ax_fault_stream_take(struct ax_fault_stream *s, struct ax_buf *out);
void ax_fault_stream_close(struct ax_fault_stream *s); /* not while parked */

/* ---- what stands ---- */

/* Faults that have begun and not ended, as objects of ax_fault_json, oldest first; those of alarms
 * are not among them, which the alarms' own lists have. */
struct ax_open_faults {
    const struct ax_str *json;
    size_t n;
    uint64_t total; /* that match */
};
int ax_faults_open_list(struct ax_faults *f, const struct ax_fault_filter *filter, uint32_t limit,
                        uint32_t offset, struct ax_arena *a, struct ax_open_faults *out,
                        struct ax_err *err);

/* ---- subscriptions ---- */

struct ax_subscription {
    struct ax_str id, owner, url;
    struct ax_fault_filter filter;
    int64_t created; /* ms */
};
/* Reads owner, url and filter, fills in the rest in the arena. From the next event on. -EINVAL,
 * -EDQUOT. */
int ax_subscription_add(struct ax_faults *f, struct ax_subscription *s, struct ax_arena *a,
                        struct ax_err *err);
/* All of an owner, or the one of that id, in the order in which they were made. */
int ax_subscription_list(struct ax_faults *f, struct ax_str owner, struct ax_str id,
                         struct ax_arena *a, struct ax_subscription **out, size_t *n,
                         struct ax_err *err);
/* What waits for it goes with it. -ENOENT. */
int ax_subscription_remove(struct ax_faults *f, struct ax_str owner, struct ax_str id,
                           struct ax_err *err);

#endif
