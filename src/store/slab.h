// SPDX-License-Identifier: Apache-2.0
/* Memory in pages for many small pieces that die together. A piece has a 32-bit number instead of
 * a pointer; it never moves. Pieces can be given back for others of their size. Not thread-safe;
 * who has a pointer to a piece needs no lock to read it. */
#ifndef AX_STORE_SLAB_H
#define AX_STORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define AX_SLAB_UNIT 8u
#define AX_SLAB_PAGE (1u << 20)
#define AX_SLAB_MAX  1024u /* bytes of a piece */

struct ax_slab {
    uint8_t **pages;
    uint32_t npages, used;                         /* used: bytes of the newest page */
    uint32_t free[AX_SLAB_MAX / AX_SLAB_UNIT + 1]; /* by size in units: lists of pieces */
};

/* 0 is no piece. Zeroed struct to begin. Contents are what they happen to be. */
uint32_t ax_slab_alloc(struct ax_slab *s, size_t size);
void ax_slab_give_back(struct ax_slab *s, uint32_t piece, size_t size);
void ax_slab_free(struct ax_slab *s);
uint64_t ax_slab_bytes(const struct ax_slab *s);

static inline void *ax_slab_at(const struct ax_slab *s, uint32_t piece)
{
    uint64_t at = (uint64_t)piece * AX_SLAB_UNIT;
    return s->pages[at / AX_SLAB_PAGE] + at % AX_SLAB_PAGE;
}

#endif
