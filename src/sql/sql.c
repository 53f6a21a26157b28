// SPDX-License-Identifier: Apache-2.0
#include "sql/inner.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int keep_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *vfs_with_paths_as_given(void)
{
    static sqlite3_vfs vfs;
    static const char name[] = "auspex-relative";
    if (!sqlite3_vfs_find(name)) {
        vfs = *sqlite3_vfs_find(NULL);
        vfs.zName = name;
        vfs.xFullPathname = keep_path;
        sqlite3_vfs_register(&vfs, 0);
    }
    return name;
}

int ax_sql_open(struct ax_sql **out, const char *path, struct ax_err *err)
{
    struct ax_sql *s = ax_calloc(1, sizeof *s);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->next, NULL);
    int rc = 0;
    if (sqlite3_open_v2(path, &s->db, flags, vfs_with_paths_as_given()) != SQLITE_OK)
        rc = ax_sql_fail(s, "opening", err);
    if (rc == 0) {
        sqlite3_busy_timeout(s->db, 5000);
        rc = ax_sql_exec(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", err);
    }
    if (rc == 0)
        rc = ax_sql_check_file(s, path, err);
    if (rc == 0)
        chmod(path, 0600); /* made before there were passwords in it */
    if (rc < 0) {
        ax_sql_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int ax_sql_open_look(struct ax_sql **out, const char *path, struct ax_err *err)
{
    struct ax_sql *s = ax_calloc(1, sizeof *s);
    AX_CLEANUP(ax_buf_free) struct ax_buf log = AX_BUF_INIT, uri = AX_BUF_INIT;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->next, NULL);
    ax_buf_printf(&log, "%s-wal%c", path, 0);
    ax_buf_cstr(&uri, "file:");
    for (const char *p = path; *p; p++)
        ax_buf_printf(&uri, strchr("?#%", *p) ? "%%%02x" : "%c", (unsigned char)*p);
    ax_buf_printf(&uri, "?immutable=1%c", 0);
    bool alone = access(log.p, F_OK) < 0;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    *out = s;
    if (sqlite3_open_v2(alone ? uri.p : path, &s->db, flags, vfs_with_paths_as_given()) ==
        SQLITE_OK)
        return 0;
    int rc = ax_sql_fail(s, "opening", err);
    ax_sql_close(s);
    *out = NULL;
    return rc;
}

void ax_sql_close(struct ax_sql *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < AX_ARRAY_LEN(s->kept); i++)
        sqlite3_finalize(s->kept[i]);
    sqlite3_close(s->db);
    pthread_cond_destroy(&s->next);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int ax_sql_fail(struct ax_sql *s, const char *doing, struct ax_err *err)
{
    int code;
    switch (sqlite3_errcode(s->db) & 0xff) {
    case SQLITE_FULL: code = -ENOSPC; break;
    case SQLITE_READONLY: code = -EROFS; break;
    case SQLITE_CANTOPEN: code = -EACCES; break;
    case SQLITE_BUSY: code = -EBUSY; break;
    case SQLITE_NOTADB: code = -EINVAL; break;
    case SQLITE_CONSTRAINT: code = -EEXIST; break;
    default: code = -EIO; break;
    }
    return ax_fail(err, code, "%s the registry: %s", doing, sqlite3_errmsg(s->db));
}

int ax_sql_exec(struct ax_sql *s, const char *statements, struct ax_err *err)
{
    int rc = sqlite3_exec(s->db, statements, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : ax_sql_fail(s, "using", err);
}

void ax_sql_lock(struct ax_sql *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t ticket = s->last_ticket++;
    while (ticket != s->serving)
        pthread_cond_wait(&s->next, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void ax_sql_unlock(struct ax_sql *s)
{
    pthread_mutex_lock(&s->lock);
    s->serving++;
    pthread_cond_broadcast(&s->next);
    pthread_mutex_unlock(&s->lock);
}

static int run(struct ax_sql *s, const char *statement, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s, statement);
    return ax_stmt_run(&q, "using", err);
}

int ax_sql_begin(struct ax_sql *s, struct ax_err *err)
{
    ax_sql_lock(s);
    int rc = run(s, "BEGIN IMMEDIATE", err);
    if (rc < 0)
        ax_sql_unlock(s);
    return rc;
}

int ax_sql_end(struct ax_sql *s, int rc, struct ax_err *err)
{
    if (rc == 0)
        rc = run(s, "COMMIT", err);
    if (rc < 0)
        run(s, "ROLLBACK", NULL);
    ax_sql_unlock(s);
    return rc;
}

int64_t ax_sql_last_id(struct ax_sql *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

int64_t ax_sql_changed(struct ax_sql *s)
{
    return sqlite3_changes(s->db);
}
