// SPDX-License-Identifier: Apache-2.0
/* How far a look into a VM's memory goes. Each scope includes those below it:
 *
 *   none < statistics < processes < diagnosis < forensic
 *          numbers      names and   kernel log,   extracts of memory,
 *          only         states      stacks        user space too */
#ifndef AX_MODEL_SCOPE_H
#define AX_MODEL_SCOPE_H

#include "base/str.h"

enum ax_scope {
    AX_SCOPE_NONE,
    AX_SCOPE_STATISTICS,
    AX_SCOPE_PROCESSES,
    AX_SCOPE_DIAGNOSIS,
    AX_SCOPE_FORENSIC,
    AX_SCOPES
};
#define AX_SCOPE_NAMES "statistics, processes, diagnosis or forensic"

const char *ax_scope_name(enum ax_scope s);
/* One of AX_SCOPE_NAMES: "none" is nothing that anybody asks for. */
bool ax_scope_parse(struct ax_str name, enum ax_scope *out);

#endif
