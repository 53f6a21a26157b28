// SPDX-License-Identifier: Apache-2.0
/* auspex warrant: what the provider may look into without the owner's consent. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/inner.h"

#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex warrant open HANDLE|NAME --scope SCOPE --reason TEXT [--for TIME] [--delay-notice "
    "TIME]\n"
    "auspex warrant list [--all]\n"
    "auspex warrant close ID\n"
    "\n"
    "Lets the provider look into a VM's memory without its owner's consent: for a reason, up to a\n"
    "scope, for a time. The owner gets a notice at once; only that of a forensic warrant may come\n"
    "later, at a date that is in the ledger and cannot be put off any more.\n"
    "\n"
    "  auspex warrant open vm:5c1e... --scope diagnosis --reason 'ticket 4711: hangs since 9:30'\n"
    "  auspex warrant open web1 --scope statistics --reason 'capacity' --for 7d\n"
    "  auspex warrant open web1 --scope forensic --reason 'court order 12/26' --delay-notice 30d\n"
    "  auspex warrant close ID\n"
    "\n"
    "Scopes: statistics < processes < diagnosis < forensic (auspex consent --help)\n"
    "\n"
    "      --scope SCOPE        how far\n"
    "  -m, --reason TEXT        why; the owner reads it\n"
    "      --for TIME           or until T (RFC 3339); default 24h, at most 30d\n"
    "      --delay-notice TIME  or until T; at most 90d\n"
    "  -a, --all                list those that are over, too\n";

#define PATH "/auspex/v1/inspection/warrants"

struct flags {
    const char *scope, *reason, *length, *delay;
    bool all;
};

static void body_of(const struct flags *f, const char *handle, int64_t until, int64_t notice_at,
                    struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "resource");
    ax_json_cstr(&j, handle);
    ax_json_key(&j, "scope");
    ax_json_cstr(&j, f->scope);
    ax_json_key(&j, "reason");
    ax_json_cstr(&j, f->reason);
    ax_json_key(&j, "expires");
    ax_json_time(&j, until);
    ax_json_key(&j, "notice_at");
    ax_json_time(&j, notice_at);
    ax_json_end(&j);
}

static int open_one(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT;
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    struct ax_err err;
    int64_t until = 0, notice_at = 0;
    if (!f->scope || !f->reason)
        return ax_cli_usage(c, "warrant open wants --scope SCOPE and --reason TEXT");
    if (f->length && ax_cli_when(f->length, &until, &err) < 0)
        return ax_cli_usage(c, "--for: %s", err.text);
    if (f->delay && ax_cli_when(f->delay, &notice_at, &err) < 0)
        return ax_cli_usage(c, "--delay-notice: %s", err.text);
    if (ax_resolve(client, c->args[1], &handle, &err) < 0)
        return ax_cli_error(&err);
    body_of(f, handle, until, notice_at, &body);
    if (ax_client_send(client, "POST", PATH, ax_buf_view(&body), &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_put_line(stdout, ax_j_str(a.json, "id"));
    return AX_EXIT_OK;
}

void ax_show_warrants(FILE *out, const json_t *answer)
{
    static const struct ax_column columns[] = {
        {"ID", AX_LEFT},     {"RESOURCE", AX_SHRINK}, {"TENANT", AX_SHRINK},
        {"SCOPE", AX_LEFT},  {"STATE", AX_LEFT},      {"UNTIL", AX_LEFT},
        {"NOTICE", AX_LEFT}, {"WHO", AX_SHRINK},      {"REASON", AX_SHRINK}};
    const json_t *list = ax_j_array(answer, "warrants"), *w;
    size_t i;
    if (json_array_size(list) == 0) {
        fputs("no warrants\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, w) {
        static const char *const names[] = {"id", "resource", "tenant", "scope", "state"};
        char when[AX_TEXT];
        for (size_t k = 0; k < AX_ARRAY_LEN(names); k++)
            ax_table_cell(t, ax_j_str(w, names[k]));
        ax_table_cell(t, ax_text_time(ax_j_time(w, "expires"), when));
        int64_t notice = ax_j_time(w, "notice_at");
        ax_table_cell(t, notice ? ax_text_time(notice, when) : "at once");
        ax_table_cell(t, ax_j_str(w, "who"));
        ax_table_cell(t, ax_j_str(w, "reason"));
    }
    ax_table_free(t);
}

static int list(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    if (ax_client_get(client, f->all ? PATH "?all=1" : PATH, &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_show_warrants(stdout, a.json);
    return AX_EXIT_OK;
}

static int close_one(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    return ax_client_delete(client, PATH "/", c);
}

int ax_cmd_warrant(int argc, char **argv)
{
    static const struct ax_verb verbs[] = {{"open", 2, "the HANDLE or NAME", open_one},
                                           {"list", 1, "", list},
                                           {"close", 2, "the ID", close_one}};
    struct flags f = {0};
    const struct ax_flag flags[] = {{"scope", 0, &f.scope, NULL},
                                    {"reason", 'm', &f.reason, NULL},
                                    {"for", 0, &f.length, NULL},
                                    {"delay-notice", 0, &f.delay, NULL},
                                    {"all", 'a', NULL, &f.all}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO)
        return rc;
    return ax_cli_verb(&c, verbs, AX_ARRAY_LEN(verbs), &f);
}
