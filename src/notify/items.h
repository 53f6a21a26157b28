// SPDX-License-Identifier: Apache-2.0
/* The outbox in memory: a small item per row, in chains and heaps. The sender's thread alone.
 *
 *     chain of (alarm, method):   17 -> 29 -> 31        only the oldest may be sent
 *                                 |
 *     heap of the method:         by the time at which each chain's oldest is due
 */
#ifndef AX_NOTIFY_ITEMS_H
#define AX_NOTIFY_ITEMS_H

#include "notify/inner.h"

enum ax_item_state {
    AX_ITEM_BEHIND,   /* an older one of its chain is there */
    AX_ITEM_READY,    /* in its target's heap */
    AX_ITEM_BUSY,     /* being sent */
    AX_ITEM_SETTLING, /* its outcome is about to be written */
};

struct ax_item {
    int64_t id, created, due;
    uint64_t chain; /* hash of alarm and method; who shares one by chance waits in vain, no more */
    struct ax_outlet *target;
    struct ax_item *next; /* in the bucket */
    size_t place;         /* in the heap */
    int tries, repeat;
    enum ax_item_state state;
    bool alone; /* not with others in one transfer: one of them was refused */
    bool ok;    /* tells of state OK */
    bool plain; /* tells of no alarm */
};

/* A method, with what its past says about its future. */
struct ax_outlet {
    char id[AX_NOTIFY_ID];
    enum ax_notify_type type;
    char *address;
    int64_t period_ms;
    bool gone;
    struct ax_item **heap;
    size_t n, cap;
    int busy;           /* transfers under way */
    int fails, full;    /* in a row: failures; answers that there is no room */
    bool proven;        /* it has answered since the start */
    int64_t cool_until; /* nothing is sent before */
    double tokens;      /* that the rate has left */
    int64_t tokens_at;
};

struct ax_items {
    struct ax_item **buckets;
    size_t nbuckets, n;
};

/* Takes a row in. Standing ones of its chain end: their rows are gone. */
void ax_items_add(struct ax_items *s, const struct ax_row *r, struct ax_outlet *t);
/* Forgets an item, frees it, and lets the next of its chain go. */
void ax_items_remove(struct ax_items *s, struct ax_item *i);
/* Whether another of its chain waits. */
bool ax_items_behind(const struct ax_items *s, const struct ax_item *i);
/* Forgets what is neither busy nor settling of a target that is gone. */
void ax_items_drop(struct ax_items *s, struct ax_outlet *t);
void ax_items_free(struct ax_items *s);

void ax_outlet_push(struct ax_outlet *t, struct ax_item *i); /* makes it ready */
struct ax_item *ax_outlet_pop(struct ax_outlet *t);
/* When the first of the heap may be sent, given rate and pauses; INT64_MAX: not before something
 * else has happened. */
int64_t ax_outlet_next(struct ax_outlet *t, const struct ax_notify_options *o, int64_t now);
void ax_outlet_began(struct ax_outlet *t); /* a transfer: takes a token */
void ax_outlet_answered(struct ax_outlet *t);
/* `pause` is what its next failure costs, `wait` what it asked for. */
void ax_outlet_failed(struct ax_outlet *t, int64_t pause, int64_t wait, int64_t now);
void ax_outlet_free(struct ax_outlet *t);

#endif
