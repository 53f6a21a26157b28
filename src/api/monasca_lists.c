// SPDX-License-Identifier: Apache-2.0
/* What metrics there are: the metrics, their names, the names and values of their dimensions. */
#include "api/monasca.h"

#include <errno.h>
#include <stdlib.h>

struct listing {
    struct ax_monasca_filter filter;
    uint32_t limit;
    struct ax_str offset;
};

static int begin(struct ax_request *q, const char *name, struct listing *l, struct ax_err *err)
{
    int rc = ax_monasca_filter(q, name, &l->filter, err);
    l->offset = ax_param(q, "offset");
    return rc == 0 ? ax_monasca_limit(q, &l->limit, err) : rc;
}

/* ---- metrics ---- */

struct metric {
    struct ax_monasca_id id;
    struct ax_labels labels;
};

static int by_id(const void *a, const void *b)
{
    const struct metric *x = a, *y = b;
    return ax_monasca_id_cmp(x->id, y->id);
}

/* Those behind the offset, by their ids. */
static size_t sort_metrics(struct ax_request *q, const struct listing *l,
                           const struct ax_series_set *set, const struct ax_monasca_id *after,
                           struct metric **out)
{
    struct metric *v = AX_NEWS(&q->arena, struct metric, set->n);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        v[n].labels = set->v[i].labels;
        v[n].id = ax_monasca_id(l->filter.select.tenant, v[n].labels);
        n += !after || ax_monasca_id_cmp(v[n].id, *after) > 0;
    }
    if (n)
        qsort(v, n, sizeof *v, by_id);
    *out = v;
    return n;
}

static void put_metrics(struct ax_request *q, struct ax_reply *r, const struct listing *l,
                        const struct metric *v, size_t n)
{
    struct ax_json j;
    size_t most = n < l->limit ? n : l->limit;
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < most; i++) {
        ax_json_obj(&j);
        ax_monasca_put_metric(&j, &q->arena, v[i].id, v[i].labels);
        ax_json_end(&j);
    }
    ax_monasca_list_end(
        &j, q, n > most && most ? ax_monasca_id_print(&q->arena, v[most - 1].id) : AX_STR_NULL);
}

void ax_monasca_metrics(struct ax_request *q, struct ax_reply *r)
{
    struct listing l;
    struct ax_err err;
    struct ax_series_set set;
    struct ax_monasca_id after;
    struct metric *v;
    int rc = begin(q, "name", &l, &err);
    if (rc == 0 && l.offset.n && !ax_monasca_id_parse(l.offset, &after))
        rc = ax_fail(&err, -EINVAL, "parameter offset is not the id of a metric");
    if (rc == 0)
        rc = ax_store_last(ax_api_rooms(q->api)->store, &l.filter.select, &q->arena, &set, &err);
    if (rc < 0) {
        ax_monasca_failed(r, &err);
    } else {
        size_t n = sort_metrics(q, &l, &set, l.offset.n ? &after : NULL, &v);
        put_metrics(q, r, &l, v, n);
    }
    ax_monasca_filter_free(&l.filter);
}

/* ---- words ---- */

/* Those behind the offset, which need not be one of them. `v` is sorted. */
static void put_words(struct ax_request *q, struct ax_reply *r, const struct listing *l,
                      const char *key, const struct ax_str *v, size_t n)
{
    struct ax_json j;
    uint32_t put = 0;
    struct ax_str last = AX_STR_NULL;
    bool more = false;
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < n && !more; i++) {
        if ((l->offset.n && ax_str_cmp(v[i], l->offset) <= 0) ||
            ax_str_starts(v[i], AX_STR("__"))) /* labels that are no dimensions */
            continue;
        more = put == l->limit;
        if (more)
            break;
        ax_json_obj(&j);
        ax_json_key(&j, key);
        ax_json_str(&j, v[i]);
        ax_json_end(&j);
        last = v[i];
        put++;
    }
    ax_monasca_list_end(&j, q, more ? last : AX_STR_NULL);
}

/* The values of a label, or with name.p == NULL the labels' names. */
static void list_words(struct ax_request *q, struct ax_reply *r, const char *metric,
                       struct ax_str name, const char *key)
{
    struct ax_store *store = ax_api_rooms(q->api)->store;
    struct listing l;
    struct ax_err err;
    struct ax_str *v;
    size_t n;
    int rc = begin(q, metric, &l, &err);
    if (rc == 0)
        rc = name.p ? ax_store_label_values(store, &l.filter.select, name, &q->arena, &v, &n, &err)
                    : ax_store_label_names(store, &l.filter.select, &q->arena, &v, &n, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        put_words(q, r, &l, key, v, n);
    ax_monasca_filter_free(&l.filter);
}

void ax_monasca_names(struct ax_request *q, struct ax_reply *r)
{
    list_words(q, r, "name", AX_STR("__name__"), "name");
}

void ax_monasca_dimension_names(struct ax_request *q, struct ax_reply *r)
{
    list_words(q, r, "metric_name", AX_STR_NULL, "dimension_name");
}

void ax_monasca_dimension_values(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str name = ax_param(q, "dimension_name");
    struct ax_err err;
    if (name.n == 0)
        ax_monasca_error(r, 422, "parameter dimension_name is missing");
    else if (ax_monasca_check_dimension(name, AX_STR("x"), &err) < 0)
        ax_monasca_failed(r, &err);
    else
        list_words(q, r, "metric_name", name, "dimension_value");
}
