// SPDX-License-Identifier: Apache-2.0
/* auspex status: one resource, all that is known. */
#include "cli/inner.h"

#include "base/clock.h"
#include "base/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_SHOWN 10

static const char HELP[] =
    "auspex status HANDLE|NAME\n"
    "\n"
    "Is it there, in what state, since when, seen how long ago, what is foretold of it, and what\n"
    "stands in the way of seeing more.\n"
    "\n"
    "  auspex status web1                  by name, when only one has it\n"
    "  auspex status vm:5c1e0c1a-...       by handle: unique, and never reused\n"
    "  auspex status web1 || mail -s 'web1 is not well' ops\n"
    "\n"
    "Exit status: 0 there and well; 1 error, or never seen; 2 bad usage; 3 gone, or not running.\n";

/* States in which a thing does what it is there for. */
static bool is_well(const char *state)
{
    const char *const well[] = {"running", "blocked", "up", "active", "allocated"};
    for (size_t i = 0; i < AX_ARRAY_LEN(well); i++)
        if (strcmp(state, well[i]) == 0)
            return true;
    return false;
}

static void line(FILE *out, const char *label, const char *value)
{
    if (!*value)
        return;
    fprintf(out, "  %-15s ", label);
    ax_put(out, value);
    fputc('\n', out);
}

static void show_life(FILE *out, const json_t *r, int64_t now)
{
    char text[2 * AX_TEXT + 200], when[AX_TEXT], ago[AX_TEXT];
    const char *reason = ax_j_str(r, "reason");
    int64_t since = ax_j_time(r, "since"), gone = ax_j_time(r, "gone");
    snprintf(text, sizeof text, "%s%s%.150s%s, since %s (%s)", ax_j_str(r, "state"),
             *reason ? " (" : "", reason, *reason ? ")" : "", ax_text_time(since, when),
             ax_text_ago(now, since, ago));
    line(out, "state", text);
    if (gone) {
        snprintf(text, sizeof text, "%s (%s)", ax_text_time(gone, when),
                 ax_text_ago(now, gone, ago));
        line(out, "gone", text);
    }
    line(out, "last seen", ax_text_ago(now, ax_j_time(r, "last_seen"), ago));
    line(out, "host", ax_j_str(r, "host"));
    line(out, "tenant", ax_j_str(r, "tenant"));
}

/* "memory_bytes" is shown as "memory", its value in the unit that the name told. */
static bool strip_unit(char *label, const char *unit)
{
    size_t n = strlen(label), m = strlen(unit);
    if (n <= m || strcmp(label + n - m, unit) != 0)
        return false;
    label[n - m] = '\0';
    return true;
}

static void show_number(FILE *out, char *label, double v)
{
    char text[AX_TEXT], span[AX_TEXT];
    if (strip_unit(label, " bytes"))
        ax_text_bytes(v, text);
    else if (strip_unit(label, " seconds"))
        snprintf(text, sizeof text, "%s", v > 0 ? ax_text_seconds(v, span) : "none");
    else
        ax_text_number(v, text);
    line(out, label, text);
}

static void show_string(FILE *out, const char *label, const char *value)
{
    char text[AX_TEXT];
    int64_t ms;
    bool is_time = strchr(value, 'T') && ax_time_parse(ax_str(value), &ms, NULL) == 0;
    line(out, label, is_time ? ax_text_time(ms, text) : value);
}

static void show_attribute(FILE *out, const char *key, const json_t *v)
{
    char text[AX_TEXT], label[64];
    snprintf(label, sizeof label, "%s", key);
    label[ax_str_clean(label, strlen(label))] = '\0';
    for (char *p = label; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    if (json_is_number(v)) {
        show_number(out, label, json_number_value(v));
    } else if (json_is_boolean(v)) {
        line(out, label, json_is_true(v) ? "yes" : "no");
    } else if (json_is_string(v)) {
        show_string(out, label, json_string_value(v));
    } else if (json_is_array(v)) {
        snprintf(text, sizeof text, "%zu", json_array_size(v));
        line(out, label, text);
    }
}

static void show_collectors(FILE *out, const json_t *list)
{
    size_t i;
    const json_t *c;
    json_array_foreach (list, i, c) {
        bool up = json_is_true(json_object_get(c, "up"));
        fprintf(out, "  %-15s ", i == 0 ? "collectors" : "");
        ax_put(out, ax_j_str(c, "name"));
        fputs(up ? ": works" : ": fails: ", out);
        ax_put(out, up ? "" : ax_j_str(c, "error"));
        fputc('\n', out);
    }
}

static bool has_its_own_place(const char *key)
{
    const char *const keys[] = {"findings", "collectors", "uuid"}; /* the handle has the UUID */
    for (size_t i = 0; i < AX_ARRAY_LEN(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* The value of one metric in an instant answer; NaN when it is not there. */
static double figure(const json_t *figures, const char *name)
{
    size_t i;
    const json_t *s;
    json_array_foreach (ax_j_array(json_object_get(figures, "data"), "result"), i, s) {
        double v;
        const char *text = json_string_value(json_array_get(json_object_get(s, "value"), 1));
        if (strcmp(ax_j_str(json_object_get(s, "metric"), "__name__"), name) == 0 && text &&
            ax_str_double(ax_str(text), &v))
            return v;
    }
    return NAN;
}

static void show_memory(FILE *out, const json_t *figures)
{
    static const struct {
        const char *name, *label;
    } rows[] = {{"vm_memory_assigned_bytes", "given now"},
                {"vm_memory_guest_used_bytes", "used by guest"},
                {"vm_memory_guest_available_bytes", "left in guest"},
                {"vm_memory_resident_bytes", "on the host"}};
    char text[AX_TEXT];
    for (size_t i = 0; i < AX_ARRAY_LEN(rows); i++) {
        double v = figure(figures, rows[i].name);
        if (!isnan(v))
            line(out, rows[i].label, ax_text_bytes(v, text));
    }
}

static void show_attributes(FILE *out, const json_t *attributes)
{
    const char *key;
    const json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)attributes, key, v) {
        if (!has_its_own_place(key))
            show_attribute(out, key, v);
    }
    show_collectors(out, ax_j_array(attributes, "collectors"));
}

static void show_findings(FILE *out, const json_t *findings)
{
    size_t i;
    const json_t *f;
    bool titled = false;
    json_array_foreach (findings, i, f) {
        if (strcmp(ax_j_str(f, "level"), "ok") == 0)
            continue;
        if (!titled)
            fputs("\nFindings\n", out);
        titled = true;
        fputs("  ", out);
        ax_put(out, ax_j_str(f, "level"));
        fputs(": ", out);
        ax_put(out, ax_j_str(f, "text"));
        if (*ax_j_str(f, "remedy")) {
            fputs("\n        ", out);
            ax_put(out, ax_j_str(f, "remedy"));
        }
        fputc('\n', out);
    }
}

static void show_foretold(FILE *out, const json_t *r, int64_t now)
{
    json_t *list = json_object_get(r, "predictions");
    if (json_array_size(list) == 0)
        return;
    fputs("\nPredictions\n", out);
    json_t *wrapped = json_pack("{s:O}", "predictions", list);
    ax_show_predictions(out, wrapped, now);
    json_decref(wrapped);
}

static void show_events(FILE *out, const json_t *events)
{
    size_t i;
    const json_t *e;
    if (json_array_size(events))
        fputs("\nEvents, newest first\n", out);
    json_array_foreach (events, i, e) {
        if (i == EVENTS_SHOWN) {
            fprintf(out, "  and %zu more: see auspex events\n", json_array_size(events) - i);
            break;
        }
        fputs("  ", out);
        ax_show_event(out, e);
    }
}

bool ax_show_status(FILE *out, const json_t *r, const json_t *figures, int64_t now)
{
    ax_put(out, *ax_j_str(r, "name") ? ax_j_str(r, "name") : ax_j_str(r, "kind"));
    fputs("  ", out);
    ax_put(out, ax_j_str(r, "handle"));
    fputc('\n', out);
    show_life(out, r, now);
    const json_t *attributes = json_object_get(r, "attributes");
    show_attributes(out, attributes);
    show_memory(out, figures);
    show_findings(out, ax_j_array(attributes, "findings"));
    show_foretold(out, r, now);
    show_events(out, ax_j_array(r, "events"));
    return is_well(ax_j_str(r, "state")) && !ax_j_time(r, "gone");
}

/* The resource, and of a virtual machine its memory's figures. */
static int fetch(const struct ax_cli *c, struct ax_answer *resource, struct ax_answer *figures,
                 struct ax_err *err)
{
    struct ax_client *client = ax_client_new(c);
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT, query = AX_BUF_INIT;
    int rc = ax_resolve(client, c->args[0], &handle, err);
    if (rc == 0) {
        ax_buf_cstr(&path, "/auspex/v1/resources/");
        ax_path_escape(&path, handle);
        rc = ax_client_get(client, ax_path_end(&path), resource, err);
    }
    if (rc == 0 && !c->json && strncmp(handle, "vm:", 3) == 0) {
        ax_buf_printf(&query, "{__name__=~\"vm_memory_.*_bytes\",handle=\"%s\"}", handle);
        ax_buf_clear(&path);
        ax_buf_cstr(&path, "/api/v1/query");
        ax_path_add(&path, "query", ax_path_end(&query));
        rc = ax_client_get(client, ax_path_end(&path), figures, err);
    }
    ax_client_free(client);
    return rc;
}

int ax_cmd_status(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, NULL, 0, HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 1, 1, "the handle or name")) != AX_CLI_GO)
        return rc;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0}, figures = {0};
    if (fetch(&c, &a, &figures, &err) < 0)
        return ax_cli_error(&err);
    bool well;
    if (c.json) {
        ax_answer_print(&a, stdout);
        well = is_well(ax_j_str(a.json, "state"));
    } else {
        well = ax_show_status(stdout, a.json, figures.json, ax_now_ms());
    }
    return well ? AX_EXIT_OK : AX_EXIT_UNWELL;
}
