// SPDX-License-Identifier: Apache-2.0
/* Damage on demand: a list of patches over what is in use, and the way back. And RAM that a reader
 * cannot read past without being seen. */
#include "inner.h"

#include "vmi/ram_inner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fake_region(struct fake *g, enum fake_area area, uint64_t va, uint64_t size)
{
    if ((g->n_regions & (g->n_regions - 1)) == 0)
        g->regions =
            ax_realloc(g->regions, (g->n_regions ? 2 * g->n_regions : 1) * sizeof *g->regions);
    g->regions[g->n_regions++] = (struct fake_region){area, va, size};
}

/* --- Patches --------------------------------------------------------------------------------- */

static const struct fake_region *region(struct fake *g, enum fake_area area, unsigned n)
{
    size_t count = 0;
    if (area == FAKE_ANYWHERE)
        return &g->regions[n % g->n_regions];
    for (size_t i = 0; i < g->n_regions; i++)
        count += g->regions[i].area == area;
    AX_ASSERT(count > 0);
    n = (unsigned)(n % count);
    for (size_t i = 0;; i++)
        if (g->regions[i].area == area && n-- == 0)
            return &g->regions[i];
}

static void keep(struct fake *g, uint8_t *at, size_t n)
{
    if ((g->n_undo & (g->n_undo - 1)) == 0)
        g->undo = ax_realloc(g->undo, (g->n_undo ? 2 * g->n_undo : 1) * sizeof *g->undo);
    struct fake_undo *u = &g->undo[g->n_undo++];
    u->at = at;
    u->n = n;
    memcpy(u->bytes, at, n);
}

static uint64_t take(const uint8_t **p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, *p, n);
    *p += n;
    return v;
}

/* The value of a patch is a number, what was there and a little more, or a pointer to something. */
static uint64_t value_of(struct fake *g, unsigned op, uint64_t v, uint64_t old, uint64_t va)
{
    const struct fake_region *to = region(g, FAKE_ANYWHERE, (unsigned)v & 0xffff);
    switch (op % 6) {
    case 0: return v;
    case 1: return old + (uint64_t)(int64_t)(int8_t)v;
    case 2: return to->va + (v >> 16 & 0xfff);
    case 3: return va; /* to itself */
    case 4: return UINT64_C(1) << v % 64;
    default: return fake_pa(g, to->va) | (v >> 16 & 0xfff); /* in a page table */
    }
}

static void apply(struct fake *g, enum fake_area area, const uint8_t *p)
{
    static const size_t sizes[] = {8, 4, 2, 1};
    const struct fake_region *r = region(g, area, (unsigned)take(&p, 2));
    uint64_t offset = take(&p, 3);
    unsigned op = (unsigned)take(&p, 1);
    uint64_t v = take(&p, FAKE_PATCH - 6), old = 0;
    size_t n = sizes[op / 64];
    if (n > r->size)
        n = r->size;
    uint64_t va = r->va + offset % (r->size - n + 1);
    if (n == 8 && r->size > 8)
        va &= ~UINT64_C(7);
    if (va % AX_PAGE + n > AX_PAGE)
        return;
    uint8_t *at = fake_at(g, va);
    memcpy(&old, at, n);
    v = value_of(g, op, v, old, va);
    keep(g, at, n);
    memcpy(at, &v, n);
}

size_t fake_patch(struct fake *g, enum fake_area area, const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (; n >= FAKE_PATCH && i < 256; i++, p += FAKE_PATCH, n -= FAKE_PATCH)
        apply(g, area, p);
    return i;
}

void fake_undo(struct fake *g)
{
    while (g->n_undo > 0) {
        struct fake_undo *u = &g->undo[--g->n_undo];
        memcpy(u->at, u->bytes, u->n);
    }
}

/* --- A real guest's RAM ----------------------------------------------------------------------- */

struct fake *fake_of_file(const char *path)
{
    struct fake *g = ax_calloc(1, sizeof *g);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END), from = 0, to;
    AX_ASSERT(size > 0 && "AUSPEX_FUZZ_RAM cannot be read");
    g->o.ram = (uint64_t)size / AX_PAGE * AX_PAGE;
    g->direct = UINT64_C(0xffff888000000000); /* where patches think it is */
    g->fd = memfd_create("real", MFD_CLOEXEC);
    AX_ASSERT(g->fd >= 0 && ftruncate(g->fd, (off_t)g->o.ram) == 0);
    g->mem = mmap(NULL, g->o.ram, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
    AX_ASSERT(g->mem != MAP_FAILED);
    while ((from = lseek(fd, from, SEEK_DATA)) >= 0 && (to = lseek(fd, from, SEEK_HOLE)) >= 0) {
        for (; from < to; from += AX_PAGE)
            AX_ASSERT(pread(fd, g->mem + from, AX_PAGE, from) == (ssize_t)AX_PAGE);
    }
    close(fd);
    return g;
}

/* --- Exact RAM -------------------------------------------------------------------------------- */

#define SMALL 64u
#define RING  (1u << 12)

struct exact {
    struct ax_ram ram;
    const uint8_t *mem;     /* not ours */
    struct fake_extents in; /* nor are these, unless `owned` */
    bool owned;
    struct fake *record; /* its regions are what is read; NULL = no */
    void *small[RING];   /* the last copies of words */
    size_t at;
    void **large;
    size_t n_large;
};

static void forget(struct exact *e)
{
    for (size_t i = 0; i < RING; i++)
        free(e->small[i]);
    for (size_t i = 0; i < e->n_large; i++)
        free(e->large[i]);
    memset(e->small, 0, sizeof e->small);
    e->n_large = 0;
}

static const uint8_t *exact_at(struct ax_ram *r, size_t block, uint64_t offset, size_t len)
{
    struct exact *e = (struct exact *)r;
    uint64_t from = r->blocks[block].at + offset;
    for (uint64_t page = from / AX_PAGE; page * AX_PAGE < from + len; page++)
        if (!e->in.has_data[page])
            return NULL;
    if (e->record && len <= AX_PAGE && e->record->n_regions < UINT16_MAX)
        fake_region(e->record, FAKE_OBJECTS, e->record->direct + from, len ? len : 1);
    uint8_t *copy = ax_malloc(len ? len : 1);
    memcpy(copy, e->mem + from, len);
    if (len <= SMALL) {
        e->at = (e->at + 1) % RING;
        free(e->small[e->at]);
        e->small[e->at] = copy;
        return copy;
    }
    if ((e->n_large & (e->n_large - 1)) == 0)
        e->large = ax_realloc(e->large, (e->n_large ? 2 * e->n_large : 1) * sizeof *e->large);
    e->large[e->n_large++] = copy;
    return copy;
}

static void exact_begin(struct ax_ram *r)
{
    forget((struct exact *)r);
}

static bool exact_data(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end)
{
    const struct exact *e = (const struct exact *)r;
    uint64_t at = r->blocks[block].at, last = (at + r->blocks[block].size) / AX_PAGE;
    uint64_t page = (at + *offset) / AX_PAGE;
    if (page < last && !e->in.has_data[page])
        page = e->in.edge[page];
    if (page >= last)
        return false;
    *offset = page * AX_PAGE - at;
    *end = (e->in.edge[page] < last ? e->in.edge[page] : last) * AX_PAGE - at;
    return true;
}

static void exact_drop(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end)
{
    (void)r, (void)block, (void)offset, (void)end;
}

static void exact_close(struct ax_ram *r)
{
    struct exact *e = (struct exact *)r;
    forget(e);
    free(e->large);
    if (e->owned)
        fake_extents_free(&e->in);
    free(e);
}

static const struct ax_ram_source exact_source = {.at = exact_at,
                                                  .begin = exact_begin,
                                                  .data = exact_data,
                                                  .drop = exact_drop,
                                                  .close = exact_close};

static struct fake_extents find_data(int fd, uint64_t size)
{
    size_t n = size / AX_PAGE;
    struct fake_extents x = {ax_calloc(n, 1), ax_calloc(n, sizeof(uint32_t))};
    off_t from = 0, to;
    while ((from = lseek(fd, from, SEEK_DATA)) >= 0 && (to = lseek(fd, from, SEEK_HOLE)) >= 0) {
        memset(x.has_data + from / AX_PAGE, 1, (size_t)(to - from) / AX_PAGE);
        from = to;
    }
    for (size_t i = n; i-- > 0;)
        x.edge[i] =
            i + 1 < n && x.has_data[i] == x.has_data[i + 1] ? x.edge[i + 1] : (uint32_t)i + 1;
    return x;
}

void fake_extents_free(struct fake_extents *x)
{
    free(x->has_data);
    free(x->edge);
}

static struct ax_ram *open_exact(struct fake_extents in, bool owned, const uint8_t *mem,
                                 const struct ax_ram_block *b, size_t n)
{
    struct exact *e = ax_calloc(1, sizeof *e);
    int rc = ax_ram_init(&e->ram, &exact_source, b, n, 0, NULL);
    AX_ASSERT(rc == 0);
    e->mem = mem;
    e->in = in;
    e->owned = owned;
    return &e->ram;
}

struct ax_ram *fake_exact_ram_of(int fd, const uint8_t *mem, const struct ax_ram_block *b, size_t n)
{
    return open_exact(find_data(fd, b[n - 1].at + b[n - 1].size), true, mem, b, n);
}

/* Where there is data is asked once: patches make no pages. */
struct ax_ram *fake_exact_ram(struct fake *g)
{
    struct ax_ram_block b[2];
    size_t n = fake_blocks(g, b);
    if (!g->extents.has_data)
        g->extents = find_data(g->fd, g->o.ram);
    return open_exact(g->extents, false, g->mem, b, n);
}

void fake_record(struct ax_ram *exact, struct fake *g)
{
    struct exact *e = (struct exact *)exact;
    if (g)
        g->n_regions = 0;
    e->record = g;
}
