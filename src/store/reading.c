// SPDX-License-Identifier: Apache-2.0
#include "store/reading.h"

#include <errno.h>
#include <inttypes.h>

#define MAX_SAMPLES 50000000ull

int ax_reading_begin(struct ax_reading *r, struct ax_store *s, const struct ax_store_select *sel,
                     struct ax_arena *out, struct ax_err *err)
{
    *r = (struct ax_reading){.out = out};
    return ax_snapshot_take(s, sel, &r->snap, err);
}

/* Under the head's lock: pieces of one memtable. Chunks stay where they are, open samples are
 * copied because they do not. */
static void capture(struct ax_reading *r, const struct ax_memtable *m, struct ax_head_part *part)
{
    const struct ax_mem_series *s = ax_mem_series(m, part->id);
    if (!s || !ax_snapshot_overlaps(&r->snap, s->mint, s->maxt))
        return;
    struct ax_piece *v = ax_arena_room(&r->scratch, (part->n + s->nchunks + 1) * sizeof *v);
    uint32_t n = part->n, first = n;
    if (n)
        memcpy(v, part->v, n * sizeof *v);
    const struct ax_mem_chunk *c = ax_mem_chunk(m, s->chunks);
    for (; c; c = ax_mem_chunk(m, c->older)) {
        int64_t maxt = ax_mem_chunk_maxt(c);
        if (ax_snapshot_overlaps(&r->snap, c->mint, maxt))
            v[n++] = (struct ax_piece){
                .bytes = c->data,
                .chunk = {.mint = c->mint, .maxt = maxt, .n = c->n, .len = c->len}};
    }
    for (uint32_t a = first, b = n; a + 1 < b; a++) { /* they came newest first */
        struct ax_piece swap = v[a];
        v[a] = v[--b];
        v[b] = swap;
    }
    if (s->nopen) {
        uint8_t *open = ax_arena_room(&r->scratch, s->len);
        memcpy(open, ax_slab_at(&m->slab, s->open), s->len);
        v[n++] = (struct ax_piece){.open = open, .chunk = {.n = s->nopen}};
    }
    part->v = v;
    part->n = n;
}

void ax_reading_capture(struct ax_reading *r)
{
    struct ax_store *s = r->snap.store;
    size_t n = roaring_bitmap_get_cardinality(r->snap.head);
    r->head = AX_NEWS(&r->scratch, struct ax_head_part, n + 1);
    roaring_uint32_iterator_t it;
    roaring_init_iterator(r->snap.head, &it);
    pthread_rwlock_rdlock(&s->head);
    for (; it.has_value; roaring_advance_uint32_iterator(&it)) {
        struct ax_head_part *part = &r->head[r->nhead];
        part->id = it.current_value;
        capture(r, r->snap.mem[0], part);
        capture(r, r->snap.mem[1], part);
        r->nhead += part->n > 0;
    }
    pthread_rwlock_unlock(&s->head);
}

/* Walks refs and head parts, both sorted by id, side by side. */
int ax_reading_each(struct ax_reading *r, ax_reading_fn *fn, struct ax_err *err)
{
    const struct ax_series_ref *refs = r->snap.refs;
    size_t at = 0, h = 0;
    int rc = 0;
    while (rc == 0 && (at < r->snap.nrefs || h < r->nhead)) {
        uint32_t id = at < r->snap.nrefs ? refs[at].id : UINT32_MAX;
        if (h < r->nhead && r->head[h].id < id)
            id = r->head[h].id;
        size_t first = at;
        while (at < r->snap.nrefs && refs[at].id == id)
            at++;
        bool in_head = h < r->nhead && r->head[h].id == id;
        rc = fn(r, id, refs + first, at - first, in_head ? &r->head[h] : NULL, err);
        h += in_head;
    }
    return rc;
}

int ax_reading_end(struct ax_reading *r, int rc, struct ax_series_set *out)
{
    if (rc == 0) {
        *out = (struct ax_series_set){.v = r->v, .n = r->n};
        if (r->damaged)
            out->warning = ax_arena_printf(
                r->out,
                "%" PRIu64
                " parts on disk that are damaged or cannot be read were left out of the answer",
                r->damaged);
    }
    ax_columns_free(&r->columns);
    ax_arena_free(&r->scratch);
    ax_snapshot_release(&r->snap);
    return rc;
}

bool ax_reading_decode(struct ax_reading *r, const struct ax_piece *p, int64_t *t, double *v)
{
    const struct ax_block_chunk *c = &p->chunk;
    if (p->open)
        ax_mem_decode_open(p->open, c->n, t, v);
    if (p->bytes)
        AX_ASSERT(ax_chunk_decode(p->bytes, c->len, c->mint, t, v, c->n));
    if (!p->block || ax_block_decode(p->block, c, t, v))
        return true;
    ax_reading_damage(r, p->block->block);
    return false;
}

void ax_reading_damage(struct ax_reading *r, const struct ax_block *b)
{
    if (r->damaged++)
        return;
    char name[AX_BLOCK_NAME];
    ax_block_name(b->file, name);
    __atomic_add_fetch(&r->snap.store->damaged, 1, __ATOMIC_RELAXED);
    ax_store_warn(r->snap.store,
                  "%s has a part that is damaged or cannot be read: its samples are left out of "
                  "answers",
                  name);
}

/* Is the label of this number wanted? Its name is looked at once. */
static bool pair_is_wanted(struct ax_reading *r, uint32_t pair)
{
    enum { UNKNOWN, WANTED, UNWANTED };
    const struct ax_store_select *sel = r->snap.sel;
    if (pair >= r->npairs) {
        uint32_t n = pair < 512 ? 1024 : pair * 2;
        r->pair_kind = ax_arena_grow(&r->scratch, r->pair_kind, r->npairs, n);
        r->npairs = n;
    }
    uint8_t *kind = &r->pair_kind[pair];
    if (*kind == UNKNOWN) {
        struct ax_str name = ax_intake_pair(r->snap.store->intake, pair).name;
        *kind = UNWANTED;
        for (size_t i = 0; i < sel->nonly; i++)
            if (ax_str_eq(sel->only[i], name))
                *kind = WANTED;
    }
    return *kind == WANTED;
}

/* Mostly those of the series before: then they are not made again. */
static struct ax_labels only_wanted(struct ax_reading *r, uint32_t id)
{
    const struct ax_store_select *sel = r->snap.sel;
    struct ax_intake *in = r->snap.store->intake;
    size_t n, found = 0;
    const uint32_t *pairs = ax_intake_pairs(in, id, &n);
    bool same = r->n > 0;
    for (size_t i = 0; i < n; i++)
        if (pair_is_wanted(r, pairs[i])) {
            same = same && found < r->nwanted && r->wanted[found] == pairs[i];
            r->wanted[found++] = pairs[i];
        }
    same = same && found == r->nwanted;
    r->nwanted = found;
    return same ? r->v[r->n - 1].labels : ax_intake_only(in, id, sel->only, sel->nonly, r->out);
}

void ax_reading_emit(struct ax_reading *r, uint32_t id, const int64_t *t, const double *v, size_t n)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        r->v = ax_arena_grow(r->out, r->v, r->cap * sizeof *r->v, cap * sizeof *r->v);
        r->cap = cap;
    }
    struct ax_labels labels = r->snap.sel->only
                                  ? only_wanted(r, id)
                                  : ax_intake_visible(r->snap.store->intake, id, r->out);
    r->v[r->n++] = (struct ax_series){labels, t, v, n};
    r->samples += n;
}

uint64_t ax_reading_max(const struct ax_reading *r)
{
    return r->snap.sel->max_samples ? r->snap.sel->max_samples : MAX_SAMPLES;
}

int ax_reading_too_much(const struct ax_reading *r, struct ax_err *err)
{
    return ax_fail(err, -E2BIG,
                   "the query would read more than %" PRIu64
                   " samples: narrow the time range or the matchers",
                   ax_reading_max(r));
}
