// SPDX-License-Identifier: Apache-2.0
/* HTTP: every face of the product on one port (docs/api.md). libmicrohttpd with a small pool of
 * threads; each request has an arena of its own; bodies are bounded; a client that goes away costs
 * nothing. Threads: start and stop from one. */
#ifndef AX_API_API_H
#define AX_API_API_H

#include "alarm/alarm.h"
#include "api/assets.h"
#include "dispatch/dispatch.h"
#include "faults/faults.h"
#include "logs/logs.h"
#include "notify/notify.h"
#include "predict/predict.h"
#include "relay/relay.h"
#include "statsd/statsd.h"
#include "warrant/warrant.h"

/* Listening sockets: opened first of all, so that a port in use is told before anything is touched.
 * "HOST:PORT"; unless `anywhere`, hosts off loopback are refused, since whoever comes is served. */
int ax_listen_tcp(const char *where, bool anywhere, struct ax_err *err);
int ax_listen_unix(const char *path, struct ax_err *err); /* mode 0600 */
int ax_listen_port(int fd);                               /* the port bound, for HOST:0 */

bool ax_listen_is_loopback(int fd); /* only this machine reaches it */

/* TLS 1.2 and 1.3 for the TCP socket. Opened while the files can be read; one in a process. PEM;
 * errors name the file: missing, no pair, expired. */
struct ax_tls;
struct ax_tls_files {
    const char *cert; /* of the server first, then those between it and its CA */
    const char *key;
    const char *client_ca; /* clients may show certificates that these have signed; NULL = none */
};
int ax_tls_open(struct ax_tls **out, const struct ax_tls_files *f, int64_t now, struct ax_err *err);
/* Reads all of the files again; new connections get what is in them. After an error all is as it
 * was. One thread at a time. */
int ax_tls_reload(struct ax_tls *tls, int64_t now, struct ax_err *err);
void ax_tls_close(struct ax_tls *tls); /* after the API has stopped; NULL is fine */

struct ax_api;
struct ax_auth;
struct ax_api_options {
    int tcp_fd, unix_fd; /* listening sockets; the API closes them; unix_fd -1 = none */
    struct ax_tls *tls;  /* for tcp_fd; NULL: in the clear */
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_sql *sql;
    struct ax_registry *registry; /* in sql */
    struct ax_auth *auth;         /* NULL: everybody who reaches the socket may everything */
    struct ax_alarms *alarms;
    struct ax_stream *stream; /* alarms of definitions */
    struct ax_notify *notify;
    struct ax_dispatch *dispatch;
    struct ax_faults *faults;
    struct ax_warrants *warrants;
    struct ax_relay *relay; /* to collectors; ended when the API stops */
    struct ax_predictor *predictor;
    struct ax_statsd *statsd; /* NULL: none is listened for; for /metrics */
    struct ax_logs *logs;     /* NULL: none are taken */
    /* Reads files anew: 0, or what is wrong in *said, a line each. And how that went last, and when
     * it last went well. NULL: there is nothing to read. */
    int (*reload)(void *ctx, struct ax_buf *said);
    void (*reloaded)(void *ctx, bool *well, int64_t *at);
    void *reload_ctx;
    uint32_t max_tenant_series;  /* 0: no limit; told in answers only */
    uint32_t max_tenant_rate;    /* samples a second of each tenant; 0: no limit */
    uint32_t max_tenant_queries; /* reading requests of a tenant at once; 0: no limit */
    uint64_t max_query_samples;  /* that one query may take; 0 = 50 million */
    int64_t retention_ms;        /* told in /auspex/v1/status */
    int64_t collect_interval_ms; /* the same */
    uint64_t
        max_body_bytes; /* of all requests' bodies together, packed and unpacked; 0 = 256 MiB */
};
/* Takes notification methods whose deletion broke off out of the alarm definitions: once, before
 * the API is started. */
int ax_api_finish_deletions(struct ax_stream *stream, struct ax_notify *notify, struct ax_err *err);
int ax_api_start(struct ax_api **out, const struct ax_api_options *o, struct ax_err *err);
/* Ten times a second: what nobody asks for any more ends. Monotonic. */
void ax_api_tick(struct ax_api *api, int64_t now_ns);
void ax_api_stop(struct ax_api *api);      /* finishes requests under way; NULL is fine */
int ax_api_port(const struct ax_api *api); /* the port bound, for HOST:0 */

#endif
