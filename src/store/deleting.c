// SPDX-License-Identifier: Apache-2.0
/* Deletion of samples: everything goes into blocks, and the blocks that have some of them are
 * written anew without them. One replaced MANIFEST makes all the new ones count instead of the old
 * ones, so that there is no moment at which half is deleted, and nothing to be deleted later. */
#include "store/rewrite.h"

#include <errno.h>

struct deletion {
    const struct ax_store_select *sel;
    size_t nsel;
    struct ax_rewrite w;
};

static roaring_bitmap_t *match_any(const struct deletion *d, const struct ax_index_view *ix)
{
    roaring_bitmap_t *all = roaring_bitmap_create();
    for (size_t i = 0; i < d->nsel; i++) {
        roaring_bitmap_t *one =
            ax_match(ix, d->sel[i].tenant, d->sel[i].matchers, d->sel[i].nmatchers);
        roaring_bitmap_or_inplace(all, one);
        roaring_bitmap_free(one);
    }
    return all;
}

static int rewrite_block(struct deletion *d, struct ax_block *b, struct ax_err *err)
{
    struct ax_index_view ix = ax_block_index(b);
    roaring_bitmap_t *matching = match_any(d, &ix);
    int rc = ax_rewrite_block(&d->w, b, matching, err);
    roaring_bitmap_free(matching);
    if (rc < 0)
        ax_err_wrap(err, "nothing was deleted");
    return rc;
}

/* The newest samples that are remembered may be among the deleted: then one has to look again.
 * Right before and after the deletion counts. */
static void doubt_lasts(struct deletion *d)
{
    struct ax_store *s = d->w.store;
    pthread_rwlock_wrlock(&s->head);
    struct ax_index_view ix = ax_index_view(s->index);
    roaring_bitmap_t *ids = match_any(d, &ix);
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(ids, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        if (it.current_value >= s->nlast)
            continue;
        struct ax_sample *last = &s->last[it.current_value];
        if (last->t == INT64_MIN || last->t < d->w.mint || last->t > d->w.maxt)
            continue;
        s->doubt = last->t > s->doubt ? last->t : s->doubt;
        last->t = INT64_MIN;
    }
    pthread_rwlock_unlock(&s->head);
    roaring_bitmap_free(ids);
}

static int delete (struct deletion *d, struct ax_err *err)
{
    struct ax_store *s = d->w.store;
    int rc = ax_store_flush_all(s, err);
    for (size_t i = 0; rc == 0 && i < s->nblocks; i++)
        if (s->blocks[i]->mint <= d->w.maxt && s->blocks[i]->maxt >= d->w.mint)
            rc = rewrite_block(d, s->blocks[i], err);
    if (rc < 0) {
        ax_rewrite_cancel(&d->w);
        return rc;
    }
    if (d->w.drop.n)
        doubt_lasts(d);
    return ax_rewrite_publish(&d->w, err);
}

int ax_store_delete(struct ax_store *s, const struct ax_store_select *sel, size_t n,
                    uint64_t *deleted, struct ax_err *err)
{
    struct deletion d = {.sel = sel, .nsel = n, .w = {.store = s, .maxt = -1}};
    for (size_t i = 0; i < n; i++)
        if (sel[i].tenant.n == 0)
            return ax_fail(err, -EINVAL, "a deletion needs a tenant");
    if (n) {
        d.w.mint = sel[0].mint;
        d.w.maxt = sel[0].maxt;
    }
    pthread_mutex_lock(&s->keeping);
    int rc = delete (&d, err);
    pthread_mutex_unlock(&s->keeping);
    ax_rewrite_done(&d.w);
    if (rc == 0)
        *deleted = d.w.deleted;
    return rc;
}
