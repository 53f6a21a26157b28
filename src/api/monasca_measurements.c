// SPDX-License-Identifier: Apache-2.0
/* GET /v2.0/metrics/measurements: every sample, with what its sender said of it. */
#include "api/monasca.h"

#include "base/map.h"
#include "base/num.h"

struct page {
    struct ax_monasca_query x;
    const struct ax_monasca_group *group; /* the one at hand */
    struct ax_monasca_row *rows;          /* its rows */
    size_t nrows;
    uint32_t all;  /* rows of all groups */
    uint32_t skip; /* rows of the group's first time that the page before had */
    struct {       /* the row given last, and how many its group has given of that time */
        const struct ax_monasca_group *group;
        int64_t t;
        uint32_t same;
    } last;
    bool more;
    bool split; /* what follows has the same time */
};

static bool is_same(const struct page *p, const struct ax_monasca_row *row)
{
    return p->last.group == p->group && p->last.t == row->t;
}

static void note(struct page *p, const struct ax_monasca_row *row)
{
    p->last.same = is_same(p, row) ? p->last.same + 1 : 1;
    p->last.group = p->group;
    p->last.t = row->t;
}

static bool take(void *ctx, const struct ax_monasca_row *row)
{
    struct page *p = ctx;
    if (p->skip && row->t == p->x.offset.t) {
        p->skip--;
        note(p, row);
        return true;
    }
    if (p->all == p->x.limit) {
        p->more = true;
        p->split = is_same(p, row);
        return false;
    }
    size_t n = p->nrows++;
    p->rows = ax_arena_grow(&p->x.q->arena, p->rows, n * sizeof *row, (n + 1) * sizeof *row);
    p->rows[n] = *row;
    p->all++;
    note(p, row);
    return true;
}

/* ---- value_meta ---- */

struct key {
    struct ax_monasca_id metric;
    int64_t t;
};

static struct ax_str key_of(const struct key *k)
{
    return (struct ax_str){(const char *)k, sizeof *k};
}

/* Adds what is known of a metric's values on the page. */
static int read_metas(struct page *p, struct ax_monasca_id metric, struct ax_map *metas,
                      struct ax_err *err)
{
    struct ax_arena *a = &p->x.q->arena;
    struct ax_value_meta *v;
    size_t n;
    int rc = ax_registry_value_meta(ax_api_rooms(p->x.q->api)->registry, p->x.filter.select.tenant,
                                    ax_monasca_id_print(a, metric), p->rows[0].t,
                                    p->rows[p->nrows - 1].t, a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct key *k = AX_NEW(a, struct key);
        *k = (struct key){metric, v[i].time};
        ax_map_put(metas, key_of(k), (uint64_t)(uintptr_t)&v[i].json);
    }
    return rc;
}

static int find_metas(struct page *p, struct ax_map *metas, struct ax_err *err)
{
    struct ax_map seen = AX_MAP_INIT;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->nrows; i++) {
        struct ax_str id = {(const char *)&p->rows[i].metric, sizeof p->rows[i].metric};
        if ((i && ax_monasca_id_cmp(p->rows[i].metric, p->rows[i - 1].metric) == 0) ||
            ax_map_get(&seen, id, NULL))
            continue;
        ax_map_put(&seen, id, 1);
        rc = read_metas(p, p->rows[i].metric, metas, err);
    }
    ax_map_free(&seen);
    return rc;
}

/* ---- the answer ---- */

static void put_row(struct ax_json *j, const struct ax_monasca_row *row, const struct ax_map *metas)
{
    char when[AX_NUM_TEXT];
    struct key k = {row->metric, row->t};
    uint64_t meta;
    ax_json_arr(j);
    ax_json_str(j, (struct ax_str){when, ax_time_print(row->t, when)});
    ax_monasca_put_float(j, row->v);
    if (ax_map_get(metas, key_of(&k), &meta))
        ax_json_raw(j, *(const struct ax_str *)(uintptr_t)meta);
    else
        ax_json_raw(j, AX_STR("{}"));
    ax_json_end(j);
}

static int put_element(struct ax_json *j, struct page *p, const struct ax_monasca_group *g,
                       struct ax_err *err)
{
    struct ax_map metas = AX_MAP_INIT;
    int rc = find_metas(p, &metas, err);
    if (rc == 0) {
        ax_json_obj(j);
        ax_monasca_put_group(j, &p->x, g);
        ax_json_key(j, "columns");
        ax_json_raw(j, AX_STR("[\"timestamp\",\"value\",\"value_meta\"]"));
        ax_json_key(j, "measurements");
        ax_json_arr(j);
        for (size_t i = 0; i < p->nrows; i++)
            put_row(j, &p->rows[i], &metas);
        ax_json_end(j);
        ax_json_end(j);
    }
    ax_map_free(&metas);
    return rc;
}

/* Where the group's reading begins. At one time there may be several rows of merged metrics. */
static int64_t begin_group(struct page *p, const struct ax_monasca_group *g)
{
    const struct ax_monasca_offset *o = &p->x.offset;
    p->group = g;
    p->nrows = 0;
    p->rows = NULL;
    p->skip = 0;
    if (!o->given || (o->has_id && ax_monasca_id_cmp(g->id, o->id) != 0))
        return p->x.filter.select.mint;
    p->skip = o->skip;
    return o->skip ? o->t : o->t + 1;
}

static struct ax_str next_offset(const struct page *p)
{
    char when[AX_NUM_TEXT];
    size_t n = ax_time_print(p->last.t, when);
    struct ax_arena *a = &p->x.q->arena;
    struct ax_str id = ax_monasca_id_print(a, p->last.group->id);
    return p->split ? ax_arena_printf(a, "%.*s_%.*s_%u", AX_STR_ARG(id), (int)n, when, p->last.same)
                    : ax_arena_printf(a, "%.*s_%.*s", AX_STR_ARG(id), (int)n, when);
}

static int put_groups(struct ax_json *j, struct page *p, struct ax_err *err)
{
    struct ax_monasca_reading r;
    int rc = 0;
    ax_monasca_reading_begin(&r, &p->x);
    for (size_t i = 0; rc == 0 && !p->more && i < p->x.ngroups; i++) {
        const struct ax_monasca_group *g = &p->x.groups[i];
        rc = ax_monasca_read(&r, g, begin_group(p, g), take, p, err);
        if (rc == 0 && p->nrows)
            rc = put_element(j, p, g, err);
    }
    ax_monasca_reading_end(&r);
    return rc;
}

void ax_monasca_measurements(struct ax_request *q, struct ax_reply *r)
{
    struct page p = {.more = false};
    struct ax_err err;
    struct ax_json j;
    int rc = ax_monasca_query_begin(q, &p.x, &err);
    ax_monasca_list_begin(&j, r);
    if (rc == 0)
        rc = put_groups(&j, &p, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        ax_monasca_list_end(&j, q, p.more && p.all ? next_offset(&p) : AX_STR_NULL);
    ax_monasca_query_end(&p.x);
}
