// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN       16u
#define FIRST_BLOCK 4096u
#define MAX_BLOCK   (1u << 20)

struct ax_arena_block {
    struct ax_arena_block *next;
    size_t cap, used;
    _Alignas(ALIGN) unsigned char data[];
};

static struct ax_arena_block *add_block(struct ax_arena *a, size_t need)
{
    size_t cap = a->blocks ? a->blocks->cap * 2 : FIRST_BLOCK;
    if (cap > MAX_BLOCK)
        cap = MAX_BLOCK;
    if (cap < need)
        cap = need;
    struct ax_arena_block *b = ax_malloc(sizeof *b + cap);
    b->cap = cap;
    b->used = 0;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

static size_t rounded(size_t size)
{
    AX_ASSERT(size <= SIZE_MAX / 2);
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void *ax_arena_room(struct ax_arena *a, size_t size)
{
    size = rounded(size);
    struct ax_arena_block *b = a->blocks;
    if (!b || b->cap - b->used < size)
        b = add_block(a, size);
    void *p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

void *ax_arena_alloc(struct ax_arena *a, size_t size)
{
    /* Up to the edge: an array may grow into it. */
    return memset(ax_arena_room(a, size), 0, rounded(size));
}

void *ax_arena_array(struct ax_arena *a, size_t count, size_t size)
{
    AX_ASSERT(size == 0 || count <= SIZE_MAX / 2 / size);
    return ax_arena_alloc(a, count * size);
}

void *ax_arena_grow(struct ax_arena *a, void *old, size_t old_size, size_t new_size)
{
    AX_ASSERT(new_size >= old_size);
    struct ax_arena_block *b = a->blocks;
    size_t oldr = rounded(old_size), newr = rounded(new_size);
    if (old && b && oldr <= b->used && (unsigned char *)old + oldr == b->data + b->used &&
        b->cap - b->used >= newr - oldr) {
        memset(b->data + b->used, 0, newr - oldr);
        b->used += newr - oldr;
        a->used += newr - oldr;
        return old;
    }
    void *p = ax_arena_alloc(a, new_size);
    if (old_size)
        memcpy(p, old, old_size);
    return p;
}

char *ax_arena_cstr(struct ax_arena *a, struct ax_str s)
{
    char *p = ax_arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

struct ax_str ax_arena_str(struct ax_arena *a, struct ax_str s)
{
    return (struct ax_str){ax_arena_cstr(a, s), s.n};
}

struct ax_str ax_arena_printf(struct ax_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    AX_ASSERT(n >= 0);
    char *p = ax_arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct ax_str){p, (size_t)n};
}

void ax_arena_reset(struct ax_arena *a)
{
    struct ax_arena_block *keep = a->blocks;
    if (keep) {
        struct ax_arena rest = {keep->next, 0};
        ax_arena_free(&rest);
        keep->next = NULL;
        keep->used = 0;
    }
    a->used = 0;
}

void ax_arena_free(struct ax_arena *a)
{
    for (struct ax_arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct ax_arena)AX_ARENA_INIT;
}
