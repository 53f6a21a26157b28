// SPDX-License-Identifier: Apache-2.0
/* What a collector saw becomes what is known. */
#include "registry/inner.h"

#include <errno.h>
#include <string.h>

/* What the registry knows of a handle before an observation. */
struct known {
    bool there;
    struct ax_str state, name, tenant;
    int64_t since, last_seen, gone;
};

static int look_up(struct ax_registry *r, struct ax_str handle, struct ax_arena *a, struct known *k,
                   struct ax_err *err)
{
    struct ax_stmt q;
    *k = (struct known){0};
    ax_stmt_begin(&q, r->sql,
                  "SELECT state, name, since, last_seen, gone, tenant FROM resource WHERE handle "
                  "= ?");
    ax_stmt_str(&q, handle);
    if (ax_stmt_row(&q)) {
        k->there = true;
        k->state = ax_arena_str(a, ax_stmt_col(&q, 0));
        k->name = ax_arena_str(a, ax_stmt_col(&q, 1));
        k->since = ax_stmt_col_int(&q, 2);
        k->last_seen = ax_stmt_col_int(&q, 3);
        k->gone = ax_stmt_col_int(&q, 4);
        k->tenant = ax_arena_str(a, ax_stmt_col(&q, 5));
    }
    return ax_stmt_end(&q, "reading", err);
}

/* A handle is the tenant's who told of it first: others must not change what is known of it. */
static int belongs_to(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                      struct ax_arena *a, struct known *k, struct ax_err *err)
{
    int rc = look_up(r, handle, a, k, err);
    if (rc == 0 && k->there && !ax_str_eq(k->tenant, tenant))
        rc = ax_fail(err, -EPERM, "%.*s is another tenant's", AX_STR_ARG(handle));
    return rc;
}

/* Time of the newest lifecycle event of a handle since `after`, 0 = none: the change of state that
 * a round finds was then told already, the moment it happened. */
static int64_t told_at(struct ax_registry *r, struct ax_str handle, int64_t after)
{
    struct ax_stmt q;
    ax_stmt_begin(
        &q, r->sql,
        "SELECT max(time) FROM event WHERE handle = ? AND type = 'lifecycle' AND time >= ?");
    ax_stmt_str(&q, handle);
    ax_stmt_int(&q, after);
    int64_t t = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    ax_stmt_end(&q, "reading", NULL);
    return t;
}

static int tell(struct ax_registry *r, struct ax_str tenant, int64_t time, struct ax_str handle,
                struct ax_str what, struct ax_str detail, struct ax_str text, struct ax_err *err)
{
    struct ax_event e = {.time = time,
                         .handle = handle,
                         .type = AX_STR("state"),
                         .what = what,
                         .detail = detail,
                         .text = text};
    return ax_registry_store_event(r, tenant, &e, err);
}

/* The event that a difference between known and seen calls for, if any. */
static int tell_change(struct ax_registry *r, struct ax_str tenant, const struct known *k,
                       const struct ax_resource *seen, int64_t time, int64_t told,
                       struct ax_arena *a, struct ax_err *err)
{
    const char *kind = ax_kind_name(seen->kind);
    if (!k->there)
        return tell(r, tenant, time, seen->handle, AX_STR("discovered"), seen->state,
                    ax_arena_printf(a, "%s %.*s was seen for the first time, %.*s", kind,
                                    AX_STR_ARG(seen->name), AX_STR_ARG(seen->state)),
                    err);
    if (k->gone)
        return tell(r, tenant, time, seen->handle, AX_STR("returned"), seen->state,
                    ax_arena_printf(a, "%s %.*s is back, %.*s", kind, AX_STR_ARG(seen->name),
                                    AX_STR_ARG(seen->state)),
                    err);
    if (k->name.n && !ax_str_eq(k->name, seen->name)) {
        int rc = tell(r, tenant, time, seen->handle, AX_STR("renamed"), k->name,
                      ax_arena_printf(a, "%s %.*s is now called %.*s", kind, AX_STR_ARG(k->name),
                                      AX_STR_ARG(seen->name)),
                      err);
        if (rc < 0)
            return rc;
    }
    bool lost = ax_str_eq(k->state, AX_STR("unknown")); /* nothing told what it is now */
    if (ax_str_eq(k->state, seen->state) || (told && !lost))
        return 0;
    return tell(r, tenant, time, seen->handle, seen->state, seen->reason,
                ax_arena_printf(a, "%s %.*s went from %.*s to %.*s%s%.*s%s", kind,
                                AX_STR_ARG(seen->name), AX_STR_ARG(k->state),
                                AX_STR_ARG(seen->state), seen->reason.n ? " (" : "",
                                AX_STR_ARG(seen->reason), seen->reason.n ? ")" : ""),
                err);
}

static int upsert(struct ax_registry *r, struct ax_str tenant, struct ax_str host,
                  const struct ax_resource *x, int64_t since, int64_t time, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, r->sql,
                  "INSERT INTO resource(handle, kind, name, tenant, host, state, reason, since, "
                  "first_seen, last_seen, gone, attributes) "
                  "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 0, ?10) "
                  "ON CONFLICT(handle) DO UPDATE SET name = ?3, host = ?5, state = ?6, "
                  "reason = ?7, since = ?8, last_seen = ?9, gone = 0, attributes = ?10");
    ax_stmt_str(&q, x->handle);
    ax_stmt_str(&q, ax_str(ax_kind_name(x->kind)));
    ax_stmt_str(&q, x->name);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, x->kind == AX_KIND_HOST ? AX_STR_NULL : host);
    ax_stmt_str(&q, x->state);
    ax_stmt_str(&q, x->reason);
    ax_stmt_int(&q, since);
    ax_stmt_int(&q, time);
    ax_stmt_str(&q, x->attributes.n ? x->attributes : AX_STR("{}"));
    return ax_stmt_run(&q, "writing a resource to", err);
}

static int take_resource(struct ax_registry *r, struct ax_str tenant,
                         const struct ax_observation *o, const struct ax_resource *x,
                         struct ax_arena *a, struct ax_err *err)
{
    struct known k;
    int rc = belongs_to(r, tenant, x->handle, a, &k, err);
    if (rc < 0 || (k.there && k.last_seen > o->time))
        return rc; /* late news of what is known better */
    int64_t told = k.there ? told_at(r, x->handle, k.last_seen) : 0;
    rc = tell_change(r, tenant, &k, x, o->time, told, a, err);
    if (rc < 0)
        return rc;
    bool same = k.there && !k.gone && ax_str_eq(k.state, x->state);
    int64_t since = same ? k.since : x->since ? x->since : told ? told : o->time;
    return upsert(r, tenant, o->host, x, since, o->time, err);
}

/* Resources of a kind that this host had and that a complete list no longer shows. */
static int bury_missing(struct ax_registry *r, struct ax_str tenant, const struct ax_observation *o,
                        enum ax_kind kind, struct ax_err *err)
{
    static const char *const statements[] = {
        "INSERT OR IGNORE INTO event(time, tenant, handle, type, what, detail, text) "
        "SELECT ?1, tenant, handle, 'state', 'deleted', state, "
        "kind || ' ' || name || ' is gone' FROM resource "
        "WHERE host = ?2 AND kind = ?3 AND gone = 0 AND last_seen < ?1 AND tenant = ?4",
        "UPDATE resource SET state = 'deleted', reason = '', since = ?1, gone = ?1 "
        "WHERE host = ?2 AND kind = ?3 AND gone = 0 AND last_seen < ?1 AND tenant = ?4",
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, r->sql, statements[i]);
        ax_stmt_int(&q, o->time);
        ax_stmt_str(&q, o->host);
        ax_stmt_str(&q, ax_str(ax_kind_name(kind)));
        ax_stmt_str(&q, tenant);
        int rc = ax_stmt_run(&q, "writing", err);
        if (rc < 0)
            return rc;
        ax_registry_wrote(r);
    }
    return 0;
}

/* A lifecycle event changes the state at once; the next round only confirms it. */
static int take_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                      struct ax_arena *a, struct ax_err *err)
{
    static const struct {
        const char *what, *state;
    } to_state[] = {{"started", "running"},      {"resumed", "running"},   {"suspended", "paused"},
                    {"stopped", "shutoff"},      {"shutdown", "shutdown"}, {"crashed", "crashed"},
                    {"pmsuspended", "suspended"}};
    struct known k;
    int rc = belongs_to(r, tenant, e->handle, a, &k, err);
    if (rc == 0)
        rc = ax_registry_store_event(r, tenant, e, err);
    if (rc < 0 || !ax_str_eq(e->type, AX_STR("lifecycle")))
        return rc;
    for (size_t i = 0; i < AX_ARRAY_LEN(to_state); i++) {
        if (!ax_str_eq(e->what, ax_str(to_state[i].what)))
            continue;
        struct ax_stmt q;
        ax_stmt_begin(&q, r->sql,
                      "UPDATE resource SET since = iif(state = ?1, since, ?2), state = ?1, "
                      "reason = ?3, last_seen = max(last_seen, ?2) "
                      "WHERE handle = ?4 AND gone = 0 AND last_seen <= ?2");
        ax_stmt_str(&q, ax_str(to_state[i].state));
        ax_stmt_int(&q, e->time);
        ax_stmt_str(&q, e->detail);
        ax_stmt_str(&q, e->handle);
        return ax_stmt_run(&q, "writing", err);
    }
    return 0;
}

int ax_registry_observe(struct ax_registry *r, struct ax_str tenant, const struct ax_observation *o,
                        struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    int rc = ax_sql_begin(r->sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < o->nevents; i++)
        rc = take_event(r, tenant, &o->events[i], &a, err);
    for (size_t i = 0; rc == 0 && i < o->nresources; i++)
        rc = take_resource(r, tenant, o, &o->resources[i], &a, err);
    for (int k = 0; rc == 0 && k < AX_KIND_COUNT; k++)
        if (o->complete[k])
            rc = bury_missing(r, tenant, o, (enum ax_kind)k, err);
    ax_arena_free(&a);
    return ax_registry_end(r, rc, err);
}

#define SILENT "kind = 'host' AND gone = 0 AND state != 'down' AND last_seen < ?2"
#define STRANDED                                                                                   \
    "kind = 'vm' AND gone = 0 AND state IN ('running', 'blocked', 'paused', 'suspended') "         \
    "AND host IN (SELECT handle FROM resource WHERE " SILENT ")"

/* What is on a host that nobody hears of may run or not: it must not be shown as running. */
int ax_registry_expire(struct ax_registry *r, int64_t now, int64_t deadline, struct ax_err *err)
{
    static const char *const statements[] = {
        "INSERT OR IGNORE INTO event(time, tenant, handle, type, what, detail, text) "
        "SELECT ?1, tenant, handle, 'state', 'unknown', 'host-silent', "
        "'vm ' || name || ' was ' || state || ', and its host has not reported' "
        "FROM resource WHERE " STRANDED,
        "UPDATE resource SET state = 'unknown', reason = 'host-silent', since = ?1 "
        "WHERE " STRANDED,
        "INSERT OR IGNORE INTO event(time, tenant, handle, type, what, detail, text) "
        "SELECT ?1, tenant, handle, 'state', 'down', 'silent', "
        "'host ' || name || ' has not reported' FROM resource WHERE " SILENT,
        ("UPDATE resource SET state = 'down', reason = 'silent', since = ?1 WHERE " SILENT),
    };
    int rc = ax_sql_begin(r->sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, r->sql, statements[i]);
        ax_stmt_int(&q, now);
        ax_stmt_int(&q, deadline);
        rc = ax_stmt_run(&q, "writing", err);
        ax_registry_wrote(r);
    }
    return ax_registry_end(r, rc, err);
}
