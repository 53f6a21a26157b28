// SPDX-License-Identifier: Apache-2.0
/* Locks this process in: from then on it can compute, talk over one descriptor, and read the
 * memory it was given. Anything else ends it with SIGSYS. There is no way back. */
#ifndef AX_VMI_SANDBOX_H
#define AX_VMI_SANDBOX_H

#include "base/err.h"

#include <sys/types.h>

/* talk: the one descriptor that may be read and written. pid: the process whose memory may be
 * read, and for which CAP_SYS_PTRACE is kept; 0 = none. */
int ax_sandbox_enter(int talk, pid_t pid, struct ax_err *err);

#endif
