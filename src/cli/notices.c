// SPDX-License-Identifier: Apache-2.0
/* auspex notices: what owners are told of looks into their VMs. */
#include "cli/inner.h"

#include <string.h>

static const char HELP[] = "auspex notices [--all]\n"
                           "auspex notices read ID\n"
                           "\n"
                           "Who looked into the memory of your VMs, how far and why. Each notice "
                           "has the hash of its entry\n"
                           "in the ledger: keep it, and the provider can be held to it (auspex "
                           "admin ledger verify --head).\n"
                           "\n"
                           "  auspex notices\n"
                           "  auspex notices --all --json\n"
                           "  auspex notices read ID\n"
                           "\n"
                           "  -a, --all  those that were marked read, too\n";

#define PATH "/auspex/v1/inspection/notices"

void ax_show_notices(FILE *out, const json_t *answer)
{
    const json_t *list = ax_j_array(answer, "notices"), *n;
    size_t i;
    if (json_array_size(list) == 0)
        fputs("no notices\n", out);
    json_array_foreach (list, i, n) {
        char when[AX_TEXT];
        fprintf(out, "%s  ", ax_text_time(ax_j_time(n, "time"), when));
        ax_put(out, ax_j_str(n, "id"));
        fprintf(out, "%s\n  ", ax_j_time(n, "read") ? "  (read)" : "");
        ax_put(out, ax_j_str(n, "text"));
        fprintf(out, "\n  entry %.0f of the ledger, hash ", ax_j_num(n, "ledger_entry"));
        ax_put_line(out, ax_j_str(n, "ledger_hash"));
        if (!ax_j_time(n, "sent"))
            fprintf(out, "  its owner is told on %s\n", ax_text_time(ax_j_time(n, "due"), when));
    }
}

static int list(struct ax_client *client, const struct ax_cli *c, bool all)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    if (ax_client_get(client, all ? PATH : PATH "?unread=1", &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_show_notices(stdout, a.json);
    return AX_EXIT_OK;
}

static int mark_read(struct ax_client *client, const char *id)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    struct ax_err err;
    ax_buf_cstr(&path, PATH "/");
    ax_path_escape(&path, id);
    ax_buf_cstr(&path, "/read");
    int rc = ax_client_send(client, "POST", ax_path_end(&path), AX_STR_NULL, &a, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

int ax_cmd_notices(int argc, char **argv)
{
    bool all = false;
    const struct ax_flag flags[] = {{"all", 'a', NULL, &all}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO)
        return rc;
    bool reads = c.nargs > 0 && strcmp(c.args[0], "read") == 0;
    if (c.nargs > 0 && !reads)
        return ax_cli_usage(&c, "cannot \"%s\" notices (read)", c.args[0]);
    rc = ax_cli_expect(&c, reads ? 2 : 0, reads ? 2 : 0, reads ? "the ID" : "");
    if (rc != AX_CLI_GO)
        return rc;
    struct ax_client *client = ax_client_new(&c);
    rc = reads ? mark_read(client, c.args[1]) : list(client, &c, all);
    ax_client_free(client);
    return rc;
}
