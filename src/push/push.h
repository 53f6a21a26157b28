// SPDX-License-Identifier: Apache-2.0
/* The way out of a collector: remote write (protobuf, snappy) for samples and small JSON documents
 * for observations, over HTTP on a unix socket, on loopback or HTTPS. When the server is away both
 * wait in a bounded spool on disk; when the spool is full the oldest go first, counted and reported
 * (auspex_push_dropped_total). Order is kept.
 *
 * Threads: add from any thread, one sender thread inside. Errors of sending are retried for ever;
 * only a 4xx answer makes an entry go (counted as rejected, logged with the server's words). What
 * is refused for the token's sake (401) waits for a better one. */
#ifndef AX_PUSH_PUSH_H
#define AX_PUSH_PUSH_H

#include "model/resource.h"
#include "model/sample.h"

struct ax_push;
struct ax_push_options {
    const char *url;         /* http://127.0.0.1:8070 */
    const char *unix_socket; /* path, or NULL */
    const char *tenant;      /* sent as X-Scope-OrgID; NULL = none */
    const char *token;       /* sent as Authorization: Bearer; NULL = none */
    const char *ca_file;     /* PEM, for https; NULL = the system's */
    const char *cert, *key;  /* PEM, to show the server; NULL = none */
    const char *spool_dir;   /* made when missing */
    uint64_t spool_max;      /* bytes; 0 = 64 MiB */
};
struct ax_push_stats {
    uint64_t sent, rejected, dropped, retries, spool_bytes, spool_entries;
};

int ax_push_new(struct ax_push **out, const struct ax_push_options *o, struct ax_err *err);
void ax_push_free(struct ax_push *p); /* tries for up to 2 s to send what is queued */
void ax_push_batch(struct ax_push *p, const struct ax_batch *b);
void ax_push_observation(struct ax_push *p, const struct ax_observation *o);
void ax_push_stats(struct ax_push *p, struct ax_push_stats *out);

/* ---- the other way: questions to the server (errand.c) ---- */

/* One thread, but for stop. The options are those of the push; there is no spool here. */
struct ax_errand;
int ax_errand_new(struct ax_errand **out, const struct ax_push_options *o, struct ax_err *err);
void ax_errand_free(struct ax_errand *e); /* NULL is fine */
/* Any thread: ends the question under way within a second, and those that follow at once. */
void ax_errand_stop(struct ax_errand *e);
/* HTTP's status with the answer appended (up to its max), or a negative errno: -ETIMEDOUT,
 * -ECANCELED stopped, -ECONNREFUSED nobody there. An empty body: GET. */
int ax_errand_ask(struct ax_errand *e, const char *path, struct ax_str body, int64_t timeout_ms,
                  struct ax_buf *answer, struct ax_err *err);

/* The remote write v1 body of a batch, snappy block format. */
int ax_remote_write_encode(const struct ax_batch *b, struct ax_buf *out, struct ax_err *err);

#endif
