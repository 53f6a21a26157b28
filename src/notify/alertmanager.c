// SPDX-License-Identifier: Apache-2.0
/* Alerts as Alertmanager takes them (API v2), and as it would hand them on (webhook version 4).
 * What is not OK fires: a state that nobody can tell is told, too, to those who asked for it. */
#include "notify/inner.h"

#include "base/map.h"
#include "base/num.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#define LASTS_MS (5 * AX_NOTIFY_REPEAT_MS) /* without word from us an alert ends */

static bool fires(const struct ax_letter *l)
{
    return !ax_str_eq(l->x.state, AX_STR("OK"));
}

/* Invalid bytes become '?': one name that is no UTF-8 must not cost the whole alert. */
static json_t *string_of(struct ax_str s)
{
    json_t *v = json_stringn(s.p ? s.p : "", s.n);
    if (v)
        return v;
    struct ax_buf clean = AX_BUF_INIT;
    for (size_t i = 0; i < s.n; i++)
        ax_buf_byte(&clean, (unsigned char)s.p[i] < 0x80 ? (uint8_t)s.p[i] : '?');
    v = json_stringn(clean.p, clean.n);
    ax_buf_free(&clean);
    return v;
}

/* Names become label names ([a-zA-Z_][a-zA-Z0-9_]*); what is there already stays. */
static void put(json_t *o, const char *name, struct ax_str value, bool label)
{
    struct ax_buf key = AX_BUF_INIT;
    if (label && isdigit((unsigned char)name[0]))
        ax_buf_byte(&key, '_');
    for (const char *p = name; *p; p++)
        ax_buf_byte(&key, !label || (isalnum((unsigned char)*p) && *p > 0) ? (uint8_t)*p : '_');
    ax_buf_byte(&key, 0);
    if (value.n && key.n > 1 && !json_object_get(o, key.p))
        json_object_set_new(o, key.p, string_of(value));
    ax_buf_free(&key);
}

static json_t *parse(struct ax_str text)
{
    return json_loadb(text.p ? text.p : "", text.n, 0, NULL);
}

static void put_all(json_t *o, struct ax_str text, bool label)
{
    json_t *given = parse(text), *value;
    const char *name;
    json_object_foreach (given, name, value)
        put(o, name, ax_str(json_string_value(value)), label);
    json_decref(given);
}

static bool all_have(json_t *metrics, const char *name, json_t *value)
{
    json_t *m;
    size_t i;
    json_array_foreach (metrics, i, m)
        if (!json_object_get(m, "left_out") &&
            !json_equal(json_object_get(json_object_get(m, "dimensions"), name), value))
            return false;
    return true;
}

static void put_common_dimensions(json_t *o, struct ax_str text)
{
    json_t *metrics = parse(text), *value;
    const char *name;
    json_object_foreach (json_object_get(json_array_get(metrics, 0), "dimensions"), name, value)
        if (all_have(metrics, name, value))
            put(o, name, ax_str(json_string_value(value)), true);
    json_decref(metrics);
}

/* What makes the alert this one: never the state, nor what changes while it lasts. */
static json_t *labels_of(const struct ax_letter *l)
{
    struct ax_buf severity = AX_BUF_INIT;
    json_t *o = json_object();
    put_all(o, l->x.labels, true);
    put(o, "alertname", l->x.name, true);
    if (!l->x.labels.n) {
        for (size_t i = 0; i < l->x.severity.n; i++)
            ax_buf_byte(&severity, (uint8_t)tolower((unsigned char)l->x.severity.p[i]));
        put(o, "severity", ax_buf_view(&severity), true);
        put(o, "alarm_id", l->x.alarm, true);
        put(o, "tenant", l->x.tenant, true);
        put_common_dimensions(o, l->x.metrics);
    }
    ax_buf_free(&severity);
    return o;
}

static json_t *annotations_of(const struct ax_letter *l)
{
    struct ax_buf subject = AX_BUF_INIT;
    json_t *o = json_object();
    ax_words_subject(l, &subject);
    put_all(o, l->x.annotations, false);
    if (ax_words_is_rule(l)) { /* as Prometheus would send it */
        ax_buf_free(&subject);
        return o;
    }
    put(o, "summary", ax_buf_view(&subject), false);
    put(o, "description", l->x.description, false);
    put(o, "reason", l->x.reason, false);
    put(o, "state", l->x.state, false);
    put(o, "lifecycle_state", l->x.lifecycle_state, false);
    put(o, "link", l->x.link, false);
    put(o, "idempotency_key", l->key, false);
    ax_buf_free(&subject);
    return o;
}

static void set_time(json_t *o, const char *key, int64_t ms)
{
    char text[AX_NUM_TEXT];
    json_object_set_new(o, key, json_stringn(text, ax_time_print(ms, text)));
}

static void set_source(json_t *o, const struct ax_notify *n, const struct ax_letter *l)
{
    struct ax_buf link = AX_BUF_INIT;
    ax_words_link(n, l, &link);
    if (link.n)
        json_object_set_new(o, "generatorURL", json_stringn(link.p, link.n));
    ax_buf_free(&link);
}

static json_t *alert(const struct ax_notify *n, const struct ax_letter *l)
{
    json_t *o = json_object();
    json_object_set_new(o, "labels", labels_of(l));
    json_object_set_new(o, "annotations", annotations_of(l));
    set_source(o, n, l);
    if (fires(l)) {
        set_time(o, "startsAt", l->x.time);
        set_time(o, "endsAt", l->now + LASTS_MS);
    } else {
        if (l->x.since && l->x.since <= l->x.time)
            set_time(o, "startsAt", l->x.since);
        set_time(o, "endsAt", l->x.time);
    }
    return o;
}

static void dump(json_t *o, struct ax_buf *out)
{
    char *text = json_dumps(o, JSON_COMPACT);
    ax_buf_cstr(out, text);
    free(text);
    json_decref(o);
}

void ax_form_alerts(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                    struct ax_buf *out)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, alert(n, &l[i]));
    dump(all, out);
}

static json_t *webhook_alert(const struct ax_notify *n, const struct ax_letter *l, json_t *labels)
{
    json_t *o = json_object();
    char *text = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
    json_object_set_new(o, "status", json_string(fires(l) ? "firing" : "resolved"));
    json_object_set(o, "labels", labels);
    json_object_set_new(o, "annotations", annotations_of(l));
    set_time(o, "startsAt", fires(l) || !l->x.since ? l->x.time : l->x.since);
    if (fires(l))
        json_object_set_new(o, "endsAt", json_string("0001-01-01T00:00:00Z"));
    else
        set_time(o, "endsAt", l->x.time);
    json_object_set_new(o, "generatorURL", json_string(""));
    set_source(o, n, l);
    json_object_set_new(o, "fingerprint",
                        json_sprintf("%016llx", (unsigned long long)ax_hash(text, strlen(text))));
    free(text);
    return o;
}

void ax_form_alert_webhook(const struct ax_notify *n, const struct ax_letter *l, struct ax_buf *out)
{
    json_t *o = json_object(), *alerts = json_array(), *group = json_object();
    json_t *labels = labels_of(l);
    struct ax_buf key = AX_BUF_INIT;
    ax_buf_printf(&key, "{}:{alarm_id=\"%.*s\"}", AX_STR_ARG(l->x.alarm));
    json_object_set(group, "alertname", json_object_get(labels, "alertname"));
    json_array_append_new(alerts, webhook_alert(n, l, labels));
    json_object_set_new(o, "version", json_string("4"));
    json_object_set_new(o, "groupKey", string_of(ax_buf_view(&key)));
    json_object_set_new(o, "truncatedAlerts", json_integer(0));
    json_object_set_new(o, "status", json_string(fires(l) ? "firing" : "resolved"));
    json_object_set_new(o, "receiver", json_stringn(l->method.p, l->method.n));
    json_object_set_new(o, "groupLabels", group);
    json_object_set_new(o, "commonLabels", labels);
    json_object_set_new(o, "commonAnnotations", annotations_of(l));
    json_object_set_new(o, "externalURL", json_string(n->o.url ? n->o.url : ""));
    json_object_set_new(o, "alerts", alerts);
    ax_buf_free(&key);
    dump(o, out);
}

void ax_notify_labels(const struct ax_notice *x, struct ax_buf *out)
{
    const struct ax_letter l = {.x = *x};
    dump(labels_of(&l), out);
}

void ax_notify_annotations(const struct ax_notice *x, struct ax_buf *out)
{
    const struct ax_letter l = {.x = *x};
    dump(annotations_of(&l), out);
}
