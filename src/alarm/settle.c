// SPDX-License-Identifier: Apache-2.0
/* What changed, into the database: the state, so that a restart knows it, an event for the history,
 * a notification for whom the rule names and for the operator's Alertmanagers. What belongs to one
 * change is one transaction: nobody is told what is not kept, and nothing is kept untold. */
#include "alarm/inner.h"
#include "alarm/links.h"

#include <jansson.h>

#include "base/json.h"

#define METHODS_MAX 32
#define AT_ONCE     1000 /* changes of a transaction: others wait for it */

/* The resource that an alarm is about, as far as its labels tell; empty when they do not. */
static struct ax_str handle_of(struct ax_labels labels, struct ax_arena *a)
{
    static const struct ax_str names[] = {AX_STR("handle"), AX_STR("host")};
    enum ax_kind kind;
    struct ax_str id, value;
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++) {
        value = ax_labels_get(labels, names[i]);
        if (value.n && ax_handle_parse(value, &kind, &id, NULL) == 0)
            return value;
    }
    value = ax_labels_get(labels, AX_STR("vm_uuid"));
    return value.n ? ax_arena_printf(a, "vm:%.*s", AX_STR_ARG(value)) : AX_STR_NULL;
}

/* The tenant whose entry it is. */
static struct ax_str tenant_of(struct ax_str key)
{
    struct ax_str rest = key, tenant;
    ax_str_cut(&rest, '/', &tenant);
    ax_str_cut(&rest, '/', &tenant);
    return tenant;
}

/* One alarm and what happened to it, wherever it comes from. */
struct news {
    struct ax_alarms *al;
    struct ax_str key, tenant, rule;
    struct ax_str query; /* empty: not known any more */
    const struct ax_change *c;
    struct ax_arena *a;
};

static int add_event(const struct news *n, int64_t time, struct ax_err *err)
{
    bool firing = n->c->kind == AX_CHANGE_FIRING;
    struct ax_event e = {
        .time = time,
        .handle = handle_of(n->c->labels, n->a),
        .type = AX_STR("alarm"),
        .what = firing ? AX_STR("firing") : AX_STR("resolved"),
        .detail = n->rule,
        .text = firing ? n->c->summary
                       : ax_arena_printf(n->a, "resolved: %.*s", AX_STR_ARG(n->c->summary)),
    };
    return ax_registry_add_event_within(n->al->o.registry, n->tenant, &e, err);
}

static struct ax_str annotation(const struct ax_change *c, const char *name, struct ax_arena *a)
{
    json_t *notes = json_loadb(c->annotations.p, c->annotations.n, 0, NULL);
    json_t *v = json_object_get(notes, name);
    struct ax_str s = ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
    json_decref(notes);
    return s;
}

/* The names in the annotation auspex_notify: "ops, on-call". */
static size_t methods_of(const struct ax_change *c, struct ax_arena *a, struct ax_str *out)
{
    struct ax_str rest = annotation(c, "auspex_notify", a), one;
    size_t n = 0;
    while (n < METHODS_MAX && ax_str_cut(&rest, ',', &one))
        if ((one = ax_str_trim(one)).n)
            out[n++] = one;
    return n;
}

/* Tenants other than the first are told apart by a label, unless the rule has one of that name. */
static struct ax_str labels_json(const struct news *n)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    struct ax_label l;
    ax_json_obj(&j);
    AX_LABELS_EACH (n->c->labels, l) {
        ax_json_key_str(&j, l.name);
        ax_json_str(&j, l.value);
    }
    if (!ax_str_eq(n->tenant, AX_STR("default")) &&
        ax_labels_get(n->c->labels, AX_STR("tenant")).n == 0) {
        ax_json_key(&j, "tenant");
        ax_json_str(&j, n->tenant);
    }
    ax_json_end(&j);
    struct ax_str s = ax_arena_str(n->a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

static struct ax_str metrics_json(const struct news *n)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_arr(&j);
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_str(&j, n->rule);
    ax_json_key(&j, "dimensions");
    ax_labels_json(&j, n->c->labels);
    ax_json_end(&j);
    ax_json_end(&j);
    struct ax_str s = ax_arena_str(n->a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

static struct ax_str severity_of(struct ax_labels labels)
{
    struct ax_str s = ax_labels_get(labels, AX_STR("severity"));
    return ax_str_eq(s, AX_STR("critical")) || ax_str_eq(s, AX_STR("page")) ? AX_STR("CRITICAL")
           : ax_str_eq(s, AX_STR("error")) || ax_str_eq(s, AX_STR("high"))  ? AX_STR("HIGH")
           : ax_str_eq(s, AX_STR("info")) || ax_str_eq(s, AX_STR("none"))   ? AX_STR("LOW")
                                                                            : AX_STR("MEDIUM");
}

static struct ax_str alarm_id(const struct news *n)
{
    struct ax_str tail = {n->key.p + n->key.n - 16, 16};
    return ax_arena_printf(n->a, "rule-%016llx-%.*s",
                           (unsigned long long)ax_hash(n->key.p, n->key.n), AX_STR_ARG(tail));
}

static struct ax_notice notice_of(const struct news *n)
{
    const struct ax_change *c = n->c;
    bool fires = c->kind != AX_CHANGE_RESOLVED;
    struct ax_str description = annotation(c, "description", n->a);
    struct ax_notice x = {
        .tenant = n->tenant,
        .alarm = alarm_id(n),
        .name = n->rule,
        .description = description.n ? description : c->summary,
        .severity = severity_of(c->labels),
        .state = fires ? AX_STR("ALARM") : AX_STR("OK"),
        .old_state = fires ? AX_STR("OK") : AX_STR("ALARM"),
        .reason =
            fires ? c->summary : ax_arena_printf(n->a, "resolved: %.*s", AX_STR_ARG(c->summary)),
        .time = fires ? c->fired_at : c->time,
        .since = fires ? 0 : c->fired_at,
        .metrics = metrics_json(n),
        .labels = labels_json(n),
        .annotations = c->annotations,
    };
    if (n->query.n && n->al->url[0]) {
        struct ax_buf link = AX_BUF_INIT;
        ax_link_expression(ax_str(n->al->url), n->query, true, &link);
        x.link = ax_arena_str(n->a, ax_buf_view(&link));
        ax_buf_free(&link);
    }
    return x;
}

static int notify(const struct news *n, struct ax_err *err)
{
    struct ax_notify *out = n->al->o.notify;
    struct ax_str names[METHODS_MAX];
    bool worded = n->c->kind == AX_CHANGE_WORDED;
    if (!out || (worded && !ax_notify_has_alertmanagers(out)))
        return 0;
    struct ax_notice x = notice_of(n);
    if (worded)
        return ax_notify_reword(out, n->tenant, x.alarm, x.annotations, err);
    return ax_notify_queue_rule(out, names, methods_of(n->c, n->a, names), &x, err);
}

/* Events of one time are a millisecond apart: one resource may have several, and the registry takes
 * two with the same time, type and word for one. */
static int write_news(const struct news *n, struct ax_str value, int64_t event, struct ax_err *err)
{
    bool tells = n->c->kind == AX_CHANGE_FIRING || n->c->kind == AX_CHANGE_RESOLVED;
    int rc = ax_registry_put_within(n->al->o.registry, n->key, value, err);
    if (rc == 0 && tells)
        rc = add_event(n, event, err);
    return rc == 0 && n->c->kind != AX_CHANGE_KEPT ? notify(n, err) : rc;
}

/* Where each alarm of a watch is. */
static void find_alarms(const struct ax_watch *w, struct ax_map *out)
{
    for (size_t i = 0; i < w->n; i++)
        ax_map_put(out, w->alarms[i].labels.bytes, i);
}

static int write_change(struct ax_alarms *al, const struct ax_group *g, const struct ax_watch *w,
                        const struct ax_map *alarms, size_t i, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf key = AX_BUF_INIT, value = AX_BUF_INIT;
    const struct ax_change *c = &w->owed.v[i];
    uint64_t at;
    bool there = !c->gone && ax_map_get(alarms, c->labels.bytes, &at);
    ax_keep_key(g->rules, w->rule, c->labels, &key);
    if (there)
        ax_keep_describe(&w->alarms[at], &value);
    struct news n = {.al = al,
                     .key = ax_buf_view(&key),
                     .tenant = g->rules->tenant,
                     .rule = w->rule->name,
                     .query = w->rule->query,
                     .c = c,
                     .a = &a};
    int rc = write_news(&n, there ? ax_buf_view(&value) : AX_STR_NULL, c->time + (int64_t)i, err);
    ax_buf_free(&key);
    ax_buf_free(&value);
    ax_arena_free(&a);
    return rc;
}

static void wake(struct ax_alarms *al)
{
    if (al->o.notify)
        ax_notify_wake(al->o.notify);
}

/* One transaction. */
static int write_some(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w,
                      const struct ax_map *alarms, int *changes, struct ax_err *err)
{
    size_t i = w->owed.done;
    int told = 0, rc = ax_sql_begin(al->o.sql, err);
    if (rc < 0)
        return rc;
    for (; rc == 0 && i < w->owed.n && i < w->owed.done + AT_ONCE; i++) {
        enum ax_change_kind kind = w->owed.v[i].kind;
        rc = write_change(al, g, w, alarms, i, err);
        told += kind == AX_CHANGE_FIRING || kind == AX_CHANGE_RESOLVED;
    }
    rc = ax_sql_end(al->o.sql, rc, err);
    if (rc < 0)
        return rc;
    w->owed.done = i;
    *changes += told;
    wake(al);
    return 0;
}

int ax_settle(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w, int *changes,
              struct ax_err *err)
{
    struct ax_map alarms = AX_MAP_INIT;
    int rc = 0;
    if (w->owed.n == 0)
        return 0;
    find_alarms(w, &alarms);
    while (rc == 0 && w->owed.done < w->owed.n)
        rc = write_some(al, g, w, &alarms, changes, err);
    ax_map_free(&alarms);
    if (rc == 0) {
        ax_arena_free(&w->owed.arena);
        w->owed = (struct ax_changes){0};
    }
    return rc;
}

static int tell_again(struct ax_alarms *al, const struct ax_group *g, const struct ax_watch *w,
                      const struct ax_alarm *alarm, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf key = AX_BUF_INIT;
    struct ax_change c = {.kind = AX_CHANGE_FIRING,
                          .labels = alarm->labels,
                          .summary = ax_str(alarm->summary),
                          .annotations = ax_str(alarm->annotations),
                          .time = alarm->fired_at,
                          .fired_at = alarm->fired_at};
    ax_keep_key(g->rules, w->rule, alarm->labels, &key);
    struct news n = {.al = al,
                     .key = ax_buf_view(&key),
                     .tenant = g->rules->tenant,
                     .rule = w->rule->name,
                     .query = w->rule->query,
                     .c = &c,
                     .a = &a};
    struct ax_notice x = notice_of(&n);
    int rc = ax_notify_queue_again(al->o.notify, &x, err);
    ax_buf_free(&key);
    ax_arena_free(&a);
    return rc;
}

int ax_settle_again(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w,
                    struct ax_err *err)
{
    if (w->n == 0 || !al->o.notify || !ax_notify_has_alertmanagers(al->o.notify))
        return 0;
    int rc = ax_sql_begin(al->o.sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < w->n && rc == 0; i++)
        if (w->alarms[i].state == AX_ALARM_FIRING)
            rc = tell_again(al, g, w, &w->alarms[i], err);
    rc = ax_sql_end(al->o.sql, rc, err);
    wake(al);
    return rc;
}

int ax_settle_orphan(struct ax_alarms *al, const struct ax_kv *kept, int64_t now,
                     struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_alarm alarm = {0};
    bool ours = ax_keep_read(kept->value, &a, &alarm);
    bool fired = ours && alarm.state == AX_ALARM_FIRING;
    struct ax_change c = {.kind = fired ? AX_CHANGE_RESOLVED : AX_CHANGE_KEPT,
                          .labels = alarm.labels,
                          .summary = ax_str(alarm.summary),
                          .annotations = ax_str(alarm.annotations),
                          .time = now,
                          .fired_at = alarm.fired_at};
    struct news n = {.al = al, .key = kept->key, .tenant = tenant_of(kept->key), .c = &c, .a = &a};
    if (ours)
        n.rule = ax_labels_get(alarm.labels, AX_STR("alertname"));
    int rc = ax_sql_begin(al->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(al->o.sql, write_news(&n, AX_STR_NULL, now, err), err);
    wake(al);
    ax_arena_free(&a);
    return rc;
}
