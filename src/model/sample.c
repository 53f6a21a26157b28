// SPDX-License-Identifier: Apache-2.0
#include "model/sample.h"

#include <string.h>

void ax_batch_reserve(struct ax_batch *b, size_t series)
{
    if (series <= b->cap)
        return;
    b->v = ax_arena_grow(b->arena, b->v, b->cap * sizeof b->v[0], series * sizeof b->v[0]);
    b->cap = series;
}

void ax_batch_take(struct ax_batch *b, const struct ax_batch_series *s)
{
    if (b->n == b->cap)
        ax_batch_reserve(b, b->cap ? b->cap * 2 : 64);
    b->v[b->n++] = *s;
    b->samples += s->n;
}

void ax_batch_add(struct ax_batch *b, struct ax_labels labels, const struct ax_sample *s, size_t n)
{
    struct ax_sample *copy = AX_NEWS(b->arena, struct ax_sample, n);
    if (n)
        memcpy(copy, s, n * sizeof *s);
    ax_batch_take(b,
                  &(struct ax_batch_series){
                      .labels = labels, .samples = copy, .n = (uint32_t)n, .id = AX_SERIES_NONE});
}

double ax_stale(void)
{
    uint64_t bits = AX_STALE_BITS;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
