// SPDX-License-Identifier: Apache-2.0
/* The QEMU process behind a domain: found by "-uuid UUID" on its command line, since libvirt has no
 * call that tells the PID over a read-only connection. */
#ifndef AX_COLLECT_LIBVIRT_PROCESS_H
#define AX_COLLECT_LIBVIRT_PROCESS_H

#include "collect/libvirt/virt.h"

/* Fills pid, process_resident and process_start of the records of running domains. */
void ax_process_find(const char *proc, struct ax_virt_record *r, size_t n);

#endif
