// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: tokens and users of a data directory, whether a server has it open or
 * not. */
#ifndef AX_CLI_ADMIN_AUTH_H
#define AX_CLI_ADMIN_AUTH_H

#include "auth/auth.h"
#include "base/json.h"
#include "cli/admin.h"
#include "sql/sql.h"

struct ax_admin_auth {
    struct ax_sql *sql;
    struct ax_auth *auth;
};

/* Enters the data directory as its owner, since what is written there must be the server's. One
 * that is not there is made (for `user`, as `auspex serve --user` has it, when root does it), so
 * that there can be a token before the first start. */
int ax_admin_auth_open(struct ax_admin_auth *a, const char *data, const char *user,
                       struct ax_err *err);
void ax_admin_auth_close(struct ax_admin_auth *a);

/* --role NAME: usage error unless it is one. */
int ax_admin_role(const struct ax_cli *c, const char *name, enum ax_role *out);
/* --tenant NAME, which only a provider need not give. */
int ax_admin_tenant(const struct ax_cli *c, enum ax_role role, struct ax_str *out);
/* A view's text in a table. */
void ax_admin_cell(struct ax_table *t, struct ax_str s);

#endif
