// SPDX-License-Identifier: Apache-2.0
/* One alarm: /v2.0/alarms/ID. */
#include "api/monasca.h"

#include "base/clock.h"

#include <errno.h>

/* Empty is nothing: null. */
static void put_text(struct ax_json *j, const char *key, struct ax_str s)
{
    ax_json_key(j, key);
    if (s.n)
        ax_json_str(j, s);
    else
        ax_json_null(j);
}

static void put_definition(struct ax_json *j, struct ax_request *q, const struct ax_alarm_row *a)
{
    ax_json_key(j, "alarm_definition");
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, a->definition);
    ax_json_key(j, "name");
    ax_json_str(j, a->definition_name);
    ax_json_key(j, "severity");
    ax_json_cstr(j, ax_severity_name(a->severity));
    ax_monasca_put_links(j, q, "alarm-definitions", a->definition);
    ax_json_end(j);
}

void ax_monasca_put_alarm(struct ax_json *j, struct ax_request *q, const struct ax_alarm_row *a)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, a->id);
    ax_monasca_put_links(j, q, "alarms", a->id);
    put_definition(j, q, a);
    ax_json_key(j, "metrics");
    ax_json_raw(j, a->metrics);
    ax_json_key(j, "state");
    ax_json_cstr(j, ax_state_name(a->state));
    put_text(j, "lifecycle_state", a->lifecycle_state);
    put_text(j, "link", a->link);
    ax_json_key(j, "state_updated_timestamp");
    ax_json_time(j, a->state_updated);
    ax_json_key(j, "updated_timestamp");
    ax_json_time(j, a->updated);
    ax_json_key(j, "created_timestamp");
    ax_json_time(j, a->created);
    ax_json_end(j);
}

static void answer(struct ax_request *q, struct ax_reply *r, const struct ax_alarm_row *a)
{
    struct ax_json j = {.out = &r->body};
    ax_monasca_put_alarm(&j, q, a);
}

void ax_monasca_alarm(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_alarm_row a;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_alarm_get(s, tenant, q->rest, &q->arena, &a, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, &a);
}

enum { STATE = 1, LIFECYCLE_STATE = 2, LINK = 4 };

static int read_edit(struct ax_request *q, struct ax_alarm_edit *e, struct ax_err *err)
{
    struct ax_str *v = AX_NEWS(&q->arena, struct ax_str, 3);
    unsigned given;
    const struct ax_monasca_field fields[] = {
        {"state", AX_FIELD_MAYBE_STRING, STATE, &v[0]},
        {"lifecycle_state", AX_FIELD_MAYBE_STRING, LIFECYCLE_STATE, &v[1]},
        {"link", AX_FIELD_MAYBE_STRING, LINK, &v[2]},
        {.name = "id"},
        {.name = "links"},
        {.name = "alarm_definition"},
        {.name = "metrics"},
        {.name = "state_updated_timestamp"},
        {.name = "updated_timestamp"},
        {.name = "created_timestamp"},
    };
    unsigned needed = q->method == AX_PUT ? STATE | LIFECYCLE_STATE | LINK : 0;
    int rc = ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), needed, &given, err);
    if (rc == 0)
        *e = (struct ax_alarm_edit){.state = given & STATE ? &v[0] : NULL,
                                    .lifecycle_state = given & LIFECYCLE_STATE ? &v[1] : NULL,
                                    .link = given & LINK ? &v[2] : NULL};
    return rc;
}

void ax_monasca_alarm_edit(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_alarm_edit e;
    struct ax_alarm_row a;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = read_edit(q, &e, &err);
    if (rc == 0)
        rc = ax_alarm_update(s, tenant, q->rest, &e, ax_now_ms(), &q->arena, &a, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, &a);
}

void ax_monasca_alarm_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_alarm_delete(s, tenant, q->rest, &err);
    r->status = 204;
    if (rc < 0)
        ax_monasca_failed(r, &err);
}
