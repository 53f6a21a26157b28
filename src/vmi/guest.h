// SPDX-License-Identifier: Apache-2.0
/* Addresses of the guest's kernel, and the bytes behind them.
 *
 * There is one translation of addresses, and it takes those of the kernel's half only: what a
 * guest's programs hold in their memory is out of reach, whatever the scope. Three ways, cheapest
 * first:
 *
 *   image        va - 0xffffffff80000000 + phys_base      kernel text and data, contiguous
 *   direct map   va - page_offset_base                    all of the RAM, contiguous
 *   page tables  4 or 5 levels, pages of 4 KiB to 1 GiB   vmalloc, modules, some per-CPU data
 *
 * Every read counts one step of the poll's budget. Past the budget nothing is read any more and
 * `exhausted` is set, so that no list of the guest can keep us busy. */
#ifndef AX_VMI_GUEST_H
#define AX_VMI_GUEST_H

#include "vmi/ram.h"

#define AX_IMAGE_VA  UINT64_C(0xffffffff80000000)
#define AX_IMAGE_MAX (UINT64_C(1) << 30)
#define AX_TLB       256u

struct ax_guest {
    struct ax_ram *ram;
    uint64_t phys_base;                 /* guest-physical address of AX_IMAGE_VA, modulo 2^64 */
    uint64_t image_from, image_to;      /* virtual, where the formula holds */
    uint64_t direct_map, direct_map_to; /* virtual; 0 until known */
    uint64_t root;                      /* guest-physical address of the top page table */
    unsigned levels;                    /* 4 or 5 */
    uint64_t encryption_mask;           /* bit that marks encrypted pages, 0 = none */
    uint64_t steps, step_limit;
    bool exhausted;
    struct {
        uint64_t page, gpa; /* page = va of a 4 KiB page | 1, 0 = empty */
    } tlb[AX_TLB];
};

/* A poll begins: the budget is full again, and translations are looked up anew. */
void ax_guest_begin(struct ax_guest *g, uint64_t step_limit);

/* What else takes time for the guest's sake counts as well. False: the budget is used up. */
static inline bool ax_guest_spend(struct ax_guest *g)
{
    if (g->steps >= g->step_limit) {
        g->exhausted = true;
        return false;
    }
    g->steps++;
    return true;
}

static inline bool ax_guest_is_kernel(const struct ax_guest *g, uint64_t va)
{
    return va >> (g->levels == 5 ? 56 : 47) == (g->levels == 5 ? 0xffu : 0x1ffffu);
}

/* The guest-physical address of a kernel address, and how many bytes from there on are contiguous.
 * False: not the kernel's half, not mapped, or the page tables are broken. */
bool ax_guest_physical(struct ax_guest *g, uint64_t va, uint64_t *gpa, uint64_t *contiguous);

/* `len` bytes at va as they lie in the guest, or NULL; valid until the next ax_guest_begin. The
 * guest changes them while we look: load each value once, check it, use the loaded one. */
const uint8_t *ax_guest_at(struct ax_guest *g, uint64_t va, size_t len);

/* A copy, also across pages that are not contiguous. */
bool ax_guest_read(struct ax_guest *g, uint64_t va, void *out, size_t len);
bool ax_guest_u64(struct ax_guest *g, uint64_t va, uint64_t *out);
bool ax_guest_u32(struct ax_guest *g, uint64_t va, uint32_t *out);

/* Text up to its NUL or `max` bytes; pages behind the NUL need not be there. out holds max + 1. */
bool ax_guest_text(struct ax_guest *g, uint64_t va, char *out, size_t max);

/* One load, which the compiler can neither repeat nor move before or behind another. x86 loads an
 * aligned word in one piece. */
static inline uint64_t ax_load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    __asm__ volatile("" : "+r"(v) : : "memory");
    return v;
}

static inline uint32_t ax_load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    __asm__ volatile("" : "+r"(v) : : "memory");
    return v;
}

static inline uint16_t ax_load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    __asm__ volatile("" : "+r"(v) : : "memory");
    return v;
}

#endif
