// SPDX-License-Identifier: Apache-2.0
/* What changed, into the database: the state, so that a restart knows it, an event for the history,
 * a notification. What belongs to one change is one transaction: nobody is told what is not kept,
 * and nothing is kept untold. */
#include "alarm/inner.h"

#define AT_ONCE 200 /* changes of a transaction: others wait for it */

/* The tenant whose entry it is. */
static struct ax_str tenant_of(struct ax_str key)
{
    struct ax_str rest = key, tenant;
    ax_str_cut(&rest, '/', &tenant);
    ax_str_cut(&rest, '/', &tenant);
    return tenant;
}

/* A fault's severity has three words. */
static struct ax_str fault_severity(struct ax_labels labels)
{
    struct ax_str s = ax_news_severity(labels);
    return ax_str_eq(s, AX_STR("LOW"))      ? AX_STR("info")
           : ax_str_eq(s, AX_STR("MEDIUM")) ? AX_STR("warning")
                                            : AX_STR("critical");
}

static int add_event(const struct ax_news *n, int64_t time, struct ax_err *err)
{
    bool firing = n->c->kind == AX_CHANGE_FIRING;
    struct ax_event e = {
        .time = time,
        .handle = ax_news_handle(n->c->labels, n->a),
        .type = AX_STR("alarm"),
        .what = firing ? AX_STR("firing") : AX_STR("resolved"),
        .detail = n->rule,
        .text = firing ? n->c->summary
                       : ax_arena_printf(n->a, "resolved: %.*s", AX_STR_ARG(n->c->summary)),
        .severity = fault_severity(n->c->labels),
    };
    return ax_registry_add_event_within(n->al->o.registry, n->tenant, &e, err);
}

/* Events of one time are a millisecond apart: one resource may have several, and the registry takes
 * two with the same time, type and word for one. */
static int write_news(const struct ax_news *n, struct ax_str value, int64_t event,
                      struct ax_err *err)
{
    bool tells = n->c->kind == AX_CHANGE_FIRING || n->c->kind == AX_CHANGE_RESOLVED;
    int rc = ax_registry_put_within(n->al->o.registry, n->key, value, err);
    if (rc == 0 && tells)
        rc = add_event(n, event, err);
    return rc == 0 && n->c->kind != AX_CHANGE_KEPT ? ax_news_notify(n, err) : rc;
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
    struct ax_news n = {.al = al,
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
    ax_registry_committed(al->o.registry);
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
    struct ax_news n = {.al = al,
                        .key = ax_buf_view(&key),
                        .tenant = g->rules->tenant,
                        .rule = w->rule->name,
                        .query = w->rule->query,
                        .c = &c,
                        .a = &a};
    struct ax_notice x = ax_news_notice(&n, true);
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
    struct ax_news n = {
        .al = al, .key = kept->key, .tenant = tenant_of(kept->key), .c = &c, .a = &a};
    if (ours)
        n.rule = ax_labels_get(alarm.labels, AX_STR("alertname"));
    int rc = ax_sql_begin(al->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(al->o.sql, write_news(&n, AX_STR_NULL, now, err), err);
    wake(al);
    ax_arena_free(&a);
    return rc;
}
