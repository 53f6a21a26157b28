// SPDX-License-Identifier: Apache-2.0
/* Alarms, how many there are, and what happened to them. */
#include "api/monasca.h"

#include <errno.h>

/* What the list and the count choose alarms by. */
static int read_filter(struct ax_request *q, const struct ax_monasca_page *page,
                       struct ax_alarm_filter *f, struct ax_err *err)
{
    struct ax_str since = ax_param(q, "state_updated_start_time");
    *f = (struct ax_alarm_filter){.definition = ax_param(q, "alarm_definition_id"),
                                  .metric_name = ax_param(q, "metric_name"),
                                  .state = ax_param(q, "state"),
                                  .severity = ax_param(q, "severity"),
                                  .lifecycle_state = ax_param(q, "lifecycle_state"),
                                  .link = ax_param(q, "link"),
                                  .sort_by = ax_param(q, "sort_by"),
                                  .offset = page->offset,
                                  .limit = page->limit + 1};
    int rc = since.n ? ax_monasca_time(since, &f->state_updated_start, err) : 0;
    if (rc < 0)
        return ax_err_wrap(err, "parameter state_updated_start_time");
    return ax_monasca_dimensions(q, "metric_dimensions", &f->dimensions, err);
}

static int begin(struct ax_request *q, struct ax_str *tenant, struct ax_monasca_page *page,
                 struct ax_alarm_filter *f, struct ax_err *err)
{
    int rc = ax_monasca_tenant(q, tenant, err);
    if (rc == 0)
        rc = ax_monasca_page(q, page, err);
    return rc == 0 ? read_filter(q, page, f, err) : rc;
}

void ax_monasca_alarms(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_monasca_page page;
    struct ax_alarm_filter f;
    struct ax_alarm_row *v;
    struct ax_str tenant;
    struct ax_json j;
    struct ax_err err;
    size_t n;
    int rc = begin(q, &tenant, &page, &f, &err);
    if (rc == 0)
        rc = ax_alarm_list(s, tenant, &f, &q->arena, &v, &n, &err);
    if (rc < 0) {
        ax_monasca_failed(r, &err);
        return;
    }
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < n && i < page.limit; i++)
        ax_monasca_put_alarm(&j, q, &v[i]);
    ax_monasca_page_end(&j, q, &page, n);
}

/* ---- the count ---- */

static void put_count(struct ax_json *j, const struct ax_alarm_count *c, size_t columns)
{
    ax_json_arr(j);
    ax_json_int(j, (int64_t)c->n);
    for (size_t i = 0; i + 1 < columns; i++)
        if (c->values[i].p)
            ax_json_str(j, c->values[i]);
        else
            ax_json_null(j);
    ax_json_end(j);
}

void ax_monasca_alarm_count(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_monasca_page page;
    struct ax_alarm_filter f;
    struct ax_alarm_count *v;
    struct ax_strs columns;
    struct ax_str tenant;
    struct ax_json j;
    struct ax_err err;
    size_t n;
    int rc = begin(q, &tenant, &page, &f, &err);
    if (rc == 0)
        rc = ax_alarm_count(s, tenant, &f, ax_param(q, "group_by"), &q->arena, &columns, &v, &n,
                            &err);
    if (rc < 0) {
        ax_monasca_failed(r, &err);
        return;
    }
    j = (struct ax_json){.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "columns");
    ax_json_arr(&j);
    for (size_t i = 0; i < columns.n; i++)
        ax_json_str(&j, columns.v[i]);
    ax_json_end(&j);
    ax_json_key(&j, "counts");
    ax_json_arr(&j);
    for (size_t i = 0; i < n && i < page.limit; i++)
        put_count(&j, &v[i], columns.n);
    ax_monasca_page_end(&j, q, &page, n);
}

/* ---- the history ---- */

static struct ax_str id_of(struct ax_request *q, const struct ax_history_row *h)
{
    return ax_arena_printf(&q->arena, "%lld", (long long)h->id);
}

static void put_entry(struct ax_json *j, struct ax_request *q, const struct ax_history_row *h)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, id_of(q, h));
    ax_json_key(j, "alarm_id");
    ax_json_str(j, h->alarm);
    ax_json_key(j, "metrics");
    ax_json_raw(j, h->metrics);
    ax_json_key(j, "old_state");
    ax_json_cstr(j, ax_state_name(h->old));
    ax_json_key(j, "new_state");
    ax_json_cstr(j, ax_state_name(h->state));
    ax_json_key(j, "reason");
    ax_json_str(j, h->reason);
    ax_json_key(j, "reason_data");
    ax_json_cstr(j, "{}");
    ax_json_key(j, "timestamp");
    ax_json_time(j, h->at);
    ax_json_key(j, "sub_alarms");
    ax_json_raw(j, h->sub_alarms);
    ax_json_end(j);
}

/* Of the tenant, or of the alarm that is named in the filter. */
static void answer_history(struct ax_request *q, struct ax_reply *r, struct ax_history_filter *f)
{
    struct ax_monasca_page page;
    struct ax_history_row *v;
    struct ax_str tenant;
    struct ax_json j;
    struct ax_err err;
    size_t n;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_monasca_page(q, &page, &err);
    if (rc == 0) {
        f->after = (int64_t)page.offset;
        f->limit = page.limit + 1;
        rc = ax_alarm_history(ax_api_rooms(q->api)->stream, tenant, f, &q->arena, &v, &n, &err);
    }
    if (rc < 0) {
        ax_monasca_failed(r, &err);
        return;
    }
    bool more = page.limit && n > page.limit;
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < n && i < page.limit; i++)
        put_entry(&j, q, &v[i]);
    ax_monasca_list_end(&j, q, more ? id_of(q, &v[page.limit - 1]) : AX_STR_NULL);
}

/* Times before 1970 are before all entries; 0 would say that there is no bound. */
static int64_t since_1970(int64_t t)
{
    return t > 1 ? t : 1;
}

/* Monasca has no times here; without them the last entry is behind all others. */
void ax_monasca_alarm_history(struct ax_request *q, struct ax_reply *r)
{
    struct ax_history_filter f = {.alarm = q->rest, .start = 1, .end = INT64_MAX};
    struct ax_err err;
    int rc = ax_monasca_span(q, &f.start, &f.end, &err);
    f.start = since_1970(f.start);
    f.end = since_1970(f.end);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer_history(q, r, &f);
}

void ax_monasca_history(struct ax_request *q, struct ax_reply *r)
{
    struct ax_history_filter f = {.start = 1, .end = INT64_MAX};
    struct ax_err err;
    int rc = ax_monasca_span(q, &f.start, &f.end, &err);
    if (rc == 0)
        rc = ax_monasca_dimensions(q, "dimensions", &f.dimensions, &err);
    f.start = since_1970(f.start);
    f.end = since_1970(f.end);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer_history(q, r, &f);
}
