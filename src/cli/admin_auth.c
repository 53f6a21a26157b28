// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_auth.h"

#include "cli/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int enter(const char *data, const char *user, struct ax_err *err)
{
    char store[4200], here[4200];
    struct stat st;
    snprintf(store, sizeof store, "%s/tsdb", data);
    snprintf(here, sizeof here, "%s/registry.db", data);
    if (stat(store, &st) == 0)
        return ax_admin_enter(data, err);
    if (stat(here, &st) < 0)
        fprintf(stderr, "auspex: no server has used %s yet: making it ready\n", data);
    return ax_enter_data(data, user, err);
}

int ax_admin_auth_open(struct ax_admin_auth *a, const char *data, const char *user,
                       struct ax_err *err)
{
    *a = (struct ax_admin_auth){0};
    int rc = enter(data, user, err);
    if (rc < 0)
        return rc;
    rc = ax_sql_open(&a->sql, "registry.db", err);
    if (rc == 0)
        rc = ax_auth_open(&a->auth, &(struct ax_auth_options){.sql = a->sql}, err);
    if (rc < 0) {
        ax_admin_auth_close(a);
        return ax_err_wrap(err, "%s", data);
    }
    return 0;
}

void ax_admin_auth_close(struct ax_admin_auth *a)
{
    ax_auth_close(a->auth);
    ax_sql_close(a->sql);
}

int ax_admin_role(const struct ax_cli *c, const char *name, enum ax_role *out)
{
    if (!name)
        return ax_cli_usage(c, "--role is missing (" AX_ROLE_NAMES ")");
    if (!ax_role_parse(ax_str(name), out))
        return ax_cli_usage(c, "there is no role \"%s\" (" AX_ROLE_NAMES ")", name);
    return AX_CLI_GO;
}

int ax_admin_tenant(const struct ax_cli *c, enum ax_role role, struct ax_str *out)
{
    if (!c->tenant && role != AX_ROLE_PROVIDER)
        return ax_cli_usage(c, "--tenant NAME is missing");
    *out = c->tenant ? ax_str(c->tenant) : AX_STR("default");
    return AX_CLI_GO;
}

void ax_admin_cell(struct ax_table *t, struct ax_str s)
{
    char text[AX_WHO_TENANT + AX_WHO_NAME];
    snprintf(text, sizeof text, "%.*s", AX_STR_ARG(s));
    ax_table_cell(t, text);
}
