// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: sends the samples of the model to a remote write URL, whoever answers
 * there, and measures what that costs the server. */
#ifndef AX_CLI_BENCH_SEND_H
#define AX_CLI_BENCH_SEND_H

#include "cli/bench_proc.h"

#include <stdbool.h>
#include <stddef.h>

struct ax_cli;
struct ax_bench_load {
    const char *url;          /* of remote write */
    const struct ax_cli *cli; /* as ax_bench_poster_open wants it */
    pid_t pid;                /* the server's; 0 = its cost is not known */
    unsigned series;          /* rounded up to whole nodes (bench_model.h) */
    unsigned warm_up;         /* rounds that are sent before the measured ones */
    unsigned rounds;
    unsigned batch;       /* series in a request */
    unsigned per_request; /* samples of each series in a request */
    unsigned connections;
    int64_t first_ms, interval_ms;
    double per_second; /* samples; 0 = as fast as they are taken */
    bool prebuild;     /* requests are made before the clock starts */
    bool until_gone;   /* the server is going to be killed: the first broken connection ends it */
};

struct ax_bench_part {
    uint64_t acknowledged; /* samples */
    double wall_s, cpu_s;  /* cpu: of the server; NaN when its pid is not known */
};

struct ax_bench_sent {
    struct ax_bench_part warm_up, measured;
    uint64_t refused;    /* samples in requests that were answered, but not with success */
    uint64_t unanswered; /* samples in requests without an answer: stored or not, nobody knows */
    uint64_t retries, bytes;
    int64_t *latency_ns; /* of the measured requests, ascending; the caller frees */
    size_t requests;
    char reason[AX_ERR_TEXT]; /* of the first refusal */
    int64_t end_ms;           /* after the last sample's time */
};

/* Errors: the server's process is not there, or the URL cannot be reached at all. */
int ax_bench_send(const struct ax_bench_load *load, struct ax_bench_sent *out, struct ax_err *err);

void ax_bench_sort(int64_t *v, size_t n); /* ascending */
/* The value below which the part q of n ascending ones lie; 0 of none. */
int64_t ax_bench_quantile(const int64_t *v, size_t n, double q);

#endif
