// SPDX-License-Identifier: Apache-2.0
/* Requests as libmicrohttpd brings them, and their ways to an answer. Inside the API only.
 *
 *   I/O thread: read ─ route ─┬─ at once ───────────────────────────────┬─ send
 *                             ├─ a worker: the handler ─────────────────┤
 *                             └─ the settler: durable? ─┬───────────────┤
 *                                                       └─ the teller ──┘
 *
 * What takes no time is answered on the I/O thread. What may take some goes to a worker. Samples
 * are decoded and handed on at once, and their answer waits for the disk with a settler, so that
 * one sync serves all who wait; when they changed the state of an alarm, the teller then waits
 * until that is written, too. (What else has to be kept beside them, a worker writes in between.)
 * Meanwhile the connection is suspended, and others go on. */
#ifndef AX_API_EXCHANGE_H
#define AX_API_EXCHANGE_H

#include "base/jobs.h"

#include <stddef.h>

struct ax_api;
struct MHD_Daemon;

struct ax_exchanges {
    struct ax_api *api;
    struct ax_jobs *workers, *settler, *teller;
};
void ax_exchanges_start(struct ax_exchanges *x, struct ax_api *api);
/* Answers all that are under way. New ones are answered on the I/O threads from then on. */
void ax_exchanges_end(struct ax_exchanges *x);
void ax_exchanges_free(struct ax_exchanges *x); /* when there is no daemon any more */

/* A daemon on a listening socket; NULL when it could not be started. */
struct MHD_Daemon *ax_exchanges_serve(struct ax_exchanges *x, int fd, unsigned threads,
                                      bool is_unix);
/* The same for TCP with TLS. */
struct MHD_Daemon *ax_exchanges_serve_tls(struct ax_exchanges *x, int fd, unsigned threads);

#endif
