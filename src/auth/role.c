// SPDX-License-Identifier: Apache-2.0
#include "auth/auth.h"

#include "intake/intake.h"

#include <errno.h>

static const struct role {
    enum ax_role role;
    const char *name;
    unsigned may;
} roles[] = {
    {AX_ROLE_PROVIDER, "provider",
     AX_MAY_READ | AX_MAY_WRITE | AX_MAY_DEFINE | AX_MAY_ADMIN | AX_MAY_OTHER_TENANT |
         AX_MAY_COLLECT},
    {AX_ROLE_MEMBER, "member", AX_MAY_READ | AX_MAY_WRITE | AX_MAY_DEFINE | AX_MAY_CONSENT},
    {AX_ROLE_READER, "reader", AX_MAY_READ},
    {AX_ROLE_AGENT, "agent", AX_MAY_WRITE | AX_MAY_COLLECT},
    {AX_ROLE_DELEGATE, "delegate", AX_MAY_READ | AX_MAY_WRITE | AX_MAY_OTHER_TENANT},
};

bool ax_role_may(unsigned held, unsigned what)
{
    unsigned may = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(roles); i++)
        if (held & roles[i].role)
            may |= roles[i].may;
    return (may & what) == what;
}

const char *ax_role_name(enum ax_role role)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "none";
}

bool ax_role_parse(struct ax_str name, enum ax_role *out)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(roles); i++)
        if (ax_str_eq(name, ax_str(roles[i].name))) {
            *out = roles[i].role;
            return true;
        }
    return false;
}

/* The first word that is missing, for the sentence. */
static const char *deed(unsigned held, unsigned what)
{
    static const struct {
        enum ax_may may;
        const char *words;
    } deeds[] = {{AX_MAY_READ, "read"},
                 {AX_MAY_WRITE, "send samples"},
                 {AX_MAY_DEFINE, "define alarms and the like"},
                 {AX_MAY_ADMIN, "do what is the provider's"},
                 {AX_MAY_OTHER_TENANT, "act for another tenant"},
                 {AX_MAY_CONSENT, "do what is the owner's"},
                 {AX_MAY_COLLECT, "do a collector's work"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(deeds); i++)
        if ((what & deeds[i].may) && !ax_role_may(held, deeds[i].may))
            return deeds[i].words;
    return "do nothing";
}

int ax_who_may(const struct ax_who *w, unsigned what, struct ax_err *err)
{
    if (ax_role_may(w->roles, what))
        return 0;
    return ax_fail(err, -EPERM, "%s may not %s (role %s)", w->name, deed(w->roles, what),
                   ax_role_name(w->roles & -w->roles));
}

int ax_who_tenant(const struct ax_who *w, struct ax_str asked, struct ax_str *out,
                  struct ax_err *err)
{
    if (asked.n == 0 || ax_str_eq(asked, ax_str(w->tenant))) {
        *out = ax_str(w->tenant);
        return 0;
    }
    if (!ax_tenant_ok(asked))
        return ax_fail(err, -EINVAL,
                       "the tenant asked for is invalid (expected 1 to 150 of letters, digits and "
                       ". _ @ -)");
    int rc = ax_who_may(w, AX_MAY_OTHER_TENANT, err);
    if (rc < 0)
        return ax_err_wrap(err, "the tenant asked for is not that of the credentials");
    *out = asked;
    return 0;
}
