// SPDX-License-Identifier: Apache-2.0
/* What a QEMU process tells of itself in /proc: its command line, its mappings, its threads. */
#ifndef AX_COLLECT_VMI_QEMU_H
#define AX_COLLECT_VMI_QEMU_H

#include "base/arena.h"
#include "base/err.h"

#include <sys/types.h>

struct ax_qemu_args {
    struct ax_str uuid;    /* empty: none given */
    struct ax_str machine; /* "pc-q35-7.2,accel=kvm,..."; empty: QEMU's default */
    uint64_t ram;          /* bytes, of -m; 0: it is no QEMU */
    bool incoming;         /* it was started to take over a running VM */
};
/* Arguments as in /proc/PID/cmdline, each with a NUL behind it. Views into it. */
void ax_qemu_args(struct ax_str cmdline, struct ax_qemu_args *out);

/* "256", "4G", "262144k": without a unit of so many bytes. 0: no size. */
uint64_t ax_qemu_size(struct ax_str s, uint64_t unit);

struct ax_mapping {
    uint64_t from, to, offset, inode;
    bool shared;
    struct ax_str path; /* empty: anonymous */
};
/* Those that can be read and written, of the text of /proc/PID/maps. With `join` neighbours that go
 * on where the one before ends are one. Views into the text. */
size_t ax_qemu_mappings(struct ax_str maps, bool join, struct ax_arena *a, struct ax_mapping **out);

/* Whether the VM may be looked at: -EBUSY while its memory is still on its way here. A look at a
 * page that has not come yet would be taken for the page. */
int ax_qemu_settled(const char *proc, pid_t pid, bool incoming, struct ax_err *err);

#endif
