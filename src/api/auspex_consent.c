// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/inspection/consent: what owners allow. */
#include "api/inspection.h"

#include "base/clock.h"

#include <errno.h>

static void put(struct ax_json *j, const struct ax_consent *c)
{
    ax_json_obj(j);
    ax_inspection_text(j, "id", c->id);
    ax_inspection_text(j, "tenant", c->tenant);
    ax_inspection_text(j, "resource", c->handle);
    ax_json_key(j, "scope");
    ax_json_cstr(j, ax_scope_name(c->scope));
    ax_inspection_text(j, "who", c->who);
    ax_inspection_time(j, "set", c->set);
    ax_inspection_time(j, "expires", c->expires);
    ax_json_end(j);
}

static int list(struct ax_request *q, struct ax_str tenant, struct ax_str handle,
                struct ax_consent **v, size_t *n, struct ax_err *err)
{
    return ax_consent_list(ax_api_rooms(q->api)->warrants, tenant, handle, ax_now_ms(), &q->arena,
                           v, n, err);
}

void ax_consents(struct ax_request *q, struct ax_reply *r)
{
    struct ax_consent *v;
    struct ax_err err;
    size_t n;
    if (list(q, ax_inspection_tenant(q), AX_STR_NULL, &v, &n, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "consents");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

/* The consent that counts for a VM (q->rest), or that for all VMs (without one): the VM's own,
 * else the tenant's. */
static void reply(struct ax_request *q, struct ax_reply *r, struct ax_str tenant)
{
    struct ax_consent *own = NULL, *all = NULL;
    struct ax_err err;
    size_t nown = 0, nall = 0;
    int rc = list(q, tenant, AX_STR(""), &all, &nall, &err);
    if (rc == 0 && q->rest.n)
        rc = list(q, tenant, q->rest, &own, &nown, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    const struct ax_consent *c = nown ? own : nall ? all : NULL;
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_inspection_text(&j, "tenant", tenant);
    ax_inspection_text(&j, "resource", q->rest);
    ax_json_key(&j, "scope");
    ax_json_cstr(&j, ax_scope_name(c ? c->scope : AX_SCOPE_NONE));
    ax_json_key(&j, "consent");
    if (c)
        put(&j, c);
    else
        ax_json_null(&j);
    ax_json_end(&j);
}

/* For the routes without and with a VM in their path. */
static int whose(struct ax_request *q, struct ax_str *tenant, struct ax_err *err)
{
    *tenant = q->tenant;
    return q->rest.n ? ax_inspection_vm(q, q->rest, tenant, err) : 0;
}

void ax_consent_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str tenant;
    struct ax_err err;
    if (whose(q, &tenant, &err) < 0)
        ax_reply_auspex_errno(r, &err);
    else
        reply(q, r, tenant);
}

static int read(struct ax_request *q, struct ax_consent *c, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    int rc = ax_body_object(q, &o, err);
    if (rc == 0)
        rc = ax_inspection_scope(o, &q->arena, true, &c->scope, err);
    if (rc == 0 && ax_body_has(o, "expires"))
        rc = ax_body_time(o, "expires", &q->arena, &c->expires, err);
    return rc;
}

void ax_consent_put(struct ax_request *q, struct ax_reply *r)
{
    struct ax_consent c = {.handle = q->rest, .who = ax_inspection_who(q)};
    struct ax_err err;
    int rc = ax_inspection_owner_only(q, &err);
    if (rc == 0)
        rc = whose(q, &c.tenant, &err);
    if (rc == 0)
        rc = read(q, &c, &err);
    if (rc == 0)
        rc = ax_consent_set(ax_api_rooms(q->api)->warrants, &c, ax_now_ms(), &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        reply(q, r, c.tenant);
}

void ax_consent_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_inspection_owner_only(q, &err);
    if (rc == 0)
        rc = whose(q, &tenant, &err);
    if (rc == 0)
        rc = ax_consent_revoke(ax_api_rooms(q->api)->warrants, tenant, q->rest,
                               ax_inspection_who(q), ax_now_ms(), &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}
