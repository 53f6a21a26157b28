// SPDX-License-Identifier: Apache-2.0
/* Subscriptions to faults: /auspex/v1/subscriptions. */
#include "api/faults.h"
#include "api/monasca.h"

#include <errno.h>

static void text_or_null(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    if (v.n)
        ax_json_str(j, v);
    else
        ax_json_null(j);
}

static void put(struct ax_json *j, const struct ax_subscription *s)
{
    ax_json_obj(j);
    text_or_null(j, "id", s->id);
    text_or_null(j, "url", s->url);
    text_or_null(j, "tenant", s->filter.tenant);
    text_or_null(j, "host", s->filter.host);
    text_or_null(j, "resource", s->filter.resource);
    text_or_null(j, "type", s->filter.type);
    ax_json_key(j, "severity");
    ax_json_cstr(j, ax_fault_severity_name(s->filter.severity));
    ax_json_key(j, "created");
    ax_json_time(j, s->created);
    ax_json_end(j);
}

static int read_body(struct ax_request *q, struct ax_subscription *s, struct ax_err *err)
{
    enum { URL = 1, OTHER = 2 };
    unsigned given;
    struct ax_str severity = AX_STR_NULL;
    const struct ax_monasca_field fields[] = {
        {"url", AX_FIELD_STRING, URL, &s->url},
        {"tenant", AX_FIELD_MAYBE_STRING, OTHER, &s->filter.tenant},
        {"host", AX_FIELD_MAYBE_STRING, OTHER, &s->filter.host},
        {"resource", AX_FIELD_MAYBE_STRING, OTHER, &s->filter.resource},
        {"type", AX_FIELD_MAYBE_STRING, OTHER, &s->filter.type},
        {"severity", AX_FIELD_MAYBE_STRING, OTHER, &severity},
    };
    int rc = ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), URL, &given, err);
    return rc == 0 ? ax_fault_check(q, &s->filter, severity, err) : rc;
}

void ax_subscription_create(struct ax_request *q, struct ax_reply *r)
{
    struct ax_subscription s = {.owner = q->tenant};
    struct ax_err err;
    int rc = read_body(q, &s, &err);
    if (rc == 0)
        rc = ax_subscription_add(ax_api_rooms(q->api)->faults, &s, &q->arena, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    r->status = 201;
    put(&j, &s);
}

void ax_subscriptions(struct ax_request *q, struct ax_reply *r)
{
    struct ax_subscription *v;
    size_t n;
    struct ax_err err;
    if (ax_subscription_list(ax_api_rooms(q->api)->faults, q->tenant, AX_STR(""), &q->arena, &v, &n,
                             &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "subscriptions");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

void ax_subscription(struct ax_request *q, struct ax_reply *r)
{
    struct ax_subscription *v;
    size_t n = 0;
    struct ax_err err;
    int rc = ax_subscription_list(ax_api_rooms(q->api)->faults, q->tenant, q->rest, &q->arena, &v,
                                  &n, &err);
    if (rc == 0 && n == 0)
        rc = ax_fail(&err, -ENOENT, "there is no such subscription");
    struct ax_json j = {.out = &r->body};
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        put(&j, &v[0]);
}

void ax_subscription_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    int rc = ax_subscription_remove(ax_api_rooms(q->api)->faults, q->tenant, q->rest, &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}
