// SPDX-License-Identifier: Apache-2.0
/* One entry per alarm: alarm/TENANT/GROUP/NAME/ORDINAL/HASH -> a JSON object with its labels and
 * times. Written when a state changes, not at each evaluation. */
#include "alarm/inner.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"

static void part(struct ax_buf *out, struct ax_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/' || s.p[i] == '%')
            ax_buf_printf(out, "%%%02X", s.p[i]);
        else
            ax_buf_byte(out, (uint8_t)s.p[i]);
    ax_buf_byte(out, '/');
}

static void prefix(const struct ax_alarms *al, struct ax_buf *out)
{
    ax_buf_cstr(out, "alarm/");
    part(out, ax_str(al->tenant));
}

static void watch_prefix(const struct ax_alarms *al, const struct ax_group *g,
                         const struct ax_watch *w, struct ax_buf *out)
{
    prefix(al, out);
    part(out, g->rules->name);
    part(out, w->rule->name);
    ax_buf_printf(out, "%u/", w->rule->ordinal);
}

static void describe(const struct ax_alarm *alarm, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    struct ax_label l;
    ax_json_obj(&j);
    ax_json_key(&j, "labels");
    ax_json_obj(&j);
    AX_LABELS_EACH (alarm->labels, l) {
        ax_json_key_str(&j, l.name);
        ax_json_str(&j, l.value);
    }
    ax_json_end(&j);
    ax_json_key(&j, "annotations");
    ax_json_raw(&j, ax_str(alarm->annotations));
    ax_json_key(&j, "summary");
    ax_json_cstr(&j, alarm->summary);
    ax_json_key(&j, "active_at");
    ax_json_int(&j, alarm->active_at);
    ax_json_key(&j, "fired_at");
    ax_json_int(&j, alarm->state == AX_ALARM_FIRING ? alarm->fired_at : 0);
    ax_json_key(&j, "cleared_at");
    ax_json_int(&j, alarm->cleared_at);
    ax_json_key(&j, "value");
    ax_json_num(&j, alarm->value);
    ax_json_end(&j);
}

int ax_keep(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w,
            const struct ax_change *c, struct ax_err *err)
{
    struct ax_buf key = AX_BUF_INIT, value = AX_BUF_INIT;
    watch_prefix(al, g, w, &key);
    ax_buf_printf(&key, "%016llx",
                  (unsigned long long)ax_hash(c->labels.bytes.p, c->labels.bytes.n));
    const struct ax_alarm *alarm = c->gone ? NULL : ax_watch_find(w, c->labels);
    if (alarm)
        describe(alarm, &value);
    int rc = ax_registry_put(al->o.registry, ax_buf_view(&key),
                             alarm ? ax_buf_view(&value) : AX_STR_NULL, err);
    ax_buf_free(&key);
    ax_buf_free(&value);
    return rc;
}

static struct ax_str string_of(json_t *v)
{
    return (struct ax_str){json_string_value(v), json_string_length(v)};
}

static bool labels_of(json_t *o, struct ax_arena *a, struct ax_labels *out)
{
    struct ax_labels_builder b = {0};
    const char *name;
    json_t *value;
    json_object_foreach (o, name, value)
        ax_labels_add(&b, ax_str(name), string_of(value));
    return ax_labels_finish(&b, a, out, NULL) == 0 && out->bytes.n > 0;
}

/* False when the entry is not one of ours or of an older program: it is dropped, and the alarm, if
 * its condition holds, begins anew. */
static bool revive(struct ax_watch *w, struct ax_str text, struct ax_arena *a)
{
    json_t *o = json_loadb(text.p, text.n, 0, NULL);
    struct ax_labels labels;
    bool ok = json_is_object(json_object_get(o, "annotations")) &&
              labels_of(json_object_get(o, "labels"), a, &labels) && !ax_watch_find(w, labels);
    if (ok) {
        char *annotations = json_dumps(json_object_get(o, "annotations"), JSON_COMPACT);
        struct ax_alarm *alarm =
            ax_watch_add(w, labels, ax_str(annotations), string_of(json_object_get(o, "summary")));
        alarm->active_at = json_integer_value(json_object_get(o, "active_at"));
        alarm->fired_at = json_integer_value(json_object_get(o, "fired_at"));
        alarm->cleared_at = json_integer_value(json_object_get(o, "cleared_at"));
        alarm->value = json_number_value(json_object_get(o, "value"));
        alarm->state = alarm->fired_at ? AX_ALARM_FIRING : AX_ALARM_PENDING;
        free(annotations);
    }
    json_decref(o);
    return ok;
}

/* The watch that an entry belongs to; NULL when the rules have changed and there is none. */
static struct ax_watch *owner(struct ax_alarms *al, struct ax_str key)
{
    struct ax_watch *found = NULL;
    struct ax_buf want = AX_BUF_INIT;
    for (size_t g = 0; g < al->rules->ngroups && !found; g++)
        for (size_t i = 0; i < al->groups[g].rules->n && !found; i++) {
            struct ax_watch *w = &al->groups[g].watches[i];
            ax_buf_clear(&want);
            watch_prefix(al, &al->groups[g], w, &want);
            if (!w->rule->records && ax_str_starts(key, ax_buf_view(&want)))
                found = w;
        }
    ax_buf_free(&want);
    return found;
}

static void remember_published(struct ax_alarms *al, struct ax_arena *a)
{
    for (size_t g = 0; g < al->rules->ngroups; g++)
        for (size_t i = 0; i < al->groups[g].rules->n; i++) {
            struct ax_batch b = {.arena = a};
            ax_alarms_to_batch(al, &al->groups[g].watches[i], 0, &b);
            ax_publish_remember(&al->groups[g].watches[i], &b);
        }
}

int ax_restore(struct ax_alarms *al, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf all = AX_BUF_INIT;
    struct ax_kv *kept = NULL;
    size_t n = 0;
    prefix(al, &all);
    int rc = ax_registry_scan(al->o.registry, ax_buf_view(&all), &a, &kept, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ax_watch *w = owner(al, kept[i].key);
        if (!w || !revive(w, kept[i].value, &a))
            rc = ax_registry_put(al->o.registry, kept[i].key, AX_STR_NULL, err);
    }
    if (rc == 0)
        remember_published(al, &a);
    ax_buf_free(&all);
    ax_arena_free(&a);
    return rc;
}
