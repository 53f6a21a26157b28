// SPDX-License-Identifier: Apache-2.0
/* Which metrics, labels and pairs a tenant's live series come from: what to look at when there are
 * too many. */
#include "store/snapshot.h"

#include "base/map.h"

#include <stdlib.h>

struct counting {
    struct ax_intake *intake;
    uint32_t *pairs; /* series by pair */
    uint32_t npairs;
};

static void count_pair(struct counting *c, uint32_t pair)
{
    if (pair >= c->npairs) {
        uint32_t n = pair < 512 ? 1024 : pair * 2;
        c->pairs = ax_realloc(c->pairs, n * sizeof *c->pairs);
        memset(c->pairs + c->npairs, 0, (n - c->npairs) * sizeof *c->pairs);
        c->npairs = n;
    }
    c->pairs[pair]++;
}

static void count_series(struct counting *c, const roaring_bitmap_t *ids)
{
    roaring_uint32_iterator_t it;
    roaring_init_iterator(ids, &it);
    for (; it.has_value; roaring_advance_uint32_iterator(&it)) {
        size_t n;
        const uint32_t *pairs = ax_intake_pairs(c->intake, it.current_value, &n);
        for (size_t i = 0; i < n; i++)
            count_pair(c, pairs[i]);
    }
}

static int most_series(const void *a, const void *b)
{
    const struct ax_cardinality_row *x = a, *y = b;
    if (x->series != y->series)
        return x->series > y->series ? -1 : 1;
    int c = ax_str_cmp(x->name, y->name);
    return c ? c : ax_str_cmp(x->value, y->value);
}

static int most_values(const void *a, const void *b)
{
    const struct ax_cardinality_row *x = a, *y = b;
    return x->values != y->values ? (x->values > y->values ? -1 : 1) : most_series(a, b);
}

/* The first of the rows, in the arena. */
static struct ax_cardinality_list first_of(struct ax_cardinality_row *rows, size_t n, size_t most,
                                           int (*order)(const void *, const void *),
                                           struct ax_arena *a)
{
    if (n)
        qsort(rows, n, sizeof *rows, order);
    n = n < most ? n : most;
    struct ax_cardinality_list l = {AX_NEWS(a, struct ax_cardinality_row, n + 1), n};
    for (size_t i = 0; i < n; i++) {
        l.v[i] = rows[i];
        l.v[i].name = ax_arena_str(a, rows[i].name);
        l.v[i].value = ax_arena_str(a, rows[i].value);
    }
    return l;
}

/* Rows of names are made as their first value comes. */
static struct ax_cardinality_row *row_of(struct ax_map *names, struct ax_cardinality_row *rows,
                                         struct ax_str name)
{
    uint64_t at = names->n;
    if (!ax_map_get(names, name, &at)) {
        ax_map_put(names, name, at);
        rows[at].name = name;
    }
    return &rows[at];
}

static void report(struct counting *c, size_t most, struct ax_arena *a, struct ax_cardinality *out)
{
    struct ax_map names = AX_MAP_INIT;
    size_t room = (c->npairs + 1ul) * sizeof(struct ax_cardinality_row), npairs = 0, nmetrics = 0;
    struct ax_cardinality_row *pairs = ax_malloc(room), *metrics = ax_malloc(room);
    struct ax_cardinality_row *labels = ax_calloc(1, room);
    for (uint32_t i = 0; i < c->npairs; i++) {
        if (!c->pairs[i])
            continue;
        struct ax_label l = ax_intake_pair(c->intake, i);
        if (ax_str_eq(l.name, AX_STR(AX_TENANT_LABEL)))
            continue;
        struct ax_cardinality_row row = {l.name, l.value, c->pairs[i], 1};
        struct ax_cardinality_row *label = row_of(&names, labels, l.name);
        label->series += row.series;
        label->values++;
        pairs[npairs++] = row;
        if (ax_str_eq(l.name, AX_STR("__name__")))
            metrics[nmetrics++] = row;
    }
    out->pairs = first_of(pairs, npairs, most, most_series, a);
    out->metrics = first_of(metrics, nmetrics, most, most_series, a);
    out->labels = first_of(labels, names.n, most, most_values, a);
    out->npairs = npairs;
    ax_map_free(&names);
    free(pairs);
    free(metrics);
    free(labels);
}

int ax_store_cardinality(struct ax_store *s, struct ax_str tenant, size_t most, struct ax_arena *a,
                         struct ax_cardinality *out, struct ax_err *err)
{
    struct ax_store_select sel = {.tenant = tenant, .mint = 1}; /* no time: no blocks */
    struct ax_snapshot snap;
    int rc = ax_snapshot_take(s, &sel, &snap, err);
    if (rc < 0)
        return rc;
    struct counting c = {.intake = s->intake};
    *out = (struct ax_cardinality){.series = roaring_bitmap_get_cardinality(snap.head)};
    count_series(&c, snap.head);
    report(&c, most, a, out);
    free(c.pairs);
    ax_snapshot_release(&snap);
    return 0;
}
