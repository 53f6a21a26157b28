// SPDX-License-Identifier: Apache-2.0
/* auspex predict: what runs out, when, and how sure that is. */
#include "cli/inner.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex predict [HANDLE|NAME] [--all]\n"
    "\n"
    "What runs out within sight: the most urgent first, each with the range in which it will with\n"
    "a probability of 90 %, and the stretch of history that this rests on.\n"
    "\n"
    "  auspex predict                of everything\n"
    "  auspex predict web1 --all     of one, with what is steady or cannot be told, and why\n"
    "  auspex predict --json | jq '.predictions[0].seconds[\"0.5\"]'\n"
    "\n"
    "  -a, --all     verdicts \"steady\" and \"abstain\" too\n"
    "\n"
    "Exit status: 0 answered, whatever is foretold; 1 error; 2 bad usage.\n";

/* Seconds from now to a quantile; the server told the moment, which does not age. */
static double quantile(const json_t *p, const char *q, int64_t now)
{
    int64_t at = ax_j_time(json_object_get(p, "at"), q);
    return at ? (double)(at - now) / 1000 : NAN;
}

static void what_cell(struct ax_table *t, const json_t *p)
{
    char text[300];
    const char *part = ax_j_str(p, "part");
    snprintf(text, sizeof text, "%s%s%.200s", ax_j_str(p, "resource"), *part ? " " : "", part);
    ax_table_cell(t, text);
}

static void amount(double v, const char *unit, char out[AX_TEXT])
{
    if (strcmp(unit, "bytes") == 0)
        ax_text_bytes(v, out);
    else
        ax_text_number(v, out);
}

/* What the forecast rests on, and what is left of how much. */
static void evidence_cells(struct ax_table *t, const json_t *evidence)
{
    char span[AX_TEXT], level[AX_TEXT], capacity[AX_TEXT], text[3 * AX_TEXT];
    const char *unit = ax_j_str(evidence, "unit");
    double samples = ax_j_num(evidence, "samples");
    snprintf(text, sizeof text, "%s, %.0f samples",
             ax_text_seconds(ax_j_num(evidence, "window_seconds"), span), samples);
    ax_table_cell(t, samples > 0 ? text : "");
    amount(ax_j_num(evidence, "level"), unit, level);
    amount(ax_j_num(evidence, "capacity"), unit, capacity);
    snprintf(text, sizeof text, "%s of %s", level, capacity);
    ax_table_cell(t, ax_j_num(evidence, "capacity") > 0 ? text : "");
}

static void prediction_row(struct ax_table *t, const json_t *p, int64_t now)
{
    char text[AX_TEXT];
    const char *verdict = ax_j_str(p, "verdict"), *name = ax_j_str(p, "name");
    bool runs_out = strcmp(verdict, "exhaust") == 0;
    ax_table_cell(t, *name ? name : ax_j_str(p, "handle"));
    what_cell(t, p);
    ax_table_cell(t, runs_out ? ax_text_within(quantile(p, "0.05", now), quantile(p, "0.5", now),
                                               quantile(p, "0.95", now), text)
                     : strcmp(verdict, "steady") == 0 ? "steady"
                                                      : "cannot tell");
    ax_table_cell(t, runs_out ? "90 %" : "");
    evidence_cells(t, json_object_get(p, "evidence"));
}

/* Tables cut long sentences: the reasons follow below, where they can be read. */
static void show_reasons(FILE *out, const json_t *list)
{
    size_t i;
    const json_t *p;
    fputc('\n', out);
    json_array_foreach (list, i, p) {
        if (!*ax_j_str(p, "reason"))
            continue;
        const char *name = ax_j_str(p, "name"), *part = ax_j_str(p, "part");
        ax_put(out, *name ? name : ax_j_str(p, "handle"));
        fputs(", ", out);
        ax_put(out, ax_j_str(p, "resource"));
        fputs(*part ? " " : "", out);
        ax_put(out, part);
        fputs(": ", out);
        ax_put(out, ax_j_str(p, "reason"));
        fputc('\n', out);
    }
}

void ax_show_predictions(FILE *out, const json_t *answer, int64_t now)
{
    const struct ax_column columns[] = {{"RESOURCE", AX_SHRINK}, {"WHAT", AX_SHRINK},
                                        {"WHEN", AX_LEFT},       {"SURE", AX_LEFT},
                                        {"FROM", AX_LEFT},       {"LEFT", AX_RIGHT}};
    const json_t *list = ax_j_array(answer, "predictions"), *p;
    size_t i;
    if (json_array_size(list) == 0) {
        fputs("nothing is foretold to run out\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, p)
        prediction_row(t, p, now);
    ax_table_free(t);
    show_reasons(out, list);
}

int ax_cmd_predict(int argc, char **argv)
{
    bool all = false;
    const struct ax_flag flags[] = {{"all", 'a', NULL, &all}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 1, "")) != AX_CLI_GO)
        return rc;
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_client *client = ax_client_new(&c);
    rc = c.nargs ? ax_resolve(client, c.args[0], &handle, &err) : 0;
    if (rc == 0) {
        ax_buf_cstr(&path, "/auspex/v1/predictions");
        ax_path_add(&path, "handle", handle);
        ax_path_add(&path, "all", all ? "1" : NULL);
        rc = ax_client_get(client, ax_path_end(&path), &a, &err);
    }
    ax_client_free(client);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json) {
        ax_answer_print(&a, stdout);
        return AX_EXIT_OK;
    }
    ax_show_predictions(stdout, a.json, ax_now_ms());
    if (!all && json_array_size(ax_j_array(a.json, "predictions")) == 0)
        puts("(--all shows what was looked at)");
    return AX_EXIT_OK;
}
