// SPDX-License-Identifier: Apache-2.0
/* auspex query: PromQL from the shell. */
#include "cli/inner.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPARK_MAX 60

static const char HELP[] =
    "auspex query EXPR [--time T]\n"
    "auspex query EXPR --start T [--end T] [--step DURATION]\n"
    "\n"
    "Asks in PromQL, at one time or over a stretch of time.\n"
    "\n"
    "  auspex query vm_memory_guest_used_bytes\n"
    "  auspex query 'topk(3, sum by (name) (rate(vm_cpu_seconds_total[1m])))'\n"
    "  auspex query 'node_load1' --start -1h\n"
    "  auspex query 'up' --time 2026-01-31T12:00:00Z --json\n"
    "\n"
    "  -t, --time T          when (default: now)\n"
    "  -s, --start T         the stretch's beginning; makes it a range query\n"
    "  -e, --end T           its end (default: now)\n"
    "      --step DURATION   between points (default: a sixtieth of the stretch)\n"
    "\n"
    "T: now, -15m (ago), RFC 3339, or seconds since 1970.\n";

/* ---- what is shown ---- */

static void print_label(const char *key, const json_t *value, struct ax_buf *out)
{
    ax_buf_printf(out, "%s=\"", key);
    for (const char *p = json_string_value(value); p && *p; p++) {
        if (*p == '"' || *p == '\\')
            ax_buf_byte(out, '\\');
        ax_buf_byte(out, (uint8_t)*p);
    }
    ax_buf_byte(out, '"');
}

/* name{a="b"} as PromQL writes it, without the labels that are in `common`. */
static void print_metric(const json_t *metric, const json_t *common, struct ax_buf *out)
{
    const char *key, *sign = "{";
    const json_t *v, *name = json_object_get(metric, "__name__");
    ax_buf_cstr(out, name ? json_string_value(name) : "");
    json_object_foreach ((json_t *)(uintptr_t)metric, key, v) {
        if (v == name || json_object_get(common, key))
            continue;
        ax_buf_cstr(out, sign);
        print_label(key, v, out);
        sign = ",";
    }
    if (*sign == ',')
        ax_buf_byte(out, '}');
    else if (!name)
        ax_buf_cstr(out, "{}");
    ax_buf_byte(out, 0);
}

/* The labels that every one of several series has with one value: told once, not in each row. */
static json_t *common_labels(const json_t *result)
{
    const char *key;
    void *next;
    json_t *common, *v;
    const json_t *s;
    size_t i;
    if (json_array_size(result) < 2)
        return json_object();
    common = json_copy(json_object_get(json_array_get(result, 0), "metric"));
    json_object_del(common, "__name__");
    json_array_foreach (result, i, s) {
        json_object_foreach_safe (common, next, key, v) {
            if (!json_equal(v, json_object_get(json_object_get(s, "metric"), key)))
                json_object_del(common, key);
        }
    }
    return common;
}

static void show_common(FILE *out, const json_t *common)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    if (json_object_size(common) == 0)
        return;
    print_metric(common, NULL, &text);
    fputs("\nin all of them: ", out);
    ax_put(out, text.p);
    fputc('\n', out);
}

static void show_vector(FILE *out, const json_t *result, const json_t *common)
{
    const struct ax_column columns[] = {{"SERIES", AX_LEFT}, {"VALUE", AX_RIGHT}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    AX_CLEANUP(ax_buf_free) struct ax_buf name = AX_BUF_INIT;
    size_t i;
    const json_t *s;
    json_array_foreach (result, i, s) {
        ax_buf_clear(&name);
        print_metric(json_object_get(s, "metric"), common, &name);
        ax_table_cell(t, name.p);
        ax_table_cell(t, json_string_value(json_array_get(json_object_get(s, "value"), 1)));
    }
    ax_table_free(t);
}

static double point_value(const json_t *points, size_t i)
{
    double v = NAN;
    const char *text = json_string_value(json_array_get(json_array_get(points, i), 1));
    return text && ax_str_double(ax_str(text), &v) ? v : NAN;
}

/* At most SPARK_MAX of the points, evenly taken. */
static void spark_of(const json_t *points, struct ax_buf *out)
{
    double v[SPARK_MAX];
    size_t n = json_array_size(points), shown = n < SPARK_MAX ? n : SPARK_MAX;
    for (size_t i = 0; i < shown; i++)
        v[i] = point_value(points, i * n / shown);
    ax_text_spark(v, shown, out);
}

/* A summary may round: bytes are told in their unit. */
static void amount_cell(struct ax_table *t, const json_t *metric, double v)
{
    char text[AX_TEXT];
    bool bytes = ax_str_ends(ax_str(ax_j_str(metric, "__name__")), AX_STR("_bytes"));
    ax_table_cell(t, bytes ? ax_text_bytes(v, text) : ax_text_number(v, text));
}

static void show_series(struct ax_table *t, const json_t *series, const json_t *common,
                        struct ax_buf *scratch)
{
    const json_t *points = ax_j_array(series, "values");
    const json_t *metric = json_object_get(series, "metric");
    size_t n = json_array_size(points);
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        min = fmin(min, point_value(points, i));
        max = fmax(max, point_value(points, i));
    }
    char text[AX_TEXT];
    ax_buf_clear(scratch);
    print_metric(metric, common, scratch);
    ax_table_cell(t, scratch->p);
    snprintf(text, sizeof text, "%zu", n);
    ax_table_cell(t, text);
    amount_cell(t, metric, min);
    amount_cell(t, metric, max);
    amount_cell(t, metric, n ? point_value(points, n - 1) : NAN);
    if (ax_text_utf8()) {
        ax_buf_clear(scratch);
        spark_of(points, scratch);
        ax_table_cell(t, scratch->p);
    }
}

static void show_matrix(FILE *out, const json_t *result, const json_t *common)
{
    const struct ax_column columns[] = {{"SERIES", AX_SHRINK}, {"POINTS", AX_RIGHT},
                                        {"LEAST", AX_RIGHT},   {"MOST", AX_RIGHT},
                                        {"LAST", AX_RIGHT},    {"COURSE", AX_LEFT}};
    size_t n = AX_ARRAY_LEN(columns) - !ax_text_utf8();
    struct ax_table *t = ax_table_new(out, columns, n);
    AX_CLEANUP(ax_buf_free) struct ax_buf scratch = AX_BUF_INIT;
    size_t i;
    const json_t *s;
    json_array_foreach (result, i, s)
        show_series(t, s, common, &scratch);
    ax_table_free(t);
}

int ax_show_query(FILE *out, const json_t *answer, struct ax_err *err)
{
    const json_t *data = json_object_get(answer, "data"), *warning;
    const json_t *result = json_object_get(data, "result");
    const char *type = ax_j_str(data, "resultType");
    size_t i;
    if (strcmp(type, "vector") == 0 || strcmp(type, "matrix") == 0) {
        json_t *common = common_labels(result);
        if (json_array_size(result) == 0)
            fputs("nothing matches\n", out);
        else if (*type == 'v')
            show_vector(out, result, common);
        else
            show_matrix(out, result, common);
        show_common(out, common);
        json_decref(common);
    } else if (strcmp(type, "scalar") == 0 || strcmp(type, "string") == 0) {
        const char *text = json_string_value(json_array_get(result, 1));
        ax_put(out, text ? text : "");
        fputc('\n', out);
    } else {
        return ax_fail(err, -EPROTO, "the server's answer is not of Prometheus's form");
    }
    json_array_foreach (ax_j_array(answer, "warnings"), i, warning) {
        fputs("warning: ", out);
        ax_put(out, json_string_value(warning));
        fputc('\n', out);
    }
    return 0;
}

/* The number that ends before `end`; returns where it begins. */
static const char *number_before(const char *begin, const char *end, uint64_t *out)
{
    const char *p = end;
    while (p > begin && p[-1] >= '0' && p[-1] <= '9')
        p--;
    return ax_str_u64((struct ax_str){p, (size_t)(end - p)}, out) ? p : NULL;
}

/* "...12:34: parse error..." -> line 12, column 34. */
static bool place_in(const char *error, uint64_t *row, uint64_t *column)
{
    const char *end = strstr(error, ": parse error");
    const char *at = end ? number_before(error, end, column) : NULL;
    return at && at > error && at[-1] == ':' && number_before(error, at - 1, row);
}

void ax_show_caret(FILE *out, const char *query, const char *error)
{
    uint64_t row, column;
    if (!place_in(error, &row, &column) || row == 0 || column == 0)
        return;
    struct ax_str rest = ax_str(query), text = AX_STR_NULL;
    for (uint64_t i = 0; i < row; i++)
        if (!ax_str_cut(&rest, '\n', &text))
            return;
    if (column > text.n + 1)
        return;
    fprintf(out, "    %.*s\n    ", AX_STR_ARG(text));
    for (uint64_t i = 1; i < column; i++)
        if ((text.p[i - 1] & 0xc0) != 0x80) /* one blank for a character, not for each byte */
            fputc(text.p[i - 1] == '\t' ? '\t' : ' ', out);
    fputs("^\n", out);
}

/* ---- what is asked ---- */

/* now, -15m, or a time. */
static int parse_when(const char *text, int64_t now, int64_t *out, struct ax_err *err)
{
    struct ax_str s = ax_str(text);
    int64_t ago;
    if (ax_str_eq(s, AX_STR("now"))) {
        *out = now;
        return 0;
    }
    if (s.n < 2 || s.p[0] != '-')
        return ax_time_parse(s, out, err);
    int rc = ax_duration_parse((struct ax_str){s.p + 1, s.n - 1}, &ago, err);
    if (rc == 0)
        *out = now - ago;
    return rc;
}

static void add_seconds(struct ax_buf *path, const char *key, int64_t ms)
{
    char text[AX_TEXT];
    snprintf(text, sizeof text, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
    ax_path_add(path, key, text);
}

static int range_path(struct ax_buf *path, const char *expr, const char *start, const char *end,
                      const char *step, struct ax_err *err)
{
    int64_t now = ax_now_ms(), from, to = now, every;
    int rc = parse_when(start, now, &from, err);
    if (rc == 0 && end)
        rc = parse_when(end, now, &to, err);
    if (rc < 0)
        return rc;
    if (from >= to)
        return ax_fail(err, -EINVAL, "--start must be before --end");
    every = (to - from) / 60 / 1000 * 1000;
    if (step && (rc = ax_duration_parse(ax_str(step), &every, err)) < 0)
        return rc;
    ax_buf_cstr(path, "/api/v1/query_range");
    ax_path_add(path, "query", expr);
    add_seconds(path, "start", from);
    add_seconds(path, "end", to);
    add_seconds(path, "step", every < 1 ? 1000 : every);
    return 0;
}

static int instant_path(struct ax_buf *path, const char *expr, const char *time, struct ax_err *err)
{
    int64_t at;
    ax_buf_cstr(path, "/api/v1/query");
    ax_path_add(path, "query", expr);
    if (!time)
        return 0;
    int rc = parse_when(time, ax_now_ms(), &at, err);
    if (rc == 0)
        add_seconds(path, "time", at);
    return rc;
}

int ax_cmd_query(int argc, char **argv)
{
    const char *time = NULL, *start = NULL, *end = NULL, *step = NULL;
    const struct ax_flag flags[] = {{"time", 't', &time, NULL},
                                    {"start", 's', &start, NULL},
                                    {"end", 'e', &end, NULL},
                                    {"step", 0, &step, NULL}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 1, 1, "the expression")) != AX_CLI_GO)
        return rc;
    if (!start && (end || step))
        return ax_cli_usage(&c, "--end and --step need --start");
    if (start && time)
        return ax_cli_usage(&c, "--time and --start exclude each other");
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    rc = start ? range_path(&path, c.args[0], start, end, step, &err)
               : instant_path(&path, c.args[0], time, &err);
    if (rc < 0)
        return ax_cli_usage(&c, "%s", err.text);
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_client *client = ax_client_new(&c);
    rc = ax_client_get(client, ax_path_end(&path), &a, &err);
    ax_client_free(client);
    if (rc < 0) {
        ax_cli_error(&err);
        ax_show_caret(stderr, c.args[0], err.text);
        return AX_EXIT_ERROR;
    }
    if (c.json)
        ax_answer_print(&a, stdout);
    else if (ax_show_query(stdout, a.json, &err) < 0)
        return ax_cli_error(&err);
    return AX_EXIT_OK;
}
