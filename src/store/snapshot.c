// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const struct ax_series_ref *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->block > y->block) - (x->block < y->block);
}

void ax_series_refs_sort(struct ax_series_ref *refs, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (by_id(&refs[i - 1], &refs[i]) > 0) { /* one block alone mostly comes in order */
            qsort(refs, n, sizeof *refs, by_id);
            return;
        }
}

static void match_block(struct ax_snapshot *snap, uint32_t number)
{
    const struct ax_block *b = snap->blocks.v[number];
    struct ax_index_view ix = ax_block_index(b);
    roaring_bitmap_t *found =
        ax_match(&ix, snap->sel->tenant, snap->sel->matchers, snap->sel->nmatchers);
    size_t n = roaring_bitmap_get_cardinality(found);
    snap->refs = ax_realloc(snap->refs, (snap->nrefs + n + 1) * sizeof *snap->refs);
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(found, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        uint32_t series = it.current_value;
        if (series < b->nseries && b->ids[series] != AX_SERIES_NONE)
            snap->refs[snap->nrefs++] = (struct ax_series_ref){b->ids[series], number, series};
    }
    roaring_bitmap_free(found);
}

int ax_snapshot_take(struct ax_store *s, const struct ax_store_select *sel, struct ax_snapshot *out,
                     struct ax_err *err)
{
    if (sel->tenant.n == 0)
        return ax_fail(err, -EINVAL, "a select needs a tenant");
    *out = (struct ax_snapshot){.store = s, .sel = sel};
    pthread_rwlock_rdlock(&s->head);
    out->mem[0] = ax_mem_ref(s->frozen);
    out->mem[1] = ax_mem_ref(s->active);
    for (size_t i = 0; i < s->nblocks; i++)
        if (ax_snapshot_overlaps(out, s->blocks[i]->mint, s->blocks[i]->maxt))
            ax_block_list_add(&out->blocks, ax_block_ref(s->blocks[i]));
    struct ax_index_view ix = ax_index_view(s->index);
    out->head = ax_match(&ix, sel->tenant, sel->matchers, sel->nmatchers);
    pthread_rwlock_unlock(&s->head);
    out->readers = ax_calloc(out->blocks.n + 1, sizeof *out->readers);
    for (uint32_t i = 0; i < out->blocks.n; i++) {
        out->readers[i].block = out->blocks.v[i];
        match_block(out, i);
    }
    ax_series_refs_sort(out->refs, out->nrefs);
    return 0;
}

void ax_snapshot_release(struct ax_snapshot *snap)
{
    for (size_t i = 0; i < snap->blocks.n; i++) {
        ax_block_reader_done(&snap->readers[i]);
        ax_block_unref(snap->blocks.v[i]);
    }
    free(snap->readers);
    free(snap->blocks.v);
    ax_mem_unref(snap->mem[0]);
    ax_mem_unref(snap->mem[1]);
    roaring_bitmap_free(snap->head);
    free(snap->refs);
}
