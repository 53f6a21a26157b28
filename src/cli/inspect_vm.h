// SPDX-License-Identifier: Apache-2.0
/* auspex inspect VM WORD: a look into a VM through the server, under its law. */
#ifndef AX_CLI_INSPECT_VM_H
#define AX_CLI_INSPECT_VM_H

#include "cli/inner.h"

/* c->args: the VM, what to look at, and maybe seconds between two looks. Exit status as of the
 * command. */
int ax_inspect_vm(const struct ax_cli *c, const char *reason, bool watch);

#endif
