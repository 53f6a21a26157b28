// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/maintenance: what is down on purpose. */
#include "api/body.h"

#include "base/clock.h"

#include <errno.h>

static const char *state_of(const struct ax_maintenance *m, int64_t now)
{
    return now < m->starts ? "pending" : now < m->ends ? "active" : "ended";
}

static void put(struct ax_json *j, const struct ax_maintenance *m)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, m->id);
    ax_json_key(j, "resource");
    ax_json_str(j, m->resource);
    ax_json_key(j, "state");
    ax_json_cstr(j, state_of(m, ax_now_ms()));
    ax_json_key(j, "starts");
    ax_json_time(j, m->starts);
    ax_json_key(j, "ends");
    ax_json_time(j, m->ends);
    ax_json_key(j, "comment");
    ax_json_str(j, m->comment);
    ax_json_key(j, "created");
    ax_json_time(j, m->created);
    ax_json_end(j);
}

void ax_maintenance_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str all = ax_param(q, "all");
    struct ax_maintenance *v;
    struct ax_err err;
    size_t n;
    if (ax_maintenance_list(ax_api_rooms(q->api)->dispatch, q->tenant,
                            ax_str_eq(all, AX_STR("1")) || ax_str_eq(all, AX_STR("true")),
                            &q->arena, &v, &n, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "maintenance");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

static int read(struct ax_request *q, struct ax_maintenance *m, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    struct ax_resource x;
    *m = (struct ax_maintenance){.comment = AX_STR(""), .starts = ax_now_ms()};
    int rc = ax_body_object(q, &o, err);
    if (rc == 0)
        rc = ax_body_text(o, "resource", &q->arena, &m->resource, err);
    if (rc == 0 && ax_body_has(o, "starts"))
        rc = ax_body_time(o, "starts", &q->arena, &m->starts, err);
    if (rc == 0)
        rc = ax_body_time(o, "ends", &q->arena, &m->ends, err);
    if (rc == 0 && ax_body_has(o, "comment"))
        rc = ax_body_text(o, "comment", &q->arena, &m->comment, err);
    /* A misspelt one would hold nothing, and say nothing. */
    return rc < 0 ? rc
                  : ax_registry_get(ax_api_rooms(q->api)->registry, q->tenant, m->resource,
                                    &q->arena, &x, err);
}

void ax_maintenance_post(struct ax_request *q, struct ax_reply *r)
{
    struct ax_maintenance m;
    struct ax_err err;
    char id[AX_UUID_TEXT + 1];
    int rc = read(q, &m, &err);
    if (rc == 0)
        rc = ax_maintenance_add(ax_api_rooms(q->api)->dispatch, q->tenant, &m, id, &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        ax_reply_made(r, id);
}

void ax_maintenance_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    if (ax_maintenance_end(ax_api_rooms(q->api)->dispatch, q->tenant, q->rest, &err) < 0)
        ax_reply_auspex_errno(r, &err);
    else
        r->status = 204;
}
