// SPDX-License-Identifier: Apache-2.0
/* Which metrics measurements and statistics are asked of, and which of them are read as one: each
 * metric alone (group_by=*, or there is but one), all (merge_metrics), or those with the same
 * values of some dimensions (group_by). */
#include "api/monasca.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static bool is_true(struct ax_str s)
{
    return s.n == 4 && strncasecmp(s.p, "true", 4) == 0;
}

static int read_grouping(struct ax_request *q, struct ax_monasca_query *x, struct ax_err *err)
{
    struct ax_str list, name;
    size_t pos = 0;
    x->grouping = is_true(ax_param(q, "merge_metrics")) ? AX_MONASCA_MERGED : AX_MONASCA_ONE;
    x->by = AX_NEWS(&q->arena, struct ax_str, AX_LABELS_MAX);
    while (ax_param_next(q, "group_by", &pos, &list))
        while (list.n && ax_str_cut(&list, ',', &name)) {
            if (ax_str_eq(name, AX_STR("*"))) {
                x->grouping = AX_MONASCA_BY_ALL;
                return 0;
            }
            if (ax_monasca_check_dimension(name, AX_STR("x"), err) < 0)
                return ax_err_wrap(err, "parameter group_by");
            if (x->nby == AX_LABELS_MAX - 1)
                return ax_fail(err, -EINVAL, "parameter group_by: more than %d dimensions",
                               AX_LABELS_MAX - 1);
            bool again = false;
            for (size_t i = 0; i < x->nby; i++)
                again = again || ax_str_eq(x->by[i], name);
            if (!again)
                x->by[x->nby++] = name;
            x->grouping = AX_MONASCA_BY;
        }
    return 0;
}

/* TIME, ID_TIME or ID_TIME_COUNT; a time may be ms since the epoch, too. */
static int read_offset(struct ax_request *q, struct ax_monasca_offset *o, struct ax_err *err)
{
    struct ax_str text = ax_param(q, "offset"), rest = text, first, time, count = AX_STR_NULL;
    uint64_t n = 0;
    bool ok = true;
    if (text.n == 0)
        return 0;
    ax_str_cut(&rest, '_', &first);
    time = first;
    if (rest.p) {
        ok = ax_monasca_id_parse(first, &o->id);
        o->has_id = true;
        ax_str_cut(&rest, '_', &time);
        count = rest;
    }
    if (count.p)
        ok = ok && ax_str_u64(count, &n) && n <= UINT32_MAX;
    ok = ok && (ax_monasca_time(time, &o->t, NULL) == 0 ||
                (ax_str_i64(time, &o->t) && o->t > -(INT64_MAX / 4) && o->t < INT64_MAX / 4));
    o->skip = (uint32_t)n;
    o->given = true;
    return ok ? 0
              : ax_fail(err, -EINVAL,
                        "offset \"%.*s\" is none that a link to a next page had, nor a time",
                        (int)(text.n < 80 ? text.n : 80), text.p);
}

struct ax_monasca_id ax_monasca_group_of(const struct ax_monasca_query *x, struct ax_labels metric,
                                         struct ax_arena *a, struct ax_labels *labels)
{
    if (x->grouping == AX_MONASCA_ONE || x->grouping == AX_MONASCA_BY_ALL) {
        *labels = metric;
    } else {
        struct ax_labels_builder b = {.n = 0};
        struct ax_str name = AX_STR("__name__");
        ax_labels_add(&b, name, ax_labels_get(metric, name));
        for (size_t i = 0; i < x->nby; i++)
            ax_labels_add(&b, x->by[i], ax_labels_get(metric, x->by[i]));
        AX_ASSERT(ax_labels_finish(&b, a, labels, NULL) == 0); /* they are from a good set */
    }
    return ax_monasca_id(x->filter.select.tenant, *labels);
}

static int by_id(const void *a, const void *b)
{
    const struct ax_monasca_group *x = a, *y = b;
    return ax_monasca_id_cmp(x->id, y->id);
}

/* The different groups from the offset's on. */
static void put_groups(struct ax_monasca_query *x, const struct ax_series_set *set)
{
    struct ax_monasca_group *v = AX_NEWS(&x->q->arena, struct ax_monasca_group, set->n);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct ax_monasca_group g = {.last = set->v[i].t[0]};
        g.id = ax_monasca_group_of(x, set->v[i].labels, &x->q->arena, &g.labels);
        v[n++] = g;
    }
    if (n)
        qsort(v, n, sizeof *v, by_id);
    for (size_t i = 0; i < n; i++) {
        struct ax_monasca_group *before = x->ngroups ? &v[x->ngroups - 1] : NULL;
        if (x->offset.has_id && ax_monasca_id_cmp(v[i].id, x->offset.id) < 0)
            continue;
        if (!before || ax_monasca_id_cmp(before->id, v[i].id) != 0)
            v[x->ngroups++] = v[i];
        else if (v[i].last > before->last)
            before->last = v[i].last;
    }
    x->groups = v;
}

static int find_groups(struct ax_monasca_query *x, struct ax_err *err)
{
    struct ax_series_set set;
    struct ax_store *store = ax_api_rooms(x->q->api)->store;
    int rc = ax_store_last(store, &x->filter.select, &x->q->arena, &set, err);
    if (rc < 0)
        return rc;
    if (x->grouping == AX_MONASCA_ONE && set.n > 1)
        return ax_fail(err, -EEXIST,
                       "%zu metrics match: name more dimensions, or say merge_metrics=true or "
                       "group_by=DIMENSION",
                       set.n);
    put_groups(x, &set);
    return 0;
}

int ax_monasca_query_begin(struct ax_request *q, struct ax_monasca_query *x, struct ax_err *err)
{
    *x = (struct ax_monasca_query){.q = q};
    int rc = ax_monasca_filter(q, "name", &x->filter, err);
    if (rc == 0 && ax_param(q, "name").n == 0)
        rc = ax_fail(err, -EINVAL, "parameter name is missing");
    if (rc == 0 && ax_param(q, "start_time").n == 0)
        rc = ax_fail(err, -EINVAL, "parameter start_time is missing");
    if (rc == 0)
        rc = read_grouping(q, x, err);
    if (rc == 0)
        rc = ax_monasca_limit(q, &x->limit, err);
    if (rc == 0)
        rc = read_offset(q, &x->offset, err);
    return rc == 0 ? find_groups(x, err) : rc;
}

void ax_monasca_query_end(struct ax_monasca_query *x)
{
    ax_monasca_filter_free(&x->filter);
}

static void put_pairs(struct ax_json *j, const struct ax_label *v, size_t n)
{
    ax_json_obj(j);
    for (size_t i = 0; i < n; i++) {
        ax_json_key_str(j, v[i].name);
        ax_json_str(j, v[i].value);
    }
    ax_json_end(j);
}

/* Of merged metrics the dimensions are those that were asked for. */
void ax_monasca_put_group(struct ax_json *j, const struct ax_monasca_query *x,
                          const struct ax_monasca_group *g)
{
    struct ax_arena *a = &x->q->arena;
    if (x->grouping == AX_MONASCA_ONE || x->grouping == AX_MONASCA_BY_ALL) {
        ax_monasca_put_metric(j, a, g->id, g->labels);
        return;
    }
    ax_json_key(j, "id");
    ax_json_str(j, ax_monasca_id_print(a, g->id));
    ax_json_key(j, "name");
    ax_json_str(j, ax_labels_get(g->labels, AX_STR("__name__")));
    ax_json_key(j, "dimensions");
    if (x->grouping == AX_MONASCA_MERGED) {
        put_pairs(j, x->filter.dimensions, x->filter.ndimensions);
        return;
    }
    struct ax_label *by = AX_NEWS(a, struct ax_label, x->nby);
    for (size_t i = 0; i < x->nby; i++)
        by[i] = (struct ax_label){x->by[i], ax_labels_get(g->labels, x->by[i])};
    put_pairs(j, by, x->nby);
}
