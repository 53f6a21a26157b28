// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/inspection/notices and settings: what owners are told, and how. */
#include "api/inspection.h"

#include "base/clock.h"

#include <errno.h>

#define MAX_PAGE 10000

static void put(struct ax_json *j, const struct ax_inspection_notice *x)
{
    ax_json_obj(j);
    ax_inspection_text(j, "id", x->id);
    ax_inspection_text(j, "tenant", x->tenant);
    ax_inspection_text(j, "resource", x->handle);
    ax_inspection_text(j, "kind", x->kind);
    ax_json_key(j, "scope");
    ax_json_cstr(j, ax_scope_name(x->scope));
    ax_inspection_text(j, "who", x->who);
    ax_inspection_text(j, "reason", x->reason);
    ax_inspection_text(j, "grant", x->grant);
    ax_inspection_text(j, "text", x->text);
    ax_json_key(j, "uses");
    ax_json_int(j, x->uses);
    ax_inspection_time(j, "time", x->time);
    ax_inspection_time(j, "due", x->due);
    ax_inspection_time(j, "sent", x->sent);
    ax_inspection_time(j, "read", x->read);
    ax_json_key(j, "ledger_entry");
    ax_json_int(j, x->sequence);
    ax_inspection_text(j, "ledger_hash", x->hash);
    ax_json_end(j);
}

void ax_notices_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str resource = ax_param(q, "resource");
    struct ax_notice_filter f = {.tenant = ax_inspection_tenant(q),
                                 .handle = resource.n ? resource : AX_STR_NULL,
                                 .unread = ax_inspection_flag(q, "unread"),
                                 .seen_at = ax_inspection_seen_at(q),
                                 .before = ax_param(q, "before")};
    struct ax_inspection_notice *v;
    struct ax_err err;
    size_t n;
    int rc = ax_param_count(q, "limit", 100, MAX_PAGE, &f.limit, &err);
    if (rc == 0)
        rc = ax_warrants_notices(ax_api_rooms(q->api)->warrants, &f, &q->arena, &v, &n, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "notices");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

void ax_notice_post_read(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    int rc = ax_inspection_owner_only(q, &err);
    if (rc == 0)
        rc = ax_warrants_notice_read(ax_api_rooms(q->api)->warrants, q->tenant, q->rest,
                                     ax_inspection_who(q), ax_now_ms(), &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}

/* ---- settings ---- */

void ax_inspection_settings_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notice_methods m;
    struct ax_err err;
    if (ax_warrants_methods(ax_api_rooms(q->api)->warrants, q->tenant, &q->arena, &m, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "methods");
    if (m.all) {
        ax_json_null(&j);
    } else {
        ax_json_arr(&j);
        for (size_t i = 0; i < m.n; i++)
            ax_json_str(&j, m.ids[i]);
        ax_json_end(&j);
    }
    ax_json_end(&j);
}

static int read_methods(struct ax_request *q, struct ax_notice_methods *m, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    int rc = ax_body_object(q, &o, err);
    json_t *list = rc == 0 ? json_object_get(o, "methods") : NULL, *one;
    size_t i;
    if (rc < 0)
        return rc;
    *m = (struct ax_notice_methods){.all = json_is_null(list)};
    if (!m->all && !json_is_array(list))
        return ax_fail(err, -EBADMSG, "methods in body must be a list of ids, or null for all");
    m->ids = AX_NEWS(&q->arena, struct ax_str, json_array_size(list) + 1);
    json_array_foreach (list, i, one) {
        if (!json_is_string(one))
            return ax_fail(err, -EBADMSG, "methods in body must be a list of ids, or null for all");
        m->ids[m->n++] = ax_arena_str(&q->arena, ax_str(json_string_value(one)));
    }
    return 0;
}

void ax_inspection_settings_put(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notice_methods m;
    struct ax_err err;
    int rc = ax_inspection_owner_only(q, &err);
    if (rc == 0)
        rc = read_methods(q, &m, &err);
    if (rc == 0)
        rc = ax_warrants_set_methods(ax_api_rooms(q->api)->warrants, q->tenant, &m, &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        ax_inspection_settings_get(q, r);
}
