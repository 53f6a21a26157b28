// SPDX-License-Identifier: Apache-2.0
#include "registry/inner.h"

int ax_registry_store_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                            struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, r->sql,
                  "INSERT OR IGNORE INTO event(time, tenant, handle, type, what, detail, text, "
                  "severity) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_int(&q, e->time);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, e->handle);
    ax_stmt_str(&q, e->type);
    ax_stmt_str(&q, e->what);
    ax_stmt_str(&q, e->detail);
    ax_stmt_str(&q, e->text);
    ax_stmt_str(&q, e->severity);
    int rc = ax_stmt_run(&q, "writing an event to", err);
    if (rc == 0)
        ax_registry_wrote(r);
    return rc;
}

int ax_registry_add_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                          struct ax_err *err)
{
    int rc = ax_sql_begin(r->sql, err);
    return rc < 0 ? rc : ax_registry_end(r, ax_registry_store_event(r, tenant, e, err), err);
}

int ax_registry_add_event_within(struct ax_registry *r, struct ax_str tenant,
                                 const struct ax_event *e, struct ax_err *err)
{
    return ax_registry_store_event(r, tenant, e, err);
}

static void read_event(struct ax_stmt *q, struct ax_arena *a, struct ax_event *e)
{
    *e = (struct ax_event){
        .id = ax_stmt_col_int(q, 0),
        .time = ax_stmt_col_int(q, 1),
        .handle = ax_arena_str(a, ax_stmt_col(q, 2)),
        .type = ax_arena_str(a, ax_stmt_col(q, 3)),
        .what = ax_arena_str(a, ax_stmt_col(q, 4)),
        .detail = ax_arena_str(a, ax_stmt_col(q, 5)),
        .text = ax_arena_str(a, ax_stmt_col(q, 6)),
    };
}

int ax_registry_events(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                       int64_t since, int64_t before, uint32_t limit, struct ax_arena *a,
                       struct ax_event **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_event *v = AX_NEWS(a, struct ax_event, limit);
    size_t count = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql,
                  "SELECT id, time, handle, type, what, detail, text FROM event "
                  "WHERE tenant = ?1 AND (?2 = '' OR handle = ?2) AND time > ?3 "
                  "AND (?4 = 0 OR (time, id) < (SELECT time, id FROM event WHERE id = ?4)) "
                  "ORDER BY time DESC, id DESC LIMIT ?5");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, handle);
    ax_stmt_int(&q, since);
    ax_stmt_int(&q, before);
    ax_stmt_int(&q, limit);
    while (count < limit && ax_stmt_row(&q))
        read_event(&q, a, &v[count++]);
    int rc = ax_stmt_end(&q, "reading events of", err);
    ax_sql_unlock(r->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}
