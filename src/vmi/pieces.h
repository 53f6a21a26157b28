// SPDX-License-Identifier: Apache-2.0
/* RAM in several pieces: NUMA nodes with memory of their own, DIMMs. From outside it is known at
 * which places of the guest's memory pieces lie (slots), and what memory QEMU has mapped that may
 * be one (found); not always which is which, as pieces of one size look alike.
 *
 * They are told apart by what they say themselves. A Linux kernel sees all of its RAM at one more
 * place, the direct map: what lies at guest-physical G has the address `base + G` there. And a list
 * that is empty points to itself. So each page with an empty list in it says where it lies. Pieces
 * that are put in the right places agree on the base; any other order moves at least one of them
 * away from the others. A guest that lies about it makes its own figures wrong. */
#ifndef AX_VMI_PIECES_H
#define AX_VMI_PIECES_H

#include "vmi/ram.h"

struct ax_ram_slot {
    uint64_t gpa, size;
    uint64_t low, high; /* the first `low` bytes are at gpa; the rest, if any, from `high` on */
    bool plugged;       /* a DIMM: it may have been taken out, and another put in elsewhere */
};

struct ax_ram_found {
    uint64_t at, size; /* in the file, or in the process */
    int32_t file;      /* index of its descriptor; -1: the process */
    uint64_t may_be;   /* a bit for each slot that it could be; 0: no slot is known for it */
};

struct ax_ram_pieces {
    struct ax_ram_slot slots[AX_RAM_BLOCKS];
    struct ax_ram_found found[AX_RAM_BLOCKS];
    int32_t fds[AX_RAM_BLOCKS];
    uint32_t n_slots, n_found, n_fds;
    bool hotplug; /* memory may have been plugged in that no slot is known of */
};

/* Where a piece that was found can be read: at `from` of a RAM of its own. */
struct ax_ram_part {
    struct ax_ram *ram;
    uint64_t from;
};

/* Finds a place for each piece. A piece that nothing tells the place of is left out: what lies
 * there cannot be read then. Returns in how many ways it is possible; more than one when only a few
 * pieces say where they lie, relative to each other: the kernel is found in the right one only.
 * -ENOENT: pieces look alike, and say nothing (yet); -ENOTUNIQ: what they say does not agree. */
#define AX_PIECES_WAYS 8
struct ax_pieces_placed {
    struct ax_ram_piece out[AX_RAM_BLOCKS];
    size_t n;
    uint64_t left_out; /* bytes */
};
int ax_pieces_place(const struct ax_ram_pieces *p, const struct ax_ram_part *parts,
                    struct ax_pieces_placed out[AX_PIECES_WAYS], struct ax_err *err);

#endif
