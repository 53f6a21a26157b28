// SPDX-License-Identifier: Apache-2.0
#include "registry/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEMA_VERSION 1

static const char schema[] =
    "CREATE TABLE resource("
    "  handle TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL,"
    "  host TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,"
    "  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, gone INTEGER NOT NULL,"
    "  attributes TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX resource_by_host ON resource(host, kind, gone);"
    "CREATE TABLE event("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, tenant TEXT NOT NULL,"
    "  handle TEXT NOT NULL, type TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,"
    "  text TEXT NOT NULL, UNIQUE(handle, time, type, what, detail));"
    "CREATE INDEX event_by_time ON event(time);"
    "CREATE TABLE kept(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

static int check_schema(struct ax_registry *r, const char *path, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, &r->sql, "PRAGMA user_version");
    int64_t version = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    int rc = ax_stmt_end(&q, "reading", err);
    if (rc < 0 || version == SCHEMA_VERSION)
        return rc;
    if (version != 0)
        return ax_fail(err, -EINVAL,
                       "%s has registry version %lld, this program knows version %d: use the "
                       "program that wrote it, or another data directory",
                       path, (long long)version, SCHEMA_VERSION);
    rc = ax_registry_begin(r, err);
    return rc < 0 ? rc : ax_registry_end(r, ax_sql_exec(&r->sql, schema, err), err);
}

int ax_registry_open(struct ax_registry **out, const char *path, struct ax_err *err)
{
    struct ax_registry *r = ax_calloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    int rc = ax_sql_open(&r->sql, path, err);
    if (rc == 0)
        rc = check_schema(r, path, err);
    if (rc < 0) {
        ax_registry_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

static int copy(struct ax_sql *from, const char *path, struct ax_err *err)
{
    struct ax_sql to = {0};
    int rc = ax_sql_open(&to, path, err);
    if (rc < 0)
        return rc;
    sqlite3_backup *b = sqlite3_backup_init(to.db, "main", from->db, "main");
    bool done = b && sqlite3_backup_step(b, -1) == SQLITE_DONE;
    if (sqlite3_backup_finish(b) != SQLITE_OK || !done)
        rc = ax_sql_fail(&to, "copying", err);
    ax_sql_close(&to);
    return rc;
}

int ax_registry_copy(struct ax_registry *r, const char *path, struct ax_err *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = copy(&r->sql, path, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int ax_registry_copy_file(const char *from, const char *to, struct ax_err *err)
{
    struct ax_sql sql = {0};
    int rc = ax_sql_open_look(&sql, from, err);
    if (rc < 0)
        return rc;
    rc = copy(&sql, to, err);
    ax_sql_close(&sql);
    return rc;
}

static void check_text(struct ax_stmt *q, void (*fault)(void *ctx, const char *text), void *ctx)
{
    while (ax_stmt_row(q)) {
        struct ax_str said = ax_stmt_col(q, 0);
        char text[200];
        snprintf(text, sizeof text, "%.*s", said.n < 190 ? (int)said.n : 190, said.p);
        if (!ax_str_eq(said, AX_STR("ok")))
            fault(ctx, text);
    }
}

int ax_registry_verify(const char *path, void (*fault)(void *ctx, const char *text), void *ctx,
                       struct ax_err *err)
{
    struct ax_sql sql = {0};
    struct ax_stmt q;
    int rc = ax_sql_open_look(&sql, path, err);
    if (rc < 0)
        return rc;
    struct ax_err why = {0};
    ax_stmt_begin(&q, &sql, "PRAGMA integrity_check");
    check_text(&q, fault, ctx);
    if (ax_stmt_end(&q, "checking", &why) < 0)
        fault(ctx, why.text); /* so damaged that it cannot be looked at */
    ax_stmt_begin(&q, &sql, "PRAGMA user_version");
    if (ax_stmt_row(&q) && ax_stmt_col_int(&q, 0) != SCHEMA_VERSION)
        fault(ctx, "it is of another version, or empty");
    ax_stmt_end(&q, "checking", NULL);
    ax_sql_close(&sql);
    return 0;
}

void ax_registry_close(struct ax_registry *r)
{
    if (!r)
        return;
    ax_sql_close(&r->sql);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

int ax_registry_begin(struct ax_registry *r, struct ax_err *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = ax_sql_exec(&r->sql, "BEGIN IMMEDIATE", err);
    if (rc < 0)
        pthread_mutex_unlock(&r->lock);
    return rc;
}

int ax_registry_end(struct ax_registry *r, int rc, struct ax_err *err)
{
    if (rc == 0)
        rc = ax_sql_exec(&r->sql, "COMMIT", err);
    if (rc < 0)
        ax_sql_exec(&r->sql, "ROLLBACK", NULL);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int ax_registry_put(struct ax_registry *r, struct ax_str key, struct ax_str value,
                    struct ax_err *err)
{
    struct ax_stmt q;
    pthread_mutex_lock(&r->lock);
    if (value.p) {
        ax_stmt_begin(&q, &r->sql, "INSERT OR REPLACE INTO kept(key, value) VALUES(?, ?)");
        ax_stmt_str(&q, key);
        ax_stmt_str(&q, value);
    } else {
        ax_stmt_begin(&q, &r->sql, "DELETE FROM kept WHERE key = ?");
        ax_stmt_str(&q, key);
    }
    int rc = ax_stmt_run(&q, "writing", err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int ax_registry_scan(struct ax_registry *r, struct ax_str prefix, struct ax_arena *a,
                     struct ax_kv **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_kv *v = NULL;
    size_t count = 0, cap = 0;
    pthread_mutex_lock(&r->lock);
    ax_stmt_begin(&q, &r->sql,
                  "SELECT key, value FROM kept WHERE substr(key, 1, ?) = ? ORDER BY 1");
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
    pthread_mutex_unlock(&r->lock);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}

int ax_registry_prune(struct ax_registry *r, int64_t before, struct ax_err *err)
{
    static const char *const statements[] = {
        "DELETE FROM event WHERE time < ?",
        "DELETE FROM resource WHERE gone > 0 AND gone < ?",
    };
    int rc = ax_registry_begin(r, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, &r->sql, statements[i]);
        ax_stmt_int(&q, before);
        rc = ax_stmt_run(&q, "pruning", err);
    }
    return ax_registry_end(r, rc, err);
}
