// SPDX-License-Identifier: Apache-2.0
/* auspex maintenance: what is down on purpose raises nothing. */
#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex maintenance add HANDLE|NAME --for TIME [--from T] [--comment TEXT]\n"
    "auspex maintenance list [--all]\n"
    "auspex maintenance end ID\n"
    "\n"
    "While a resource is in maintenance, alarms of it and of all that is on it tell nobody; what\n"
    "they do is recorded. When it ends, methods are told of those that are in another state than\n"
    "the last that they were told of.\n"
    "\n"
    "  auspex maintenance add host1 --for 2h --comment 'new disks'\n"
    "  auspex maintenance add web1 --from 2026-12-01T22:00:00Z --for 30m\n"
    "  auspex maintenance list            those that are on, or to come\n"
    "  auspex maintenance end ID          ends it now\n"
    "\n"
    "      --for TIME       how long: 30m, 2h, 1d\n"
    "      --from T         from this time on (RFC 3339, or seconds since 1970; default: now)\n"
    "  -m, --comment TEXT   why, for others\n"
    "  -a, --all            list those that are over, too\n";

struct flags {
    const char *length, *from, *comment;
    bool all;
};

static int times_of(const struct flags *f, int64_t *from, int64_t *to, struct ax_err *err)
{
    int64_t length;
    int rc = ax_duration_parse(ax_str(f->length), &length, err);
    if (rc < 0)
        return ax_err_wrap(err, "--for");
    *from = ax_now_ms();
    rc = f->from ? ax_time_parse(ax_str(f->from), from, err) : 0;
    *to = *from + length;
    return rc < 0 ? ax_err_wrap(err, "--from") : 0;
}

static void body_of(const struct flags *f, const char *handle, int64_t from, int64_t to,
                    struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "resource");
    ax_json_cstr(&j, handle);
    if (f->from) { /* else by the server's clock */
        ax_json_key(&j, "starts");
        ax_json_time(&j, from);
    }
    ax_json_key(&j, "ends");
    ax_json_time(&j, to);
    ax_json_key(&j, "comment");
    ax_json_cstr(&j, f->comment ? f->comment : "");
    ax_json_end(&j);
}

static int add(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT;
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    struct ax_err err;
    int64_t from, to;
    if (!f->length)
        return ax_cli_usage(c, "maintenance add wants --for TIME");
    if (times_of(f, &from, &to, &err) < 0)
        return ax_cli_usage(c, "%s", err.text);
    if (ax_resolve(client, c->args[1], &handle, &err) < 0)
        return ax_cli_error(&err);
    body_of(f, handle, from, to, &body);
    if (ax_client_send(client, "POST", "/auspex/v1/maintenance", ax_buf_view(&body), &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_put_line(stdout, ax_j_str(a.json, "id"));
    return AX_EXIT_OK;
}

void ax_show_maintenance(FILE *out, const json_t *answer)
{
    static const struct ax_column columns[] = {{"ID", AX_LEFT},    {"RESOURCE", AX_SHRINK},
                                               {"STATE", AX_LEFT}, {"FROM", AX_LEFT},
                                               {"TO", AX_LEFT},    {"COMMENT", AX_SHRINK}};
    const json_t *list = ax_j_array(answer, "maintenance"), *m;
    size_t i;
    if (json_array_size(list) == 0) {
        fputs("no maintenance\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, m) {
        char when[AX_TEXT];
        ax_table_cell(t, ax_j_str(m, "id"));
        ax_table_cell(t, ax_j_str(m, "resource"));
        ax_table_cell(t, ax_j_str(m, "state"));
        ax_table_cell(t, ax_text_time(ax_j_time(m, "starts"), when));
        ax_table_cell(t, ax_text_time(ax_j_time(m, "ends"), when));
        ax_table_cell(t, ax_j_str(m, "comment"));
    }
    ax_table_free(t);
}

static int list(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    const char *path = f->all ? "/auspex/v1/maintenance?all=1" : "/auspex/v1/maintenance";
    if (ax_client_get(client, path, &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_show_maintenance(stdout, a.json);
    return AX_EXIT_OK;
}

static int end(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    return ax_client_delete(client, "/auspex/v1/maintenance/", c);
}

int ax_cmd_maintenance(int argc, char **argv)
{
    static const struct ax_verb verbs[] = {
        {"add", 2, "the HANDLE or NAME", add}, {"list", 1, "", list}, {"end", 2, "the ID", end}};
    struct flags f = {0};
    const struct ax_flag flags[] = {{"for", 0, &f.length, NULL},
                                    {"from", 0, &f.from, NULL},
                                    {"comment", 'm', &f.comment, NULL},
                                    {"all", 'a', NULL, &f.all}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO)
        return rc;
    return ax_cli_verb(&c, verbs, AX_ARRAY_LEN(verbs), &f);
}
