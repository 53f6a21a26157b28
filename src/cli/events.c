// SPDX-License-Identifier: Apache-2.0
/* auspex events: what happened, and with --follow what happens. */
#include "cli/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex events [HANDLE|NAME] [--since T] [--limit N]\n"
    "auspex events --follow [HANDLE|NAME] [--host HANDLE|NAME] [--faults] [--severity S]\n"
    "\n"
    "What happened: starts, stops, crashes, kernel messages, collectors lost and back; newest\n"
    "first, but in order of time with --follow.\n"
    "\n"
    "  auspex events                  the newest 100\n"
    "  auspex events web1 -n 20       of one resource\n"
    "  auspex events --follow         the newest ten, and each new one the moment it comes\n"
    "  auspex events -f --severity critical --json | while read -r event; do ...; done\n"
    "\n"
    "      --since T     from this time on (RFC 3339, or seconds since 1970)\n"
    "  -n, --limit N     at most so many, with --follow before the new ones (0: only new ones)\n"
    "  -f, --follow      go on until Ctrl-C, over restarts of the server; with --json a line for\n"
    "                    each event\n"
    "      --host HOST   only of a host and of all that is on it\n"
    "      --faults      only those that tell of something bad, or of its end\n"
    "      --severity S  the same, of this severity or above: info, warning, critical\n";

void ax_show_event(FILE *out, const json_t *e)
{
    char when[AX_TEXT];
    const char *text = ax_j_str(e, "text");
    fprintf(out, "%s  ", ax_text_time(ax_j_time(e, "time"), when));
    if (*text) {
        ax_put(out, text);
    } else {
        ax_put(out, *ax_j_str(e, "name") ? ax_j_str(e, "name") : ax_j_str(e, "handle"));
        fputs(": ", out);
        ax_put(out, ax_j_str(e, "what"));
        fputs(*ax_j_str(e, "detail") ? ", " : "", out);
        ax_put(out, ax_j_str(e, "detail"));
    }
    fputc('\n', out);
}

struct ask {
    struct ax_client *client;
    const char *handle, *host, *since, *limit, *severity;
    bool follow, faults;
};

static int fetch(const struct ask *ask, const char *limit, struct ax_answer *a, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    ax_buf_cstr(&path, "/auspex/v1/events");
    ax_path_add(&path, "handle", ask->handle);
    ax_path_add(&path, "since", ask->since);
    ax_path_add(&path, "limit", limit);
    return ax_client_get(ask->client, ax_path_end(&path), a, err);
}

/* A stream tells of a resource in an object; all else of ours has its handle and name beside the
 * event. */
static void flatten(json_t *e)
{
    json_t *resource = json_object_get(e, "resource");
    json_object_set(e, "handle", json_object_get(resource, "handle"));
    json_object_set(e, "name", json_object_get(resource, "name"));
}

static void print_streamed(void *ctx, struct ax_str data)
{
    const bool *json = ctx;
    json_error_t where;
    json_t *e = json_loadb(data.p, data.n, 0, &where);
    if (!e)
        return;
    flatten(e);
    if (*json) {
        ax_put_json_of(stdout, e);
    } else {
        ax_show_event(stdout, e);
    }
    json_decref(e);
}

/* The stream goes on behind an id: behind the one before the oldest that is shown. */
static int find_start(const struct ask *ask, char last[24], struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    bool none = ask->limit && strcmp(ask->limit, "0") == 0;
    const char *limit = ask->limit ? ask->limit : ask->since ? "1000" : "10";
    if (none)
        return 0;
    int rc = fetch(ask, limit, &a, err);
    const json_t *events = ax_j_array(a.json, "events");
    double least = INFINITY;
    for (size_t i = 0; i < json_array_size(events); i++)
        least = fmin(least, ax_j_num(json_array_get(events, i), "id"));
    if (isfinite(least))
        snprintf(last, 24, "%.0f", least - 1);
    return rc;
}

static int follow(const struct ask *ask, const struct ax_cli *c)
{
    AX_CLEANUP(ax_stream_lines_free)
    struct ax_stream_lines lines = {.event = print_streamed, .ctx = (void *)(uintptr_t)&c->json};
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    struct ax_err err;
    ax_buf_cstr(&path, "/auspex/v1/faults/stream");
    ax_path_add(&path, "all", ask->faults || ask->severity ? NULL : "1");
    ax_path_add(&path, "resource", ask->handle);
    ax_path_add(&path, "host", ask->host);
    ax_path_add(&path, "severity", ask->severity);
    int rc = find_start(ask, lines.last, &err);
    if (rc == 0)
        rc = ax_follow(c, ax_path_end(&path), &lines, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static int show_once(const struct ask *ask, bool json)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    size_t i;
    const json_t *e, *list;
    if (fetch(ask, ask->limit, &a, &err) < 0)
        return ax_cli_error(&err);
    if (json) {
        ax_answer_print(&a, stdout);
        return AX_EXIT_OK;
    }
    list = ax_j_array(a.json, "events");
    json_array_foreach (list, i, e)
        ax_show_event(stdout, e);
    if (json_array_size(list) == 0)
        puts("no events");
    return AX_EXIT_OK;
}

/* Names become handles. */
static int resolve(struct ask *ask, const struct ax_cli *c, char **handle, char **host,
                   struct ax_err *err)
{
    int rc = c->nargs ? ax_resolve(ask->client, c->args[0], handle, err) : 0;
    if (rc == 0 && ask->host)
        rc = ax_resolve(ask->client, ask->host, host, err);
    ask->handle = *handle;
    ask->host = *host;
    return rc;
}

int ax_cmd_events(int argc, char **argv)
{
    struct ask ask = {0};
    const struct ax_flag flags[] = {
        {"since", 0, &ask.since, NULL},       {"limit", 'n', &ask.limit, NULL},
        {"follow", 'f', NULL, &ask.follow},   {"host", 0, &ask.host, NULL},
        {"severity", 0, &ask.severity, NULL}, {"faults", 0, NULL, &ask.faults}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 1, "")) != AX_CLI_GO)
        return rc;
    if (!ask.follow && (ask.host || ask.severity || ask.faults))
        return ax_cli_usage(&c, "--host, --severity and --faults are for --follow");
    AX_CLEANUP(ax_free_ptr) char *handle = NULL, *host = NULL;
    ask.client = ax_client_new(&c);
    if (resolve(&ask, &c, &handle, &host, &err) < 0)
        rc = ax_cli_error(&err);
    else
        rc = ask.follow ? follow(&ask, &c) : show_once(&ask, c.json);
    ax_client_free(ask.client);
    return rc;
}
