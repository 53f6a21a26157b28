// SPDX-License-Identifier: Apache-2.0
/* auspex alarms: what is pending or firing, of rules and of definitions. */
#include "cli/alarms.h"

#include "base/clock.h"

#include <string.h>

#define PAGE 1000

static const char HELP[] =
    "auspex alarms [--firing | --all]\n"
    "\n"
    "Alarms of rules that are pending (their condition holds, not yet for long enough) or firing,\n"
    "and alarms of definitions in the state alarm. HELD says why people are not told: a silence,\n"
    "maintenance, an inhibition, the incident of a dead host, flapping.\n"
    "\n"
    "  auspex alarms\n"
    "  auspex alarms --firing --json\n"
    "\n"
    "  -f, --firing    without those that are only pending\n"
    "  -a, --all       also those of definitions that are ok or undetermined\n"
    "\n"
    "Exit status: 0 answered, whatever fires; 1 error; 2 bad usage.\n";

/* "silence, maintenance": without the ids. */
static void put_holds(struct ax_table *t, const json_t *held)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    const json_t *one;
    size_t i;
    json_array_foreach (held, i, one) {
        struct ax_str rest = ax_str(json_string_value(one)), word;
        ax_str_word(&rest, &word);
        ax_buf_printf(&b, "%s%.*s", i ? ", " : "", AX_STR_ARG(word));
    }
    ax_buf_byte(&b, 0);
    ax_table_cell(t, b.p);
}

static void put_row(struct ax_table *t, const json_t *a, int64_t now)
{
    char ago[AX_TEXT], value[AX_TEXT];
    double v;
    ax_table_cell(t, ax_j_str(a, "name"));
    ax_table_cell(t, ax_j_str(a, "state"));
    ax_table_cell(t, ax_j_str(a, "severity"));
    ax_table_cell(t, ax_j_str(a, "resource"));
    ax_table_cell(t, ax_text_ago(now, ax_j_time(a, "since"), ago));
    bool number = ax_str_double(ax_str(ax_j_str(a, "value")), &v);
    ax_table_cell(t, number ? ax_text_number(v, value) : "");
    put_holds(t, json_object_get(a, "held"));
    ax_table_cell(t, ax_j_str(a, "summary"));
}

void ax_show_alarms(FILE *out, const json_t *list, int64_t now)
{
    static const struct ax_column columns[] = {
        {"ALARM", AX_LEFT}, {"STATE", AX_LEFT},  {"SEVERITY", AX_LEFT}, {"OF", AX_SHRINK},
        {"SINCE", AX_LEFT}, {"VALUE", AX_RIGHT}, {"HELD", AX_LEFT},     {"SUMMARY", AX_SHRINK}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    size_t i;
    const json_t *a;
    json_array_foreach (list, i, a)
        put_row(t, a, now);
    if (ax_table_rows(t) == 0)
        fputs("no alarms\n", out);
    ax_table_free(t);
}

/* ---- asking ---- */

struct ask {
    struct ax_client *client;
    bool firing, all;
};

static int add_definitions(const struct ask *q, json_t *list, const json_t *told,
                           struct ax_err *err)
{
    size_t n = PAGE;
    for (size_t offset = 0; n == PAGE; offset += n) {
        AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
        AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
        ax_buf_printf(&path, "/v2.0/alarms?limit=%d&offset=%zu%s", PAGE, offset,
                      q->all ? "" : "&state=ALARM");
        int rc = ax_client_get(q->client, ax_path_end(&path), &a, err);
        if (rc < 0)
            return rc;
        n = ax_alarms_add_definitions(list, a.json, told);
    }
    return 0;
}

static void drop_pending(json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(ax_j_str(json_array_get(list, i), "state"), "pending") == 0)
            json_array_remove(list, i);
}

static int read_all(const struct ask *q, json_t *list, struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer told = {0}, rules = {0};
    int rc = ax_client_get(q->client, "/api/v2/alerts", &told, err);
    if (rc == 0)
        rc = ax_client_get(q->client, "/api/v1/alerts", &rules, err);
    if (rc == 0) {
        json_t *by_key = ax_alarms_told(told.json);
        ax_alarms_add_rules(list, rules.json, by_key);
        rc = add_definitions(q, list, by_key, err);
        json_decref(by_key);
    }
    if (q->firing)
        drop_pending(list);
    return rc;
}

static void print_json(json_t *list)
{
    json_t *o = json_pack("{sO}", "alarms", list);
    ax_put_json_of(stdout, o);
    json_decref(o);
}

int ax_cmd_alarms(int argc, char **argv)
{
    struct ask q = {0};
    const struct ax_flag flags[] = {{"firing", 'f', NULL, &q.firing}, {"all", 'a', NULL, &q.all}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    json_t *list = json_array();
    q.client = ax_client_new(&c);
    rc = read_all(&q, list, &err);
    ax_client_free(q.client);
    if (rc == 0 && c.json)
        print_json(list);
    else if (rc == 0)
        ax_show_alarms(stdout, list, ax_now_ms());
    json_decref(list);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}
