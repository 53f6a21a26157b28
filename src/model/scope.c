// SPDX-License-Identifier: Apache-2.0
#include "model/scope.h"

#include "base/err.h"

static const char *const names[AX_SCOPES] = {"none", "statistics", "processes", "diagnosis",
                                             "forensic"};

const char *ax_scope_name(enum ax_scope s)
{
    AX_ASSERT((unsigned)s < AX_SCOPES);
    return names[s];
}

bool ax_scope_parse(struct ax_str name, enum ax_scope *out)
{
    for (int s = AX_SCOPE_STATISTICS; s < AX_SCOPES; s++)
        if (ax_str_eq(name, ax_str(names[s]))) {
            *out = (enum ax_scope)s;
            return true;
        }
    return false;
}
