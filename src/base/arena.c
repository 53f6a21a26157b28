// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/err.h"

#include <pthread.h>
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

/* Big blocks that nobody uses, for the next arena that wants one: the system's way of taking memory
 * back and handing out pages of zeros costs a query more than its work on them. */
#if !defined(__has_feature)
#define __has_feature(x) 0 /* gcc 12 */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define POOL_MAX 0u /* the sanitizer shall see each use of what was freed */
#else
#define POOL_MAX (24u << 20)
#endif
static struct {
    pthread_mutex_t lock;
    struct ax_arena_block *blocks;
    size_t bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct ax_arena_block *take_pooled(size_t cap)
{
    struct ax_arena_block *found = NULL;
    pthread_mutex_lock(&pool.lock);
    for (struct ax_arena_block **at = &pool.blocks; *at; at = &(*at)->next)
        if ((*at)->cap >= cap && (*at)->cap / 2 <= cap) {
            found = *at;
            *at = found->next;
            pool.bytes -= found->cap;
            break;
        }
    pthread_mutex_unlock(&pool.lock);
    return found;
}

static bool give_pooled(struct ax_arena_block *b)
{
    pthread_mutex_lock(&pool.lock);
    bool fits = pool.bytes + b->cap <= POOL_MAX;
    if (fits) {
        b->next = pool.blocks;
        pool.blocks = b;
        pool.bytes += b->cap;
    }
    pthread_mutex_unlock(&pool.lock);
    return fits;
}

static void free_block(struct ax_arena_block *b)
{
    if (b->cap < MAX_BLOCK || !give_pooled(b))
        free(b);
}

static struct ax_arena_block *add_block(struct ax_arena *a, size_t need)
{
    size_t cap = a->blocks ? a->blocks->cap * 2 : FIRST_BLOCK;
    if (cap > MAX_BLOCK)
        cap = MAX_BLOCK;
    if (cap < need)
        cap = need;
    struct ax_arena_block *b = cap < MAX_BLOCK ? NULL : take_pooled(cap);
    if (!b) {
        b = ax_malloc(sizeof *b + cap);
        b->cap = cap;
    }
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

void ax_arena_shrink(struct ax_arena *a, void *p, size_t old_size, size_t new_size)
{
    AX_ASSERT(new_size <= old_size);
    struct ax_arena_block *b = a->blocks;
    size_t oldr = rounded(old_size), newr = rounded(new_size);
    if (!b || oldr > b->used || (unsigned char *)p + oldr != b->data + b->used)
        return;
    b->used -= oldr - newr;
    a->used -= oldr - newr;
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
        free_block(b);
    }
    *a = (struct ax_arena)AX_ARENA_INIT;
}
