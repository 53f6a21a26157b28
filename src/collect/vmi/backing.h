// SPDX-License-Identifier: Apache-2.0
/* RAM in several pieces, as QEMU's command line has it: which backends of memory there are, and at
 * which place of the guest's memory each of them lies. */
#ifndef AX_COLLECT_VMI_BACKING_H
#define AX_COLLECT_VMI_BACKING_H

#include "collect/collect.h"
#include "collect/vmi/qemu.h"

enum ax_backend {
    AX_BACKEND_ANY, /* of RAM that has no object of its own */
    AX_BACKEND_RAM,
    AX_BACKEND_MEMFD,
    AX_BACKEND_FILE
};

struct ax_qemu_piece {
    enum ax_backend backend;
    struct ax_str path; /* of FILE */
    struct ax_ram_slot slot;
};

struct ax_qemu_pieces {
    struct ax_qemu_piece v[AX_RAM_BLOCKS];
    size_t n;      /* NUMA nodes with memory of their own (else the one RAM), then DIMMs; 0: it is
                    * the one RAM, and can be no more */
    bool several;  /* it is more than the one RAM */
    bool hotplug;  /* DIMMs can be plugged in */
    uint64_t from; /* of the DIMMs' part of the guest's memory */
};

/* -ENOTSUP: it says something of which we do not know where it puts memory. Views into the command
 * line and the arena. */
int ax_qemu_pieces(struct ax_str cmdline, const struct ax_qemu_args *args, struct ax_arena *a,
                   struct ax_qemu_pieces *out, struct ax_err *err);

/* Which of the mappings may be which piece, and which may have been plugged in since. mapped[] has
 * the mapping of each that was found. -ENOENT: a piece has none. */
int ax_qemu_match(const struct ax_qemu_pieces *q, struct ax_str maps, struct ax_arena *a,
                  struct ax_ram_pieces *out, struct ax_mapping mapped[AX_RAM_BLOCKS],
                  struct ax_err *err);

/* Whether the machine is one whose layout we know, and *pc: which. */
bool ax_qemu_machine(struct ax_str machine, bool *pc);

#endif
