// SPDX-License-Identifier: Apache-2.0
/* Events in the order in which they were committed, for who goes on where they were. */
#include "registry/inner.h"

/* With the database's lock held. A transaction that is rolled back leaves a false alarm for the
 * next one, and no more. */
void ax_registry_wrote(struct ax_registry *r)
{
    if (ax_sql_changed(r->sql) > 0)
        atomic_store(&r->news, true);
}

void ax_registry_committed(struct ax_registry *r)
{
    if (!atomic_exchange(&r->news, false))
        return;
    pthread_mutex_lock(&r->lock);
    if (r->on_events)
        r->on_events(r->ctx);
    pthread_mutex_unlock(&r->lock);
}

int ax_registry_end(struct ax_registry *r, int rc, struct ax_err *err)
{
    rc = ax_sql_end(r->sql, rc, err);
    if (rc == 0)
        ax_registry_committed(r);
    return rc;
}

void ax_registry_on_events(struct ax_registry *r, void (*call)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&r->lock);
    r->on_events = call;
    r->ctx = ctx;
    pthread_mutex_unlock(&r->lock);
}

static void read_told(struct ax_stmt *q, struct ax_arena *a, struct ax_told *t)
{
    *t = (struct ax_told){
        .event = {.id = ax_stmt_col_int(q, 0),
                  .time = ax_stmt_col_int(q, 1),
                  .handle = ax_arena_str(a, ax_stmt_col(q, 2)),
                  .type = ax_arena_str(a, ax_stmt_col(q, 3)),
                  .what = ax_arena_str(a, ax_stmt_col(q, 4)),
                  .detail = ax_arena_str(a, ax_stmt_col(q, 5)),
                  .text = ax_arena_str(a, ax_stmt_col(q, 6)),
                  .severity = ax_arena_str(a, ax_stmt_col(q, 10))},
        .tenant = ax_arena_str(a, ax_stmt_col(q, 7)),
        .name = ax_arena_str(a, ax_stmt_col(q, 8)),
        .host = ax_arena_str(a, ax_stmt_col(q, 9)),
    };
}

int ax_registry_events_after(struct ax_registry *r, int64_t after, uint32_t limit,
                             struct ax_arena *a, struct ax_told **out, size_t *n,
                             struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_told *v = AX_NEWS(a, struct ax_told, limit);
    size_t count = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql,
                  "SELECT e.id, e.time, e.handle, e.type, e.what, e.detail, e.text, e.tenant, "
                  "coalesce(r.name, ''), coalesce(r.host, ''), e.severity FROM event e "
                  "LEFT JOIN resource r ON r.handle = e.handle AND r.tenant = e.tenant "
                  "WHERE e.id > ? ORDER BY e.id LIMIT ?");
    ax_stmt_int(&q, after);
    ax_stmt_int(&q, limit);
    while (count < limit && ax_stmt_row(&q))
        read_told(&q, a, &v[count++]);
    int rc = ax_stmt_end(&q, "reading events of", err);
    ax_sql_unlock(r->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}

int ax_registry_last_event(struct ax_registry *r, int64_t *id, struct ax_err *err)
{
    struct ax_stmt q;
    int64_t last = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql, "SELECT max(id) FROM event");
    if (ax_stmt_row(&q))
        last = ax_stmt_col_int(&q, 0);
    int rc = ax_stmt_end(&q, "reading events of", err);
    ax_sql_unlock(r->sql);
    if (rc == 0)
        *id = last;
    return rc;
}
