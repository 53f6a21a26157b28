// SPDX-License-Identifier: Apache-2.0
#include "cli/alarms.h"

#include <ctype.h>
#include <string.h>

/* Of what: the labels that people look for first. */
static const char *subject(const json_t *labels)
{
    static const char *const order[] = {"name", "vm",      "domain", "hostname",   "instance",
                                        "host", "vm_uuid", "handle", "resource_id"};
    for (size_t i = 0; i < AX_ARRAY_LEN(order); i++)
        if (*ax_j_str(labels, order[i]))
            return ax_j_str(labels, order[i]);
    return "";
}

/* Alarms of definitions are known by their id there, those of rules by all of their labels. */
static char *key_of(const json_t *labels)
{
    const char *id = ax_j_str(labels, "alarm_id");
    return *id ? ax_strdup(id) : json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
}

json_t *ax_alarms_told(const json_t *answer)
{
    json_t *out = json_object(), *a;
    size_t i;
    json_array_foreach (answer, i, a) {
        AX_CLEANUP(ax_free_ptr) char *key = key_of(json_object_get(a, "labels"));
        json_object_set(out, key ? key : "", a);
    }
    return out;
}

static const json_t *told_of_rule(const json_t *told, const json_t *labels)
{
    AX_CLEANUP(ax_free_ptr) char *key = key_of(labels);
    return json_object_get(told, key ? key : "");
}

static json_t *holds_of(const json_t *told)
{
    const json_t *status = json_object_get(told, "status"), *one;
    json_t *out = json_array();
    size_t i;
    json_array_foreach (ax_j_array(status, "silencedBy"), i, one)
        json_array_append_new(out, json_sprintf("silence %s", json_string_value(one)));
    json_array_foreach (ax_j_array(status, "inhibitedBy"), i, one)
        json_array_append(out, (json_t *)(uintptr_t)one);
    return out;
}

static void put(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, json_string(text));
}

static void put_lower(json_t *o, const char *key, const char *text)
{
    char low[24];
    size_t n = 0;
    for (; text[n] && n + 1 < sizeof low; n++)
        low[n] = (char)tolower((unsigned char)text[n]);
    low[n] = 0;
    put(o, key, low);
}

static json_t *new_row(const char *kind, const char *name, const json_t *labels, const json_t *told)
{
    json_t *o = json_object();
    put(o, "kind", kind);
    put(o, "name", name);
    put(o, "resource", subject(labels));
    json_object_set(o, "labels", (json_t *)(uintptr_t)labels);
    json_object_set_new(o, "held", holds_of(told));
    return o;
}

void ax_alarms_add_rules(json_t *list, const json_t *answer, const json_t *told)
{
    const json_t *a;
    size_t i;
    json_array_foreach (ax_j_array(json_object_get(answer, "data"), "alerts"), i, a) {
        const json_t *labels = json_object_get(a, "labels"), *t = told_of_rule(told, labels);
        const json_t *notes = json_object_get(a, "annotations");
        json_t *o = new_row("rule", ax_j_str(labels, "alertname"), labels, t);
        const char *summary = ax_j_str(notes, "summary");
        put(o, "id", ax_j_str(t, "fingerprint"));
        put(o, "state", ax_j_str(a, "state"));
        put(o, "severity", ax_j_str(labels, "severity"));
        put(o, "since", ax_j_str(a, "activeAt"));
        put(o, "value", ax_j_str(a, "value"));
        put(o, "summary", *summary ? summary : ax_j_str(notes, "description"));
        json_array_append_new(list, o);
    }
}

size_t ax_alarms_add_definitions(json_t *list, const json_t *answer, const json_t *told)
{
    const json_t *a, *elements = ax_j_array(answer, "elements");
    size_t i;
    json_array_foreach (elements, i, a) {
        const json_t *definition = json_object_get(a, "alarm_definition");
        const json_t *metric = json_array_get(json_object_get(a, "metrics"), 0);
        const json_t *t = json_object_get(told, ax_j_str(a, "id"));
        const json_t *labels = json_object_get(metric, "dimensions");
        json_t *o = new_row("definition", ax_j_str(definition, "name"), labels, t);
        put(o, "id", ax_j_str(a, "id"));
        put_lower(o, "state", ax_j_str(a, "state"));
        put_lower(o, "severity", ax_j_str(definition, "severity"));
        put(o, "since", ax_j_str(a, "state_updated_timestamp"));
        put(o, "value", "");
        put(o, "summary", ax_j_str(json_object_get(t, "annotations"), "reason"));
        json_array_append_new(list, o);
    }
    return json_array_size(elements);
}
