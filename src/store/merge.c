// SPDX-License-Identifier: Apache-2.0
/* Several blocks of one partition become one, series by series, chunks filled up anew. */
#include "store/inner.h"

#include "store/codec.h"
#include "store/columns.h"
#include "store/join.h"
#include "store/merge_rule.h"
#include "store/partition.h"
#include "store/samples.h"

#include <stdlib.h>
#include <string.h>

#define SETTLED_MS (5 * 60000) /* so long after a flush more may come soon */

/* A block with damage stays as it is: a merge would make the loss look like the truth. */
static bool mergeable(const struct ax_block *b, struct ax_partition p)
{
    return b->mint >= p.start && b->maxt < p.end && !__atomic_load_n(&b->damaged, __ATOMIC_RELAXED);
}

/* Will there be more blocks soon? Until the partition is over, and its last samples are flushed;
 * and while a bulk load fills a former one. */
static bool is_filling(const struct ax_store *s, struct ax_partition p,
                       const struct ax_block *newest)
{
    int64_t now = ax_store_now(s), since = now - s->flushed_at; /* below 0: the clock went back */
    return p.end + AX_LATE_MS > now ||
           (newest->order + 1 == s->next_order && since >= 0 && since < SETTLED_MS);
}

/* Leaves in the list what of it shall become one block. */
static bool worth_it(struct ax_store *s, struct ax_partition p, struct ax_block_list *l)
{
    if (s->final) /* what is of an older version is written anew, too */
        return l->n > 1 || (l->n == 1 && l->v[0]->version < AX_BLOCK_VERSION);
    if (l->n < 2)
        return false;
    uint64_t *size = ax_malloc(l->n * sizeof *size);
    for (size_t i = 0; i < l->n; i++)
        size[i] = l->v[i]->size;
    size_t n = ax_merge_count(size, l->n, is_filling(s, p, l->v[l->n - 1]));
    free(size);
    memmove(l->v, l->v + l->n - n, n * sizeof(struct ax_block *));
    l->n = n;
    return n > 0;
}

/* Blocks of a partition that follow each other. One that stays as it is, damaged or wider than the
 * partition (from before the clock went back), parts them: the result counts as new as the newest
 * that is in it, so what is older than the one that stays must not get above it. */
static bool choose_in(struct ax_store *s, struct ax_partition p, struct ax_block_list *list)
{
    list->n = 0;
    for (size_t i = 0; i < s->nblocks; i++) {
        struct ax_block *b = s->blocks[i];
        if (mergeable(b, p)) {
            ax_block_list_add(list, b);
        } else if (b->mint < p.end && b->maxt >= p.start) {
            if (worth_it(s, p, list))
                return true;
            list->n = 0;
        }
    }
    return worth_it(s, p, list);
}

/* The first partition with enough to merge; an empty list when there is none. */
static struct ax_block_list choose(struct ax_store *s)
{
    struct ax_block_list list = {0};
    int64_t now = s->final ? INT64_MAX : ax_store_now(s);
    for (size_t i = 0; i < s->nblocks; i++)
        if (choose_in(s, ax_partition_of(s->blocks[i]->mint, now), &list))
            return list;
    list.n = 0;
    return list;
}

static bool take_series(struct ax_columns *c, struct ax_block_reader *r, uint32_t series)
{
    struct ax_block_cursor cursor = ax_block_chunks(r, series);
    struct ax_block_chunk chunk;
    while (ax_block_next(&cursor, &chunk)) {
        ax_columns_room(c, chunk.n);
        if (!ax_block_decode(r, &chunk, c->t + c->n, c->v + c->n))
            return false;
        c->n += chunk.n;
    }
    return !cursor.r.bad && !cursor.left;
}

struct merging {
    struct ax_block_reader *readers; /* one for each block */
    struct ax_join series;           /* places are numbers of blocks */
    struct ax_columns columns;       /* of the series at hand */
    struct ax_buf labels, others;
};

static bool same_labels(void *ctx, const struct ax_member *m, struct ax_labels labels)
{
    struct merging *g = ctx;
    return ax_block_labels(&g->readers[m->place], m->series, &g->others) &&
           ax_str_eq(ax_buf_view(&g->others), labels.bytes);
}

static bool join(struct merging *g, const struct ax_block_list *l)
{
    g->series = (struct ax_join){.same = same_labels, .ctx = g};
    for (uint32_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < l->v[i]->nseries; k++) {
            if (!ax_block_labels(&g->readers[i], k, &g->labels))
                return false;
            ax_join_add(&g->series, i, k, (struct ax_labels){ax_buf_view(&g->labels)}, true);
        }
    return true;
}

static bool write_series(struct merging *g, const struct ax_group *group, struct ax_block_writer *w)
{
    struct ax_columns *c = &g->columns;
    const struct ax_member *m = &g->series.members[group->first];
    if (!ax_block_labels(&g->readers[m->place], m->series, &g->labels))
        return false;
    c->n = 0;
    for (uint32_t at = group->first; at != AX_JOIN_NONE; at = m->next) {
        m = &g->series.members[at];
        if (!take_series(c, &g->readers[m->place], m->series))
            return false;
    }
    if (c->n)
        ax_block_add(w, (struct ax_labels){ax_buf_view(&g->labels)}, c->t, c->v,
                     ax_samples_tidy(c->t, c->v, c->n));
    return true;
}

static bool write_merged(const struct ax_block_list *l, struct ax_block_writer *w)
{
    struct merging g = {.readers = ax_calloc(l->n, sizeof *g.readers)};
    for (size_t i = 0; i < l->n; i++)
        g.readers[i].block = l->v[i];
    bool whole = join(&g, l);
    for (uint32_t i = 0; i < g.series.ngroups && whole; i++)
        whole = write_series(&g, &g.series.groups[i], w);
    for (size_t i = 0; i < l->n; i++)
        ax_block_reader_done(&g.readers[i]);
    free(g.readers);
    ax_join_free(&g.series);
    ax_columns_free(&g.columns);
    ax_buf_free(&g.labels);
    ax_buf_free(&g.others);
    return whole;
}

static int merge(struct ax_store *s, struct ax_block_list *l, struct ax_err *err)
{
    uint64_t file = s->next_file++, order = 0;
    for (size_t i = 0; i < l->n; i++)
        order = l->v[i]->order > order ? l->v[i]->order : order;
    struct ax_block_writer *w;
    int rc = ax_block_create(s->dir.fd, file, order, &w, err);
    if (rc < 0)
        return rc;
    if (!write_merged(l, w)) {
        ax_block_cancel(w);
        __atomic_add_fetch(&s->damaged, 1, __ATOMIC_RELAXED);
        ax_store_warn(s,
                      "a damaged chunk was found in merging: the block that has it stays as it is");
        return 0; /* it is marked now, and the next round leaves it out */
    }
    struct ax_block *b = NULL;
    rc = ax_store_finish_block(s, w, file, &b, err);
    if (rc < 0)
        return rc;
    struct ax_block_list add = {&b, 1};
    return ax_store_publish(s, &add, l, s->wal_from, err);
}

int ax_store_merge(struct ax_store *s, bool *did, struct ax_err *err)
{
    struct ax_block_list l = choose(s);
    *did = l.n > 0;
    int rc = l.n ? merge(s, &l, err) : 0;
    free(l.v);
    return rc;
}
