// SPDX-License-Identifier: Apache-2.0
/* The newest sample of each matching series: from the last-value arrays where they hold the answer;
 * else from the pieces, the last written first, which mostly spares the others. */
#include "store/reading.h"

struct newest {
    int64_t t; /* INT64_MIN: none yet */
    double v;
};

/* The newest samples of those whose newest is known and lies in the time asked for. One whose
 * newest lies before has none in it. For the rest, which is `left`, one has to look. */
struct lasts {
    uint32_t *ids;
    size_t n; /* first all that match, then those that were found */
    int64_t *t;
    double *v;
    roaring_bitmap_t *left;
};

/* Under the head's lock, and so nothing but copies. */
static void copy_lasts(struct ax_reading *r, struct lasts *l)
{
    const struct ax_store *s = r->snap.store;
    const struct ax_store_select *sel = r->snap.sel;
    size_t found = 0;
    pthread_rwlock_rdlock(&r->snap.store->head);
    for (size_t i = 0; i < l->n; i++) {
        uint32_t id = l->ids[i];
        struct ax_sample last = id < s->nlast ? s->last[id] : (struct ax_sample){INT64_MIN, 0};
        if (last.t == INT64_MIN || last.t > sel->maxt) {
            roaring_bitmap_add(l->left, id);
        } else if (last.t >= sel->mint) {
            l->t[found] = last.t;
            l->v[found] = last.v;
            l->ids[found++] = id;
        }
    }
    pthread_rwlock_unlock(&r->snap.store->head);
    l->n = found;
}

static struct lasts answer_from_lasts(struct ax_reading *r)
{
    struct lasts l = {.n = roaring_bitmap_get_cardinality(r->snap.head)};
    l.ids = ax_arena_room(&r->scratch, (l.n + 1) * sizeof *l.ids);
    l.t = ax_arena_room(r->out, l.n * sizeof *l.t);
    l.v = ax_arena_room(r->out, l.n * sizeof *l.v);
    l.left = roaring_bitmap_create();
    roaring_bitmap_to_uint32_array(r->snap.head, l.ids);
    copy_lasts(r, &l);
    r->v = ax_arena_room(r->out, l.n * sizeof *r->v);
    r->cap = l.n;
    for (size_t i = 0; i < l.n; i++)
        ax_reading_emit(r, &(struct ax_found){.id = l.ids[i]}, &l.t[i], &l.v[i], 1);
    return l;
}

/* Is there nothing at or before maxt that could be newer? At one time the last written counts, and
 * that has been looked at first. */
static bool is_older(const struct ax_reading *r, int64_t maxt, const struct newest *best)
{
    return (maxt < r->snap.sel->maxt ? maxt : r->snap.sel->maxt) <= best->t;
}

/* The samples of one piece: of equals among themselves the last counts. */
static void look_into(struct ax_reading *r, const struct ax_piece *p, struct newest *best)
{
    int64_t t[AX_VALUES_MAX];
    double v[AX_VALUES_MAX];
    int64_t before = best->t;
    if (!ax_reading_decode(r, p, t, v))
        return;
    for (uint32_t i = 0; i < p->chunk.n; i++) {
        struct newest it = {t[i], v[i]};
        if (ax_snapshot_overlaps(&r->snap, it.t, it.t) && it.t > before && it.t >= best->t)
            *best = it;
    }
}

static void look_into_block(struct ax_reading *r, const struct ax_series_ref *ref,
                            struct newest *best)
{
    struct ax_piece p = {.block = &r->snap.readers[ref->block]};
    if (is_older(r, p.block->block->maxt, best))
        return;
    struct ax_block_cursor cursor = ax_block_chunks(p.block, ref->series);
    while (ax_block_next(&cursor, &p.chunk)) {
        const struct ax_block_chunk *c = &p.chunk;
        if (!ax_snapshot_overlaps(&r->snap, c->mint, c->maxt) || is_older(r, c->maxt, best))
            continue;
        if (c->maxt <= r->snap.sel->maxt) /* its entry has the answer */
            *best = (struct newest){c->maxt, c->last};
        else
            look_into(r, &p, best);
    }
    if (cursor.r.bad)
        ax_reading_damage(r, p.block->block);
}

static int newest_of(struct ax_reading *r, const struct ax_found *f, struct ax_err *err)
{
    const struct ax_head_part *part = f->part;
    struct newest best = {.t = INT64_MIN};
    for (uint32_t i = part ? part->n : 0; i-- > 0;)
        if (part->v[i].open || !is_older(r, part->v[i].chunk.maxt, &best))
            look_into(r, &part->v[i], &best);
    for (size_t i = f->nrefs; i-- > 0;)
        look_into_block(r, &f->refs[i], &best);
    if (best.t == INT64_MIN)
        return 0;
    if (r->samples >= ax_reading_max(r))
        return ax_reading_too_much(r, err);
    struct newest *kept = AX_NEW(r->out, struct newest);
    *kept = best;
    ax_reading_emit(r, f, &kept->t, &kept->v, 1);
    return 0;
}

/* What the last samples do not tell: of series whose newest sample is not known or lies behind the
 * time asked for, and, in times where there is doubt, of those that only blocks know. */
static int answer_from_pieces(struct ax_reading *r, struct lasts *l, struct ax_err *err)
{
    bool others = r->snap.sel->mint <= r->snap.doubt;
    if (roaring_bitmap_is_empty(l->left) && !others)
        return 0;
    uint32_t *done = ax_arena_room(&r->scratch, (roaring_bitmap_get_cardinality(r->snap.head) + 1) *
                                                    sizeof *done);
    roaring_bitmap_andnot_inplace(r->snap.head, l->left);
    size_t ndone = roaring_bitmap_get_cardinality(r->snap.head);
    roaring_bitmap_to_uint32_array(r->snap.head, done);
    roaring_bitmap_overwrite(r->snap.head, l->left);
    ax_reading_capture(r);
    ax_reading_join(r, done, ndone, others);
    return ax_reading_each(r, newest_of, err);
}

int ax_store_last(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                  struct ax_series_set *out, struct ax_err *err)
{
    struct ax_reading r;
    int rc = ax_reading_begin(&r, s, sel, a, err);
    if (rc < 0)
        return rc;
    struct lasts l = answer_from_lasts(&r);
    rc = answer_from_pieces(&r, &l, err);
    roaring_bitmap_free(l.left);
    return ax_reading_end(&r, rc, out);
}
