// SPDX-License-Identifier: Apache-2.0
/* Maintenance: a resource that is down on purpose, with all that is on it, raises nothing. */
#include "dispatch/inner.h"

#include <errno.h>

#define SHOWN(s) (int)((s).n < 100 ? (s).n : 100), (s).p

void ax_maintenance_column(struct ax_stmt *q, struct ax_arena *a, struct ax_maintenance *m)
{
    *m = (struct ax_maintenance){.id = ax_arena_str(a, ax_stmt_col(q, 0)),
                                 .resource = ax_arena_str(a, ax_stmt_col(q, 1)),
                                 .comment = ax_arena_str(a, ax_stmt_col(q, 2)),
                                 .starts = ax_stmt_col_int(q, 3),
                                 .ends = ax_stmt_col_int(q, 4),
                                 .created = ax_stmt_col_int(q, 5)};
}

static int check(const struct ax_maintenance *m, int64_t now, struct ax_err *err)
{
    enum ax_kind kind;
    struct ax_str id;
    int rc = ax_handle_parse(m->resource, &kind, &id, err);
    if (rc < 0)
        return ax_err_wrap(err, "resource");
    if (m->starts >= m->ends)
        return ax_fail(err, -EINVAL, "the end must be after the start");
    return m->ends <= now ? ax_fail(err, -EINVAL, "the end is in the past") : 0;
}

static int insert(struct ax_dispatch *d, struct ax_str tenant, const struct ax_maintenance *m,
                  struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT INTO maintenance(tenant, phase, " AX_MAINTENANCE_COLUMNS ") "
                  "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE (SELECT count(*) FROM maintenance "
                  "WHERE tenant = ?1 AND ends > ?8) < ?9");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, m->starts > ax_dispatch_now(d) ? AX_WORK_NEW : AX_WORK_AHEAD);
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, m->resource);
    ax_stmt_str(&q, m->comment);
    ax_stmt_int(&q, m->starts);
    ax_stmt_int(&q, m->ends);
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_int(&q, AX_MAINTENANCES_MAX);
    int rc = ax_stmt_run(&q, "writing a maintenance to", err);
    return rc == 0 && ax_sql_changed(d->o.sql) == 0
               ? ax_fail(err, -EDQUOT, "there are %d maintenances already", AX_MAINTENANCES_MAX)
               : rc;
}

int ax_maintenance_add(struct ax_dispatch *d, struct ax_str tenant, const struct ax_maintenance *m,
                       char id[AX_UUID_TEXT + 1], struct ax_err *err)
{
    char made[AX_UUID_TEXT + 1];
    struct ax_maintenance x = *m;
    int64_t now = ax_dispatch_now(d);
    x.starts = x.starts < now ? now : x.starts;
    int rc = check(&x, now, err);
    if (rc == 0)
        rc = ax_sql_begin(d->o.sql, err);
    if (rc < 0)
        return rc;
    ax_dispatch_id(made);
    ax_book_changed(d, tenant);
    rc = ax_sql_end(d->o.sql, insert(d, tenant, &x, ax_str(made), err), err);
    if (rc == 0)
        memcpy(id, made, sizeof made);
    return rc;
}

/* One that has not begun never happened: it has no events, unless it was told that it would. */
static int end_one(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                   struct ax_err *err)
{
    struct ax_stmt q;
    int64_t ends = 0, now = ax_dispatch_now(d);
    ax_stmt_begin(&q, d->o.sql, "SELECT ends FROM maintenance WHERE id = ? AND tenant = ?");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, tenant);
    bool there = ax_stmt_row(&q);
    if (there)
        ends = ax_stmt_col_int(&q, 0);
    int rc = ax_stmt_end(&q, "reading", err);
    if (rc == 0 && !there)
        rc = ax_fail(err, -ENOENT, "there is no maintenance %.*s", SHOWN(id));
    if (rc == 0 && ends <= now)
        rc = ax_fail(err, -EALREADY, "maintenance %.*s is over already", SHOWN(id));
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, d->o.sql,
                  "UPDATE maintenance SET phase = iif(starts <= ?1, phase, iif(phase = ?2, ?3, "
                  "?4)), starts = min(starts, ?1), ends = ?1 WHERE id = ?5");
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, AX_WORK_NEW);
    ax_stmt_int(&q, AX_WORK_ENDED);
    ax_stmt_int(&q, AX_WORK_CALLED_OFF);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing a maintenance to", err);
}

int ax_maintenance_end(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                       struct ax_err *err)
{
    int rc = ax_sql_begin(d->o.sql, err);
    if (rc < 0)
        return rc;
    ax_book_changed(d, tenant);
    return ax_sql_end(d->o.sql, end_one(d, tenant, id, err), err);
}

int ax_maintenance_list(struct ax_dispatch *d, struct ax_str tenant, bool all, struct ax_arena *a,
                        struct ax_maintenance **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_maintenance *v = NULL;
    size_t have = 0, cap = 0;
    ax_sql_lock(d->o.sql);
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_MAINTENANCE_COLUMNS
                  " FROM maintenance WHERE tenant = ? AND (ends > ? OR ?) "
                  "ORDER BY starts, id");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_int(&q, all);
    while (ax_stmt_row(&q)) {
        if (have == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, (2 * cap + 16) * sizeof *v);
            cap = 2 * cap + 16;
        }
        ax_maintenance_column(&q, a, &v[have++]);
    }
    int rc = ax_stmt_end(&q, "reading maintenances in", err);
    ax_sql_unlock(d->o.sql);
    if (rc == 0) {
        *out = v;
        *n = have;
    }
    return rc;
}

int ax_book_read_maintenances(struct ax_dispatch *d, struct ax_book *b, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    b->works = NULL;
    b->nworks = 0;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_MAINTENANCE_COLUMNS
                  " FROM maintenance WHERE tenant = ? AND ends > ?");
    ax_stmt_str(&q, ax_str(b->tenant));
    ax_stmt_int(&q, ax_dispatch_now(d));
    while (ax_stmt_row(&q)) {
        if (b->nworks == cap) {
            b->works = ax_arena_grow(&b->arena, b->works, cap * sizeof *b->works,
                                     (2 * cap + 4) * sizeof *b->works);
            cap = 2 * cap + 4;
        }
        ax_maintenance_column(&q, &b->arena, &b->works[b->nworks++]);
    }
    return ax_stmt_end(&q, "reading maintenances in", err);
}
