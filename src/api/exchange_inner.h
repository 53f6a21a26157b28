// SPDX-License-Identifier: Apache-2.0
/* One request, as exchange.c and away.c share it. */
#ifndef AX_API_EXCHANGE_INNER_H
#define AX_API_EXCHANGE_INNER_H

#include "api/exchange.h"
#include "api/greet.h"
#include "api/send.h"

/* One of these per request, from its first line to the end of the answer. While it is away it
 * belongs to a worker, the settler or the teller. */
struct ax_exchange {
    struct ax_request q;
    struct ax_reply r;
    struct ax_exchanges *all;
    struct MHD_Connection *connection;
    const struct ax_route *route;
    const char *uri; /* in the arena */
    enum { ARRIVED, ASKING, WELCOME, TURNED_AWAY } stage;
    struct ax_greeting greeting;
    bool too_large, busy, answered;
    struct ax_job away;
    struct ax_sending sending;
};

/* ---- its ways to an answer (away.c) ---- */

/* The body is there. True when it has gone away for its answer. */
bool ax_exchange_begin_answer(struct ax_exchange *x);
/* Suspends the connection, and has `run` called there: false when nobody is there any more. */
bool ax_exchange_send_away(struct ax_exchange *x, struct ax_jobs *to, void (*run)(void *arg));

#endif
