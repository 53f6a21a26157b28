// SPDX-License-Identifier: Apache-2.0
#include "store/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES 50000000ull
#define ABREAST     16 /* series whose chunks are looked for at a time */

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

/* Brings the chunks of these series into the cache. Each tells where the one before it is, and each
 * is somewhere else in memory: chains that are followed abreast wait for it together. */
static void warm(const struct ax_memtable *m, const struct ax_head_part *part, size_t n)
{
    const struct ax_mem_chunk *at[ABREAST];
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ax_mem_series *s = ax_mem_series(m, part[i].id);
        const struct ax_mem_chunk *newest = s ? ax_mem_chunk(m, s->chunks) : NULL;
        if (newest)
            at[left++] = newest;
    }
    while (left)
        for (size_t i = 0; i < left; i++) {
            at[i] = ax_mem_chunk(m, at[i]->older);
            if (!at[i])
                at[i] = at[--left];
        }
}

static void capture_some(struct ax_reading *r, struct ax_head_part *part, size_t n)
{
    for (int k = 0; k < 2; k++) {
        warm(r->snap.mem[k], part, n);
        for (size_t i = 0; i < n; i++)
            capture(r, r->snap.mem[k], &part[i]);
    }
}

void ax_reading_capture(struct ax_reading *r)
{
    struct ax_store *s = r->snap.store;
    size_t n = roaring_bitmap_get_cardinality(r->snap.head);
    r->head = AX_NEWS(&r->scratch, struct ax_head_part, n + 1);
    roaring_uint32_iterator_t it;
    roaring_init_iterator(r->snap.head, &it);
    for (; it.has_value; roaring_advance_uint32_iterator(&it))
        r->head[r->nhead++].id = it.current_value;
    pthread_rwlock_rdlock(&s->head);
    for (size_t i = 0; i < n; i += ABREAST)
        capture_some(r, r->head + i, n - i < ABREAST ? n - i : ABREAST);
    pthread_rwlock_unlock(&s->head);
}

/* ---- what belongs together ---- */

enum { HEAD = UINT32_MAX, DONE = UINT32_MAX - 1 }; /* places that are no block */

static struct ax_labels head_labels(struct ax_reading *r, uint32_t id)
{
    ax_arena_reset(&r->temp);
    return ax_intake_series(r->snap.store->intake, id, &r->temp);
}

static bool same_labels(void *ctx, const struct ax_member *m, struct ax_labels labels)
{
    struct ax_reading *r = ctx;
    AX_CLEANUP(ax_buf_free) struct ax_buf others = AX_BUF_INIT;
    if (m->place == HEAD || m->place == DONE) {
        uint32_t id = m->place == HEAD ? r->head[m->series].id : m->series;
        return ax_str_eq(head_labels(r, id).bytes, labels.bytes);
    }
    return ax_block_labels(&r->snap.readers[m->place], m->series, &others) &&
           ax_str_eq(ax_buf_view(&others), labels.bytes);
}

static void join_block(struct ax_reading *r, uint32_t block, const roaring_bitmap_t *series,
                       bool others)
{
    struct ax_block_reader *reader = &r->snap.readers[block];
    roaring_uint32_iterator_t it;
    for (roaring_init_iterator(series, &it); it.has_value; roaring_advance_uint32_iterator(&it))
        if (ax_block_labels(reader, it.current_value, &r->labels))
            ax_join_add(&r->join, block, it.current_value,
                        (struct ax_labels){ax_buf_view(&r->labels)}, others);
        else
            ax_reading_damage(r, reader->block);
}

void ax_reading_join(struct ax_reading *r, const uint32_t *done, size_t ndone, bool others)
{
    size_t n = r->snap.blocks.n;
    roaring_bitmap_t **found = AX_NEWS(&r->scratch, roaring_bitmap_t *, n + 1);
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        found[i] = ax_snapshot_match(&r->snap, i);
        any |= !roaring_bitmap_is_empty(found[i]);
    }
    r->join = (struct ax_join){.same = same_labels, .ctx = r};
    for (uint32_t i = 0; any && i < r->nhead; i++)
        ax_join_add(&r->join, HEAD, i, head_labels(r, r->head[i].id), true);
    for (size_t i = 0; any && others && i < ndone; i++)
        ax_join_add(&r->join, DONE, done[i], head_labels(r, done[i]), true);
    for (uint32_t i = 0; i < n; i++) {
        join_block(r, i, found[i], others);
        roaring_bitmap_free(found[i]);
    }
}

static void add_ref(struct ax_reading *r, struct ax_found *f, const struct ax_member *m)
{
    if (f->nrefs == r->refs_cap) {
        r->refs_cap = r->refs_cap ? r->refs_cap * 2 : 64;
        r->refs = ax_realloc(r->refs, r->refs_cap * sizeof *r->refs);
    }
    r->refs[f->nrefs++] = (struct ax_series_ref){m->place, m->series};
}

/* False: it is done. */
static bool gather(struct ax_reading *r, const struct ax_group *g, struct ax_found *f)
{
    const struct ax_member *m;
    *f = (struct ax_found){.id = AX_SERIES_NONE};
    for (uint32_t at = g->first; at != AX_JOIN_NONE; at = m->next) {
        m = &r->join.members[at];
        if (m->place == DONE)
            return false;
        if (m->place == HEAD) {
            f->part = &r->head[m->series];
            f->id = f->part->id;
        } else {
            add_ref(r, f, m);
        }
    }
    f->refs = r->refs;
    return true;
}

int ax_reading_each(struct ax_reading *r, ax_reading_fn *fn, struct ax_err *err)
{
    struct ax_found f;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->join.ngroups; i++)
        if (gather(r, &r->join.groups[i], &f))
            rc = fn(r, &f, err);
    for (size_t i = 0; rc == 0 && !r->join.ngroups && i < r->nhead; i++) {
        f = (struct ax_found){.id = r->head[i].id, .part = &r->head[i]};
        rc = fn(r, &f, err);
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
    ax_join_free(&r->join);
    ax_buf_free(&r->labels);
    free(r->refs);
    ax_arena_free(&r->temp);
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
    bool same = r->wanted_known;
    for (size_t i = 0; i < n; i++)
        if (pair_is_wanted(r, pairs[i])) {
            same = same && found < r->nwanted && r->wanted[found] == pairs[i];
            r->wanted[found++] = pairs[i];
        }
    same = same && found == r->nwanted;
    r->nwanted = found;
    r->wanted_known = true;
    return same ? r->v[r->n - 1].labels : ax_intake_only(in, id, sel->only, sel->nonly, r->out);
}

static bool name_is_wanted(const struct ax_store_select *sel, struct ax_str name)
{
    for (size_t i = 0; sel->only && i < sel->nonly; i++)
        if (ax_str_eq(sel->only[i], name))
            return true;
    return !sel->only && !ax_str_eq(name, AX_STR(AX_TENANT_LABEL));
}

/* Of a series that the head does not know. */
static struct ax_labels block_labels(struct ax_reading *r, const struct ax_series_ref *ref)
{
    struct ax_label l;
    r->wanted_known = false;
    ax_block_labels(&r->snap.readers[ref->block], ref->series, &r->labels); /* has worked before */
    struct ax_str rest = ax_buf_view(&r->labels);
    char *bytes = ax_arena_room(r->out, rest.n), *to = bytes;
    for (const char *from = rest.p; ax_labels_next(&rest, &l); from = rest.p)
        if (name_is_wanted(r->snap.sel, l.name)) {
            memcpy(to, from, (size_t)(rest.p - from));
            to += rest.p - from;
        }
    return (struct ax_labels){{bytes, (size_t)(to - bytes)}};
}

static struct ax_labels labels_of(struct ax_reading *r, const struct ax_found *f)
{
    if (f->id == AX_SERIES_NONE)
        return block_labels(r, &f->refs[0]);
    if (r->snap.sel->only)
        return only_wanted(r, f->id);
    return ax_intake_visible(r->snap.store->intake, f->id, r->out);
}

void ax_reading_emit(struct ax_reading *r, const struct ax_found *f, const int64_t *t,
                     const double *v, size_t n)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        r->v = ax_arena_grow(r->out, r->v, r->cap * sizeof *r->v, cap * sizeof *r->v);
        r->cap = cap;
    }
    struct ax_labels labels = labels_of(r, f);
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
