// SPDX-License-Identifier: Apache-2.0
/* A thin layer over SQLite: statements with positional parameters, rows as views, errors as values.
 * Inside the registry only. */
#ifndef AX_REGISTRY_SQL_H
#define AX_REGISTRY_SQL_H

#include "base/arena.h"
#include "base/err.h"

#include <sqlite3.h>

struct ax_sql {
    sqlite3 *db;
};

/* Opens `path` without resolving it: the server enters its data directory before it gives up its
 * privileges, and the way there may be closed to it afterwards. */
int ax_sql_open(struct ax_sql *s, const char *path, struct ax_err *err);
/* To read only. Nothing is written beside the file, unless a log lies there that must be read. */
int ax_sql_open_look(struct ax_sql *s, const char *path, struct ax_err *err);
void ax_sql_close(struct ax_sql *s);
int ax_sql_exec(struct ax_sql *s, const char *sql, struct ax_err *err);
/* What SQLite said last, as an error with errno's meaning. */
int ax_sql_fail(struct ax_sql *s, const char *doing, struct ax_err *err);

/* A statement in use. Parameters are bound in order; views must live until the statement is done.
 *     struct ax_stmt q;
 *     ax_stmt_begin(&q, sql, "SELECT ... WHERE a = ? AND b > ?");
 *     ax_stmt_str(&q, a); ax_stmt_int(&q, b);
 *     while (ax_stmt_row(&q)) ...
 *     rc = ax_stmt_end(&q, "reading", err);      // errors of all steps come out here */
struct ax_stmt {
    struct ax_sql *sql;
    sqlite3_stmt *st;
    int params, rc;
};
void ax_stmt_begin(struct ax_stmt *q, struct ax_sql *s, const char *text);
void ax_stmt_str(struct ax_stmt *q, struct ax_str v);
void ax_stmt_int(struct ax_stmt *q, int64_t v);
bool ax_stmt_row(struct ax_stmt *q);
int ax_stmt_end(struct ax_stmt *q, const char *doing, struct ax_err *err);
/* Runs a statement that gives no rows. */
int ax_stmt_run(struct ax_stmt *q, const char *doing, struct ax_err *err);
struct ax_str ax_stmt_col(struct ax_stmt *q, int column); /* valid until the next row */
int64_t ax_stmt_col_int(struct ax_stmt *q, int column);

#endif
