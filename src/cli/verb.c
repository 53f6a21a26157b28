// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"

#include <string.h>

/* "notify wants one of methods, add, test, delete" */
static int none_of(const struct ax_cli *c, const struct ax_verb *verbs, size_t n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf names = AX_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        ax_buf_printf(&names, "%s%s", i ? ", " : "", verbs[i].name);
    return ax_cli_usage(c, "%s wants one of %.*s", c->command, AX_STR_ARG(ax_buf_view(&names)));
}

int ax_cli_verb(const struct ax_cli *c, const struct ax_verb *verbs, size_t n, const void *flags)
{
    size_t i = 0;
    while (i < n && (c->nargs == 0 || strcmp(c->args[0], verbs[i].name) != 0))
        i++;
    if (i == n)
        return none_of(c, verbs, n);
    int rc = ax_cli_expect(c, verbs[i].nargs, verbs[i].nargs, verbs[i].wants);
    if (rc != AX_CLI_GO)
        return rc;
    struct ax_client *client = ax_client_new(c);
    rc = verbs[i].run(client, c, flags);
    ax_client_free(client);
    return rc;
}
