// SPDX-License-Identifier: Apache-2.0
#include "store/rewrite.h"

#include "store/columns.h"

#include <errno.h>
#include <stdlib.h>

/* One block that is being written anew. */
struct copying {
    struct ax_rewrite *w;
    struct ax_block *block;
    const roaring_bitmap_t *matching;
    struct ax_block_reader reader;
    struct ax_block_writer *out; /* NULL as long as nothing is to be kept */
    uint64_t file, deleted;
    struct ax_columns columns; /* of the series at hand */
    struct ax_buf labels;
};

static size_t keep_outside(const struct ax_rewrite *w, int64_t *t, double *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (t[i] < w->mint || t[i] > w->maxt) {
            t[kept] = t[i];
            v[kept++] = v[i];
        }
    return kept;
}

/* False when something that is to be kept cannot be read. */
static bool take_series(struct copying *k, uint32_t series)
{
    const struct ax_rewrite *w = k->w;
    struct ax_columns *c = &k->columns;
    bool matches = roaring_bitmap_contains(k->matching, series);
    struct ax_block_cursor cursor = ax_block_chunks(&k->reader, series);
    struct ax_block_chunk chunk;
    c->n = 0;
    while (ax_block_next(&cursor, &chunk)) {
        if (matches && chunk.mint >= w->mint && chunk.maxt <= w->maxt) {
            k->deleted += chunk.n;
            continue;
        }
        ax_columns_room(c, chunk.n);
        if (!ax_block_decode(&k->reader, &chunk, c->t + c->n, c->v + c->n))
            return false;
        size_t kept = matches ? keep_outside(w, c->t + c->n, c->v + c->n, chunk.n) : chunk.n;
        k->deleted += chunk.n - kept;
        c->n += kept;
    }
    return !cursor.r.bad && !cursor.left;
}

static int put_series(struct copying *k, uint32_t series, struct ax_err *err)
{
    if (!take_series(k, series) ||
        (k->columns.n && !ax_block_labels(&k->reader, series, &k->labels)))
        return ax_fail(err, -EIO,
                       "a block that has some of it is damaged where it has other samples "
                       "(auspex admin verify says where)");
    if (!k->columns.n)
        return 0;
    int rc =
        k->out ? 0 : ax_block_create(k->w->store->dir.fd, k->file, k->block->order, &k->out, err);
    if (rc == 0)
        ax_block_add(k->out, (struct ax_labels){ax_buf_view(&k->labels)}, k->columns.t,
                     k->columns.v, k->columns.n);
    return rc;
}

static int copy_block(struct copying *k, struct ax_err *err)
{
    struct ax_rewrite *w = k->w;
    struct ax_block *fresh;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < k->block->nseries; i++)
        rc = put_series(k, i, err);
    if (k->out && (rc < 0 || !k->deleted)) {
        ax_block_cancel(k->out);
    } else if (k->out) {
        rc = ax_store_finish_block(w->store, k->out, k->file, &fresh, err);
        if (rc == 0)
            ax_block_list_add(&w->add, fresh);
    }
    if (rc == 0 && k->deleted)
        ax_block_list_add(&w->drop, k->block);
    w->deleted += k->deleted;
    return rc;
}

/* Has one of the matching series a chunk that reaches into the time? */
static bool is_concerned(const struct ax_rewrite *w, struct ax_block *b,
                         const roaring_bitmap_t *matching)
{
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(matching, &it); it.has_value; roaring_advance_uint32_iterator(&it)) {
        struct ax_block_cursor c = ax_block_chunks(&reader, it.current_value);
        struct ax_block_chunk k;
        while (ax_block_next(&c, &k))
            if (k.mint <= w->maxt && k.maxt >= w->mint)
                return true;
        if (c.r.bad)
            return true;
    }
    return false;
}

int ax_rewrite_block(struct ax_rewrite *w, struct ax_block *b, const roaring_bitmap_t *matching,
                     struct ax_err *err)
{
    if (!is_concerned(w, b, matching))
        return 0;
    struct copying k = {.w = w,
                        .block = b,
                        .matching = matching,
                        .reader = {.block = b},
                        .file = w->store->next_file++};
    int rc = copy_block(&k, err);
    ax_block_reader_done(&k.reader);
    ax_columns_free(&k.columns);
    ax_buf_free(&k.labels);
    return rc;
}

void ax_rewrite_cancel(struct ax_rewrite *w)
{
    ax_block_list_delete(w->store->dir.fd, &w->add);
    w->drop.n = 0;
}

int ax_rewrite_publish(struct ax_rewrite *w, struct ax_err *err)
{
    return w->drop.n ? ax_store_publish(w->store, &w->add, &w->drop, w->store->wal_from, err) : 0;
}

void ax_rewrite_done(struct ax_rewrite *w)
{
    free(w->add.v);
    free(w->drop.v);
}
