// SPDX-License-Identifier: Apache-2.0
/* Starts the product's processes, restarts those that die (with back-off), and ends them together.
 */
#ifndef AX_SUPERVISE_SUPERVISE_H
#define AX_SUPERVISE_SUPERVISE_H

#include "base/err.h"

#include <stdbool.h>

struct ax_child {
    const char *name;
    char *const *argv; /* NULL-terminated; argv[0] is a path */
    bool rereads;      /* a SIGHUP to the supervisor goes on to it */
};

/* Runs the children until SIGTERM or SIGINT, then ends them in reverse order (SIGTERM, after 10 s
 * SIGKILL) and returns 0. A child that exits with status 2 (bad usage or set-up, which a restart
 * cannot mend) ends all: its status is returned. Children die with the supervisor. SIGHUP is handed
 * on to those who want it. */
int ax_supervise(const struct ax_child *children, int n, struct ax_err *err);

#endif
