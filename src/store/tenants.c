// SPDX-License-Identifier: Apache-2.0
#include "store/tenants.h"

#include "base/map.h"

#include <stdlib.h>

static void add_part(void *ctx, struct ax_str tenant, uint64_t handle)
{
    struct ax_tenant_parts **p = ctx;
    size_t n = *p ? (*p)->n : 0;
    *p = ax_realloc(*p, sizeof **p + (n + 1) * sizeof(*p)->v[0]);
    (*p)->n = n + 1;
    (*p)->v[n] = (struct ax_tenant_part){.tenant = tenant, .handle = handle};
}

/* The place of each series' tenant among the parts. */
static uint32_t *owners(const struct ax_block *b, const struct ax_tenant_parts *p)
{
    struct ax_index_view ix = ax_block_index(b);
    uint32_t *of = ax_calloc(b->nseries + 1ul, sizeof *of);
    for (uint32_t i = 0; i < p->n; i++) {
        roaring_bitmap_t *series = ix.get(b, p->v[i].handle);
        roaring_uint32_iterator_t it;
        for (roaring_init_iterator(series, &it); it.has_value; roaring_advance_uint32_iterator(&it))
            of[it.current_value] = i;
        roaring_bitmap_free(series);
    }
    return of;
}

/* Of its entry and payloads. */
static uint64_t series_bytes(struct ax_block_reader *r, uint32_t series)
{
    struct ax_block_cursor c = ax_block_chunks(r, series);
    const uint8_t *from = c.r.p;
    struct ax_block_chunk k;
    uint64_t bytes = AX_BLOCK_OFFSET;
    while (ax_block_next(&c, &k))
        bytes += k.len ? k.len + sizeof(uint32_t) : 0;
    return bytes + (uint64_t)(c.r.p - from);
}

static void share_out(struct ax_block *b, struct ax_tenant_parts *p)
{
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    AX_CLEANUP(ax_free_ptr) uint32_t *of = owners(b, p);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < b->nseries; i++) {
        uint64_t bytes = series_bytes(&reader, i);
        p->v[of[i]].bytes += bytes;
        sum += bytes;
    }
    for (size_t i = 0; i < p->n; i++)
        p->v[i].bytes = (uint64_t)((double)p->v[i].bytes / (double)sum * (double)b->size);
}

static struct ax_tenant_parts *measure(struct ax_block *b)
{
    struct ax_tenant_parts *p = ax_calloc(1, sizeof *p);
    struct ax_index_view ix = ax_block_index(b);
    ix.each_value(b, AX_STR(AX_TENANT_LABEL), add_part, &p);
    if (p->n == 1)
        p->v[0].bytes = b->size;
    else if (p->n > 1)
        share_out(b, p);
    return p;
}

bool ax_store_measure(struct ax_store *s)
{
    for (size_t i = 0; i < s->nblocks; i++) {
        struct ax_block *b = s->blocks[i];
        if (b->parts)
            continue;
        struct ax_tenant_parts *p = measure(b);
        pthread_rwlock_wrlock(&s->head);
        b->parts = p;
        pthread_rwlock_unlock(&s->head);
        return false;
    }
    return true;
}

const struct ax_tenant_part *ax_tenant_part(const struct ax_block *b, struct ax_str tenant)
{
    for (size_t i = 0; b->parts && i < b->parts->n; i++)
        if (ax_str_eq(b->parts->v[i].tenant, tenant))
            return &b->parts->v[i];
    return NULL;
}

void ax_store_tenants(struct ax_store *s, struct ax_arena *a, struct ax_tenant_bytes **out,
                      size_t *n)
{
    struct ax_map sums = AX_MAP_INIT; /* by names in blocks, which stay while we have the lock */
    pthread_rwlock_rdlock(&s->head);
    for (size_t i = 0; i < s->nblocks; i++) {
        const struct ax_tenant_parts *p = s->blocks[i]->parts;
        for (size_t k = 0; p && k < p->n; k++) {
            uint64_t sum = 0;
            ax_map_get(&sums, p->v[k].tenant, &sum);
            ax_map_put(&sums, p->v[k].tenant, sum + p->v[k].bytes);
        }
    }
    *out = AX_NEWS(a, struct ax_tenant_bytes, sums.n + 1);
    *n = 0;
    for (size_t pos = 0; ax_map_next(&sums, &pos, &(*out)[*n].tenant, &(*out)[*n].bytes); ++*n)
        (*out)[*n].tenant = ax_arena_str(a, (*out)[*n].tenant);
    pthread_rwlock_unlock(&s->head);
    ax_map_free(&sums);
}
