// SPDX-License-Identifier: Apache-2.0
#include "api/inspection.h"

#include "api/greet.h"
#include "base/clock.h"

#include <errno.h>

bool ax_inspection_is_provider(const struct ax_request *q)
{
    return (q->who.roles & AX_ROLE_PROVIDER) != 0;
}

struct ax_str ax_inspection_who(struct ax_request *q)
{
    unsigned first = q->who.roles & -q->who.roles;
    return ax_arena_printf(&q->arena, "%s (%s)", q->who.name, ax_role_name((enum ax_role)first));
}

struct ax_str ax_inspection_tenant(const struct ax_request *q)
{
    bool all = ax_inspection_is_provider(q) && !q->greeting->asked.n;
    return all ? AX_STR_NULL : q->tenant;
}

int64_t ax_inspection_seen_at(const struct ax_request *q)
{
    return ax_inspection_is_provider(q) ? 0 : ax_now_ms();
}

/* Without authentication there is nobody to tell apart. */
int ax_inspection_owner_only(const struct ax_request *q, struct ax_err *err)
{
    if (!ax_api_rooms(q->api)->auth || ax_str_eq(q->tenant, ax_str(q->who.tenant)))
        return 0;
    return ax_fail(err, -EPERM, "only a member of the tenant itself may do this");
}

int ax_inspection_vm(struct ax_request *q, struct ax_str handle, struct ax_str *tenant,
                     struct ax_err *err)
{
    struct ax_str id, owner, mine = ax_inspection_tenant(q);
    enum ax_kind kind;
    int rc = ax_handle_parse(handle, &kind, &id, err);
    if (rc == 0)
        rc = ax_registry_owner(ax_api_rooms(q->api)->registry, handle, &q->arena, &owner, err);
    if (rc == 0 && (kind != AX_KIND_VM || (mine.p && !ax_str_eq(mine, owner))))
        rc = ax_fail(err, -ENOENT, "no VM with the handle %.*s was ever seen", AX_STR_ARG(handle));
    if (rc == 0)
        *tenant = owner;
    return rc;
}

bool ax_inspection_flag(const struct ax_request *q, const char *name)
{
    struct ax_str v = ax_param(q, name);
    return ax_str_eq(v, AX_STR("1")) || ax_str_eq(v, AX_STR("true"));
}

int ax_inspection_scope(const json_t *o, struct ax_arena *a, bool none, enum ax_scope *out,
                        struct ax_err *err)
{
    struct ax_str name;
    int rc = ax_body_text(o, "scope", a, &name, err);
    if (rc < 0)
        return rc;
    if (none && ax_str_eq(name, AX_STR("none"))) {
        *out = AX_SCOPE_NONE;
        return 0;
    }
    return ax_scope_parse(name, out)
               ? 0
               : ax_fail(err, -EINVAL, "scope: expected %s" AX_SCOPE_NAMES, none ? "none, " : "");
}

void ax_inspection_text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    if (v.n)
        ax_json_str(j, v);
    else
        ax_json_null(j);
}

void ax_inspection_time(struct ax_json *j, const char *key, int64_t ms)
{
    ax_json_key(j, key);
    ax_json_time(j, ms);
}
