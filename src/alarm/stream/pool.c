// SPDX-License-Identifier: Apache-2.0
#include "alarm/stream/pool.h"

#include "base/err.h"

#include <sanitizer/asan_interface.h> /* its macros are empty when it is off */
#include <stdlib.h>
#include <sys/mman.h>

#define FIRST_CHUNK 65536
#define HUGE_PAGE   ((size_t)2 << 20)

/* Stands at the end of its memory, so that the memory begins with a page. */
struct ax_pool_chunk {
    struct ax_pool_chunk *next;
    char *memory;
    size_t size;
};

size_t ax_pool_size(const struct ax_pool *p, size_t size)
{
    return (size + p->unit - 1) & ~(p->unit - 1);
}

static char *map(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    AX_ASSERT(p != MAP_FAILED);
    return p;
}

/* A huge page where the system has them; its address is a multiple of its size. */
static char *map_huge(void)
{
    char *p = map(2 * HUGE_PAGE);
    size_t before = -(uintptr_t)p & (HUGE_PAGE - 1);
    if (before)
        munmap(p, before);
    munmap(p + before + HUGE_PAGE, HUGE_PAGE - before);
    madvise(p + before, HUGE_PAGE, MADV_HUGEPAGE);
    return p + before;
}

static void add_chunk(struct ax_pool *p)
{
    size_t size = p->chunks ? p->chunks->size * 2 : FIRST_CHUNK;
    size = size < HUGE_PAGE ? size : HUGE_PAGE;
    char *memory = size == HUGE_PAGE ? map_huge() : map(size);
    struct ax_pool_chunk *c = (struct ax_pool_chunk *)(void *)(memory + size) - 1;
    *c = (struct ax_pool_chunk){p->chunks, memory, size};
    p->chunks = c;
    p->at = memory;
    p->left = size - sizeof *c;
}

void *ax_pool_take(struct ax_pool *p, size_t size)
{
    size = ax_pool_size(p, size);
    size_t units = size / p->unit;
    if (units >= AX_POOL_SIZES) {
        void *large = aligned_alloc(p->unit, size);
        AX_ASSERT(large);
        return large;
    }
    void *thing = p->free[units];
    if (thing) {
        ASAN_UNPOISON_MEMORY_REGION(thing, size);
        p->free[units] = *(void **)thing;
        return thing;
    }
    if (p->left < size)
        add_chunk(p);
    thing = p->at;
    p->at += size;
    p->left -= size;
    return thing;
}

void ax_pool_give(struct ax_pool *p, void *thing, size_t size)
{
    size = ax_pool_size(p, size);
    size_t units = size / p->unit;
    if (!thing || units >= AX_POOL_SIZES) {
        free(thing);
        return;
    }
    *(void **)thing = p->free[units];
    p->free[units] = thing;
    ASAN_POISON_MEMORY_REGION(thing, size);
}

void ax_pool_end(struct ax_pool *p)
{
    for (struct ax_pool_chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c->memory, c->size);
        munmap(c->memory, c->size);
    }
    p->chunks = NULL;
}
