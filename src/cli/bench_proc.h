// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: what a process costs, as the kernel counts it. Any process of this
 * machine, so that servers of all kinds are measured alike. */
#ifndef AX_CLI_BENCH_PROC_H
#define AX_CLI_BENCH_PROC_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct ax_proc {
    double cpu_s;                     /* user and system, of all its threads */
    double resident, peak, anonymous; /* bytes */
};

/* Error: -ESRCH, there is no such process. */
int ax_proc_read(pid_t pid, struct ax_proc *out, struct ax_err *err);

double ax_proc_cpu(pid_t pid); /* seconds; NaN of 0 or when it is not there */

double ax_load_average(void); /* of the last minute; NaN when unknown */

#endif
