// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/inspection/warrants: what the provider may do without consent. */
#include "api/inspection.h"

#include "base/clock.h"

#include <errno.h>

static const char *state_of(const struct ax_warrant *x, int64_t now)
{
    return x->closed ? "closed" : x->expires <= now ? "expired" : "open";
}

static void put(struct ax_json *j, const struct ax_warrant *x)
{
    ax_json_obj(j);
    ax_inspection_text(j, "id", x->id);
    ax_inspection_text(j, "tenant", x->tenant);
    ax_inspection_text(j, "resource", x->handle);
    ax_json_key(j, "state");
    ax_json_cstr(j, state_of(x, ax_now_ms()));
    ax_json_key(j, "scope");
    ax_json_cstr(j, ax_scope_name(x->scope));
    ax_inspection_text(j, "reason", x->reason);
    ax_inspection_text(j, "who", x->who);
    ax_inspection_time(j, "opened", x->opened);
    ax_inspection_time(j, "expires", x->expires);
    ax_inspection_time(j, "notice_at", x->notice_at);
    ax_inspection_time(j, "closed", x->closed);
    ax_inspection_text(j, "closed_by", x->closed_by);
    ax_json_end(j);
}

static int read(struct ax_request *q, struct ax_warrant *x, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    struct ax_str tenant = ax_inspection_tenant(q);
    *x = (struct ax_warrant){.who = ax_inspection_who(q), .tenant = tenant};
    int rc = ax_body_object(q, &o, err);
    if (rc == 0)
        rc = ax_body_text(o, "resource", &q->arena, &x->handle, err);
    if (rc == 0)
        rc = ax_inspection_scope(o, &q->arena, false, &x->scope, err);
    if (rc == 0)
        rc = ax_body_text(o, "reason", &q->arena, &x->reason, err);
    if (rc == 0 && ax_body_has(o, "expires"))
        rc = ax_body_time(o, "expires", &q->arena, &x->expires, err);
    if (rc == 0 && ax_body_has(o, "notice_at"))
        rc = ax_body_time(o, "notice_at", &q->arena, &x->notice_at, err);
    return rc;
}

void ax_warrants_post(struct ax_request *q, struct ax_reply *r)
{
    struct ax_warrant x;
    struct ax_err err;
    int rc = read(q, &x, &err);
    if (rc == 0)
        rc = ax_warrant_open(ax_api_rooms(q->api)->warrants, &x, ax_now_ms(), &q->arena, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    r->status = 201;
    put(&j, &x);
}

static int find(struct ax_request *q, struct ax_str id, struct ax_warrant **v, size_t *n,
                struct ax_err *err)
{
    struct ax_str resource = ax_param(q, "resource");
    struct ax_warrant_filter f = {.tenant = ax_inspection_tenant(q),
                                  .handle = resource.n ? resource : AX_STR_NULL,
                                  .id = id,
                                  .ended = id.p || ax_inspection_flag(q, "all"),
                                  .seen_at = ax_inspection_seen_at(q)};
    return ax_warrant_list(ax_api_rooms(q->api)->warrants, &f, ax_now_ms(), &q->arena, v, n, err);
}

void ax_warrants_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_warrant *v;
    struct ax_err err;
    size_t n;
    if (find(q, AX_STR_NULL, &v, &n, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "warrants");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

static int find_one(struct ax_request *q, struct ax_warrant **out, struct ax_err *err)
{
    size_t n = 0;
    int rc = find(q, q->rest, out, &n, err);
    return rc == 0 && n == 0 ? ax_fail(err, -ENOENT, "there is no such warrant") : rc;
}

void ax_warrant_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_warrant *x;
    struct ax_err err;
    struct ax_json j = {.out = &r->body};
    if (find_one(q, &x, &err) < 0)
        ax_reply_auspex_errno(r, &err);
    else
        put(&j, x);
}

void ax_warrant_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_warrant *x;
    struct ax_err err;
    int rc = find_one(q, &x, &err);
    if (rc == 0)
        rc = ax_warrant_close(ax_api_rooms(q->api)->warrants, x->id, ax_inspection_who(q),
                              ax_now_ms(), &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}
