// SPDX-License-Identifier: Apache-2.0
/* Memory for many small things of few sizes, that are used over and over: close together, in large
 * pages once there are many, so that a step from one to the next misses no translation of
 * addresses. What is given back is for others of its size; the system gets it at the end.
 * Not thread-safe. */
#ifndef AX_ALARM_STREAM_POOL_H
#define AX_ALARM_STREAM_POOL_H

#include <stddef.h>

#define AX_POOL_SIZES 64 /* in units; what is larger comes from malloc */

struct ax_pool_chunk;
struct ax_pool {
    size_t unit; /* sizes and addresses are multiples of it; a power of two */
    struct ax_pool_chunk *chunks;
    char *at; /* what is free of the newest chunk */
    size_t left;
    void *free[AX_POOL_SIZES]; /* by size */
};

size_t ax_pool_size(const struct ax_pool *p, size_t size); /* what a thing of the size takes */
void *ax_pool_take(struct ax_pool *p, size_t size);
void ax_pool_give(struct ax_pool *p, void *thing, size_t size); /* the same size; NULL is fine */
void ax_pool_end(struct ax_pool *p);                            /* larger things not included */

#endif
