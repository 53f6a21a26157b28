// SPDX-License-Identifier: Apache-2.0
/* Extracts: a guest's physical memory, or a range of it, in a file; what its programs hold, too.
 *
 *   file     ELF64 core: header, a note VMCOREINFO when a kernel was found, a segment (PT_LOAD) for
 *            each piece of RAM, as QEMU's dump-guest-memory writes it (the kernel's image is one of
 *            its own, with its virtual address); pages of zeros are holes
 *   piece    some of the file on its way to it, as runs: {pages of zeros, pages of data} and the
 *            data; two u32, little-endian
 *
 * A worker whose scope is forensic reads pieces (worker.h); what makes the file's head and checks
 * pieces runs outside of it, and believes nothing that a worker says. */
#ifndef AX_VMI_EXTRACT_H
#define AX_VMI_EXTRACT_H

#include "base/buf.h"
#include "vmi/ram.h"

#define AX_EXTRACT_DATA (4u << 20)            /* of a piece, at most; runs of zeros come on top */
#define AX_EXTRACT_SPAN (UINT64_C(1) << 30)   /* that one piece is of, at most */
#define AX_EXTRACT_BODY (AX_EXTRACT_DATA * 2) /* bytes of a piece, a bound */

/* Where a guest's memory is, and what its kernel says of itself. */
struct ax_memory_map {
    struct ax_ram_block blocks[AX_RAM_BLOCKS]; /* by address; `at` says nothing */
    size_t n;
    char vmcoreinfo[AX_PAGE];
    size_t vmcoreinfo_n; /* 0: no kernel was found */
    uint64_t left_out;   /* bytes that seem to be RAM too, and nothing tells where they lie */
};

/* ---- the file (extract.c) ---- */

struct ax_extract {
    struct ax_ram_block blocks[AX_RAM_BLOCKS]; /* `at`: in the file */
    size_t n;
    uint64_t size;      /* of the file */
    uint64_t left_out;  /* of the map; 0 when all of the range is in the file */
    struct ax_buf head; /* what comes before the memory; whole pages */
};
/* Of `bytes` from `from` on (0: all that follows), widened to whole pages. -EINVAL when none of
 * that is RAM, or the map is none: it may be anybody's. */
int ax_extract_plan(struct ax_extract *x, const struct ax_memory_map *m, uint64_t from,
                    uint64_t bytes, struct ax_err *err);
void ax_extract_free(struct ax_extract *x);

/* What lies in the file at an offset behind its head: the guest-physical address, and how much of
 * it one piece may be of. False at the end of the file. */
bool ax_extract_at(const struct ax_extract *x, uint64_t offset, uint64_t *gpa, uint64_t *bytes);

/* The head as a piece. */
void ax_extract_head(const struct ax_extract *x, struct ax_buf *piece);

/* ---- pieces (piece.c) ---- */

struct ax_run {
    uint64_t zeros;     /* bytes */
    struct ax_str data; /* that follow them; whole pages */
};
/* The next run of a piece: 1, 0 there is none, -EINVAL it is no piece. */
int ax_piece_next(struct ax_str *rest, struct ax_run *out, struct ax_err *err);
/* Checks all of it: how much it is of, and how much of that is data. -EINVAL: it is no piece, or of
 * nothing, or of more than `most`. */
int ax_piece_check(struct ax_str piece, uint64_t most, uint64_t *covers, uint64_t *data,
                   struct ax_err *err);

/* Appends a piece of guest-physical memory from gpa on: of as much as has AX_EXTRACT_DATA of data,
 * `bytes` at most. Pages that the guest has never touched are not touched. -EINVAL: not whole pages
 * of one block; -ESRCH: the memory is gone. A page that cannot be read reads as zeros. */
int ax_piece_read(struct ax_ram *r, uint64_t gpa, uint64_t bytes, struct ax_buf *out,
                  struct ax_err *err);

#endif
