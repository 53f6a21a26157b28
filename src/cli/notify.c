// SPDX-License-Identifier: Apache-2.0
/* auspex notify: who is told of alarms. */
#include "base/json.h"
#include "cli/inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define METHODS      "/v2.0/notification-methods"
#define TEST_SECONDS 60 /* a mail server may take its time */
#define PAGE         1000

static const char HELP[] =
    "auspex notify methods [--types]\n"
    "auspex notify add NAME --type TYPE --address ADDRESS [--repeat]\n"
    "auspex notify test ID|NAME\n"
    "auspex notify delete ID|NAME\n"
    "\n"
    "Notification methods: alarm definitions name them, by their IDs, and are told of through\n"
    "them. A test sends one notification at once and waits for what the other side says.\n"
    "\n"
    "  auspex notify add ops --type EMAIL --address ops@example.com\n"
    "  auspex notify add hook --type WEBHOOK --address https://example.com/alarms\n"
    "  auspex notify test ops\n"
    "  auspex notify methods\n"
    "  auspex notify delete hook       definitions that name it do so no more\n"
    "\n"
    "  -t, --type TYPE          EMAIL, WEBHOOK, SLACK...: --types lists them\n"
    "  -a, --address ADDRESS    a mail address, a URL, a key: what the type wants\n"
    "  -r, --repeat             each minute again, while an alarm's state lasts\n"
    "      --types              what this server offers\n";

struct flags {
    const char *type, *address;
    bool repeat, types;
};

/* ---- methods ---- */

void ax_show_methods(FILE *out, const json_t *answer)
{
    static const struct ax_column columns[] = {{"ID", AX_LEFT},
                                               {"NAME", AX_SHRINK},
                                               {"TYPE", AX_LEFT},
                                               {"ADDRESS", AX_SHRINK},
                                               {"REPEAT", AX_LEFT}};
    const json_t *list = ax_j_array(answer, "elements"), *m;
    size_t i;
    if (json_array_size(list) == 0) {
        fputs("no notification methods\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, m) {
        ax_table_cell(t, ax_j_str(m, "id"));
        ax_table_cell(t, ax_j_str(m, "name"));
        ax_table_cell(t, ax_j_str(m, "type"));
        ax_table_cell(t, ax_j_str(m, "address"));
        ax_table_cell(t, ax_j_num(m, "period") > 0 ? "1 min" : "no");
    }
    ax_table_free(t);
}

static void show_types(const json_t *answer)
{
    const json_t *list = ax_j_array(answer, "elements"), *m;
    size_t i;
    json_array_foreach (list, i, m)
        ax_put_line(stdout, ax_j_str(m, "type"));
}

/* All pages in one answer, as the first one is. */
static int fetch_all(struct ax_client *client, struct ax_answer *out, struct ax_err *err)
{
    size_t n = 0, before;
    do {
        AX_CLEANUP(ax_answer_free) struct ax_answer page = {0};
        char path[128];
        snprintf(path, sizeof path, METHODS "?sort_by=name&limit=%d&offset=%zu", PAGE, n);
        int rc = ax_client_get(client, path, &page, err);
        if (rc < 0)
            return rc;
        before = n;
        n += json_array_size(ax_j_array(page.json, "elements"));
        if (!out->json) {
            *out = page;
            page = (struct ax_answer){0};
        } else {
            json_array_extend(json_object_get(out->json, "elements"),
                              json_object_get(page.json, "elements"));
        }
    } while (n - before == PAGE);
    return 0;
}

static int list(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    int rc =
        f->types ? ax_client_get(client, METHODS "/types", &a, &err) : fetch_all(client, &a, &err);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c->json) {
        ax_put_json_of(stdout, a.json);
    } else if (f->types) {
        show_types(a.json);
    } else {
        ax_show_methods(stdout, a.json);
    }
    return AX_EXIT_OK;
}

/* ---- one ---- */

static int add(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    const struct flags *f = flags;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT;
    struct ax_err err;
    struct ax_json j = {.out = &body};
    if (!f->type || !f->address)
        return ax_cli_usage(c, "notify add wants --type TYPE and --address ADDRESS");
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_cstr(&j, c->args[1]);
    ax_json_key(&j, "type");
    ax_json_cstr(&j, f->type);
    ax_json_key(&j, "address");
    ax_json_cstr(&j, f->address);
    ax_json_key(&j, "period");
    ax_json_int(&j, f->repeat ? 60 : 0);
    ax_json_end(&j);
    if (ax_client_send(client, "POST", METHODS, ax_buf_view(&body), &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        ax_answer_print(&a, stdout);
    else
        ax_put_line(stdout, ax_j_str(a.json, "id"));
    return AX_EXIT_OK;
}

/* METHODS/ID of a word that is an id or a name, and what is below it. */
static int path_of(struct ax_client *client, const char *word, const char *below,
                   struct ax_buf *path, struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    const json_t *m;
    size_t i;
    int rc = fetch_all(client, &a, err);
    if (rc < 0)
        return rc;
    json_array_foreach (ax_j_array(a.json, "elements"), i, m)
        if (strcmp(ax_j_str(m, "id"), word) == 0 || strcmp(ax_j_str(m, "name"), word) == 0) {
            ax_buf_cstr(path, METHODS "/");
            ax_path_escape(path, ax_j_str(m, "id"));
            ax_buf_cstr(path, below);
            return 0;
        }
    return ax_fail(err, -ENOENT,
                   "there is no notification method with the name or ID \"%s\"; `auspex notify "
                   "methods` lists them",
                   word);
}

static int send_to(struct ax_client *client, const char *word, const char *method,
                   const char *below, struct ax_answer *a, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    int rc = path_of(client, word, below, &path, err);
    return rc < 0 ? rc : ax_client_send(client, method, ax_path_end(&path), AX_STR_NULL, a, err);
}

static int test(struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    ax_client_patience(client, TEST_SECONDS);
    if (send_to(client, c->args[1], "POST", "/test", &a, &err) < 0)
        return ax_cli_error(&err);
    if (c->json) {
        ax_answer_print(&a, stdout);
    } else {
        printf("delivered in %.0f ms: ", ax_j_num(a.json, "took_ms"));
        ax_put_line(stdout, ax_j_str(a.json, "text"));
    }
    return AX_EXIT_OK;
}

static int delete (struct ax_client *client, const struct ax_cli *c, const void *flags)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    int rc = send_to(client, c->args[1], "DELETE", "", &a, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

int ax_cmd_notify(int argc, char **argv)
{
    static const struct ax_verb verbs[] = {{"methods", 1, "", list},
                                           {"add", 2, "the NAME", add},
                                           {"test", 2, "the ID or NAME", test},
                                           {"delete", 2, "the ID or NAME", delete}};
    struct flags f = {0};
    const struct ax_flag flags[] = {{"type", 't', &f.type, NULL},
                                    {"address", 'a', &f.address, NULL},
                                    {"repeat", 'r', NULL, &f.repeat},
                                    {"types", 0, NULL, &f.types}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO)
        return rc;
    return ax_cli_verb(&c, verbs, AX_ARRAY_LEN(verbs), &f);
}
