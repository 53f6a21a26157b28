// SPDX-License-Identifier: Apache-2.0
/* The file as a whole: copies of it, and whether it is sound. */
#include "sql/inner.h"

#include <stdio.h>

static int copy(struct ax_sql *from, const char *path, struct ax_err *err)
{
    struct ax_sql *to;
    int rc = ax_sql_open(&to, path, err);
    if (rc < 0)
        return rc;
    sqlite3_backup *b = sqlite3_backup_init(to->db, "main", from->db, "main");
    bool done = b && sqlite3_backup_step(b, -1) == SQLITE_DONE;
    if (sqlite3_backup_finish(b) != SQLITE_OK || !done)
        rc = ax_sql_fail(to, "copying", err);
    ax_sql_close(to);
    return rc;
}

int ax_sql_copy(struct ax_sql *s, const char *path, struct ax_err *err)
{
    ax_sql_lock(s);
    int rc = copy(s, path, err);
    ax_sql_unlock(s);
    return rc;
}

int ax_sql_copy_file(const char *from, const char *to, struct ax_err *err)
{
    struct ax_sql *sql;
    int rc = ax_sql_open_look(&sql, from, err);
    if (rc < 0)
        return rc;
    rc = copy(sql, to, err);
    ax_sql_close(sql);
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

int ax_sql_verify(const char *path, void (*fault)(void *ctx, const char *text), void *ctx,
                  struct ax_err *err)
{
    struct ax_sql *sql;
    struct ax_stmt q;
    int rc = ax_sql_open_look(&sql, path, err);
    if (rc < 0)
        return rc;
    struct ax_err why = {0};
    ax_stmt_begin(&q, sql, "PRAGMA integrity_check");
    check_text(&q, fault, ctx);
    if (ax_stmt_end(&q, "checking", &why) < 0)
        fault(ctx, why.text); /* so damaged that it cannot be looked at */
    ax_stmt_begin(&q, sql, "PRAGMA user_version");
    if (ax_stmt_row(&q) && ax_stmt_col_int(&q, 0) != AX_SQL_FILE_VERSION)
        fault(ctx, "it is of another version, or empty");
    ax_stmt_end(&q, "checking", NULL);
    ax_sql_close(sql);
    return 0;
}
