// SPDX-License-Identifier: Apache-2.0
/* Which sub-expressions are about a metric: tenant, a zero byte, name -> sub-expressions. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

static struct ax_candidates *entry(struct ax_stream *s, struct ax_str tenant, struct ax_str metric,
                                   bool make)
{
    uint64_t found;
    AX_CLEANUP(ax_buf_free) struct ax_buf key = AX_BUF_INIT;
    ax_buf_str(&key, tenant);
    ax_buf_byte(&key, 0);
    ax_buf_str(&key, metric);
    if (ax_map_get(&s->index, ax_buf_view(&key), &found))
        return (struct ax_candidates *)(uintptr_t)found;
    if (!make)
        return NULL;
    struct ax_candidates *c = AX_NEW(&s->index_bytes, struct ax_candidates);
    ax_map_put(&s->index, ax_arena_str(&s->index_bytes, ax_buf_view(&key)), (uintptr_t)c);
    return c;
}

const struct ax_candidates *ax_index_of(struct ax_stream *s, struct ax_str tenant,
                                        struct ax_str metric)
{
    return entry(s, tenant, metric, false);
}

void ax_index_def(struct ax_stream *s, struct ax_def *d)
{
    for (uint32_t i = 0; i < d->expr.nsubs; i++) {
        struct ax_candidates *c = entry(s, ax_str(d->tenant->name), d->expr.subs[i].metric, true);
        if (c->n == c->cap) {
            c->cap = c->cap ? c->cap * 2 : 2;
            c->v = ax_realloc(c->v, c->cap * sizeof *c->v);
        }
        c->v[c->n++] = (struct ax_candidate){d, i};
    }
}

void ax_index_drop(struct ax_stream *s, struct ax_def *d)
{
    for (uint32_t i = 0; i < d->expr.nsubs; i++) {
        struct ax_candidates *c = entry(s, ax_str(d->tenant->name), d->expr.subs[i].metric, true);
        size_t kept = 0;
        for (size_t j = 0; j < c->n; j++)
            if (c->v[j].def != d)
                c->v[kept++] = c->v[j];
        c->n = kept;
    }
}

void ax_index_end(struct ax_stream *s)
{
    struct ax_str key;
    uint64_t value;
    for (size_t pos = 0; ax_map_next(&s->index, &pos, &key, &value);)
        free(((struct ax_candidates *)(uintptr_t)value)->v);
    ax_map_free(&s->index);
    ax_arena_free(&s->index_bytes);
}
