// SPDX-License-Identifier: Apache-2.0
/* What the sources of guest RAM have in common: the blocks, and four functions that differ. */
#ifndef AX_VMI_RAM_INNER_H
#define AX_VMI_RAM_INNER_H

#include "vmi/ram.h"

struct ax_ram_source {
    /* bytes of one block at `offset` from its begin; the range lies within the block */
    const uint8_t *(*at)(struct ax_ram *r, size_t block, uint64_t offset, size_t len);
    void (*begin)(struct ax_ram *r);
    /* the next range of data in a block at or above *offset; both relative to the block */
    bool (*data)(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end);
    void (*drop)(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end);
    void (*close)(struct ax_ram *r);                        /* frees what embeds the ram */
    struct ax_ram_counts (*counts)(const struct ax_ram *r); /* NULL: those of the ram */
    bool contiguous;
};

/* A copy of what lies across the end of a block. */
struct ax_ram_joined {
    uint64_t gpa;
    size_t len;
    uint8_t *p;
};

/* The first member of each source's own struct. */
struct ax_ram {
    const struct ax_ram_source *source;
    struct ax_ram_block blocks[AX_RAM_BLOCKS]; /* by guest-physical address */
    size_t n_blocks;
    struct ax_ram_counts counts;
    struct ax_ram_joined *joined;
    size_t n_joined, joined_bytes;
};

/* Checks the blocks (aligned, not empty, not overlapping, `at` within `limit`) and takes them over
 * in order. limit = 0: no limit. */
int ax_ram_init(struct ax_ram *r, const struct ax_ram_source *source,
                const struct ax_ram_block *blocks, size_t n, uint64_t limit, struct ax_err *err);

#endif
