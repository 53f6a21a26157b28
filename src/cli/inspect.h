// SPDX-License-Identifier: Apache-2.0
/* Looking into a guest without a server: what must be on record before. */
#ifndef AX_CLI_INSPECT_H
#define AX_CLI_INSPECT_H

#include "base/err.h"
#include "model/scope.h"

struct ax_inspect_record {
    const char *data, *user; /* the directory of the ledger, and whose it becomes when made */
    const char *handle;      /* vm:UUID, or where the memory lies */
    enum ax_scope scope;
    const char *reason, *detail;
    int pid;           /* of the QEMU that is looked into; 0: it is a file */
    bool ends;         /* it is the entry of an extract that has ended */
    int64_t *sequence; /* gets the entry's number; NULL: nobody asks */
};

/* Writes a use into the ledger under a data directory. It is there for good when this returns 0;
 * only then may anything be read. The rights of the owner of the directory are enough for it, and
 * are all that is used: it happens in a process of its own. */
int ax_inspect_record(const struct ax_inspect_record *r, struct ax_err *err);

struct ax_ram_place;
/* How long finding the kernel there may take. */
int ax_inspect_start_ms(const struct ax_ram_place *p);

#endif
