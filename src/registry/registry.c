// SPDX-License-Identifier: Apache-2.0
#include "registry/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* IF NOT EXISTS: files from before there were versions of rooms have these. */
static const char *const steps[] = {
    "CREATE TABLE IF NOT EXISTS resource("
    "  handle TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL,"
    "  host TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,"
    "  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, gone INTEGER NOT NULL,"
    "  attributes TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS resource_by_host ON resource(host, kind, gone);"
    "CREATE TABLE IF NOT EXISTS event("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, tenant TEXT NOT NULL,"
    "  handle TEXT NOT NULL, type TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,"
    "  text TEXT NOT NULL, UNIQUE(handle, time, type, what, detail));"
    "CREATE INDEX IF NOT EXISTS event_by_time ON event(time);"
    "CREATE TABLE IF NOT EXISTS kept(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
    "CREATE INDEX resource_by_name ON resource(tenant, kind, name);",
    "ALTER TABLE event ADD COLUMN severity TEXT NOT NULL DEFAULT '';",
};

int ax_registry_open(struct ax_registry **out, struct ax_sql *sql, struct ax_err *err)
{
    int rc = ax_sql_schema(sql, "registry", steps, AX_ARRAY_LEN(steps), err);
    if (rc < 0)
        return rc;
    struct ax_registry *r = ax_calloc(1, sizeof *r);
    r->sql = sql;
    pthread_mutex_init(&r->lock, NULL);
    rc = ax_registry_open_value_meta(r, err);
    if (rc < 0)
        ax_registry_close(r);
    else
        *out = r;
    return rc;
}

void ax_registry_close(struct ax_registry *r)
{
    if (r)
        pthread_mutex_destroy(&r->lock);
    free(r);
}

int ax_registry_put_within(struct ax_registry *r, struct ax_str key, struct ax_str value,
                           struct ax_err *err)
{
    struct ax_stmt q;
    if (value.p) {
        ax_stmt_begin(&q, r->sql, "INSERT OR REPLACE INTO kept(key, value) VALUES(?, ?)");
        ax_stmt_str(&q, key);
        ax_stmt_str(&q, value);
    } else {
        ax_stmt_begin(&q, r->sql, "DELETE FROM kept WHERE key = ?");
        ax_stmt_str(&q, key);
    }
    return ax_stmt_run(&q, "writing", err);
}

int ax_registry_put(struct ax_registry *r, struct ax_str key, struct ax_str value,
                    struct ax_err *err)
{
    ax_sql_lock(r->sql);
    int rc = ax_registry_put_within(r, key, value, err);
    ax_sql_unlock(r->sql);
    return rc;
}

int ax_registry_scan(struct ax_registry *r, struct ax_str prefix, struct ax_arena *a,
                     struct ax_kv **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_kv *v = NULL;
    size_t count = 0, cap = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql, "SELECT key, value FROM kept WHERE substr(key, 1, ?) = ? ORDER BY 1");
    ax_stmt_int(&q, (int64_t)prefix.n);
    ax_stmt_str(&q, prefix);
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            size_t wider = cap ? cap * 2 : 16;
            v = ax_arena_grow(a, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        v[count].key = ax_arena_str(a, ax_stmt_col(&q, 0));
        v[count++].value = ax_arena_str(a, ax_stmt_col(&q, 1));
    }
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(r->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}

int ax_registry_prune(struct ax_registry *r, int64_t before, struct ax_err *err)
{
    static const char *const texts[] = {
        "DELETE FROM event WHERE time < ?",
        "DELETE FROM value_meta WHERE time < ?",
        "DELETE FROM resource WHERE gone > 0 AND gone < ?",
    };
    int rc = ax_sql_begin(r->sql, err);
    if (rc < 0)
        return rc;
    rc = ax_stmt_each_int(r->sql, texts, AX_ARRAY_LEN(texts), before, "pruning", err);
    return ax_sql_end(r->sql, rc, err);
}
