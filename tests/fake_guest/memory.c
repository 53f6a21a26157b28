// SPDX-License-Identifier: Apache-2.0
/* The guest's RAM and where things lie in it:
 *
 *   load ..........: the kernel's image: text (never touched), tables, data
 *   heap .........: pages of page tables, objects, scattered pages of vmalloc
 *
 * and the page tables that say so: the image and the direct map in pages of 2 MiB, the end of the
 * direct map and vmalloc in 4 KiB. */
#include "inner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIB4      (UINT64_C(1) << 32)
#define PRESENT   UINT64_C(0x63) /* present, writable, accessed, dirty */
#define LARGE     UINT64_C(0x80)
#define NO_EXEC   (UINT64_C(1) << 63)
#define VMALLOC_4 UINT64_C(0xffffc90000000000)
#define VMALLOC_5 UINT64_C(0xffa0000000000000)

uint64_t fake_random(struct fake *g) /* splitmix64 */
{
    uint64_t z = g->rng += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t fake_below(struct fake *g, uint64_t n)
{
    return fake_random(g) % n;
}

size_t fake_blocks(const struct fake *g, struct ax_ram_block out[2])
{
    uint64_t low = g->o.hole && g->o.ram > g->o.hole ? g->o.hole : g->o.ram;
    out[0] = (struct ax_ram_block){.gpa = 0, .size = low, .at = 0};
    out[1] = (struct ax_ram_block){.gpa = GIB4, .size = g->o.ram - low, .at = low};
    return g->o.ram > low ? 2 : 1;
}

uint8_t *fake_physical(struct fake *g, uint64_t pa)
{
    struct ax_ram_block b[2];
    size_t n = fake_blocks(g, b);
    for (size_t i = 0; i < n; i++)
        if (pa >= b[i].gpa && pa - b[i].gpa < b[i].size)
            return g->mem + b[i].at + (pa - b[i].gpa);
    ax_assert_failed("no RAM there", __FILE__, __LINE__);
}

static void grow_used(struct fake *g, uint64_t end)
{
    if (end > g->top)
        g->top = end;
}

uint64_t fake_used(const struct fake *g)
{
    return g->top;
}

uint64_t fake_page(struct fake *g)
{
    uint64_t pa = (g->heap_next + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    g->heap_next = pa + AX_PAGE;
    memset(fake_physical(g, pa), 0, AX_PAGE);
    grow_used(g, pa + AX_PAGE);
    return pa;
}

uint64_t fake_image_alloc(struct fake *g, uint64_t size, uint64_t align)
{
    uint64_t va = (g->image_next + align - 1) / align * align;
    g->image_next = va + size;
    memset(fake_at(g, va), 0, size);
    grow_used(g, fake_pa(g, va) + size);
    fake_region(g, g->area, va, size);
    return va;
}

/* Objects in the direct map, none across the end of a page, with gaps of any length. */
uint64_t fake_heap_alloc(struct fake *g, uint64_t size)
{
    uint64_t pa = (g->heap_next + 63) / 64 * 64 + 64 * fake_below(g, 4);
    if (pa / AX_PAGE != (pa + size - 1) / AX_PAGE)
        pa = (pa + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    g->heap_next = pa + size;
    memset(fake_physical(g, pa), 0, size);
    grow_used(g, pa + size);
    fake_region(g, g->area, g->direct + pa, size);
    return g->direct + pa;
}

/* --- Page tables --------------------------------------------------------------------------- */

static uint64_t entry_of(struct fake *g, uint64_t pa, uint64_t flags)
{
    return pa | flags | (g->o.sme_bit ? UINT64_C(1) << g->o.sme_bit : 0);
}

static void map_one(struct fake *g, uint64_t va, uint64_t pa, unsigned level, uint64_t flags)
{
    uint64_t table = g->root;
    for (unsigned at = g->o.five_levels ? 5 : 4;; at--) {
        uint64_t *entry = (uint64_t *)(void *)fake_physical(g, table) + (va >> (3 + 9 * at) & 511);
        if (at == level) {
            *entry = entry_of(g, pa, flags);
            return;
        }
        if (!*entry) {
            *entry = entry_of(g, fake_page(g), PRESENT);
            fake_region(g, FAKE_PAGE_TABLES, g->direct + g->heap_next - AX_PAGE, AX_PAGE);
        }
        table = *entry & UINT64_C(0x000ffffffffff000);
        if (g->o.sme_bit)
            table &= ~(UINT64_C(1) << g->o.sme_bit);
    }
}

uint64_t fake_vmalloc(struct fake *g, uint64_t size)
{
    uint64_t va = g->vmalloc_next, n = (size + AX_PAGE - 1) / AX_PAGE;
    g->vmalloc_next += (n + 1) * AX_PAGE;
    uint64_t last = g->heap_next + 2 * n * AX_PAGE; /* backwards, every other page */
    g->heap_next = (last + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    uint64_t pa = g->heap_next;
    g->heap_next += AX_PAGE;
    grow_used(g, g->heap_next);
    for (uint64_t i = 0; i < n; i++, pa -= 2ull * AX_PAGE) {
        memset(fake_physical(g, pa), 0, AX_PAGE);
        fake_region(g, g->area, g->direct + pa, AX_PAGE);
        map_one(g, va + i * AX_PAGE, pa, 1, PRESENT | NO_EXEC);
    }
    return va;
}

void fake_map_pages(struct fake *g)
{
    struct ax_ram_block b[2];
    size_t n = fake_blocks(g, b);
    uint64_t image = fake_pa(g, g->text);
    for (uint64_t at = 0; at < 8 * FAKE_MIB; at += 2 * FAKE_MIB)
        map_one(g, g->text + at, image + at, 2, PRESENT | LARGE);
    for (size_t i = 0; i < n; i++) {
        uint64_t pa = b[i].gpa, end = pa + b[i].size;
        while (pa < end) {
            unsigned level = pa % (1024 * FAKE_MIB) == 0 && end - pa >= 1024 * FAKE_MIB ? 3
                             : pa % (2 * FAKE_MIB) == 0 && end - pa >= 4 * FAKE_MIB     ? 2
                                                                                        : 1;
            map_one(g, g->direct + pa, pa, level, PRESENT | NO_EXEC | (level > 1 ? LARGE : 0));
            pa += UINT64_C(1) << (3 + 9 * level);
        }
    }
    /* A page of a program, for who does not keep to the kernel's half. */
    map_one(g, 0x400000, image, 2, PRESENT | LARGE | 4);
}

/* --- Addresses ----------------------------------------------------------------------------- */

static uint64_t walk(struct fake *g, uint64_t va)
{
    uint64_t table = g->root, encrypted = g->o.sme_bit ? UINT64_C(1) << g->o.sme_bit : 0;
    for (unsigned at = g->o.five_levels ? 5 : 4;; at--) {
        unsigned shift = 3 + 9 * at;
        uint64_t entry;
        memcpy(&entry, fake_physical(g, table) + (va >> shift & 511) * 8, 8);
        AX_ASSERT((entry & 1) && "not mapped");
        table = entry & UINT64_C(0x000ffffffffff000) & ~encrypted;
        if (at == 1 || (at < 4 && entry & LARGE))
            return (table & ~((UINT64_C(1) << shift) - 1)) + (va & ((UINT64_C(1) << shift) - 1));
    }
}

uint64_t fake_pa(struct fake *g, uint64_t va)
{
    if (va >= g->text && va - g->text < 64 * FAKE_MIB)
        return va - g->text + g->o.load;
    if (va >= g->direct && va - g->direct < g->o.ram + GIB4)
        return va - g->direct;
    return walk(g, va);
}

uint8_t *fake_at(struct fake *g, uint64_t va)
{
    return fake_physical(g, fake_pa(g, va));
}

void fake_write(struct fake *g, uint64_t va, const void *p, uint64_t n)
{
    const uint8_t *from = p;
    while (n > 0) {
        uint64_t part = AX_PAGE - va % AX_PAGE;
        part = part < n ? part : n;
        memcpy(fake_at(g, va), from, part);
        va += part;
        from += part;
        n -= part;
    }
}

void fake_u64(struct fake *g, uint64_t va, uint64_t value)
{
    fake_write(g, va, &value, 8);
}

void fake_u32(struct fake *g, uint64_t va, uint32_t value)
{
    fake_write(g, va, &value, 4);
}

/* --- Life ---------------------------------------------------------------------------------- */

static void place(struct fake *g)
{
    g->text = FAKE_IMAGE_MAP + 16 * FAKE_MIB + g->o.kaslr;
    g->image_next = g->text + FAKE_TEXT;
    g->heap_next = g->o.heap ? g->o.heap : g->o.load + 8 * FAKE_MIB;
    g->direct = g->o.direct;
    if (!g->direct)
        g->direct = g->o.five_levels ? UINT64_C(0xff11000000000000) : UINT64_C(0xffff888000000000);
    g->vmalloc_next = g->o.five_levels ? VMALLOC_5 : VMALLOC_4;
    AX_ASSERT(g->o.load % (2 * FAKE_MIB) == 0 && g->o.kaslr % (2 * FAKE_MIB) == 0);
}

static void build(struct fake *g)
{
    g->rng = g->o.seed;
    place(g);
    g->area = FAKE_PAGE_TABLES;
    g->root = fake_pa(g, fake_image_alloc(g, AX_PAGE, AX_PAGE));
    fake_map_pages(g);
    fake_add_symbol(g, "_text", 'T', g->text);
    fake_add_symbol(g, "_stext", 'T', g->text);
    fake_add_symbol(g, "_etext", 'T', g->text + FAKE_TEXT);
    fake_add_symbol(g, "init_top_pgt", 'D', g->text + (g->root - g->o.load));
    fake_declare_kernel(g);
    g->area = FAKE_OBJECTS;
    fake_system(g);
    g->area = FAKE_LOG;
    fake_log_new(g);
    g->area = FAKE_OBJECTS;
    fake_tasks(g);
    fake_modules(g);
    fake_tables(g);
    g->area = FAKE_TYPES;
    if (g->o.btf)
        fake_btf(g);
    g->area = FAKE_SYMBOLS;
    fake_kallsyms(g);
    /* An image is in memory as a whole. */
    memset(fake_at(g, g->image_next), 0, g->text + 8 * FAKE_MIB - g->image_next);
    if (g->o.vmcoreinfo)
        fake_vmcoreinfo_write(g);
}

struct fake *fake_new(const struct fake_options *o)
{
    struct fake *g = ax_calloc(1, sizeof *g);
    g->o = *o;
    g->fd = memfd_create("guest", MFD_CLOEXEC);
    AX_ASSERT(g->fd >= 0 && ftruncate(g->fd, (off_t)o->ram) == 0);
    g->mem = mmap(NULL, o->ram, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
    AX_ASSERT(g->mem != MAP_FAILED);
    build(g);
    return g;
}

struct fake *fake_beside(struct fake *first, const struct fake_options *o)
{
    struct fake *g = ax_calloc(1, sizeof *g);
    g->o = *o;
    g->host = first;
    g->fd = first->fd;
    g->mem = first->mem;
    AX_ASSERT(o->ram == first->o.ram && o->hole == first->o.hole);
    build(g);
    return g;
}

void fake_free(struct fake *g)
{
    if (!g)
        return;
    if (!g->host) {
        munmap(g->mem, g->o.ram);
        close(g->fd);
    }
    ax_map_free(&g->types);
    ax_map_free(&g->constants);
    ax_map_free(&g->symbols);
    free(g->all);
    free(g->syms);
    free(g->processes);
    free(g->regions);
    free(g->undo);
    fake_extents_free(&g->extents);
    ax_arena_free(&g->arena);
    free(g);
}

int fake_fd(const struct fake *g)
{
    return g->fd;
}

struct ax_ram *fake_ram(struct fake *g)
{
    struct ax_ram_block b[2];
    struct ax_ram *r = NULL;
    size_t n = fake_blocks(g, b);
    int rc = ax_ram_open_file(&r, g->fd, b, n, NULL);
    AX_ASSERT(rc == 0);
    return r;
}
