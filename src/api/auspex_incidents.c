// SPDX-License-Identifier: Apache-2.0
/* GET /auspex/v1/incidents. */
#include "api/inner.h"

static void put_text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    if (v.n)
        ax_json_str(j, v);
    else
        ax_json_null(j);
}

static void put_incident(struct ax_json *j, const struct ax_incident *x)
{
    ax_json_obj(j);
    put_text(j, "id", x->id);
    put_text(j, "root", x->root);
    put_text(j, "name", x->name);
    put_text(j, "state", x->state);
    ax_json_key(j, "since");
    ax_json_time(j, x->since);
    ax_json_key(j, "ended");
    ax_json_time(j, x->ended);
    ax_json_key(j, "alarm_count");
    ax_json_int(j, (int64_t)x->total);
    ax_json_key(j, "alarms");
    ax_json_arr(j);
    for (size_t i = 0; i < x->nalarms; i++) {
        ax_json_obj(j);
        put_text(j, "id", x->alarms[i].id);
        put_text(j, "name", x->alarms[i].name);
        put_text(j, "state", x->alarms[i].state);
        ax_json_end(j);
    }
    ax_json_end(j);
    ax_json_key(j, "held");
    ax_json_int(j, (int64_t)x->held);
    ax_json_end(j);
}

void ax_incidents(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str open = ax_param(q, "open");
    struct ax_incident *v;
    struct ax_err err;
    uint32_t limit, offset;
    uint64_t total;
    size_t n;
    int rc = ax_param_count(q, "limit", 100, 1000, &limit, &err);
    if (rc == 0)
        rc = ax_param_count(q, "offset", 0, UINT32_MAX, &offset, &err);
    if (rc == 0)
        rc = ax_incident_list(ax_api_rooms(q->api)->dispatch, q->tenant,
                              ax_str_eq(open, AX_STR("1")) || ax_str_eq(open, AX_STR("true")),
                              limit, offset, &q->arena, &v, &n, &total, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "incidents");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put_incident(&j, &v[i]);
    ax_json_end(&j);
    ax_json_key(&j, "total");
    ax_json_int(&j, (int64_t)total);
    ax_json_end(&j);
}
