// SPDX-License-Identifier: Apache-2.0
/* The files behind the part "integrity". Inner header. */
#ifndef AX_VMI_INTEGRITY_H
#define AX_VMI_INTEGRITY_H

#include "vmi/modules.h"

#define AX_MAX_FINDINGS 128u

struct ax_findings {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_tampering list[AX_MAX_FINDINGS];
    size_t n; /* past the last nothing is added: who has changed 128 things is found out */
};

void ax_finding(struct ax_findings *f, const char *kind, const char *what, const char *text);

/* Modules and processes that exist, yet are not in the lists of them. */
int ax_hidden_modules(struct ax_findings *f, struct ax_err *err);
int ax_hidden_processes(struct ax_findings *f, struct ax_err *err);

#endif
