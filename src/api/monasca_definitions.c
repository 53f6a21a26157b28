// SPDX-License-Identifier: Apache-2.0
/* Alarm definitions: /v2.0/alarm-definitions. */
#include "api/monasca.h"

#include "base/clock.h"

#include <errno.h>

#define FOLDER "alarm-definitions"

static void put_strings(struct ax_json *j, const char *key, struct ax_strs v)
{
    ax_json_key(j, key);
    ax_json_arr(j);
    for (size_t i = 0; i < v.n; i++)
        ax_json_str(j, v.v[i]);
    ax_json_end(j);
}

static void put_definition(struct ax_json *j, struct ax_request *q, const struct ax_definition *d)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, d->id);
    ax_monasca_put_links(j, q, FOLDER, d->id);
    ax_json_key(j, "name");
    ax_json_str(j, d->name);
    ax_json_key(j, "description");
    ax_json_str(j, d->description);
    ax_json_key(j, "expression");
    ax_json_str(j, d->expression);
    ax_json_key(j, "deterministic");
    ax_json_bool(j, d->deterministic);
    put_strings(j, "match_by", d->match_by);
    ax_json_key(j, "severity");
    ax_json_cstr(j, ax_severity_name(d->severity));
    ax_json_key(j, "actions_enabled");
    ax_json_bool(j, d->actions_enabled);
    put_strings(j, "ok_actions", d->actions[AX_OK]);
    put_strings(j, "alarm_actions", d->actions[AX_ALARM]);
    put_strings(j, "undetermined_actions", d->actions[AX_UNDETERMINED]);
    ax_json_end(j);
}

static void answer(struct ax_request *q, struct ax_reply *r, int status,
                   const struct ax_definition *d)
{
    struct ax_json j = {.out = &r->body};
    r->status = status;
    put_definition(&j, q, d);
}

static int read_edit(struct ax_request *q, unsigned needed, struct ax_definition_edit *e,
                     struct ax_err *err)
{
    const struct ax_monasca_field fields[] = {
        {"name", AX_FIELD_STRING, AX_SET_NAME, &e->name},
        {"description", AX_FIELD_STRING, AX_SET_DESCRIPTION, &e->description},
        {"expression", AX_FIELD_STRING, AX_SET_EXPRESSION, &e->expression},
        {"match_by", AX_FIELD_STRINGS, AX_SET_MATCH_BY, &e->match_by},
        {"severity", AX_FIELD_STRING, AX_SET_SEVERITY, &e->severity},
        {"actions_enabled", AX_FIELD_BOOL, AX_SET_ENABLED, &e->actions_enabled},
        {"ok_actions", AX_FIELD_STRINGS, AX_SET_OK, &e->actions[AX_OK]},
        {"undetermined_actions", AX_FIELD_STRINGS, AX_SET_UNDETERMINED,
         &e->actions[AX_UNDETERMINED]},
        {"alarm_actions", AX_FIELD_STRINGS, AX_SET_ALARM, &e->actions[AX_ALARM]},
        {.name = "id"},
        {.name = "links"},
        {.name = "deterministic"},
        {.name = "expression_data"},
    };
    *e = (struct ax_definition_edit){0};
    return ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), needed, &e->set, err);
}

void ax_monasca_definition_create(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_definition_edit e;
    struct ax_definition d;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = read_edit(q, AX_SET_NAME | AX_SET_EXPRESSION, &e, &err);
    if (rc == 0)
        rc = ax_definition_create(s, tenant, &e, ax_now_ms(), &q->arena, &d, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, 201, &d);
}

void ax_monasca_definition(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_definition d;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_definition_get(s, tenant, q->rest, &q->arena, &d, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, 200, &d);
}

void ax_monasca_definition_edit(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_definition_edit e;
    struct ax_definition d;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = read_edit(q, q->method == AX_PUT ? AX_SET_ALL : 0, &e, &err);
    if (rc == 0)
        rc = ax_definition_update(s, tenant, q->rest, &e, ax_now_ms(), &q->arena, &d, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, 200, &d);
}

void ax_monasca_definition_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_stream *s = ax_api_rooms(q->api)->stream;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_definition_delete(s, tenant, q->rest, &err);
    r->status = 204;
    if (rc < 0)
        ax_monasca_failed(r, &err);
}

static int list(struct ax_request *q, const struct ax_monasca_page *page,
                struct ax_definition **out, size_t *n, struct ax_err *err)
{
    struct ax_str tenant;
    struct ax_definition_filter f = {.name = ax_param(q, "name"),
                                     .severity = ax_param(q, "severity"),
                                     .sort_by = ax_param(q, "sort_by"),
                                     .offset = page->offset,
                                     .limit = page->limit + 1};
    int rc = ax_monasca_tenant(q, &tenant, err);
    if (rc == 0)
        rc = ax_monasca_dimensions(q, "dimensions", &f.dimensions, err);
    return rc == 0 ? ax_definition_list(ax_api_rooms(q->api)->stream, tenant, &f, &q->arena, out, n,
                                        err)
                   : rc;
}

void ax_monasca_definitions(struct ax_request *q, struct ax_reply *r)
{
    struct ax_monasca_page page;
    struct ax_definition *v;
    struct ax_json j;
    struct ax_err err;
    size_t n;
    int rc = ax_monasca_page(q, &page, &err);
    if (rc == 0)
        rc = list(q, &page, &v, &n, &err);
    if (rc < 0) {
        ax_monasca_failed(r, &err);
        return;
    }
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < n && i < page.limit; i++)
        put_definition(&j, q, &v[i]);
    ax_monasca_page_end(&j, q, &page, n);
}
