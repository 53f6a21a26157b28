// SPDX-License-Identifier: Apache-2.0
/* Inside the sender: its state, and outcomes on their way to the database. */
#ifndef AX_NOTIFY_SENDER_H
#define AX_NOTIFY_SENDER_H

#include "base/map.h"
#include "notify/items.h"

#define AX_SENDER_TOGETHER 64 /* alerts in one post, notifications in one mail */

/* One transfer under way. */
struct ax_flight {
    struct ax_try try;
    enum ax_notify_type type; /* of its target when it began */
    struct ax_outlet *target;
    struct ax_letter *letters; /* until it has begun */
    struct ax_item *items[AX_SENDER_TOGETHER];
    size_t n;
    bool adding;  /* libcurl has it */
    bool suspect; /* its target has not answered, or not the last time */
    struct ax_flight *next;
};

enum ax_settle { AX_SETTLE_SENT, AX_SETTLE_GONE, AX_SETTLE_LATER };

struct ax_outcome_row {
    enum ax_settle what;
    struct ax_item *item; /* not with LATER: that one is in the heap again */
    int64_t id, due, tries;
    bool taken;  /* by the other side */
    bool stands; /* filled in while writing */
};

struct ax_sender {
    struct ax_notify *n;
    CURLM *multi;
    pthread_t thread;
    atomic_bool quit, woken;
    /* the thread's own */
    struct ax_items items;
    struct ax_outlet **targets;
    size_t ntargets, first; /* first: whose turn it is */
    struct ax_map by_id;
    int64_t last_id;
    bool loaded; /* what was there at the start is in */
    struct ax_flight *flights;
    int nflights, suspects, by_type[AX_NOTIFY_TYPES];
    struct ax_outcome_row *outcomes;
    size_t noutcomes, outcomes_cap;
    int64_t settle_at_ns; /* by then the outcomes are written */
    uint64_t chance;
    int64_t published_ns;
    /* for readers */
    pthread_mutex_t lock;
    struct ax_notify_stats stats;
    int64_t oldest_created;
};

void ax_sender_count(struct ax_sender *s, enum ax_notify_type type, size_t which, uint64_t n);
#define AX_COUNT(s, type, field, k)                                                                \
    ax_sender_count((s), (type), offsetof(struct ax_notify_count, field), (k))

/* Takes in what changed and what is new. With the SQL lock held. */
int ax_sender_hear(struct ax_sender *s, struct ax_err *err);
/* The same, and begins what may begin. Gives the ms until there is more to do, `wait` at most, or
 * an error. */
int64_t ax_sender_begin(struct ax_sender *s, int64_t wait, struct ax_err *err);
/* Forgets a transfer and ends what still runs of it. */
void ax_sender_end(struct ax_sender *s, struct ax_flight *f);

/* Looks at how a transfer ended and decides for each of its items. */
void ax_settle_flight(struct ax_sender *s, struct ax_flight *f);
/* An item whose row is gone. */
void ax_settle_gone(struct ax_sender *s, struct ax_item *i);
/* An item whose repeat is left out, until the next. */
void ax_settle_quiet(struct ax_sender *s, struct ax_item *i);
/* Writes the outcomes in one transaction. On failure they stay, for the next time. */
void ax_settle_write(struct ax_sender *s);

#endif
