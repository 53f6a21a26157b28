// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: the measuring itself, apart from flags and printing. */
#ifndef AX_CLI_BENCH_H
#define AX_CLI_BENCH_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct ax_bench {
    unsigned series, rounds, batch, connections;
    const char *dir;
};

struct ax_bench_result {
    uint64_t samples, failed; /* acknowledged; requests not answered with 204 */
    double wall_s, cpu_s;     /* cpu: of the server, from its own /metrics */
    double resident;          /* bytes, of the server */
    int64_t *latency_ns;      /* of each request; the caller frees */
    size_t requests;
};

int ax_bench_ingest(const struct ax_bench *b, struct ax_bench_result *out, struct ax_err *err);

#endif
