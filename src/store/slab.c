// SPDX-License-Identifier: Apache-2.0
#include "store/slab.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static void more(struct ax_slab *s)
{
    s->pages = ax_realloc(s->pages, (s->npages + 1) * sizeof(uint8_t *));
    s->pages[s->npages++] = ax_malloc(AX_SLAB_PAGE);
    s->used = s->npages == 1 ? AX_SLAB_UNIT : 0; /* so that no piece has the number 0 */
}

static uint32_t units(size_t size)
{
    return (uint32_t)((size + AX_SLAB_UNIT - 1) / AX_SLAB_UNIT);
}

uint32_t ax_slab_alloc(struct ax_slab *s, size_t size)
{
    AX_ASSERT(size > 0 && size <= AX_SLAB_MAX);
    uint32_t n = units(size), piece = s->free[n];
    if (piece) {
        memcpy(&s->free[n], ax_slab_at(s, piece), sizeof s->free[n]);
        return piece;
    }
    if (!s->npages || AX_SLAB_PAGE - s->used < n * AX_SLAB_UNIT)
        more(s);
    piece = (s->npages - 1) * (AX_SLAB_PAGE / AX_SLAB_UNIT) + s->used / AX_SLAB_UNIT;
    s->used += n * AX_SLAB_UNIT;
    return piece;
}

void ax_slab_give_back(struct ax_slab *s, uint32_t piece, size_t size)
{
    uint32_t n = units(size);
    memcpy(ax_slab_at(s, piece), &s->free[n], sizeof s->free[n]);
    s->free[n] = piece;
}

void ax_slab_free(struct ax_slab *s)
{
    for (uint32_t i = 0; i < s->npages; i++)
        free(s->pages[i]);
    free(s->pages);
    *s = (struct ax_slab){0};
}

uint64_t ax_slab_bytes(const struct ax_slab *s)
{
    return (uint64_t)s->npages * AX_SLAB_PAGE;
}
