// SPDX-License-Identifier: Apache-2.0
/* Label names and values of the matching series that have samples in the time asked for. */
#include "store/snapshot.h"

#include "base/map.h"

#include <stdlib.h>

/* Is there a sample of the series in the time asked for? */
static bool block_has_data(const struct ax_snapshot *snap, uint32_t block, uint32_t series)
{
    const struct ax_block *b = snap->blocks.v[block];
    if (b->mint >= snap->sel->mint && b->maxt <= snap->sel->maxt)
        return true;
    struct ax_block_cursor c = ax_block_chunks(&snap->readers[block], series);
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

/* All names when `of` is empty, else the values of that name. */
struct names {
    struct ax_str of;
    struct ax_map found;
    struct ax_arena bytes; /* of what is in blocks */
    bool *seen;            /* pairs of the intake, by number */
    uint32_t nseen;
};

static void note(struct names *names, const struct ax_label *l, bool copy)
{
    if (ax_str_eq(l->name, AX_STR(AX_TENANT_LABEL)) ||
        (names->of.n && !ax_str_eq(l->name, names->of)))
        return;
    struct ax_str it = names->of.n ? l->value : l->name;
    if (copy && ax_map_get(&names->found, it, NULL))
        return;
    ax_map_put(&names->found, copy ? ax_arena_str(&names->bytes, it) : it, 0);
}

/* True the first time. Series share most of their pairs. */
static bool is_new(struct names *names, uint32_t pair)
{
    if (pair >= names->nseen) {
        uint32_t n = pair < 512 ? 1024 : pair * 2;
        names->seen = ax_realloc(names->seen, n);
        memset(names->seen + names->nseen, 0, n - names->nseen);
        names->nseen = n;
    }
    bool first = !names->seen[pair];
    names->seen[pair] = true;
    return first;
}

static void note_pairs(struct ax_intake *in, uint32_t id, struct names *names)
{
    size_t n;
    const uint32_t *pairs = ax_intake_pairs(in, id, &n);
    for (size_t i = 0; i < n; i++)
        if (is_new(names, pairs[i])) {
            struct ax_label l = ax_intake_pair(in, pairs[i]);
            note(names, &l, false);
        }
}

static void collect_from_head(const struct ax_snapshot *snap, struct names *names)
{
    roaring_bitmap_t *ids = roaring_bitmap_create();
    roaring_uint32_iterator_t it;
    pthread_rwlock_rdlock(&snap->store->head);
    for (roaring_init_iterator(snap->head, &it); it.has_value; roaring_advance_uint32_iterator(&it))
        if (head_has_data(snap, it.current_value))
            roaring_bitmap_add(ids, it.current_value);
    pthread_rwlock_unlock(&snap->store->head);
    for (roaring_init_iterator(ids, &it); it.has_value; roaring_advance_uint32_iterator(&it))
        note_pairs(snap->store->intake, it.current_value, names);
    roaring_bitmap_free(ids);
}

static void collect_from_block(const struct ax_snapshot *snap, uint32_t block, struct names *names)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    roaring_bitmap_t *series = ax_snapshot_match(snap, block);
    roaring_uint32_iterator_t it;
    struct ax_label l;
    for (roaring_init_iterator(series, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        if (!block_has_data(snap, block, it.current_value) ||
            !ax_block_labels(&snap->readers[block], it.current_value, &labels))
            continue;
        struct ax_labels set = {ax_buf_view(&labels)};
        AX_LABELS_EACH (set, l)
            note(names, &l, true);
    }
    roaring_bitmap_free(series);
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

static int collect(struct ax_store *s, const struct ax_store_select *sel, struct ax_str of,
                   struct ax_arena *a, struct ax_str **out, size_t *n, struct ax_err *err)
{
    struct ax_snapshot snap;
    struct names names = {.of = of};
    int rc = ax_snapshot_take(s, sel, &snap, err);
    if (rc < 0)
        return rc;
    collect_from_head(&snap, &names);
    for (uint32_t i = 0; i < snap.blocks.n; i++)
        collect_from_block(&snap, i, &names);
    sorted_keys(&names.found, a, out, n);
    ax_map_free(&names.found);
    ax_arena_free(&names.bytes);
    free(names.seen);
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
