// SPDX-License-Identifier: Apache-2.0
/* Samples of the matching series, from wherever they lie.
 *
 * For each series its pieces are laid end to end in the order in which they were written (blocks by
 * order, then the frozen and the active memtable); one stable sort, needed only when they overlap,
 * then lets the last written win. */
#include "store/snapshot.h"

#include "store/codec.h"
#include "store/columns.h"
#include "store/samples.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define MAX_SAMPLES 50000000ull

/* Some samples of one series: a chunk of a block, a chunk of a memtable, or raw ones. */
struct piece {
    struct ax_block_reader *block; /* NULL: of a memtable */
    const uint8_t *bytes;          /* encoded, of a memtable */
    const uint8_t *open;           /* open samples of one; of chunk only n counts */
    struct ax_block_chunk chunk;
};

/* What one series has in the memtables, in order of writing. */
struct head_part {
    uint32_t id;
    uint32_t n;
    struct piece *v;
};

struct query {
    struct ax_snapshot snap;
    bool newest_only;
    struct ax_arena *out, scratch;
    struct ax_series *v;
    size_t n, cap;
    struct head_part *head; /* by rising id */
    size_t nhead;
    struct ax_columns columns; /* of the series in work */
    uint64_t samples, damaged;
};

static void room_for(struct query *q, size_t n)
{
    if (q->cap - q->n >= n)
        return;
    size_t cap = q->n + n > q->cap * 2 ? q->n + n : q->cap * 2;
    q->v = ax_arena_grow(q->out, q->v, q->cap * sizeof *q->v, cap * sizeof *q->v);
    q->cap = cap;
}

/* t and v stay where they are: in the answer's arena. */
static void emit(struct query *q, uint32_t id, const int64_t *t, const double *v, size_t n)
{
    room_for(q, q->n < 64 ? 64 : 1);
    struct ax_labels labels = ax_intake_visible(q->snap.store->intake, id, q->out);
    q->v[q->n++] = (struct ax_series){labels, t, v, n};
    q->samples += n;
}

static void emit_copy(struct query *q, uint32_t id, const int64_t *t, const double *v, size_t n)
{
    int64_t *ts = AX_NEWS(q->out, int64_t, n);
    double *vs = AX_NEWS(q->out, double, n);
    memcpy(ts, t, n * sizeof *t);
    memcpy(vs, v, n * sizeof *v);
    emit(q, id, ts, vs, n);
}

/* Under the head's lock: pieces of one memtable. Chunks stay where they are, open samples are
 * copied because they do not. */
static void capture(struct query *q, const struct ax_memtable *m, struct head_part *part)
{
    const struct ax_mem_series *s = ax_mem_series(m, part->id);
    if (!s || !ax_snapshot_overlaps(&q->snap, s->mint, s->maxt))
        return;
    part->v = ax_arena_grow(&q->scratch, part->v, part->n * sizeof *part->v,
                            (part->n + s->nchunks + 1) * sizeof *part->v);
    uint32_t first = part->n;
    for (const struct ax_mem_chunk *c = ax_mem_chunk(m, s->chunks); c;
         c = ax_mem_chunk(m, c->older))
        if (ax_snapshot_overlaps(&q->snap, c->mint, ax_mem_chunk_maxt(c)))
            part->v[part->n++] = (struct piece){
                .bytes = c->data, .chunk = {.mint = c->mint, .n = c->n, .len = c->len}};
    for (uint32_t a = first, b = part->n; a + 1 < b; a++) { /* they came newest first */
        struct piece swap = part->v[a];
        part->v[a] = part->v[--b];
        part->v[b] = swap;
    }
    uint8_t *open = ax_arena_room(&q->scratch, s->len + 1u);
    if (s->nopen)
        memcpy(open, ax_slab_at(&m->slab, s->open), s->len);
    part->v[part->n++] = (struct piece){.open = open, .chunk = {.n = s->nopen}};
}

static void capture_head(struct query *q)
{
    struct ax_store *s = q->snap.store;
    size_t n = roaring_bitmap_get_cardinality(q->snap.head);
    q->head = AX_NEWS(&q->scratch, struct head_part, n + 1);
    roaring_uint32_iterator_t it;
    roaring_init_iterator(q->snap.head, &it);
    pthread_rwlock_rdlock(&s->head);
    for (; it.has_value; roaring_advance_uint32_iterator(&it)) {
        struct head_part *part = &q->head[q->nhead];
        part->id = it.current_value;
        capture(q, q->snap.mem[0], part);
        capture(q, q->snap.mem[1], part);
        q->nhead += part->n > 0;
    }
    pthread_rwlock_unlock(&s->head);
}

static void note_damage(struct query *q, const struct ax_block *b)
{
    if (q->damaged++)
        return;
    char name[AX_BLOCK_NAME];
    ax_block_name(b->file, name);
    __atomic_add_fetch(&q->snap.store->damaged, 1, __ATOMIC_RELAXED);
    ax_store_warn(q->snap.store,
                  "%s has a part that is damaged or cannot be read: its samples are left out of "
                  "answers",
                  name);
}

static void take_sample(struct query *q, int64_t t, double v)
{
    struct ax_columns *out = &q->columns;
    if (!ax_snapshot_overlaps(&q->snap, t, t))
        return;
    out->t[out->n] = t;
    out->v[out->n++] = v;
}

/* Adds the piece's samples that lie in the time asked for. */
static void decode_piece(struct query *q, const struct piece *p)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    const struct ax_block_chunk *c = &p->chunk;
    if (p->block && !ax_block_decode(p->block, c, t, v)) {
        note_damage(q, p->block->block);
        return;
    }
    if (p->bytes)
        AX_ASSERT(ax_chunk_decode(p->bytes, c->len, c->mint, t, v, c->n));
    if (p->open)
        ax_mem_decode_open(p->open, c->n, t, v);
    ax_columns_room(&q->columns, c->n);
    for (uint32_t i = 0; i < c->n; i++)
        take_sample(q, t[i], v[i]);
}

static void decode_block_series(struct query *q, const struct ax_series_ref *ref)
{
    struct piece p = {.block = &q->snap.readers[ref->block]};
    struct ax_block_cursor cursor = ax_block_chunks(p.block, ref->series);
    while (ax_block_next(&cursor, &p.chunk)) {
        const struct ax_block_chunk *c = &p.chunk;
        if (!ax_snapshot_overlaps(&q->snap, c->mint, c->maxt))
            continue;
        if (q->newest_only && c->maxt <= q->snap.sel->maxt) { /* its entry has the answer */
            ax_columns_room(&q->columns, 1);
            take_sample(q, c->maxt, c->last);
        } else {
            decode_piece(q, &p);
        }
    }
    if (cursor.r.bad)
        note_damage(q, p.block->block);
}

static uint64_t max_samples(const struct query *q)
{
    return q->snap.sel->max_samples ? q->snap.sel->max_samples : MAX_SAMPLES;
}

static int too_much(const struct query *q, struct ax_err *err)
{
    return ax_fail(err, -E2BIG,
                   "the query would read more than %" PRIu64
                   " samples: narrow the time range or the matchers",
                   max_samples(q));
}

/* One series: its refs into blocks, and its part of the head (either may be none). */
static int build_series(struct query *q, uint32_t id, const struct ax_series_ref *refs,
                        size_t nrefs, const struct head_part *part, struct ax_err *err)
{
    struct ax_columns *c = &q->columns;
    c->n = 0;
    for (size_t i = 0; i < nrefs; i++)
        decode_block_series(q, &refs[i]);
    for (uint32_t i = 0; part && i < part->n; i++)
        decode_piece(q, &part->v[i]);
    size_t n = ax_samples_tidy(c->t, c->v, c->n);
    if (n == 0)
        return 0;
    size_t from = q->newest_only ? n - 1 : 0;
    if (q->samples + (n - from) > max_samples(q))
        return too_much(q, err);
    emit_copy(q, id, c->t + from, c->v + from, n - from);
    return 0;
}

/* Samples that the series surely has in the time asked for: those of the block with the most, by
 * its entries. What several blocks have may be the same. */
static uint64_t surely(struct query *q, const struct ax_series_ref *ref)
{
    struct ax_block_cursor cursor = ax_block_chunks(&q->snap.readers[ref->block], ref->series);
    struct ax_block_chunk c;
    uint64_t n = 0;
    while (ax_block_next(&cursor, &c))
        n += c.mint >= q->snap.sel->mint && c.maxt <= q->snap.sel->maxt ? c.n : 0;
    return n;
}

/* A query that must end in a refusal shall not decode for seconds before it does. */
static bool is_too_much(struct query *q, uint64_t max)
{
    const struct ax_series_ref *refs = q->snap.refs;
    uint64_t most = 0, sum = 0, series = 0;
    for (size_t i = 0; i < q->snap.blocks.n; i++)
        most += q->snap.blocks.v[i]->nsamples;
    for (size_t i = 0; i < q->snap.nrefs && most > max && sum <= max; i++) {
        uint64_t n = surely(q, &refs[i]);
        series = i && refs[i - 1].id == refs[i].id && series > n ? series : n;
        if (i + 1 == q->snap.nrefs || refs[i + 1].id != refs[i].id)
            sum += series;
    }
    return sum > max;
}

/* Walks refs and head parts, both sorted by id, side by side. */
static int build_all(struct query *q, struct ax_err *err)
{
    const struct ax_series_ref *refs = q->snap.refs;
    size_t r = 0, h = 0;
    int rc = 0;
    while (rc == 0 && (r < q->snap.nrefs || h < q->nhead)) {
        uint32_t id = r < q->snap.nrefs ? refs[r].id : UINT32_MAX;
        if (h < q->nhead && q->head[h].id < id)
            id = q->head[h].id;
        size_t first = r;
        while (r < q->snap.nrefs && refs[r].id == id)
            r++;
        bool in_head = h < q->nhead && q->head[h].id == id;
        rc = build_series(q, id, refs + first, r - first, in_head ? &q->head[h] : NULL, err);
        h += in_head;
    }
    return rc;
}

static int finish(struct query *q, int rc, struct ax_series_set *out)
{
    if (rc == 0) {
        *out = (struct ax_series_set){.v = q->v, .n = q->n};
        if (q->damaged)
            out->warning = ax_arena_printf(
                q->out,
                "%" PRIu64
                " parts on disk that are damaged or cannot be read were left out of the answer",
                q->damaged);
    }
    ax_columns_free(&q->columns);
    ax_arena_free(&q->scratch);
    ax_snapshot_release(&q->snap);
    return rc;
}

int ax_store_select(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                    struct ax_series_set *out, struct ax_err *err)
{
    struct query q = {.out = a};
    int rc = ax_snapshot_take(s, sel, &q.snap, err);
    if (rc < 0)
        return rc;
    if (is_too_much(&q, max_samples(&q)))
        return finish(&q, too_much(&q, err), out);
    capture_head(&q);
    return finish(&q, build_all(&q, err), out);
}

/* Ids of all that match, in head and blocks: rising, each once; of the scratch arena. */
static uint32_t *all_ids(struct query *q, size_t *n)
{
    size_t nhead = roaring_bitmap_get_cardinality(q->snap.head), h = 0, r = 0;
    uint32_t *head = AX_NEWS(&q->scratch, uint32_t, nhead + 1);
    uint32_t *ids = AX_NEWS(&q->scratch, uint32_t, nhead + q->snap.nrefs + 1);
    roaring_bitmap_to_uint32_array(q->snap.head, head);
    *n = 0;
    while (h < nhead || r < q->snap.nrefs) {
        bool from_head = r == q->snap.nrefs || (h < nhead && head[h] <= q->snap.refs[r].id);
        uint32_t id = from_head ? head[h++] : q->snap.refs[r++].id;
        if (!*n || ids[*n - 1] != id)
            ids[(*n)++] = id;
    }
    return ids;
}

/* Under the head's lock, and so nothing but copies: the newest samples, of those whose newest lies
 * in the time asked for. What is answered moves to the front of ids, the rest goes into `left`. */
static size_t copy_lasts(struct query *q, uint32_t *ids, size_t n, int64_t *t, double *v,
                         roaring_bitmap_t *left)
{
    struct ax_store *s = q->snap.store;
    size_t found = 0;
    pthread_rwlock_rdlock(&s->head);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = ids[i];
        if (id < s->nlast && ax_snapshot_overlaps(&q->snap, s->last_t[id], s->last_t[id])) {
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
static void answer_from_lasts(struct query *q)
{
    size_t n;
    uint32_t *ids = all_ids(q, &n);
    int64_t *t = AX_NEWS(q->out, int64_t, n);
    double *v = AX_NEWS(q->out, double, n);
    roaring_bitmap_t *left = roaring_bitmap_create();
    n = copy_lasts(q, ids, n, t, v, left);
    room_for(q, n);
    for (size_t i = 0; i < n; i++)
        emit(q, ids[i], &t[i], &v[i], 1);
    roaring_bitmap_and_inplace(q->snap.head, left);
    size_t kept = 0;
    for (size_t i = 0; i < q->snap.nrefs && !roaring_bitmap_is_empty(left); i++)
        if (roaring_bitmap_contains(left, q->snap.refs[i].id))
            q->snap.refs[kept++] = q->snap.refs[i];
    q->snap.nrefs = kept;
    roaring_bitmap_free(left);
}

int ax_store_last(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                  struct ax_series_set *out, struct ax_err *err)
{
    struct query q = {.out = a, .newest_only = true};
    int rc = ax_snapshot_take(s, sel, &q.snap, err);
    if (rc < 0)
        return rc;
    answer_from_lasts(&q);
    capture_head(&q);
    return finish(&q, build_all(&q, err), out);
}
