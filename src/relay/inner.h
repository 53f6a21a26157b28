// SPDX-License-Identifier: Apache-2.0
/* Inside the relay.
 *
 *     relay.c       its life, and those who wait
 *     collector.c   who comes for requests, and answers them
 *     asker.c       who asks
 *
 * All of it under the lock, but the calling of wakes. */
#ifndef AX_RELAY_INNER_H
#define AX_RELAY_INNER_H

#include "relay/relay.h"

#include <pthread.h>

/* A host of a tenant, once its collector has come. There are no more of them than hosts, and they
 * are kept: a name and a time. */
struct ax_relay_place {
    char *tenant, *host;
    int64_t heard_ns;
    bool waits; /* its collector */
    struct ax_relay_place *next;
};

struct ax_relay_asked {
    struct ax_relay_request q; /* its handle is ours */
    char *tenant, *host, *handle;
    char *who;     /* took it; NULL: nobody yet */
    uint64_t work; /* with which it was taken */
    bool got;      /* which did reach who took it */
    struct ax_relay_wait *wait;
    struct ax_buf text;
    int code;
    bool answered;
    struct ax_relay_asked *next;
};

struct ax_relay {
    pthread_mutex_t lock;
    struct ax_relay_options o;
    bool ended;
    struct ax_relay_wait *waiting; /* collectors and askers */
    struct ax_relay_place *places;
    struct ax_relay_asked *requests;
    int listening, asked;
    uint64_t work; /* the last that was handed out */
    uint64_t answered, late;
};

/* ---- those who wait (relay.c) ---- */

void ax_relay_begin_wait(struct ax_relay *r, struct ax_relay_wait *w, struct ax_relay_place *place);
/* Takes out of the list whom `over` points at; they are returned as a list. */
struct ax_relay_wait *ax_relay_part(struct ax_relay *r,
                                    bool (*over)(const struct ax_relay_wait *w, const void *arg),
                                    const void *arg);
bool ax_relay_is_at(const struct ax_relay_wait *w, const void *place); /* for it: a collector's */
/* Without the lock. A wait may be gone, or begun again, once its wake was called. */
void ax_relay_wake(struct ax_relay_wait *list);

/* ---- what is kept (relay.c) ---- */

char *ax_relay_copy(struct ax_str s);
bool ax_relay_is(const char *ours, struct ax_str theirs);
struct ax_relay_place *ax_relay_find_place(struct ax_relay *r, struct ax_str tenant,
                                           struct ax_str host); /* NULL: nobody came from there */
void ax_relay_free_request(struct ax_relay_asked *q);

#endif
