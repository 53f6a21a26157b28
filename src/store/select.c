// SPDX-License-Identifier: Apache-2.0
/* All samples of the matching series. For each its pieces are decoded end to end in the order in
 * which they were written; one stable sort, needed only when they overlap, then lets the last
 * written win. */
#include "store/reading.h"
#include "store/samples.h"

#define IN_PLACE 2048 /* from so many samples on they are decoded where they stay */

/* Samples as they are decoded. */
struct run {
    int64_t *t;
    double *v;
    size_t n, most;
    bool rising; /* strictly, so far */
};

/* Notes the pieces of one series in one block. Returns how many samples they have. */
static size_t list_block(struct ax_reading *r, const struct ax_series_ref *ref)
{
    struct ax_pieces *out = &r->pieces;
    size_t samples = 0;
    struct ax_piece p = {.block = &r->snap.readers[ref->block]};
    struct ax_block_cursor cursor = ax_block_chunks(p.block, ref->series);
    while (ax_block_next(&cursor, &p.chunk)) {
        if (!ax_snapshot_overlaps(&r->snap, p.chunk.mint, p.chunk.maxt))
            continue;
        if (out->n == out->cap) {
            size_t cap = out->cap ? out->cap * 2 : 64;
            out->v =
                ax_arena_grow(&r->scratch, out->v, out->cap * sizeof *out->v, cap * sizeof *out->v);
            out->cap = cap;
        }
        out->v[out->n++] = p;
        samples += p.chunk.n;
        p.block->until = p.chunk.at + p.chunk.len + sizeof(uint32_t);
    }
    if (cursor.r.bad)
        ax_reading_damage(r, p.block->block);
    return samples;
}

/* Leaves those in the time asked for. */
static size_t clip(const struct ax_reading *r, int64_t *t, double *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        t[kept] = t[i];
        v[kept] = v[i];
        kept += ax_snapshot_overlaps(&r->snap, t[i], t[i]);
    }
    return kept;
}

static void take(struct ax_reading *r, const struct ax_piece *p, struct run *out)
{
    const struct ax_store_select *sel = r->snap.sel;
    int64_t *t = out->t + out->n;
    double *v = out->v + out->n;
    size_t n = p->chunk.n;
    if (!ax_reading_decode(r, p, t, v))
        return;
    if (p->open || p->chunk.mint < sel->mint || p->chunk.maxt > sel->maxt)
        n = clip(r, t, v, n);
    if (n && out->n)
        out->rising &= t[0] > t[-1];
    for (size_t i = 1; p->open && i < n; i++)
        out->rising &= t[i] > t[i - 1];
    out->n += n;
}

/* Long runs stay where they are decoded; of short ones the ends that were cut off may well be the
 * most, so they are copied. */
static void begin_run(struct ax_reading *r, size_t most, struct run *out)
{
    *out = (struct run){.rising = true, .most = most};
    if (most >= IN_PLACE) {
        out->v = ax_arena_room(r->out, most * sizeof *out->v);
        out->t = ax_arena_room(r->out, most * sizeof *out->t);
        return;
    }
    ax_columns_room(&r->columns, most);
    out->t = r->columns.t;
    out->v = r->columns.v;
}

static void *copy_out(struct ax_reading *r, const void *p, size_t size)
{
    return memcpy(ax_arena_room(r->out, size), p, size);
}

/* What is polled together is stamped together: then the series before has the same times, and what
 * is kept and looked at is half as much. */
static const int64_t *times_before(const struct ax_reading *r, const struct run *run)
{
    const struct ax_series *before = r->n ? &r->v[r->n - 1] : NULL;
    bool same =
        before && before->n == run->n && memcmp(before->t, run->t, run->n * sizeof *run->t) == 0;
    return same ? before->t : NULL;
}

static void end_run(struct ax_reading *r, const struct ax_found *f, const struct run *run)
{
    const int64_t *t = times_before(r, run);
    const double *v = run->v;
    if (run->t == r->columns.t) {
        t = t ? t : copy_out(r, run->t, run->n * sizeof *t);
        v = copy_out(r, run->v, run->n * sizeof *v);
    } else if (t) {
        ax_arena_shrink(r->out, run->t, run->most * sizeof *t, 0);
    } else {
        t = run->t;
    }
    ax_reading_emit(r, f, t, v, run->n);
}

static int read_series(struct ax_reading *r, const struct ax_found *f, struct ax_err *err)
{
    const struct ax_head_part *part = f->part;
    struct run run;
    size_t most = 0;
    r->pieces.n = 0;
    for (size_t i = 0; i < f->nrefs; i++)
        most += list_block(r, &f->refs[i]);
    for (uint32_t i = 0; part && i < part->n; i++)
        most += part->v[i].chunk.n;
    begin_run(r, most, &run);
    for (size_t i = 0; i < r->pieces.n; i++)
        take(r, &r->pieces.v[i], &run);
    for (uint32_t i = 0; part && i < part->n; i++)
        take(r, &part->v[i], &run);
    if (!run.rising)
        run.n = ax_samples_tidy(run.t, run.v, run.n);
    if (r->samples + run.n > ax_reading_max(r))
        return ax_reading_too_much(r, err);
    if (run.n)
        end_run(r, f, &run);
    return 0;
}

/* Samples that the series surely has in the time asked for: those of the block with the most, by
 * its entries. What several blocks have may be the same. */
static uint64_t surely(struct ax_reading *r, const struct ax_series_ref *ref)
{
    struct ax_block_cursor cursor = ax_block_chunks(&r->snap.readers[ref->block], ref->series);
    struct ax_block_chunk c;
    uint64_t n = 0;
    while (ax_block_next(&cursor, &c))
        n += c.mint >= r->snap.sel->mint && c.maxt <= r->snap.sel->maxt ? c.n : 0;
    return n;
}

static int count_surely(struct ax_reading *r, const struct ax_found *f, struct ax_err *err)
{
    uint64_t most = 0;
    for (size_t i = 0; i < f->nrefs; i++) {
        uint64_t n = surely(r, &f->refs[i]);
        most = n > most ? n : most;
    }
    r->surely += most;
    return r->surely > ax_reading_max(r) ? ax_reading_too_much(r, err) : 0;
}

/* A query that must end in a refusal shall not decode for seconds before it does. */
static int check_amount(struct ax_reading *r, struct ax_err *err)
{
    uint64_t most = 0;
    for (size_t i = 0; i < r->snap.blocks.n; i++)
        most += r->snap.blocks.v[i]->nsamples;
    return most > ax_reading_max(r) ? ax_reading_each(r, count_surely, err) : 0;
}

int ax_store_select(struct ax_store *s, const struct ax_store_select *sel, struct ax_arena *a,
                    struct ax_series_set *out, struct ax_err *err)
{
    struct ax_reading r;
    int rc = ax_reading_begin(&r, s, sel, a, err);
    if (rc < 0)
        return rc;
    ax_reading_capture(&r);
    ax_reading_join(&r, NULL, 0, true);
    rc = check_amount(&r, err);
    if (rc == 0)
        rc = ax_reading_each(&r, read_series, err);
    return ax_reading_end(&r, rc, out);
}
