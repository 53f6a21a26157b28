// SPDX-License-Identifier: Apache-2.0
/* auspex consent: how far an owner allows looks into the memory of their VMs. */
#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/inner.h"

#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex consent HANDLE|NAME set SCOPE [--until T]\n"
    "auspex consent HANDLE|NAME revoke|show\n"
    "auspex consent --all set SCOPE [--until T]\n"
    "auspex consent --all revoke|show\n"
    "\n"
    "Nobody looks into a VM's memory from outside unless its owner has consented, or the provider\n"
    "has opened a warrant. A VM's own consent counts before that for all. Each use is in the\n"
    "ledger, and the owner gets a notice (auspex notices).\n"
    "\n"
    "  auspex consent web1 set statistics\n"
    "  auspex consent web1 set diagnosis --until 2h    while it is being mended\n"
    "  auspex consent --all set processes\n"
    "  auspex consent db1 set none                     all but this one\n"
    "  auspex consent --all show                       everything that is consented to\n"
    "  auspex consent web1 revoke\n"
    "\n"
    "Scopes: statistics  numbers: memory, load, CPU, counters\n"
    "        processes   and the names and states of processes\n"
    "        diagnosis   and the kernel's log, and stacks of what is stuck\n"
    "        none        nothing, whatever holds for all\n"
    "\n"
    "  -a, --all      all VMs of the tenant, those to come, too\n"
    "      --until T  it ends then (RFC 3339), or after so long (2h, 30d); default: when revoked\n";

struct flags {
    bool all;
    const char *until;
};

#define PATH "/auspex/v1/inspection/consent"

static int path_of(struct ax_client *client, const struct flags *f, const char *vm,
                   struct ax_buf *path, struct ax_err *err)
{
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    ax_buf_cstr(path, PATH);
    if (f->all)
        return 0;
    int rc = ax_resolve(client, vm, &handle, err);
    if (rc < 0)
        return rc;
    ax_buf_byte(path, '/');
    ax_path_escape(path, handle);
    return 0;
}

static void show_one(const json_t *answer)
{
    const json_t *c = json_object_get(answer, "consent");
    char when[AX_TEXT];
    if (!json_is_object(c)) {
        puts("nothing is consented to");
        return;
    }
    ax_put(stdout, ax_j_str(answer, "scope"));
    fputs(", set by ", stdout);
    ax_put(stdout, ax_j_str(c, "who"));
    printf(" on %s", ax_text_time(ax_j_time(c, "set"), when));
    if (ax_j_time(c, "expires"))
        printf(", until %s", ax_text_time(ax_j_time(c, "expires"), when));
    puts(*ax_j_str(answer, "resource") && !*ax_j_str(c, "resource") ? " (for all VMs)" : "");
}

void ax_show_consents(FILE *out, const json_t *answer)
{
    static const struct ax_column columns[] = {{"RESOURCE", AX_SHRINK}, {"TENANT", AX_SHRINK},
                                               {"SCOPE", AX_LEFT},      {"WHO", AX_SHRINK},
                                               {"SET", AX_LEFT},        {"UNTIL", AX_LEFT}};
    const json_t *list = ax_j_array(answer, "consents"), *c;
    size_t i;
    if (json_array_size(list) == 0) {
        fputs("nothing is consented to\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, c) {
        char when[AX_TEXT];
        ax_table_cell(t, *ax_j_str(c, "resource") ? ax_j_str(c, "resource") : "all VMs");
        ax_table_cell(t, ax_j_str(c, "tenant"));
        ax_table_cell(t, ax_j_str(c, "scope"));
        ax_table_cell(t, ax_j_str(c, "who"));
        ax_table_cell(t, ax_text_time(ax_j_time(c, "set"), when));
        ax_table_cell(t, ax_text_time(ax_j_time(c, "expires"), when));
    }
    ax_table_free(t);
}

static int show(struct ax_client *client, const struct ax_cli *c, const struct flags *f,
                struct ax_buf *path)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    const char *at = f->all ? PATH "s" : ax_path_end(path);
    if (ax_client_get(client, at, &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else if (f->all)
        ax_show_consents(stdout, a.json);
    else
        show_one(a.json);
    return AX_EXIT_OK;
}

int ax_cli_when(const char *text, int64_t *out, struct ax_err *err)
{
    int64_t length;
    if (ax_duration_parse(ax_str(text), &length, NULL) == 0) {
        *out = ax_now_ms() + length;
        return 0;
    }
    return ax_time_parse(ax_str(text), out, err);
}

static int set(struct ax_client *client, const struct ax_cli *c, const struct flags *f,
               struct ax_buf *path, const char *scope)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT;
    struct ax_json j = {.out = &body};
    struct ax_err err;
    int64_t until = 0;
    if (f->until && ax_cli_when(f->until, &until, &err) < 0)
        return ax_cli_usage(c, "--until: %s", err.text);
    ax_json_obj(&j);
    ax_json_key(&j, "scope");
    ax_json_cstr(&j, scope);
    if (until) {
        ax_json_key(&j, "expires");
        ax_json_time(&j, until);
    }
    ax_json_end(&j);
    if (ax_client_send(client, "PUT", ax_path_end(path), ax_buf_view(&body), &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        show_one(a.json);
    return AX_EXIT_OK;
}

static int revoke(struct ax_client *client, struct ax_buf *path)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    int rc = ax_client_send(client, "DELETE", ax_path_end(path), AX_STR_NULL, &a, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static int run(struct ax_client *client, const struct ax_cli *c, const struct flags *f,
               char **words)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    struct ax_err err;
    if (path_of(client, f, c->args[0], &path, &err) < 0)
        return ax_cli_error(&err);
    if (strcmp(words[0], "show") == 0)
        return show(client, c, f, &path);
    return strcmp(words[0], "set") == 0 ? set(client, c, f, &path, words[1])
                                        : revoke(client, &path);
}

int ax_cmd_consent(int argc, char **argv)
{
    struct flags f = {0};
    const struct ax_flag flags[] = {{"all", 'a', NULL, &f.all}, {"until", 0, &f.until, NULL}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    int first = f.all ? 0 : 1;
    if (rc != AX_CLI_GO)
        return rc;
    const char *verb = c.nargs > first ? c.args[first] : "";
    bool sets = strcmp(verb, "set") == 0;
    if (!sets && strcmp(verb, "revoke") != 0 && strcmp(verb, "show") != 0)
        return ax_cli_usage(&c, "consent wants HANDLE|NAME or --all, then set, revoke or show");
    rc = ax_cli_expect(&c, first + 1 + sets, first + 1 + sets,
                       sets ? "the SCOPE (statistics, processes, diagnosis, none)" : "");
    if (rc != AX_CLI_GO)
        return rc;
    struct ax_client *client = ax_client_new(&c);
    rc = run(client, &c, &f, c.args + first);
    ax_client_free(client);
    return rc;
}
