// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: one connection to a remote write URL, and what came of each request. */
#ifndef AX_CLI_BENCH_POST_H
#define AX_CLI_BENCH_POST_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ax_cli;
struct ax_bench_poster {
    void *curl, *headers;
    double per_second; /* samples of this connection; 0 = as fast as they are taken */
    bool until_gone;   /* any broken connection means that the server is gone */
    atomic_bool *gone; /* of all connections: nothing more is to be sent */
    int64_t due_ns;    /* with a rate: when the next request may go */
    /* samples, by what became of their request (see ax_bench_sent) */
    uint64_t acknowledged, refused, unanswered;
    uint64_t retries, bytes;
    int64_t *latency_ns; /* of each answered request */
    size_t requests, cap;
    char reason[AX_ERR_TEXT]; /* of the first that failed */
};

/* cli: whose the samples are, and who sends them; NULL = it is not said. */
void ax_bench_poster_open(struct ax_bench_poster *p, const char *url, const struct ax_cli *cli);
void ax_bench_poster_close(struct ax_bench_poster *p);
/* Waits until the rate allows it, posts, and tries again what was answered with 429 or 5xx, after
 * as long as the server asked for. */
void ax_bench_post(struct ax_bench_poster *p, const char *body, size_t n, unsigned samples);

#endif
