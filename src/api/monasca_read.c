// SPDX-License-Identifier: Apache-2.0
/* The samples of groups, group by group. What is little is read at once; else each group in
 * windows of time that have no more samples than fit, and only as far as somebody wants them:
 *
 *     from                                        end
 *      |--------- too many ---------------------|
 *      |---- too many ------|
 *      |- taken --|- taken --|--- taken, and twice as wide ---|
 */
#include "api/monasca.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE_SAMPLES 1000000   /* at once in memory */
#define MOST_SAMPLES  100000000 /* for one answer */

void ax_monasca_reading_begin(struct ax_monasca_reading *r, const struct ax_monasca_query *x)
{
    *r = (struct ax_monasca_reading){.query = x};
}

void ax_monasca_reading_end(struct ax_monasca_reading *r)
{
    ax_arena_free(&r->pieces);
    free(r->rows);
}

static int by_time(const void *a, const void *b)
{
    const struct ax_monasca_row *x = a, *y = b;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return ax_monasca_id_cmp(x->metric, y->metric);
}

static void add_rows(struct ax_monasca_reading *r, const struct ax_series *s,
                     struct ax_monasca_id metric, int64_t from)
{
    if (r->nrows + s->n > r->cap) {
        r->cap = (r->nrows + s->n) * 2;
        r->rows = ax_realloc(r->rows, r->cap * sizeof *r->rows);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->t[i] >= from && !ax_is_stale(s->v[i]))
            r->rows[r->nrows++] = (struct ax_monasca_row){s->t[i], s->v[i], metric};
}

struct ax_monasca_member {
    struct ax_monasca_id group;
    const struct ax_series *series;
};

static int by_group(const void *a, const void *b)
{
    const struct ax_monasca_member *x = a, *y = b;
    return ax_monasca_id_cmp(x->group, y->group);
}

static void sort_members(struct ax_monasca_reading *r, const struct ax_series_set *set)
{
    struct ax_labels unused;
    r->nmembers = set->n;
    r->members = AX_NEWS(&r->pieces, struct ax_monasca_member, set->n);
    for (size_t i = 0; i < set->n; i++) {
        r->members[i].series = &set->v[i];
        r->members[i].group = ax_monasca_group_of(r->query, set->v[i].labels, &r->pieces, &unused);
    }
    if (set->n)
        qsort(r->members, set->n, sizeof *r->members, by_group);
}

static size_t first_member(const struct ax_monasca_reading *r, struct ax_monasca_id group)
{
    size_t low = 0, high = r->nmembers;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ax_monasca_id_cmp(r->members[middle].group, group) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Hands on the group's part of what was read. False: no more is wanted. */
static bool hand_on(struct ax_monasca_reading *r, const struct ax_monasca_group *g, int64_t from,
                    ax_monasca_take *take, void *ctx)
{
    struct ax_str tenant = r->query->filter.select.tenant;
    size_t series = 0;
    r->nrows = 0;
    for (size_t i = first_member(r, g->id); i < r->nmembers; i++) {
        const struct ax_monasca_member *m = &r->members[i];
        if (ax_monasca_id_cmp(m->group, g->id) != 0)
            break;
        add_rows(r, m->series, ax_monasca_id(tenant, m->series->labels), from);
        series++;
    }
    if (series > 1)
        qsort(r->rows, r->nrows, sizeof *r->rows, by_time);
    for (size_t i = 0; i < r->nrows; i++)
        if (!take(ctx, &r->rows[i]))
            return false;
    return true;
}

/* The query's select for one group: its dimensions too, so that others are not decoded. */
static struct ax_store_select select_group(struct ax_monasca_reading *r,
                                           const struct ax_monasca_group *g)
{
    struct ax_store_select s = r->query->filter.select;
    struct ax_label l;
    size_t n = s.nmatchers;
    AX_LABELS_EACH (g->labels, l)
        n++;
    struct ax_matcher *m = AX_NEWS(&r->query->q->arena, struct ax_matcher, n);
    memcpy(m, s.matchers, s.nmatchers * sizeof *m);
    s.matchers = m;
    AX_LABELS_EACH (g->labels, l)
        m[s.nmatchers++] = (struct ax_matcher){AX_MATCH_EQ, l.name, l.value, NULL};
    return s;
}

static int read_windows(struct ax_monasca_reading *r, const struct ax_monasca_group *g,
                        int64_t from, ax_monasca_take *take, void *ctx, struct ax_err *err)
{
    struct ax_store *store = ax_api_rooms(r->query->q->api)->store;
    struct ax_store_select s = select_group(r, g);
    int64_t end = g->last + 1, width = end - from;
    while (from < end) {
        struct ax_series_set set;
        int64_t to = width < end - from ? from + width : end;
        s.mint = from;
        s.maxt = to - 1;
        s.max_samples = to - from > 1 ? PIECE_SAMPLES : 0;
        ax_arena_reset(&r->pieces);
        int rc = ax_store_select(store, &s, &r->pieces, &set, err);
        if (rc == -E2BIG && to - from > 1) {
            width = (to - from) / 2;
            continue;
        }
        if (rc < 0)
            return rc;
        uint64_t samples = 0;
        for (size_t i = 0; i < set.n; i++)
            samples += set.v[i].n;
        r->samples += samples;
        if (r->samples > MOST_SAMPLES)
            return ax_fail(err, -E2BIG,
                           "more than %d samples would have to be read: ask for less time or "
                           "fewer metrics",
                           MOST_SAMPLES);
        sort_members(r, &set);
        if (!hand_on(r, g, from, take, ctx))
            return 0;
        from = to;
        if (samples < PIECE_SAMPLES / 4)
            width *= 2;
    }
    return 0;
}

/* All groups at once, when there are several and they have few samples. */
static int read_all(struct ax_monasca_reading *r, struct ax_err *err)
{
    struct ax_store_select s = r->query->filter.select;
    s.max_samples = PIECE_SAMPLES;
    struct ax_series_set set;
    int rc = ax_store_select(ax_api_rooms(r->query->q->api)->store, &s, &r->pieces, &set, err);
    r->has_all = rc == 0;
    if (rc == 0)
        sort_members(r, &set);
    return rc == -E2BIG ? 0 : rc;
}

int ax_monasca_read(struct ax_monasca_reading *r, const struct ax_monasca_group *g, int64_t from,
                    ax_monasca_take *take, void *ctx, struct ax_err *err)
{
    const struct ax_monasca_query *x = r->query;
    if (from < x->filter.select.mint)
        from = x->filter.select.mint;
    if (g == x->groups && x->ngroups > 1) {
        int rc = read_all(r, err);
        if (rc < 0)
            return rc;
    }
    if (!r->has_all)
        return read_windows(r, g, from, take, ctx, err);
    hand_on(r, g, from, take, ctx);
    return 0;
}
