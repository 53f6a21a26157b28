// SPDX-License-Identifier: Apache-2.0
/* auspex resources: what there is. And from a name to its handle, for the commands that take one.
 */
#include "cli/inner.h"

#include "base/clock.h"
#include "model/resource.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char HELP[] =
    "auspex resources [--kind KIND] [--state STATE] [--host HANDLE] [--gone]\n"
    "\n"
    "Lists hosts, virtual machines, volumes and networks, with their handles.\n"
    "\n"
    "  auspex resources --kind vm                  every virtual machine\n"
    "  auspex resources --kind vm --state crashed  those that crashed\n"
    "  auspex resources --gone                     with what is no more\n"
    "  auspex resources --json | jq -r '.resources[].handle'\n"
    "\n"
    "  -k, --kind KIND     host, vm, volume, network, pool, image or service\n"
    "  -s, --state STATE   running, paused, shutoff, crashed, up, down, ...\n"
    "      --host HANDLE   what is on this host\n"
    "  -g, --gone          what is gone too (its handle answers as long as the retention lasts)\n"
    "      --limit N       at most so many\n"
    "      --offset N      from the Nth on\n";

void ax_show_resources(FILE *out, const json_t *answer, int64_t now)
{
    const struct ax_column columns[] = {{"HANDLE", AX_LEFT}, {"KIND", AX_LEFT},
                                        {"NAME", AX_SHRINK}, {"STATE", AX_LEFT},
                                        {"SINCE", AX_LEFT},  {"HOST", AX_SHRINK}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    const json_t *list = ax_j_array(answer, "resources"), *r;
    size_t i;
    char text[AX_TEXT];
    json_array_foreach (list, i, r) {
        ax_table_cell(t, ax_j_str(r, "handle"));
        ax_table_cell(t, ax_j_str(r, "kind"));
        ax_table_cell(t, ax_j_str(r, "name"));
        ax_table_cell(t, ax_j_str(r, "state"));
        ax_table_cell(t, ax_text_ago(now, ax_j_time(r, "since"), text));
        ax_table_cell(t, ax_j_str(r, "host"));
    }
    if (ax_table_rows(t) == 0)
        fputs("nothing found\n", out);
    ax_table_free(t);
    double total = ax_j_num(answer, "total");
    if (total > (double)json_array_size(list))
        fprintf(out, "\n%zu of %.0f; see --limit and --offset\n", json_array_size(list), total);
}

int ax_cmd_resources(int argc, char **argv)
{
    const char *kind = NULL, *state = NULL, *host = NULL, *limit = NULL, *offset = NULL;
    bool gone = false;
    const struct ax_flag flags[] = {{"kind", 'k', &kind, NULL},   {"state", 's', &state, NULL},
                                    {"host", 0, &host, NULL},     {"gone", 'g', NULL, &gone},
                                    {"limit", 'n', &limit, NULL}, {"offset", 0, &offset, NULL}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    enum ax_kind known;
    if (kind && !ax_kind_parse(ax_str(kind), &known))
        return ax_cli_usage(&c, "there is no kind \"%s\"", kind);
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    ax_buf_cstr(&path, "/auspex/v1/resources");
    ax_path_add(&path, "kind", kind);
    ax_path_add(&path, "state", state);
    ax_path_add(&path, "host", host);
    ax_path_add(&path, "gone", gone ? "1" : NULL);
    ax_path_add(&path, "limit", limit);
    ax_path_add(&path, "offset", offset);
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_client *client = ax_client_new(&c);
    rc = ax_client_get(client, ax_path_end(&path), &a, &err);
    ax_client_free(client);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        ax_answer_print(&a, stdout);
    else
        ax_show_resources(stdout, a.json, ax_now_ms());
    return AX_EXIT_OK;
}

/* ---- names ---- */

/* Those with this name; what is gone counts only when nothing of that name is there. */
static size_t named(const json_t *list, const char *name, bool gone, const char **handle)
{
    size_t i, found = 0;
    const json_t *r;
    json_array_foreach (list, i, r) {
        bool is_gone = json_is_string(json_object_get(r, "gone"));
        if (is_gone == gone && strcmp(ax_j_str(r, "name"), name) == 0) {
            *handle = ax_j_str(r, "handle");
            found++;
        }
    }
    return found;
}

int ax_resolve(struct ax_client *c, const char *word, char **handle, struct ax_err *err)
{
    enum ax_kind kind;
    struct ax_str id;
    if (ax_handle_parse(ax_str(word), &kind, &id, NULL) == 0) {
        *handle = ax_strdup(word);
        return 0;
    }
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    int rc = ax_client_get(c, "/auspex/v1/resources?gone=1&limit=10000", &a, err);
    if (rc < 0)
        return rc;
    const json_t *list = ax_j_array(a.json, "resources");
    const char *found = NULL;
    size_t n = named(list, word, false, &found);
    if (n == 0)
        n = named(list, word, true, &found);
    if (n == 0)
        return ax_fail(err, -ENOENT,
                       "nothing is called \"%s\"; see auspex resources for what there is", word);
    if (n > 1)
        return ax_fail(err, -EINVAL,
                       "%zu resources are called \"%s\"; use the handle (auspex resources)", n,
                       word);
    *handle = ax_strdup(found);
    return 0;
}
