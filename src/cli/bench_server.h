// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: a server of the benchmark's own, with a data directory of its own, so
 * that nothing of the user's is touched. */
#ifndef AX_CLI_BENCH_SERVER_H
#define AX_CLI_BENCH_SERVER_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct ax_bench_server {
    pid_t pid; /* 0 = does not run */
    char url[64], data[512];
    int64_t ready_ns; /* from its start until it was ready, the last time */
};

/* Makes the data directory within `dir` and starts; ready on return. Close it after a failure, too.
 * Errors: -errno of the directory or the start, -EIO it ended or was not ready within a minute. */
int ax_bench_server_open(struct ax_bench_server *s, const char *dir, struct ax_err *err);
void ax_bench_server_kill(struct ax_bench_server *s); /* with SIGKILL, and waits until it is gone */
int ax_bench_server_start(struct ax_bench_server *s, struct ax_err *err); /* again, same data */
void ax_bench_server_close(struct ax_bench_server *s); /* ends it and removes its data */

#endif
