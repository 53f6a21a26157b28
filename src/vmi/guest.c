// SPDX-License-Identifier: Apache-2.0
#include "vmi/guest.h"

#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define ENTRY_PRESENT UINT64_C(1)
#define ENTRY_LARGE   UINT64_C(0x80)

void ax_guest_begin(struct ax_guest *g, uint64_t step_limit)
{
    ax_ram_begin(g->ram);
    g->steps = 0;
    g->step_limit = step_limit;
    g->exhausted = false;
    memset(g->tlb, 0, sizeof g->tlb);
}

/* From the top table down; an entry may end early with a page of 1 GiB or 2 MiB. A table that
 * points to itself does no harm: there are never more than five looks. */
static bool walk(struct ax_guest *g, uint64_t va, uint64_t *gpa, uint64_t *contiguous)
{
    uint64_t table = g->root;
    for (unsigned level = g->levels; level > 0; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t entry;
        if (!ax_guest_spend(g) ||
            !ax_ram_read(g->ram, table + (va >> shift & 511) * 8, &entry, 8) ||
            !(entry & ENTRY_PRESENT))
            return false;
        uint64_t address = entry & ENTRY_ADDRESS & ~g->encryption_mask;
        bool large = level > 1 && level < 4 && entry & ENTRY_LARGE;
        if (level == 1 || large) {
            uint64_t size = UINT64_C(1) << shift;
            *gpa = (address & ~(size - 1)) | (va & (size - 1));
            *contiguous = size - (va & (size - 1));
            return true;
        }
        table = address;
    }
    return false;
}

static bool walk_cached(struct ax_guest *g, uint64_t va, uint64_t *gpa, uint64_t *contiguous)
{
    uint64_t page = va & ~(uint64_t)(AX_PAGE - 1), within = va & (AX_PAGE - 1);
    size_t slot = (size_t)(page / AX_PAGE * UINT64_C(0x9e3779b97f4a7c15) >> 56) % AX_TLB;
    if (g->tlb[slot].page != (page | 1)) {
        uint64_t found, left;
        if (!walk(g, page, &found, &left))
            return false;
        g->tlb[slot].page = page | 1;
        g->tlb[slot].gpa = found;
    }
    *gpa = g->tlb[slot].gpa + within;
    *contiguous = AX_PAGE - within;
    return true;
}

bool ax_guest_physical(struct ax_guest *g, uint64_t va, uint64_t *gpa, uint64_t *contiguous)
{
    if (!ax_guest_is_kernel(g, va))
        return false;
    if (va >= g->direct_map && va < g->direct_map_to) {
        *gpa = va - g->direct_map;
        *contiguous = g->direct_map_to - va;
        return true;
    }
    if (va >= g->image_from && va < g->image_to) {
        *gpa = va - AX_IMAGE_VA + g->phys_base;
        *contiguous = g->image_to - va;
        return true;
    }
    return walk_cached(g, va, gpa, contiguous);
}

const uint8_t *ax_guest_at(struct ax_guest *g, uint64_t va, size_t len)
{
    uint64_t gpa, contiguous;
    if (!ax_guest_spend(g) || !ax_guest_physical(g, va, &gpa, &contiguous) || contiguous < len)
        return NULL;
    return ax_ram_at(g->ram, gpa, len);
}

bool ax_guest_read(struct ax_guest *g, uint64_t va, void *out, size_t len)
{
    uint8_t *to = out;
    while (len > 0) {
        uint64_t gpa, n;
        if (!ax_guest_spend(g) || !ax_guest_physical(g, va, &gpa, &n))
            return false;
        if (n > AX_PAGE - va % AX_PAGE) /* blocks of RAM end at page ends */
            n = AX_PAGE - va % AX_PAGE;
        if (n > len)
            n = len;
        if (!ax_ram_read(g->ram, gpa, to, n))
            return false;
        to += n;
        va += n;
        len -= n;
    }
    return true;
}

bool ax_guest_u64(struct ax_guest *g, uint64_t va, uint64_t *out)
{
    return ax_guest_read(g, va, out, sizeof *out);
}

bool ax_guest_u32(struct ax_guest *g, uint64_t va, uint32_t *out)
{
    return ax_guest_read(g, va, out, sizeof *out);
}

bool ax_guest_text(struct ax_guest *g, uint64_t va, char *out, size_t max)
{
    size_t n = 0;
    while (n < max) {
        size_t part = AX_PAGE - (va + n) % AX_PAGE;
        if (part > max - n)
            part = max - n;
        if (!ax_guest_read(g, va + n, out + n, part))
            return false;
        const char *end = memchr(out + n, '\0', part);
        if (end)
            return true;
        n += part;
    }
    out[max] = '\0';
    return true;
}
