// SPDX-License-Identifier: Apache-2.0
/* The newest sample of each matching series: from the last-value arrays where they hold the answer;
 * else from the pieces, the last written first, which mostly spares the others. */
#include "store/reading.h"

struct newest {
    int64_t t; /* INT64_MIN: none yet */
    double v;
};

/* Ids of all that match, in head and blocks: rising, each once; of the scratch arena. */
static uint32_t *all_ids(struct ax_reading *r, size_t *n)
{
    size_t nhead = roaring_bitmap_get_cardinality(r->snap.head), h = 0, b = 0;
    uint32_t *head = ax_arena_room(&r->scratch, (nhead + 1) * sizeof *head);
    roaring_bitmap_to_uint32_array(r->snap.head, head);
    *n = nhead;
    if (r->snap.nrefs == 0)
        return head;
    uint32_t *ids = ax_arena_room(&r->scratch, (nhead + r->snap.nrefs) * sizeof *ids);
    *n = 0;
    while (h < nhead || b < r->snap.nrefs) {
        bool from_head = b == r->snap.nrefs || (h < nhead && head[h] <= r->snap.refs[b].id);
        uint32_t id = from_head ? head[h++] : r->snap.refs[b++].id;
        if (!*n || ids[*n - 1] != id)
            ids[(*n)++] = id;
    }
    return ids;
}

/* Under the head's lock, and so nothing but copies: the newest samples, of those whose newest lies
 * in the time asked for. What is answered moves to the front of ids, the rest goes into `left`. */
static size_t copy_lasts(struct ax_reading *r, uint32_t *ids, size_t n, int64_t *t, double *v,
                         roaring_bitmap_t *left)
{
    struct ax_store *s = r->snap.store;
    size_t found = 0;
    pthread_rwlock_rdlock(&s->head);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = ids[i];
        if (id < s->nlast && ax_snapshot_overlaps(&r->snap, s->last_t[id], s->last_t[id])) {
            t[found] = s->last_t[id];
            v[found] = s->last_v[id];
            ids[found++] = id;
        } else {
            roaring_bitmap_add(left, id);
        }
    }
    pthread_rwlock_unlock(&s->head);
    return found;
}

/* Answers from the last-value arrays what they can answer, and takes it out of the snapshot. */
static void answer_from_lasts(struct ax_reading *r)
{
    size_t n;
    uint32_t *ids = all_ids(r, &n);
    int64_t *t = ax_arena_room(r->out, n * sizeof *t);
    double *v = ax_arena_room(r->out, n * sizeof *v);
    roaring_bitmap_t *left = roaring_bitmap_create();
    n = copy_lasts(r, ids, n, t, v, left);
    r->v = ax_arena_room(r->out, n * sizeof *r->v);
    r->cap = n;
    for (size_t i = 0; i < n; i++)
        ax_reading_emit(r, ids[i], &t[i], &v[i], 1);
    roaring_bitmap_and_inplace(r->snap.head, left);
    size_t kept = 0;
    for (size_t i = 0; i < r->snap.nrefs && !roaring_bitmap_is_empty(left); i++)
        if (roaring_bitmap_contains(left, r->snap.refs[i].id))
            r->snap.refs[kept++] = r->snap.refs[i];
    r->snap.nrefs = kept;
    roaring_bitmap_free(left);
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

static int newest_of(struct ax_reading *r, uint32_t id, const struct ax_series_ref *refs,
                     size_t nrefs, const struct ax_head_part *part, struct ax_err *err)
{
    struct newest best = {.t = INT64_MIN};
    for (uint32_t i = part ? part->n : 0; i-- > 0;)
        if (part->v[i].open || !is_older(r, part->v[i].chunk.maxt, &best))
            look_into(r, &part->v[i], &best);
    for (size_t i = nrefs; i-- > 0;)
        look_into_block(r, &refs[i], &best);
    if (best.t == INT64_MIN)
        return 0;
    if (r->samples >= ax_reading_max(r))
        return ax_reading_too_much(r, err);
    struct newest *kept = AX_NEW(r->out, struct newest);
    *kept = best;
    ax_reading_emit(r, id, &kept->t, &kept->v, 1);
    return 0;
}

int ax_store_last(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                  struct ax_series_set *out, struct ax_err *err)
{
    struct ax_reading r;
    int rc = ax_reading_begin(&r, s, sel, a, err);
    if (rc < 0)
        return rc;
    answer_from_lasts(&r);
    ax_reading_capture(&r);
    return ax_reading_end(&r, ax_reading_each(&r, newest_of, err), out);
}
