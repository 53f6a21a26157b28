// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>

roaring_bitmap_t *ax_snapshot_match(const struct ax_snapshot *snap, uint32_t block)
{
    const struct ax_store_select *sel = snap->sel;
    struct ax_index_view ix = ax_block_index(snap->blocks.v[block]);
    return ax_match(&ix, sel->tenant, sel->matchers, sel->nmatchers);
}

int ax_snapshot_take(struct ax_store *s, const struct ax_store_select *sel, struct ax_snapshot *out,
                     struct ax_err *err)
{
    if (sel->tenant.n == 0)
        return ax_fail(err, -EINVAL, "a select needs a tenant");
    *out = (struct ax_snapshot){.store = s, .sel = sel};
    pthread_rwlock_rdlock(&s->head);
    out->age = ax_store_enter(s);
    out->doubt = s->doubt;
    out->mem[0] = ax_mem_ref(s->frozen);
    out->mem[1] = ax_mem_ref(s->active);
    for (size_t i = 0; i < s->nblocks; i++)
        if (ax_snapshot_overlaps(out, s->blocks[i]->mint, s->blocks[i]->maxt))
            ax_block_list_add(&out->blocks, ax_block_ref(s->blocks[i]));
    struct ax_index_view ix = ax_index_view(s->index);
    out->head = ax_match(&ix, sel->tenant, sel->matchers, sel->nmatchers);
    pthread_rwlock_unlock(&s->head);
    out->readers = ax_calloc(out->blocks.n + 1, sizeof *out->readers);
    for (size_t i = 0; i < out->blocks.n; i++)
        out->readers[i].block = out->blocks.v[i];
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
    ax_store_leave(snap->store, snap->age);
}
