// SPDX-License-Identifier: Apache-2.0
/* Label names and values of the matching series that have samples in the time asked for. */
#include "store/snapshot.h"

#include "base/map.h"

#include <stdlib.h>

static bool block_has_data(const struct ax_snapshot *snap, const struct ax_series_ref *ref)
{
    struct ax_block_cursor c = ax_block_chunks(&snap->readers[ref->block], ref->series);
    struct ax_block_chunk chunk;
    while (ax_block_next(&c, &chunk))
        if (ax_snapshot_overlaps(snap, chunk.mint, chunk.maxt))
            return true;
    return c.r.bad; /* what cannot be read may well have some */
}

static bool head_has_data(const struct ax_snapshot *snap, uint32_t id)
{
    for (int i = 0; i < 2; i++) {
        const struct ax_mem_series *s = ax_mem_series(snap->mem[i], id);
        if (s && ax_snapshot_overlaps(snap, s->mint, s->maxt))
            return true;
    }
    return false;
}

/* Ids of the series that count: a new bitmap. */
static roaring_bitmap_t *series_with_data(const struct ax_snapshot *snap)
{
    roaring_bitmap_t *ids = roaring_bitmap_create();
    roaring_uint32_iterator_t it;
    roaring_init_iterator(snap->head, &it);
    pthread_rwlock_rdlock(&snap->store->head);
    for (; it.has_value; roaring_advance_uint32_iterator(&it))
        if (head_has_data(snap, it.current_value))
            roaring_bitmap_add(ids, it.current_value);
    pthread_rwlock_unlock(&snap->store->head);
    for (size_t i = 0; i < snap->nrefs; i++)
        if (!roaring_bitmap_contains(ids, snap->refs[i].id) && block_has_data(snap, &snap->refs[i]))
            roaring_bitmap_add(ids, snap->refs[i].id);
    return ids;
}

static int by_bytes(const void *a, const void *b)
{
    return ax_str_cmp(*(const struct ax_str *)a, *(const struct ax_str *)b);
}

static void sorted_keys(const struct ax_map *set, struct ax_arena *a, struct ax_str **out,
                        size_t *n)
{
    struct ax_str *v = AX_NEWS(a, struct ax_str, set->n + 1), key;
    uint64_t unused;
    *n = 0;
    for (size_t pos = 0; ax_map_next(set, &pos, &key, &unused);)
        v[(*n)++] = ax_arena_str(a, key);
    qsort(v, *n, sizeof *v, by_bytes);
    *out = v;
}

/* All names when `of` is empty, else the values of that name. */
static int collect(struct ax_store *s, const struct ax_store_select *sel, struct ax_str of,
                   struct ax_arena *a, struct ax_str **out, size_t *n, struct ax_err *err)
{
    struct ax_snapshot snap;
    int rc = ax_snapshot_take(s, sel, &snap, err);
    if (rc < 0)
        return rc;
    roaring_bitmap_t *ids = series_with_data(&snap);
    struct ax_map set = AX_MAP_INIT;
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(ids, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        size_t npairs;
        const uint32_t *pairs = ax_intake_pairs(s->intake, it.current_value, &npairs);
        for (size_t i = 0; i < npairs; i++) {
            struct ax_label l = ax_intake_pair(s->intake, pairs[i]);
            if (ax_str_eq(l.name, AX_STR(AX_TENANT_LABEL)))
                continue;
            if (of.n == 0)
                ax_map_put(&set, l.name, 0);
            else if (ax_str_eq(l.name, of))
                ax_map_put(&set, l.value, 0);
        }
    }
    sorted_keys(&set, a, out, n);
    ax_map_free(&set);
    roaring_bitmap_free(ids);
    ax_snapshot_release(&snap);
    return 0;
}

int ax_store_label_names(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                         struct ax_str **out, size_t *n, struct ax_err *err)
{
    return collect(s, sel, AX_STR_NULL, a, out, n, err);
}

int ax_store_label_values(struct ax_store *s, const struct ax_store_select *sel, struct ax_str name,
                          struct ax_arena *a, struct ax_str **out, size_t *n, struct ax_err *err)
{
    if (name.n == 0) {
        *n = 0;
        return 0;
    }
    return collect(s, sel, name, a, out, n, err);
}
