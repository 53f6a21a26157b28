// SPDX-License-Identifier: Apache-2.0
/* Incidents: alarms with one root. The root is the resource that an alarm is about, or its host
 * when that is down; a dead host is one incident, and each method is told once of it.
 *
 *     host down --first alarm--> open --told once per method--> the others held --host up--> ended
 *     any other root: open while one of its alarms is in ALARM; nothing is held */
#include "dispatch/inner.h"

#define LIST_MAX   1000
#define ALARMS_MAX 1000 /* shown of one incident */

static bool is_down(struct ax_str state)
{
    return ax_str_eq(state, AX_STR("down"));
}

static struct ax_incident_root root_of(const struct ax_subject *s, const struct ax_place *p)
{
    bool down = is_down(p->host_state);
    struct ax_str name = down ? p->host_name : p->name;
    struct ax_str handle = down ? p->host : p->handle.n ? p->handle : s->handle;
    return (struct ax_incident_root){
        .handle = handle, .name = name.n ? name : handle, .down = down};
}

/* The open one of the root; *id empty when there is none. */
static int find(struct ax_dispatch *d, struct ax_str tenant, struct ax_str root, bool *down,
                struct ax_arena *a, struct ax_str *id, struct ax_err *err)
{
    struct ax_stmt q;
    *id = AX_STR_NULL;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT id, down FROM incident WHERE tenant = ? AND root = ? AND ended = 0");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, root);
    if (ax_stmt_row(&q)) {
        *id = ax_arena_str(a, ax_stmt_col(&q, 0));
        *down = ax_stmt_col_int(&q, 1) != 0;
    }
    return ax_stmt_end(&q, "reading incidents in", err);
}

static int begin(struct ax_dispatch *d, struct ax_str tenant, const struct ax_incident_root *root,
                 struct ax_arena *a, struct ax_str *id, struct ax_err *err)
{
    struct ax_stmt q;
    char made[AX_UUID_TEXT + 1];
    ax_dispatch_id(made);
    *id = ax_arena_str(a, ax_str(made));
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT INTO incident(id, tenant, root, name, down, since, ended) "
                  "VALUES(?, ?, ?, ?, ?, ?, 0)");
    ax_stmt_str(&q, *id);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, root->handle);
    ax_stmt_str(&q, root->name);
    ax_stmt_int(&q, root->down);
    ax_stmt_int(&q, ax_dispatch_now(d));
    return ax_stmt_run(&q, "writing an incident to", err);
}

/* The host had alarms, and went down. */
static int mark_down(struct ax_dispatch *d, struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "UPDATE incident SET down = 1 WHERE id = ?");
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing an incident to", err);
}

static int join(struct ax_dispatch *d, struct ax_str id, const struct ax_subject *s,
                struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT OR IGNORE INTO incident_alarm(incident, alarm, name) VALUES(?, ?, ?)");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, s->x.alarm);
    ax_stmt_str(&q, s->x.name);
    return ax_stmt_run(&q, "writing an incident to", err);
}

int ax_incident_of(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_place *place,
                   struct ax_arena *a, struct ax_incident_root *out, struct ax_err *err)
{
    bool down;
    *out = (struct ax_incident_root){0};
    if (!s->handle.n)
        return 0;
    *out = root_of(s, place);
    int rc = find(d, s->x.tenant, out->handle, &down, a, &out->id, err);
    bool fires = ax_str_eq(s->x.state, AX_STR("ALARM"));
    bool belongs = fires || (out->down && !ax_str_eq(s->x.state, AX_STR("OK")));
    if (rc < 0 || !belongs)
        return rc;
    if (!out->id.n)
        rc = begin(d, s->x.tenant, out, a, &out->id, err);
    else if (out->down && !down)
        rc = mark_down(d, out->id, err);
    return rc < 0 ? rc : join(d, out->id, s, err);
}

int ax_incident_told(struct ax_dispatch *d, struct ax_str id, struct ax_str method,
                     struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "SELECT 1 FROM incident_told WHERE incident = ? AND method = ?");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, method);
    bool told = ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading incidents in", err);
    return rc < 0 ? rc : told;
}

int ax_incident_tell(struct ax_dispatch *d, struct ax_str id, struct ax_str method,
                     struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT OR IGNORE INTO incident_told(incident, method) VALUES(?, ?)");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, method);
    return ax_stmt_run(&q, "writing an incident to", err);
}

/* ---- their end ---- */

static int end_one(struct ax_dispatch *d, struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "UPDATE incident SET ended = ? WHERE id = ?");
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing an incident to", err);
}

/* Hosts that are not down any more, or not there any more. */
static int end_down(struct ax_dispatch *d, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_stmt q;
    int rc = 0;
    ax_stmt_begin(&q, d->o.sql, "SELECT id, tenant, root FROM incident WHERE ended = 0 AND down");
    while (rc == 0 && ax_stmt_row(&q)) {
        struct ax_place p;
        struct ax_str id = ax_arena_str(&a, ax_stmt_col(&q, 0));
        rc = ax_registry_place(d->o.registry, ax_stmt_col(&q, 1), ax_stmt_col(&q, 2), &a, &p, err);
        if (rc == 0 && !is_down(p.state))
            rc = end_one(d, id, err);
    }
    int end = ax_stmt_end(&q, "reading incidents in", err);
    ax_arena_free(&a);
    return rc < 0 ? rc : end;
}

int ax_incidents_end(struct ax_dispatch *d, struct ax_err *err)
{
    int rc = end_down(d, err);
    if (rc < 0 || !d->resolved)
        return rc;
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "UPDATE incident SET ended = ? WHERE ended = 0 AND NOT down AND NOT EXISTS("
                  "SELECT 1 FROM incident_alarm m JOIN dispatch_alarm a ON a.alarm = m.alarm "
                  "WHERE m.incident = incident.id AND a.state = 'ALARM')");
    ax_stmt_int(&q, ax_dispatch_now(d));
    rc = ax_stmt_run(&q, "writing incidents to", err);
    d->resolved = rc < 0;
    return rc;
}

/* ---- reading ---- */

static int read_alarms(struct ax_dispatch *d, struct ax_incident *x, struct ax_arena *a,
                       struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_incident_alarm *v = NULL;
    size_t n = 0, cap = 0;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT m.alarm, m.name, ifnull(a.state, '') FROM incident_alarm m "
                  "LEFT JOIN dispatch_alarm a ON a.alarm = m.alarm WHERE m.incident = ? "
                  "ORDER BY m.name, m.alarm LIMIT ?");
    ax_stmt_str(&q, x->id);
    ax_stmt_int(&q, ALARMS_MAX);
    while (ax_stmt_row(&q)) {
        if (n == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, (2 * cap + 4) * sizeof *v);
            cap = 2 * cap + 4;
        }
        v[n++] = (struct ax_incident_alarm){ax_arena_str(a, ax_stmt_col(&q, 0)),
                                            ax_arena_str(a, ax_stmt_col(&q, 1)),
                                            ax_arena_str(a, ax_stmt_col(&q, 2))};
    }
    x->alarms = v;
    x->nalarms = n;
    return ax_stmt_end(&q, "reading incidents in", err);
}

static int count_held(struct ax_dispatch *d, struct ax_str tenant, struct ax_incident *x,
                      struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT count(*) FROM dispatch_word "
                  "WHERE held > 0 AND why = ? AND tenant = ? AND ref = ?");
    ax_stmt_int(&q, AX_HOLD_INCIDENT);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, x->id);
    x->held = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "counting in", err);
}

static int complete(struct ax_dispatch *d, struct ax_str tenant, struct ax_incident *x,
                    struct ax_arena *a, struct ax_err *err)
{
    struct ax_place p;
    int rc = ax_registry_place(d->o.registry, tenant, x->root, a, &p, err);
    if (rc == 0)
        rc = read_alarms(d, x, a, err);
    if (rc == 0)
        rc = count_held(d, tenant, x, err);
    if (rc == 0)
        x->state = p.state;
    return rc;
}

static int count(struct ax_dispatch *d, struct ax_str tenant, bool open, uint64_t *total,
                 struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT count(*) FROM incident WHERE tenant = ? AND (ended = 0 OR NOT ?)");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, open);
    *total = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "counting in", err);
}

int ax_incident_list(struct ax_dispatch *d, struct ax_str tenant, bool open, uint32_t limit,
                     uint32_t offset, struct ax_arena *a, struct ax_incident **out, size_t *n,
                     uint64_t *total, struct ax_err *err)
{
    struct ax_stmt q;
    size_t have = 0, most = limit && limit < LIST_MAX ? limit : LIST_MAX;
    struct ax_incident *v = AX_NEWS(a, struct ax_incident, most);
    ax_sql_lock(d->o.sql);
    int rc = count(d, tenant, open, total, err);
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT id, root, name, since, ended, (SELECT count(*) FROM incident_alarm m "
                  "WHERE m.incident = incident.id) FROM incident WHERE tenant = ? AND (ended = 0 "
                  "OR NOT ?) ORDER BY ended > 0, since DESC, id LIMIT ? OFFSET ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, open);
    ax_stmt_int(&q, (int64_t)most);
    ax_stmt_int(&q, offset);
    while (rc == 0 && have < most && ax_stmt_row(&q)) {
        v[have] = (struct ax_incident){.id = ax_arena_str(a, ax_stmt_col(&q, 0)),
                                       .root = ax_arena_str(a, ax_stmt_col(&q, 1)),
                                       .name = ax_arena_str(a, ax_stmt_col(&q, 2)),
                                       .since = ax_stmt_col_int(&q, 3),
                                       .ended = ax_stmt_col_int(&q, 4),
                                       .total = (uint64_t)ax_stmt_col_int(&q, 5)};
        rc = complete(d, tenant, &v[have++], a, err);
    }
    int end = ax_stmt_end(&q, "reading incidents in", err);
    ax_sql_unlock(d->o.sql);
    if (rc < 0 || end < 0)
        return rc < 0 ? rc : end;
    *out = v;
    *n = have;
    return 0;
}
