// SPDX-License-Identifier: Apache-2.0
/* One change in the tables. */
#include "alarm/stream/writing.h"

#include <errno.h>
#include <stdlib.h>

#define METRICS_MOST 200 /* of an alarm that history tells */

static void begin_alarm(struct ax_stmt *q, struct ax_writing *w, const char *text,
                        const struct ax_change_entry *e, char uuid[AX_UUID_TEXT + 1])
{
    ax_uuid_print(&e->alarm, uuid);
    ax_stmt_begin(q, w->s->o.sql, text);
}

static int write_created(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err)
{
    char uuid[AX_UUID_TEXT + 1];
    struct ax_stmt q;
    begin_alarm(&q, w,
                "INSERT OR IGNORE INTO alarm(id, tenant, definition, group_key, mask, state, "
                "subs, seen, until, state_updated, updated, created) "
                "SELECT ?1, tenant, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9 "
                "FROM alarm_definition WHERE id = ?2",
                e, uuid);
    ax_stmt_str(&q, ax_str(uuid));
    ax_stmt_str(&q, e->text[0]);
    ax_stmt_str(&q, e->text[1]);
    ax_stmt_int(&q, e->mask);
    ax_stmt_int(&q, e->state);
    ax_stmt_str(&q, e->text[2]);
    ax_stmt_int(&q, e->seen);
    ax_stmt_int(&q, e->until);
    ax_stmt_int(&q, e->at);
    return ax_stmt_run(&q, "writing an alarm to", err);
}

/* An alarm whose metrics are about one resource has its handle; "-" when they are about several. */
static int write_metric(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err)
{
    char uuid[AX_UUID_TEXT + 1];
    struct ax_stmt q;
    begin_alarm(&q, w,
                "INSERT OR IGNORE INTO alarm_metric(alarm, name, dimensions) "
                "SELECT id, ?2, ?3 FROM alarm WHERE id = ?1",
                e, uuid);
    ax_stmt_str(&q, ax_str(uuid));
    ax_stmt_str(&q, e->text[0]);
    ax_stmt_str(&q, e->text[1]);
    int rc = ax_stmt_run(&q, "writing a metric of an alarm to", err);
    if (rc < 0 || !e->text[2].n)
        return rc;
    begin_alarm(&q, w,
                "UPDATE alarm SET handle = CASE WHEN handle = '' THEN ?2 ELSE '-' END "
                "WHERE id = ?1 AND handle != ?2 AND handle != '-'",
                e, uuid);
    ax_stmt_str(&q, ax_str(uuid));
    ax_stmt_str(&q, e->text[2]);
    return ax_stmt_run(&q, "writing the resource of an alarm to", err);
}

static int write_subs(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err)
{
    char uuid[AX_UUID_TEXT + 1];
    struct ax_stmt q;
    begin_alarm(&q, w, "UPDATE alarm SET subs = ?2, seen = ?3, until = ?4 WHERE id = ?1", e, uuid);
    ax_stmt_str(&q, ax_str(uuid));
    ax_stmt_str(&q, e->text[0]);
    ax_stmt_int(&q, e->seen);
    ax_stmt_int(&q, e->until);
    return ax_stmt_run(&q, "writing an alarm to", err);
}

static int write_texts(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err)
{
    static const char *const texts[] = {
        "UPDATE alarm SET lifecycle_state = ?2, updated = ?3 WHERE id = ?1",
        "UPDATE alarm SET link = ?2, updated = ?3 WHERE id = ?1"};
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        char uuid[AX_UUID_TEXT + 1];
        struct ax_stmt q;
        if (!e->text[i].p)
            continue;
        begin_alarm(&q, w, texts[i], e, uuid);
        ax_stmt_str(&q, ax_str(uuid));
        ax_stmt_str(&q, e->text[i]);
        ax_stmt_int(&q, e->at);
        rc = ax_stmt_run(&q, "writing an alarm to", err);
    }
    return rc;
}

/* ---- transitions ---- */

/* A blank stands before the name: a filter looks for dimensions in this text, and one called "name"
 * must not be found in it. */
static int metrics_of(struct ax_writing *w, struct ax_str alarm, struct ax_str *out,
                      struct ax_err *err)
{
    struct ax_stmt q;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_stmt_begin(&q, w->s->o.sql,
                  "SELECT name, dimensions FROM alarm_metric WHERE alarm = ? LIMIT ?");
    ax_stmt_str(&q, alarm);
    ax_stmt_int(&q, METRICS_MOST);
    ax_json_arr(&j);
    while (ax_stmt_row(&q)) {
        ax_json_obj(&j);
        ax_json_key(&j, "name");
        ax_buf_byte(&text, ' ');
        ax_json_str(&j, ax_stmt_col(&q, 0));
        ax_json_key(&j, "dimensions");
        ax_json_raw(&j, ax_stmt_col(&q, 1));
        ax_json_end(&j);
    }
    ax_json_end(&j);
    *out = ax_arena_str(&w->arena, ax_buf_view(&text));
    return ax_stmt_end(&q, "reading metrics from", err);
}

/* The time, made unique in the tenant. */
static int history_id(struct ax_writing *w, struct ax_transition *t, struct ax_err *err)
{
    uint64_t newest;
    int rc = 0;
    if (!ax_map_get(&w->newest, t->tenant, &newest)) {
        struct ax_stmt q;
        ax_stmt_begin(&q, w->s->o.sql, "SELECT max(id) FROM alarm_history WHERE tenant = ?");
        ax_stmt_str(&q, t->tenant);
        newest = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
        rc = ax_stmt_end(&q, "reading the history in", err);
    }
    t->history = t->at > (int64_t)newest ? t->at : (int64_t)newest + 1;
    ax_map_put(&w->newest, t->tenant, (uint64_t)t->history);
    return rc;
}

static int write_history(struct ax_writing *w, const struct ax_transition *t, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->s->o.sql,
                  "INSERT INTO alarm_history(tenant, id, alarm, at, old, state, reason, metrics, "
                  "sub_alarms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, t->tenant);
    ax_stmt_int(&q, t->history);
    ax_stmt_str(&q, t->alarm);
    ax_stmt_int(&q, t->at);
    ax_stmt_int(&q, t->old);
    ax_stmt_int(&q, t->state);
    ax_stmt_str(&q, t->reason);
    ax_stmt_str(&q, t->metrics);
    ax_stmt_str(&q, t->sub_alarms);
    return ax_stmt_run(&q, "writing the history to", err);
}

/* The alarm and its definition as they are in the database; *found false when they are gone. */
static int read_alarm(struct ax_writing *w, const struct ax_change_entry *e,
                      struct ax_transition *t, bool *found, struct ax_err *err)
{
    char uuid[AX_UUID_TEXT + 1];
    struct ax_arena *a = &w->arena;
    struct ax_stmt q;
    begin_alarm(&q, w,
                "SELECT a.id, d.id, d.tenant, d.name, d.description, d.severity, "
                "d.actions_enabled, d.ok_actions, d.undetermined_actions, d.alarm_actions, "
                "a.lifecycle_state, a.link, a.handle, a.state_updated "
                "FROM alarm a JOIN alarm_definition d ON d.id = a.definition WHERE a.id = ?",
                e, uuid);
    ax_stmt_str(&q, ax_str(uuid));
    *found = ax_stmt_row(&q);
    if (*found) {
        *t = (struct ax_transition){
            .alarm = ax_arena_str(a, ax_stmt_col(&q, 0)),
            .definition = ax_arena_str(a, ax_stmt_col(&q, 1)),
            .tenant = ax_arena_str(a, ax_stmt_col(&q, 2)),
            .name = ax_arena_str(a, ax_stmt_col(&q, 3)),
            .description = ax_arena_str(a, ax_stmt_col(&q, 4)),
            .severity = (enum ax_severity)ax_stmt_col_int(&q, 5),
            .actions_enabled = ax_stmt_col_int(&q, 6) != 0,
            .actions = ax_unlines(ax_arena_str(a, ax_stmt_col(&q, 7 + e->state)), a),
            .lifecycle_state = ax_arena_str(a, ax_stmt_col(&q, 10)),
            .link = ax_arena_str(a, ax_stmt_col(&q, 11)),
            .handle = ax_arena_str(a, ax_stmt_col(&q, 12)),
            .old = (enum ax_state)e->old,
            .state = (enum ax_state)e->state,
            .at = e->at,
            .since = ax_stmt_col_int(&q, 13),
            .reason = e->text[0],
            .sub_alarms = e->text[1],
        };
    }
    return ax_stmt_end(&q, "reading an alarm from", err);
}

static int write_state(struct ax_writing *w, const struct ax_change_entry *e,
                       const struct ax_transition *t, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->s->o.sql,
                  "UPDATE alarm SET state = ?2, subs = ?3, seen = ?4, until = ?5, "
                  "state_updated = ?6, updated = ?6 WHERE id = ?1");
    ax_stmt_str(&q, t->alarm);
    ax_stmt_int(&q, e->state);
    ax_stmt_str(&q, e->text[2]);
    ax_stmt_int(&q, e->seen);
    ax_stmt_int(&q, e->until);
    ax_stmt_int(&q, e->at);
    return ax_stmt_run(&q, "writing an alarm to", err);
}

static void note_event(struct ax_writing *w, const struct ax_transition *t)
{
    if (!w->s->o.registry || !t->handle.n || ax_str_eq(t->handle, AX_STR("-")))
        return;
    if (!w->told)
        w->told = AX_NEWS(&w->arena, struct ax_event_told, AX_WRITE_MOST);
    static const char *const severities[] = {"info", "warning", "critical", "critical"};
    struct ax_str what = AX_STR("undetermined");
    if (t->state != AX_UNDETERMINED)
        what = t->state == AX_ALARM ? AX_STR("firing") : AX_STR("resolved");
    w->told[w->ntold++] = (struct ax_event_told){
        t->tenant,
        {.time = t->at,
         .handle = t->handle,
         .type = AX_STR("alarm"),
         .what = what,
         .detail = t->name,
         .severity = ax_str(severities[t->severity & 3]),
         .text = ax_arena_printf(&w->arena, "%.*s: %.*s", AX_STR_ARG(t->name),
                                 AX_STR_ARG(ax_arena_str(&w->arena, t->reason)))}};
}

static int write_transition(struct ax_writing *w, const struct ax_change_entry *e,
                            struct ax_err *err)
{
    struct ax_transition t;
    bool found;
    int rc = read_alarm(w, e, &t, &found, err);
    if (rc < 0 || !found)
        return rc;
    rc = metrics_of(w, t.alarm, &t.metrics, err);
    if (rc == 0)
        rc = history_id(w, &t, err);
    if (rc == 0)
        rc = write_state(w, e, &t, err);
    if (rc == 0)
        rc = write_history(w, &t, err);
    if (rc == 0 && w->s->o.transition)
        rc = w->s->o.transition(w->s->o.ctx, &t, err);
    w->transitions++;
    note_event(w, &t);
    return rc;
}

int ax_write_change(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err)
{
    switch (e->what) {
    case AX_CHANGE_CREATED: return write_created(w, e, err);
    case AX_CHANGE_METRIC: return write_metric(w, e, err);
    case AX_CHANGE_STATE: return write_transition(w, e, err);
    case AX_CHANGE_SUBS: return write_subs(w, e, err);
    case AX_CHANGE_TEXTS: return write_texts(w, e, err);
    }
    return 0;
}

void ax_write_events(struct ax_writing *w)
{
    for (size_t i = 0; i < w->ntold;) {
        struct ax_event events[AX_WRITE_MOST];
        size_t n = 0;
        struct ax_str tenant = w->told[i].tenant;
        for (; i < w->ntold && ax_str_eq(w->told[i].tenant, tenant); i++)
            events[n++] = w->told[i].event;
        struct ax_observation o = {.events = events, .nevents = n, .time = events[0].time};
        struct ax_err err = {0};
        if (ax_registry_observe(w->s->o.registry, tenant, &o, &err) < 0 && w->s->o.warn)
            w->s->o.warn(w->s->o.ctx, err.text);
    }
}
