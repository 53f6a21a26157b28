// SPDX-License-Identifier: Apache-2.0
/* auspex events: what happened, and with --follow what happens. */
#include "cli/inner.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

static const char HELP[] =
    "auspex events [HANDLE|NAME] [--since T] [--limit N] [--follow]\n"
    "\n"
    "What happened: starts, stops, crashes, kernel messages, collectors lost and back; newest\n"
    "first, but in order of time with --follow.\n"
    "\n"
    "  auspex events                  the newest 100\n"
    "  auspex events web1 -n 20       of one resource\n"
    "  auspex events --follow         the newest ten, and each new one as it comes\n"
    "\n"
    "      --since T     from this time on (RFC 3339, or seconds since 1970)\n"
    "  -n, --limit N     at most so many\n"
    "  -f, --follow      go on until Ctrl-C; with --json one line for each event\n";

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
    const char *handle, *since;
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

/* Those after `last`, oldest first; returns the newest id. */
static double print_new(const json_t *events, double last, bool json)
{
    double newest = last;
    for (size_t i = json_array_size(events); i-- > 0;) {
        const json_t *e = json_array_get(events, i);
        double id = ax_j_num(e, "id");
        if (!(id > last))
            continue;
        newest = fmax(newest, id);
        if (json) {
            json_dumpf(e, stdout, JSON_COMPACT);
            fputc('\n', stdout);
        } else {
            ax_show_event(stdout, e);
        }
    }
    fflush(stdout);
    return newest;
}

/* Ends with an error, or by a signal. A server that restarts is waited for. */
static int follow(const struct ask *ask, const char *limit, bool json)
{
    double last = -1;
    bool away = false;
    struct ax_err err;
    for (const char *most = limit ? limit : "10";; most = "1000") {
        AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
        int rc = fetch(ask, most, &a, &err);
        if (rc < 0 && last < 0)
            return ax_cli_error(&err);
        if (rc < 0 && !away)
            ax_cli_error(&err);
        away = rc < 0;
        if (rc == 0)
            last = fmax(print_new(ax_j_array(a.json, "events"), last, json), 0);
        ax_sleep_ms(1000);
    }
}

static int show_once(const struct ask *ask, const char *limit, bool json)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    size_t i;
    const json_t *e, *list;
    if (fetch(ask, limit, &a, &err) < 0)
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

int ax_cmd_events(int argc, char **argv)
{
    const char *since = NULL, *limit = NULL;
    bool on = false;
    const struct ax_flag flags[] = {
        {"since", 0, &since, NULL}, {"limit", 'n', &limit, NULL}, {"follow", 'f', NULL, &on}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 1, "")) != AX_CLI_GO)
        return rc;
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    struct ask ask = {.client = ax_client_new(&c), .since = since};
    if (c.nargs && ax_resolve(ask.client, c.args[0], &handle, &err) < 0) {
        rc = ax_cli_error(&err);
    } else {
        ask.handle = handle;
        rc = on ? follow(&ask, limit, c.json) : show_once(&ask, limit, c.json);
    }
    ax_client_free(ask.client);
    return rc;
}
