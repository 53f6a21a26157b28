// SPDX-License-Identifier: Apache-2.0
/* What Monasca's senders say of single values. A row lives as long as its sample may. */
#include "registry/inner.h"

#define AT_ONCE 500 /* metrics in a transaction: others get at the database in between */

static const char *const steps[] = {
    "CREATE TABLE value_meta("
    "  tenant TEXT NOT NULL, metric TEXT NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL,"
    "  PRIMARY KEY(tenant, metric, time)) WITHOUT ROWID;"
    "CREATE INDEX value_meta_by_time ON value_meta(time);",
};

int ax_registry_open_value_meta(struct ax_registry *r, struct ax_err *err)
{
    return ax_sql_schema(r->sql, "value_meta", steps, AX_ARRAY_LEN(steps), err);
}

static int add(struct ax_registry *r, struct ax_str tenant, const struct ax_value_meta *v,
               struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, r->sql,
                  "INSERT OR REPLACE INTO value_meta(tenant, metric, time, json) "
                  "VALUES(?, ?, ?, ?)");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, v->metric);
    ax_stmt_int(&q, v->time);
    ax_stmt_str(&q, v->json);
    return ax_stmt_run(&q, "writing value_meta to", err);
}

int ax_registry_add_value_meta(struct ax_registry *r, struct ax_str tenant,
                               const struct ax_value_meta *v, size_t n, struct ax_err *err)
{
    int rc = ax_sql_begin(r->sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add(r, tenant, &v[i], err);
    return ax_sql_end(r->sql, rc, err);
}

static int drop(struct ax_registry *r, struct ax_str tenant, struct ax_str metric, int64_t from,
                int64_t to, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, r->sql,
                  "DELETE FROM value_meta WHERE tenant = ? AND metric = ? AND time >= ? "
                  "AND time <= ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, metric);
    ax_stmt_int(&q, from);
    ax_stmt_int(&q, to);
    return ax_stmt_run(&q, "deleting value_meta from", err);
}

int ax_registry_drop_value_meta(struct ax_registry *r, struct ax_str tenant,
                                const struct ax_str *metrics, size_t n, int64_t from, int64_t to,
                                struct ax_err *err)
{
    for (size_t i = 0; i < n;) {
        int rc = ax_sql_begin(r->sql, err);
        if (rc < 0)
            return rc;
        for (size_t most = i + AT_ONCE; rc == 0 && i < n && i < most; i++)
            rc = drop(r, tenant, metrics[i], from, to, err);
        rc = ax_sql_end(r->sql, rc, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int ax_registry_has_value_meta(struct ax_registry *r, struct ax_str tenant, bool *out,
                               struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql, "SELECT 1 FROM value_meta WHERE tenant = ? LIMIT 1");
    ax_stmt_str(&q, tenant);
    *out = ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading value_meta of", err);
    ax_sql_unlock(r->sql);
    return rc;
}

int ax_registry_value_meta(struct ax_registry *r, struct ax_str tenant, struct ax_str metric,
                           int64_t from, int64_t to, struct ax_arena *a, struct ax_value_meta **out,
                           size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_value_meta *v = NULL;
    size_t count = 0, cap = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql,
                  "SELECT time, json FROM value_meta WHERE tenant = ? AND metric = ? "
                  "AND time >= ? AND time <= ? ORDER BY time");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, metric);
    ax_stmt_int(&q, from);
    ax_stmt_int(&q, to);
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            size_t wider = cap ? cap * 2 : 16;
            v = ax_arena_grow(a, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        v[count].metric = metric;
        v[count].time = ax_stmt_col_int(&q, 0);
        v[count++].json = ax_arena_str(a, ax_stmt_col(&q, 1));
    }
    int rc = ax_stmt_end(&q, "reading value_meta of", err);
    ax_sql_unlock(r->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}
