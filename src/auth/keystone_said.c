// SPDX-License-Identifier: Apache-2.0
#include "auth/inner.h"
#include "base/num.h"
#include "intake/intake.h"

#include <errno.h>
#include <jansson.h>

static struct ax_str text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return (struct ax_str){json_string_value(v), json_string_length(v)};
}

/* The names are Monasca's. */
static unsigned role_of(struct ax_str name, const char *provider_role)
{
    static const struct {
        const char *name;
        enum ax_role role;
    } known[] = {{"monasca-user", AX_ROLE_MEMBER},
                 {"monasca-read-only-user", AX_ROLE_READER},
                 {"monasca-agent", AX_ROLE_AGENT},
                 {"admin", AX_ROLE_DELEGATE}};
    if (provider_role && name.n && ax_str_eq(name, ax_str(provider_role)))
        return AX_ROLE_PROVIDER;
    for (size_t i = 0; i < AX_ARRAY_LEN(known); i++)
        if (ax_str_eq(name, ax_str(known[i].name)))
            return known[i].role;
    return 0;
}

static unsigned roles_of(const json_t *roles, const char *provider_role)
{
    unsigned held = 0;
    for (size_t i = 0; i < json_array_size(roles); i++)
        held |= role_of(text(json_array_get(roles, i), "name"), provider_role);
    return held;
}

static int read_token(const json_t *token, const char *provider_role, struct ax_who *out,
                      struct ax_err *err)
{
    int64_t expires;
    struct ax_str tenant = text(json_object_get(token, "project"), "id");
    struct ax_str user = text(json_object_get(token, "user"), "name");
    if (!json_is_object(token) || ax_time_parse(text(token, "expires_at"), &expires, NULL) < 0)
        return ax_fail(err, -EHOSTUNREACH,
                       "Keystone's answer is not about a token (expected token.expires_at)");
    if (tenant.n == 0)
        return ax_fail(err, -EKEYREJECTED,
                       "the token is for no project: ask Keystone for a scoped one");
    if (!ax_tenant_ok(tenant))
        return ax_fail(err, -EHOSTUNREACH, "Keystone's answer has a project.id that is no tenant");
    ax_who_fill(out, roles_of(json_object_get(token, "roles"), provider_role), tenant,
                user.n ? user : AX_STR("a user of Keystone"), expires);
    return 0;
}

int ax_keystone_said(struct ax_str json, const char *provider_role, struct ax_who *out,
                     struct ax_err *err)
{
    json_t *body = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL);
    int rc = read_token(json_object_get(body, "token"), provider_role, out, err);
    json_decref(body);
    return rc;
}
