// SPDX-License-Identifier: Apache-2.0
/* Arena: memory that lives and dies together (a request, a query, one round of collecting).
 * Nothing in it is freed alone. Not thread-safe: one arena, one thread at a time.
 *
 *   struct ax_arena a = AX_ARENA_INIT;
 *   struct point *p = AX_NEW(&a, struct point);      // zeroed
 *   ax_arena_free(&a);                               // or ax_arena_reset(&a) to use it again
 */
#ifndef AX_BASE_ARENA_H
#define AX_BASE_ARENA_H

#include "base/str.h"

struct ax_arena_block;
struct ax_arena {
    struct ax_arena_block *blocks; /* newest first */
    size_t used;                   /* bytes handed out since init or reset */
};

#define AX_ARENA_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }
#define AX_NEW(arena, type)         ((type *)ax_arena_alloc((arena), sizeof(type)))
#define AX_NEWS(arena, type, count) ((type *)ax_arena_array((arena), (count), sizeof(type)))

void *ax_arena_alloc(struct ax_arena *a, size_t size);               /* zeroed, 16-byte aligned */
void *ax_arena_room(struct ax_arena *a, size_t size);                /* the same, not zeroed */
void *ax_arena_array(struct ax_arena *a, size_t count, size_t size); /* checks the product */
/* Grows an array that was made by this arena: copies to a new place, unless it was the last. */
void *ax_arena_grow(struct ax_arena *a, void *old, size_t old_size, size_t new_size);
/* Gives back the end of what was made last; what was made before that stays as it is. */
void ax_arena_shrink(struct ax_arena *a, void *p, size_t old_size, size_t new_size);
struct ax_str ax_arena_str(struct ax_arena *a, struct ax_str s); /* a copy, NUL-terminated too */
char *ax_arena_cstr(struct ax_arena *a, struct ax_str s);
struct ax_str ax_arena_printf(struct ax_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ax_arena_reset(struct ax_arena *a); /* keeps one block for the next use */
void ax_arena_free(struct ax_arena *a);  /* takes a zeroed arena too */

#endif
