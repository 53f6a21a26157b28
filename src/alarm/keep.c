// SPDX-License-Identifier: Apache-2.0
/* One entry per alarm: alarm/TENANT/FILE/GROUP/RULE/ORDINAL/HASH -> a JSON object with its labels
 * and times. Written when a state changes, not at each evaluation. */
#include "alarm/inner.h"

#include <jansson.h>
#include <stdlib.h>

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

void ax_keep_group_key(const struct ax_rule_group *g, struct ax_buf *out)
{
    ax_buf_cstr(out, "alarm/");
    part(out, g->tenant);
    part(out, g->file);
    if (g->name.n)
        part(out, g->name);
}

void ax_keep_key(const struct ax_rule_group *g, const struct ax_rule *r, struct ax_labels labels,
                 struct ax_buf *out)
{
    ax_keep_group_key(g, out);
    ax_buf_printf(out, "%s/%016llx", r->same.p,
                  (unsigned long long)ax_hash(labels.bytes.p, labels.bytes.n));
}

void ax_keep_describe(const struct ax_alarm *alarm, struct ax_buf *out)
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

static int64_t time_of(json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

bool ax_keep_read(struct ax_str text, struct ax_arena *a, struct ax_alarm *out)
{
    json_t *o = json_loadb(text.p, text.n, 0, NULL), *notes = json_object_get(o, "annotations");
    bool ok = json_is_object(notes) && labels_of(json_object_get(o, "labels"), a, &out->labels);
    if (ok) {
        char *annotations = json_dumps(notes, JSON_COMPACT);
        out->annotations = ax_arena_cstr(a, ax_str(annotations));
        free(annotations);
        out->summary = ax_arena_cstr(a, string_of(json_object_get(o, "summary")));
        out->active_at = time_of(o, "active_at");
        out->fired_at = time_of(o, "fired_at");
        out->cleared_at = time_of(o, "cleared_at");
        out->value = json_number_value(json_object_get(o, "value"));
        out->state = out->fired_at ? AX_ALARM_FIRING : AX_ALARM_PENDING;
    }
    json_decref(o);
    return ok;
}

static bool revive(struct ax_watch *w, struct ax_str text, struct ax_arena *a)
{
    struct ax_alarm kept = {0};
    if (!ax_keep_read(text, a, &kept) || ax_watch_find(w, kept.labels))
        return false;
    struct ax_alarm *al =
        ax_watch_add(w, kept.labels, ax_str(kept.annotations), ax_str(kept.summary));
    al->active_at = kept.active_at;
    al->fired_at = kept.fired_at;
    al->cleared_at = kept.cleared_at;
    al->value = kept.value;
    al->state = kept.state;
    return true;
}

/* The watch that an entry belongs to; NULL when the rules have changed and there is none. */
static struct ax_watch *owner(const struct ax_group *g, struct ax_str key)
{
    struct ax_watch *found = NULL;
    struct ax_buf want = AX_BUF_INIT;
    for (size_t i = 0; i < g->rules->n && !found; i++) {
        struct ax_watch *w = &g->watches[i];
        ax_buf_clear(&want);
        ax_keep_group_key(g->rules, &want);
        ax_buf_str(&want, w->rule->same);
        ax_buf_byte(&want, '/');
        if (!w->rule->records && ax_str_starts(key, ax_buf_view(&want)))
            found = w;
    }
    ax_buf_free(&want);
    return found;
}

static void remember_published(struct ax_group *g, struct ax_arena *a)
{
    for (size_t i = 0; i < g->rules->n; i++) {
        struct ax_batch b = {.arena = a};
        ax_alarms_to_batch(g, &g->watches[i], 0, &b);
        ax_publish_remember(&g->watches[i], &b);
    }
}

int ax_restore(struct ax_alarms *al, struct ax_group *g, int64_t now, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf prefix = AX_BUF_INIT;
    struct ax_kv *kept = NULL;
    size_t n = 0;
    ax_keep_group_key(g->rules, &prefix);
    int rc = ax_registry_scan(al->o.registry, ax_buf_view(&prefix), &a, &kept, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ax_watch *w = owner(g, kept[i].key);
        if (!w || !revive(w, kept[i].value, &a))
            rc = ax_settle_orphan(al, &kept[i], now, err);
    }
    for (size_t i = 0; rc == 0 && i < g->rules->n; i++)
        rc = ax_settle_again(al, g, &g->watches[i], err);
    if (rc == 0)
        remember_published(g, &a);
    ax_buf_free(&prefix);
    ax_arena_free(&a);
    return rc;
}

static bool is_in_force(const struct ax_alarms *al, struct ax_str key)
{
    bool found = false;
    struct ax_buf prefix = AX_BUF_INIT;
    for (size_t i = 0; i < al->ngroups && !found; i++) {
        ax_buf_clear(&prefix);
        ax_keep_group_key(al->groups[i]->rules, &prefix);
        found = ax_str_starts(key, ax_buf_view(&prefix));
    }
    ax_buf_free(&prefix);
    return found;
}

int ax_restore_orphans(struct ax_alarms *al, bool (*excused)(void *ctx, struct ax_str key),
                       void *ctx, int64_t now, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_kv *kept = NULL;
    size_t n = 0;
    int rc = ax_registry_scan(al->o.registry, AX_STR("alarm/"), &a, &kept, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!is_in_force(al, kept[i].key) && !excused(ctx, kept[i].key))
            rc = ax_settle_orphan(al, &kept[i], now, err);
    ax_arena_free(&a);
    return rc;
}
