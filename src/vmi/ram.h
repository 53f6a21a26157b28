// SPDX-License-Identifier: Apache-2.0
/* A guest's RAM, read while the guest runs: never written, never paused.
 *
 *   block 0   guest-physical 0 ..... hole below 4 GiB      one or more ranges of
 *   block 1   4 GiB ................ rest of the RAM       guest-physical addresses,
 *   block 2   a hot-plugged DIMM                           each at one place of the source
 *
 * Sources: the file or memfd behind shared guest memory (mapped read-only, no system call per
 * read), the memory of a QEMU process (process_vm_readv; the ranges that the last poll read are
 * fetched by one call when the next begins), a dump (raw or ELF), or several of these at once.
 *
 * What comes out of here was written by somebody else, at this moment: copy a value once, check
 * it, use the copy. Not thread-safe: one ram, one thread. */
#ifndef AX_VMI_RAM_H
#define AX_VMI_RAM_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

#define AX_RAM_BLOCKS 64
#define AX_PAGE       4096u

struct ax_ram_block {
    uint64_t gpa;  /* guest-physical address of its first byte, page-aligned */
    uint64_t size; /* bytes, page-aligned, not 0 */
    uint64_t at;   /* where it begins: offset in the file, or address in the process */
};

struct ax_ram_counts {
    uint64_t calls;  /* system calls that read */
    uint64_t bytes;  /* copied by them */
    uint64_t holes;  /* reads refused because the guest has never touched the page */
    uint64_t beyond; /* reads refused because there is no block */
};

struct ax_ram;

/* Shared memory or a raw dump. Takes a duplicate of fd (O_RDONLY). The blocks must lie within the
 * file and must not overlap: -EINVAL. Pages that were never written are holes: they are not
 * mapped in by reading, so that a look costs the host no memory. */
int ax_ram_open_file(struct ax_ram **out, int fd, const struct ax_ram_block *blocks, size_t n,
                     struct ax_err *err);

/* The memory of a running process. -EPERM when the kernel does not let us; -ESRCH when it is gone.
 */
int ax_ram_open_process(struct ax_ram **out, pid_t pid, const struct ax_ram_block *blocks, size_t n,
                        struct ax_err *err);

/* An ELF core as QEMU's dump-guest-memory writes it (`virsh dump --memory-only`): PT_LOAD segments
 * with their physical addresses become the blocks. -EINVAL when it is none. */
int ax_ram_open_elf(struct ax_ram **out, int fd, struct ax_err *err);

/* RAM that is put together of pieces of others, which must live longer. */
struct ax_ram_piece {
    struct ax_ram *ram;
    uint64_t from; /* address in that one; within one of its blocks */
    uint64_t gpa, size;
};
int ax_ram_open_pieces(struct ax_ram **out, const struct ax_ram_piece *pieces, size_t n,
                       struct ax_err *err);

void ax_ram_close(struct ax_ram *r); /* takes NULL */

/* `len` bytes at a guest-physical address, or NULL: outside of every block, in a hole, or not
 * readable (any more). len <= AX_RAM_SPAN. Across the end of a block, where the next one goes on,
 * it is a copy. The bytes are valid until the next ax_ram_begin; with shared memory they may change
 * at any moment. */
#define AX_RAM_SPAN (16u << 20)
const uint8_t *ax_ram_at(struct ax_ram *r, uint64_t gpa, size_t len);
bool ax_ram_read(struct ax_ram *r, uint64_t gpa, void *out, size_t len);

/* A poll begins: copies of the last one are forgotten; what it read is fetched again in one go. */
void ax_ram_begin(struct ax_ram *r);

/* The next range of pages that hold data, at or above *gpa: for searching. False when there is
 * none. Untouched pages are left out where the source can tell them apart. */
bool ax_ram_data(struct ax_ram *r, uint64_t *gpa, uint64_t *end);

/* Gives mapped pages of a range back to the kernel after a search (they count as ours else). */
void ax_ram_drop(struct ax_ram *r, uint64_t gpa, uint64_t end);

size_t ax_ram_blocks(const struct ax_ram *r, const struct ax_ram_block **out);
struct ax_ram_counts ax_ram_counts(const struct ax_ram *r);
bool ax_ram_contiguous(const struct ax_ram *r); /* true: at() is a view without a copy */

/* Where QEMU puts `size` bytes of RAM on its x86 machines: below the hole 1:1, the rest from 4 GiB
 * on. There are few candidates for where the hole begins; which one is right shows when the page
 * tables resolve. Fills blocks[2], returns how many (1 or 2), 0 when `which` is past the last. */
size_t ax_ram_layout(uint64_t size, unsigned which, struct ax_ram_block blocks[2]);

#endif
