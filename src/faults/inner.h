// SPDX-License-Identifier: Apache-2.0
/* Inside the room. */
#ifndef AX_FAULTS_INNER_H
#define AX_FAULTS_INNER_H

#include "base/jobs.h"
#include "faults/faults.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- a page of events, of which some are faults (page.c) ---- */

struct ax_fault {
    const struct ax_told *told;
    const struct ax_fault_kind *kind; /* NULL: it is none */
    struct ax_str json;
};
struct ax_fault_page {
    bool there;
    int64_t after, last; /* ids: begins behind, goes up to */
    bool full;           /* there is more */
    struct ax_fault *v;  /* of each event */
    size_t n, faults;
    struct ax_arena arena;
};
/* Reads it, unless it is the one that is there. */
int ax_fault_page_read(struct ax_registry *r, struct ax_fault_page *p, int64_t after,
                       struct ax_err *err);

/* ---- streams (streams.c) ---- */

struct ax_fault_stream {
    struct ax_faults *f;
    struct ax_fault_stream *next; /* under the room's lock, as refs */
    unsigned refs;
    struct ax_arena arena;
    struct ax_fault_stream_options o;
    int64_t ends_ns;
    struct ax_job check;
    /* the teller's alone */
    int64_t at, beat_ns;
    /* under its lock */
    pthread_mutex_t lock;
    struct ax_buf out;
    bool parked, closed, over, checking;
    bool behind; /* there is more than fitted */
    int64_t taken_ns;
};
/* Feeds it from where it is. True: it has room, and there is more. */
bool ax_fault_stream_feed(struct ax_fault_stream *s, struct ax_fault_page *p, bool news,
                          int64_t now_ns);
void ax_fault_stream_over(struct ax_fault_stream *s);
void ax_fault_stream_unref(struct ax_fault_stream *s);

/* ---- subscriptions (subscriptions.c, deliver.c) ---- */

int ax_subscriptions_open(struct ax_faults *f, struct ax_err *err);
/* Queues what they are to be sent. 1: there is more. */
int ax_subscriptions_deliver(struct ax_faults *f, struct ax_fault_page *p, struct ax_err *err);
/* Where they are, into the database. */
int ax_subscriptions_keep(struct ax_faults *f, struct ax_err *err);
void ax_subscription_read(struct ax_stmt *q, struct ax_arena *a, struct ax_subscription *s);
#define AX_SUBSCRIPTION_COLUMNS "id, owner, url, tenant, host, resource, type, severity, created"

/* ---- what stands (open.c) ---- */

/* Begins or ends them as a page says. In the caller's transaction. */
int ax_open_faults_apply(struct ax_faults *f, const struct ax_fault_page *p, struct ax_err *err);

/* ---- the whole (faults.c) ---- */

struct ax_faults {
    struct ax_faults_options o;
    pthread_t teller;
    bool telling;
    struct ax_jobs *checker;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool news, quit, ended; /* under the lock */
    struct ax_fault_stream *streams;
    int nstreams;
    int64_t cursor, kept; /* of the subscriptions: the teller's own; in the database */
    _Atomic uint64_t subscriptions, streamed, queued, refused, cut, failed;
};
void ax_faults_wake(struct ax_faults *f);

#endif
