// SPDX-License-Identifier: Apache-2.0
/* What a tenant's series are made of: our own form, and Prometheus's. */
#include "api/inner.h"

#define ROWS     10
#define ROWS_MAX 10000

static int ask(struct ax_request *q, struct ax_cardinality *out, struct ax_err *err)
{
    uint32_t limit;
    int rc = ax_param_count(q, "limit", ROWS, ROWS_MAX, &limit, err);
    return rc < 0 ? rc
                  : ax_store_cardinality(ax_api_rooms(q->api)->store, q->tenant, limit, &q->arena,
                                         out, err);
}

static void put_list(struct ax_json *j, const char *key, const struct ax_cardinality_list *l,
                     bool labels, bool pairs)
{
    ax_json_key(j, key);
    ax_json_arr(j);
    for (size_t i = 0; i < l->n; i++) {
        const struct ax_cardinality_row *row = &l->v[i];
        ax_json_obj(j);
        ax_json_key(j, "name");
        ax_json_str(j, labels || pairs ? row->name : row->value);
        if (pairs) {
            ax_json_key(j, "value");
            ax_json_str(j, row->value);
        }
        if (labels) {
            ax_json_key(j, "values");
            ax_json_int(j, row->values);
        }
        ax_json_key(j, "series");
        ax_json_int(j, row->series);
        ax_json_end(j);
    }
    ax_json_end(j);
}

void ax_cardinality(struct ax_request *q, struct ax_reply *r)
{
    struct ax_cardinality c;
    struct ax_err err;
    if (ask(q, &c, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    uint32_t most = ax_api_rooms(q->api)->max_tenant_series;
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "tenant");
    ax_json_str(&j, q->tenant);
    ax_json_key(&j, "series");
    ax_json_int(&j, (int64_t)c.series);
    ax_json_key(&j, "series_limit");
    if (most)
        ax_json_int(&j, most);
    else
        ax_json_null(&j);
    put_list(&j, "metrics", &c.metrics, false, false);
    put_list(&j, "labels", &c.labels, true, false);
    put_list(&j, "pairs", &c.pairs, false, true);
    ax_json_end(&j);
}

enum count { SERIES, VALUES };

static void put_stat(struct ax_json *j, struct ax_arena *a, const char *key,
                     const struct ax_cardinality_list *l, enum count count, bool pair)
{
    ax_json_key(j, key);
    ax_json_arr(j);
    for (size_t i = 0; i < l->n; i++) {
        const struct ax_cardinality_row *row = &l->v[i];
        ax_json_obj(j);
        ax_json_key(j, "name");
        if (pair)
            ax_json_str(j, ax_arena_printf(a, "%.*s=%.*s", (int)row->name.n, row->name.p,
                                           (int)row->value.n, row->value.p));
        else
            ax_json_str(j, count == VALUES ? row->name : row->value);
        ax_json_key(j, "value");
        ax_json_int(j, count == VALUES ? row->values : row->series);
        ax_json_end(j);
    }
    ax_json_end(j);
}

/* As Prometheus answers /api/v1/status/tsdb; what memory labels take is not told. */
void ax_status_tsdb(struct ax_request *q, struct ax_reply *r)
{
    struct ax_cardinality c;
    struct ax_store_stats st;
    struct ax_err err;
    if (ask(q, &c, &err) < 0) {
        ax_reply_prometheus_error(r, 400, "bad_data", err.text);
        return;
    }
    ax_store_stats(ax_api_rooms(q->api)->store, &st);
    if (!ax_role_may(q->who.roles, AX_MAY_ADMIN))
        st = (struct ax_store_stats){0}; /* of all tenants together */
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "status");
    ax_json_cstr(&j, "success");
    ax_json_key(&j, "data");
    ax_json_obj(&j);
    ax_json_key(&j, "headStats");
    ax_json_obj(&j);
    const struct {
        const char *key;
        int64_t v;
    } head[] = {{"numSeries", (int64_t)c.series},
                {"numLabelPairs", (int64_t)c.npairs},
                {"chunkCount", (int64_t)st.head_chunks},
                {"minTime", st.oldest},
                {"maxTime", st.newest}};
    for (size_t i = 0; i < AX_ARRAY_LEN(head); i++) {
        ax_json_key(&j, head[i].key);
        ax_json_int(&j, head[i].v);
    }
    ax_json_end(&j);
    put_stat(&j, &q->arena, "seriesCountByMetricName", &c.metrics, SERIES, false);
    put_stat(&j, &q->arena, "labelValueCountByLabelName", &c.labels, VALUES, false);
    put_stat(&j, &q->arena, "seriesCountByLabelValuePair", &c.pairs, SERIES, true);
    ax_json_end(&j);
    ax_json_end(&j);
}
