// SPDX-License-Identifier: Apache-2.0
/* What series there are: /api/v1/series, labels, label values; and the small fixed answers. */
#include "api/inner.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_LOOKUP 1000000

struct lookup {
    int64_t start, end;
    uint32_t limit;
    struct ax_expr **owners;
    struct ax_store_select *selects;
    size_t n;
};

static int read_selectors(struct ax_request *q, struct lookup *l, struct ax_err *err)
{
    size_t pos = 0;
    struct ax_str text;
    l->owners = AX_NEWS(&q->arena, struct ax_expr *, q->nparams);
    l->selects = AX_NEWS(&q->arena, struct ax_store_select, q->nparams + 1);
    while (ax_param_next(q, "match[]", &pos, &text)) {
        struct ax_store_select *s = &l->selects[l->n];
        int rc =
            ax_selector_parse(text, &q->arena, &l->owners[l->n], &s->matchers, &s->nmatchers, err);
        if (rc < 0)
            return ax_err_wrap(err, "invalid parameter \"match[]\"");
        l->n++;
    }
    return 0;
}

static int begin(struct ax_request *q, bool need_selector, struct lookup *l, struct ax_err *err)
{
    *l = (struct lookup){0};
    int rc = ax_param_time(q, "start", INT64_MIN / 2, &l->start, err);
    if (rc == 0)
        rc = ax_param_time(q, "end", INT64_MAX / 2, &l->end, err);
    if (rc == 0)
        rc = ax_param_count(q, "limit", MAX_LOOKUP, MAX_LOOKUP, &l->limit, err);
    if (rc == 0)
        rc = read_selectors(q, l, err);
    if (rc == 0 && need_selector && l->n == 0)
        rc = ax_fail(err, -EINVAL, "no match[] parameter provided");
    if (rc == 0 && l->n == 0)
        l->n = 1; /* the empty selector: everything */
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        l->selects[i].tenant = q->tenant;
        l->selects[i].mint = l->start;
        l->selects[i].maxt = l->end;
    }
    if (l->limit == 0)
        l->limit = MAX_LOOKUP;
    return rc;
}

static void finish(struct ax_request *q, struct lookup *l)
{
    for (size_t i = 0; l->owners && i < q->nparams; i++)
        ax_expr_free(l->owners[i]);
}

static void failed(struct ax_reply *r, const struct ax_err *err)
{
    bool bad = err->code == -EINVAL;
    ax_reply_prometheus_error(r, bad ? 400 : 422, bad ? "bad_data" : "execution", err->text);
}

static void open_data(struct ax_json *j)
{
    ax_json_obj(j);
    ax_json_key(j, "status");
    ax_json_cstr(j, "success");
    ax_json_key(j, "data");
}

static int by_text(const void *a, const void *b)
{
    const struct ax_str *x = a, *y = b;
    return ax_str_cmp(*x, *y);
}

static void put_strings(struct ax_reply *r, struct ax_str *v, size_t n, uint32_t limit)
{
    struct ax_json j = {.out = &r->body};
    if (n)
        qsort(v, n, sizeof *v, by_text);
    open_data(&j);
    ax_json_arr(&j);
    uint32_t put = 0;
    for (size_t i = 0; i < n && put < limit; i++) {
        if (i && ax_str_eq(v[i], v[i - 1]))
            continue;
        ax_json_str(&j, v[i]);
        put++;
    }
    ax_json_end(&j);
    ax_json_end(&j);
}

/* Names (name.p == NULL) or values of one name, over all selectors. */
static int collect_strings(struct ax_request *q, const struct lookup *l, struct ax_str name,
                           struct ax_str **out, size_t *n, struct ax_err *err)
{
    struct ax_store *store = ax_api_rooms(q->api)->store;
    struct ax_str *all = NULL;
    size_t total = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct ax_str *part;
        size_t m;
        int rc = name.p
                     ? ax_store_label_values(store, &l->selects[i], name, &q->arena, &part, &m, err)
                     : ax_store_label_names(store, &l->selects[i], &q->arena, &part, &m, err);
        if (rc < 0)
            return rc;
        all = ax_arena_grow(&q->arena, all, total * sizeof *all, (total + m) * sizeof *all);
        for (size_t k = 0; k < m; k++)
            all[total++] = part[k];
    }
    *out = all;
    *n = total;
    return 0;
}

static void answer_strings(struct ax_request *q, struct ax_reply *r, struct ax_str name)
{
    struct lookup l;
    struct ax_err err;
    struct ax_str *v;
    size_t n;
    int rc = begin(q, false, &l, &err);
    if (rc == 0)
        rc = collect_strings(q, &l, name, &v, &n, &err);
    if (rc < 0)
        failed(r, &err);
    else
        put_strings(r, v, n, l.limit);
    finish(q, &l);
}

void ax_labels_list(struct ax_request *q, struct ax_reply *r)
{
    answer_strings(q, r, AX_STR_NULL);
}

void ax_label_values(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str name = q->rest;
    if (!ax_str_ends(name, AX_STR("/values"))) {
        ax_reply_prometheus_error(r, 404, "not_found", "expected /api/v1/label/NAME/values");
        return;
    }
    name.n -= sizeof "/values" - 1;
    if (!ax_label_name_ok(name)) {
        ax_reply_prometheus_error(r, 400, "bad_data", "invalid label name");
        return;
    }
    answer_strings(q, r, name);
}

static int by_labels(const void *a, const void *b)
{
    const struct ax_labels *x = a, *y = b;
    return ax_labels_cmp(*x, *y);
}

static int collect_series(struct ax_request *q, const struct lookup *l, struct ax_labels **out,
                          size_t *n, struct ax_err *err)
{
    struct ax_labels *all = NULL;
    size_t total = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct ax_series_set set;
        int rc = ax_store_last(ax_api_rooms(q->api)->store, &l->selects[i], &q->arena, &set, err);
        if (rc < 0)
            return rc;
        all = ax_arena_grow(&q->arena, all, total * sizeof *all, (total + set.n) * sizeof *all);
        for (size_t k = 0; k < set.n; k++)
            all[total++] = set.v[k].labels;
    }
    if (total)
        qsort(all, total, sizeof *all, by_labels);
    *out = all;
    *n = total;
    return 0;
}

void ax_series(struct ax_request *q, struct ax_reply *r)
{
    struct lookup l;
    struct ax_err err;
    struct ax_labels *v;
    size_t n;
    int rc = begin(q, true, &l, &err);
    if (rc == 0)
        rc = collect_series(q, &l, &v, &n, &err);
    if (rc < 0) {
        failed(r, &err);
    } else {
        struct ax_json j = {.out = &r->body};
        open_data(&j);
        ax_json_arr(&j);
        uint32_t put = 0;
        for (size_t i = 0; i < n && put < l.limit; i++) {
            if (i && ax_labels_cmp(v[i], v[i - 1]) == 0)
                continue;
            ax_labels_json(&j, v[i]);
            put++;
        }
        ax_json_end(&j);
        ax_json_end(&j);
    }
    finish(q, &l);
}

static void put_data(struct ax_reply *r, struct ax_str data)
{
    struct ax_json j = {.out = &r->body};
    open_data(&j);
    ax_json_raw(&j, data);
    ax_json_end(&j);
}

void ax_metadata(struct ax_request *q, struct ax_reply *r)
{
    put_data(r, AX_STR("{}"));
}

void ax_exemplars(struct ax_request *q, struct ax_reply *r)
{
    put_data(r, AX_STR("[]"));
}

void ax_buildinfo(struct ax_request *q, struct ax_reply *r)
{
    put_data(r,
             AX_STR("{\"version\":\"3.0.0-auspex-" AX_VERSION "\",\"revision\":\"\","
                    "\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}"));
}

void ax_rules(struct ax_request *q, struct ax_reply *r)
{
    struct ax_buf data = AX_BUF_INIT;
    ax_alarms_rules_json(ax_api_rooms(q->api)->alarms, q->tenant, ax_param(q, "type"), &data);
    put_data(r, ax_buf_view(&data));
    ax_buf_free(&data);
}

void ax_alerts(struct ax_request *q, struct ax_reply *r)
{
    struct ax_buf data = AX_BUF_INIT;
    ax_alarms_alerts_json(ax_api_rooms(q->api)->alarms, q->tenant, &data);
    put_data(r, ax_buf_view(&data));
    ax_buf_free(&data);
}
