// SPDX-License-Identifier: Apache-2.0
/* auspex alarms: what is pending or firing. */
#include "cli/inner.h"

#include "base/clock.h"

#include <string.h>

static const char HELP[] =
    "auspex alarms [--firing]\n"
    "\n"
    "Alarms that are pending (their condition holds, not yet for long enough) or firing.\n"
    "\n"
    "  auspex alarms\n"
    "  auspex alarms --firing --json\n"
    "\n"
    "  -f, --firing    without those that are only pending (human table alone)\n"
    "\n"
    "Exit status: 0 answered, whatever fires; 1 error; 2 bad usage.\n";

/* Of what: the labels that people look for first. */
static const char *subject(const json_t *labels)
{
    const char *const order[] = {"name", "vm", "domain", "instance", "host", "handle"};
    for (size_t i = 0; i < AX_ARRAY_LEN(order); i++)
        if (*ax_j_str(labels, order[i]))
            return ax_j_str(labels, order[i]);
    return "";
}

static const char *summary(const json_t *annotations)
{
    const char *s = ax_j_str(annotations, "summary");
    return *s ? s : ax_j_str(annotations, "description");
}

static void alarm_row(struct ax_table *t, const json_t *a, int64_t now)
{
    char ago[AX_TEXT], value[AX_TEXT];
    double v;
    const json_t *labels = json_object_get(a, "labels");
    ax_table_cell(t, ax_j_str(labels, "alertname"));
    ax_table_cell(t, ax_j_str(a, "state"));
    ax_table_cell(t, ax_j_str(labels, "severity"));
    ax_table_cell(t, subject(labels));
    ax_table_cell(t, ax_text_ago(now, ax_j_time(a, "activeAt"), ago));
    bool number = ax_str_double(ax_str(ax_j_str(a, "value")), &v);
    ax_table_cell(t, number ? ax_text_number(v, value) : "");
    ax_table_cell(t, summary(json_object_get(a, "annotations")));
}

static void show(FILE *out, const json_t *answer, int64_t now, bool firing_only)
{
    const struct ax_column columns[] = {
        {"ALARM", AX_LEFT}, {"STATE", AX_LEFT},  {"SEVERITY", AX_LEFT}, {"OF", AX_SHRINK},
        {"SINCE", AX_LEFT}, {"VALUE", AX_RIGHT}, {"SUMMARY", AX_SHRINK}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    size_t i;
    const json_t *a;
    json_array_foreach (ax_j_array(json_object_get(answer, "data"), "alerts"), i, a)
        if (!firing_only || strcmp(ax_j_str(a, "state"), "firing") == 0)
            alarm_row(t, a, now);
    if (ax_table_rows(t) == 0)
        fputs("no alarms\n", out);
    ax_table_free(t);
}

void ax_show_alarms(FILE *out, const json_t *answer, int64_t now)
{
    show(out, answer, now, false);
}

int ax_cmd_alarms(int argc, char **argv)
{
    bool firing = false;
    const struct ax_flag flags[] = {{"firing", 'f', NULL, &firing}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_client *client = ax_client_new(&c);
    rc = ax_client_get(client, "/api/v1/alerts", &a, &err);
    ax_client_free(client);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        ax_answer_print(&a, stdout);
    else
        show(stdout, a.json, ax_now_ms(), firing);
    return AX_EXIT_OK;
}
