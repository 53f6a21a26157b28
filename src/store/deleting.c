// SPDX-License-Identifier: Apache-2.0
/* Deletion of samples: everything goes into blocks, and the blocks that have some of them are
 * written anew without them. One replaced MANIFEST makes all the new ones count instead of the old
 * ones, so that there is no moment at which half is deleted, and nothing to be deleted later. */
#include "store/inner.h"

#include "store/columns.h"

#include <errno.h>
#include <stdlib.h>

struct deletion {
    struct ax_store *store;
    const struct ax_store_select *sel;
    size_t nsel;
    int64_t mint, maxt;
    uint64_t deleted;
    struct ax_block_list add, drop;
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

/* One block that is being written anew. */
struct rewrite {
    struct deletion *d;
    struct ax_block *block;
    const roaring_bitmap_t *matching;
    struct ax_block_reader reader;
    struct ax_block_writer *out; /* NULL as long as nothing is to be kept */
    uint64_t file, deleted;
    struct ax_columns columns; /* of the series at hand */
    struct ax_buf labels;
};

static size_t keep_outside(const struct deletion *d, int64_t *t, double *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (t[i] < d->mint || t[i] > d->maxt) {
            t[kept] = t[i];
            v[kept++] = v[i];
        }
    return kept;
}

/* False when something that is to be kept cannot be read. */
static bool take_series(struct rewrite *w, uint32_t series)
{
    const struct deletion *d = w->d;
    struct ax_columns *c = &w->columns;
    bool matches = roaring_bitmap_contains(w->matching, series);
    struct ax_block_cursor cursor = ax_block_chunks(&w->reader, series);
    struct ax_block_chunk k;
    c->n = 0;
    while (ax_block_next(&cursor, &k)) {
        if (matches && k.mint >= d->mint && k.maxt <= d->maxt) {
            w->deleted += k.n;
            continue;
        }
        ax_columns_room(c, k.n);
        if (!ax_block_decode(&w->reader, &k, c->t + c->n, c->v + c->n))
            return false;
        size_t kept = matches ? keep_outside(d, c->t + c->n, c->v + c->n, k.n) : k.n;
        w->deleted += k.n - kept;
        c->n += kept;
    }
    return !cursor.r.bad && !cursor.left;
}

static int put_series(struct rewrite *w, uint32_t series, struct ax_err *err)
{
    struct ax_store *s = w->d->store;
    if (!take_series(w, series) ||
        (w->columns.n && !ax_block_labels(&w->reader, series, &w->labels)))
        return ax_fail(err, -EIO,
                       "nothing was deleted: a block that has some of it is damaged where it has "
                       "other samples (auspex admin verify says where)");
    if (!w->columns.n)
        return 0;
    int rc = w->out ? 0 : ax_block_create(s->dir.fd, w->file, w->block->order, &w->out, err);
    if (rc == 0)
        ax_block_add(w->out, (struct ax_labels){ax_buf_view(&w->labels)}, w->columns.t,
                     w->columns.v, w->columns.n);
    return rc;
}

static int write_anew(struct rewrite *w, struct ax_err *err)
{
    struct deletion *d = w->d;
    struct ax_block *fresh;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < w->block->nseries; i++)
        rc = put_series(w, i, err);
    if (w->out && (rc < 0 || !w->deleted)) {
        ax_block_cancel(w->out);
    } else if (w->out) {
        rc = ax_store_finish_block(d->store, w->out, w->file, &fresh, err);
        if (rc == 0)
            ax_block_list_add(&d->add, fresh);
    }
    if (rc == 0 && w->deleted)
        ax_block_list_add(&d->drop, w->block);
    d->deleted += w->deleted;
    return rc;
}

/* Has one of the matching series a chunk that reaches into the time? */
static bool is_concerned(const struct deletion *d, struct ax_block *b,
                         const roaring_bitmap_t *matching)
{
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(matching, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        struct ax_block_cursor c = ax_block_chunks(&reader, it.current_value);
        struct ax_block_chunk k;
        while (ax_block_next(&c, &k))
            if (k.mint <= d->maxt && k.maxt >= d->mint)
                return true;
        if (c.r.bad)
            return true;
    }
    return false;
}

static int rewrite_block(struct deletion *d, struct ax_block *b, struct ax_err *err)
{
    struct ax_index_view ix = ax_block_index(b);
    roaring_bitmap_t *matching = match_any(d, &ix);
    int rc = 0;
    if (is_concerned(d, b, matching)) {
        struct rewrite w = {.d = d,
                            .block = b,
                            .matching = matching,
                            .reader = {.block = b},
                            .file = d->store->next_file++};
        rc = write_anew(&w, err);
        ax_block_reader_done(&w.reader);
        ax_columns_free(&w.columns);
        ax_buf_free(&w.labels);
    }
    roaring_bitmap_free(matching);
    return rc;
}

/* The newest samples that are remembered may be among the deleted: then one has to look again.
 * Right before and after the deletion counts. */
static void doubt_lasts(struct deletion *d)
{
    struct ax_store *s = d->store;
    pthread_rwlock_wrlock(&s->head);
    struct ax_index_view ix = ax_index_view(s->index);
    roaring_bitmap_t *ids = match_any(d, &ix);
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(ids, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        if (it.current_value >= s->nlast)
            continue;
        struct ax_sample *last = &s->last[it.current_value];
        if (last->t == INT64_MIN || last->t < d->mint || last->t > d->maxt)
            continue;
        s->doubt = last->t > s->doubt ? last->t : s->doubt;
        last->t = INT64_MIN;
    }
    pthread_rwlock_unlock(&s->head);
    roaring_bitmap_free(ids);
}

static int delete (struct deletion *d, struct ax_err *err)
{
    struct ax_store *s = d->store;
    int rc = ax_store_flush_all(s, err);
    for (size_t i = 0; rc == 0 && i < s->nblocks; i++)
        if (s->blocks[i]->mint <= d->maxt && s->blocks[i]->maxt >= d->mint)
            rc = rewrite_block(d, s->blocks[i], err);
    if (rc < 0) {
        ax_block_list_delete(s->dir.fd, &d->add);
        return rc;
    }
    if (!d->drop.n)
        return 0;
    doubt_lasts(d);
    return ax_store_publish(s, &d->add, &d->drop, s->wal_from, err);
}

int ax_store_delete(struct ax_store *s, const struct ax_store_select *sel, size_t n,
                    uint64_t *deleted, struct ax_err *err)
{
    struct deletion d = {.store = s, .sel = sel, .nsel = n};
    for (size_t i = 0; i < n; i++)
        if (sel[i].tenant.n == 0)
            return ax_fail(err, -EINVAL, "a deletion needs a tenant");
    d.mint = n ? sel[0].mint : 0;
    d.maxt = n ? sel[0].maxt : -1;
    pthread_mutex_lock(&s->keeping);
    int rc = delete (&d, err);
    pthread_mutex_unlock(&s->keeping);
    free(d.add.v);
    free(d.drop.v);
    if (rc == 0)
        *deleted = d.deleted;
    return rc;
}
