// SPDX-License-Identifier: Apache-2.0
/* HTTP: every face of the product on one port (docs/api.md). libmicrohttpd with a small pool of
 * threads; each request has an arena of its own; bodies are bounded; a client that goes away costs
 * nothing. Threads: start and stop from one. */
#ifndef AX_API_API_H
#define AX_API_API_H

#include "alarm/alarm.h"
#include "predict/predict.h"

struct ax_api;
struct ax_api_options {
    const char
        *listen; /* HOST:PORT; hosts other than loopback are refused: no authentication yet */
    const char *unix_socket; /* path, or NULL */
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_registry *registry;
    struct ax_alarms *alarms;
    struct ax_predictor *predictor;
    int64_t collect_interval_ms; /* what is expected of collectors: hosts silent for 3 are down */
};
int ax_api_start(struct ax_api **out, const struct ax_api_options *o, struct ax_err *err);
void ax_api_stop(struct ax_api *api);      /* finishes requests under way; NULL is fine */
int ax_api_port(const struct ax_api *api); /* the port bound, for listen HOST:0 */

#endif
