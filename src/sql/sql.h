// SPDX-License-Identifier: Apache-2.0
/* The database for what is known besides samples: one file, in which several rooms keep tables of
 * their own, so that what belongs together is written in one transaction. SQLite, WAL mode, fully
 * synchronous: what was committed survives a power cut.
 *
 * A thin layer: statements with positional parameters, rows as views, errors as values. Only what
 * PostgreSQL understands too, or has a word for, is used in statements.
 *
 * Threads: any; one connection, one lock. A room reads between ax_sql_lock and ax_sql_unlock, and
 * writes between ax_sql_begin and ax_sql_end, both for as short as it can: nothing else is done in
 * there. Errors: -EINVAL another version, -EROFS, -EIO, -ENOSPC, -EACCES, -EBUSY; -EEXIST what has
 * to be unique is there already. */
#ifndef AX_SQL_SQL_H
#define AX_SQL_SQL_H

#include "base/arena.h"
#include "base/err.h"

struct ax_sql;

/* `path` is a name in the working directory or absolute, and is not resolved: the server enters its
 * data directory before it gives up its privileges, and the way there may be closed to it
 * afterwards. */
int ax_sql_open(struct ax_sql **out, const char *path, struct ax_err *err);
void ax_sql_close(struct ax_sql *s); /* NULL is fine */
/* To read only. Nothing is written beside the file, unless a log lies there that must be read. */
int ax_sql_open_look(struct ax_sql **out, const char *path, struct ax_err *err);

/* Brings the tables of a room up to date: steps[i] makes version i + 1 out of version i, so steps
 * are only ever added at the end. -EINVAL when the file has a version above nsteps. */
int ax_sql_schema(struct ax_sql *s, const char *room, const char *const *steps, size_t nsteps,
                  struct ax_err *err);

/* Writes all that is in the database into a new file, while it is in use. */
int ax_sql_copy(struct ax_sql *s, const char *path, struct ax_err *err);
/* The same of a file that nobody has open. */
int ax_sql_copy_file(const char *from, const char *to, struct ax_err *err);
/* Looks through a file that nobody has open, and changes nothing. Tells each fault; 0 also when
 * there are some. */
int ax_sql_verify(const char *path, void (*fault)(void *ctx, const char *text), void *ctx,
                  struct ax_err *err);

void ax_sql_lock(struct ax_sql *s);
void ax_sql_unlock(struct ax_sql *s);
/* A transaction, with the lock taken; end commits when rc == 0, else rolls back, and returns what
 * the caller is to return. */
int ax_sql_begin(struct ax_sql *s, struct ax_err *err);
int ax_sql_end(struct ax_sql *s, int rc, struct ax_err *err);

/* A statement in use. Parameters are bound in order; views must live until the statement is done.
 *     struct ax_stmt q;
 *     ax_stmt_begin(&q, sql, "SELECT ... WHERE a = ? AND b > ?");
 *     ax_stmt_str(&q, a); ax_stmt_int(&q, b);
 *     while (ax_stmt_row(&q)) ...
 *     rc = ax_stmt_end(&q, "reading alarms of", err);   // errors of all steps come out here
 */
struct ax_stmt {
    struct ax_sql *sql;
    struct sqlite3_stmt *st;
    int params, rc;
};
void ax_stmt_begin(struct ax_stmt *q, struct ax_sql *s, const char *text);
void ax_stmt_str(struct ax_stmt *q, struct ax_str v);
void ax_stmt_int(struct ax_stmt *q, int64_t v);
void ax_stmt_double(struct ax_stmt *q, double v);
bool ax_stmt_row(struct ax_stmt *q);
/* `doing` begins the error's text, "DOING the registry: why"; the registry is what users know. */
int ax_stmt_end(struct ax_stmt *q, const char *doing, struct ax_err *err);
/* Runs a statement that gives no rows. */
int ax_stmt_run(struct ax_stmt *q, const char *doing, struct ax_err *err);
struct ax_str ax_stmt_col(struct ax_stmt *q, int column); /* valid until the next row */
int64_t ax_stmt_col_int(struct ax_stmt *q, int column);
double ax_stmt_col_double(struct ax_stmt *q, int column);
int64_t ax_sql_last_id(struct ax_sql *s); /* of the row inserted last */
int64_t ax_sql_changed(struct ax_sql *s); /* rows that the last statement changed */

/* Statements with one parameter, the same for all; up to the first that fails. */
int ax_stmt_each_str(struct ax_sql *s, const char *const *texts, size_t n, struct ax_str v,
                     const char *doing, struct ax_err *err);
int ax_stmt_each_int(struct ax_sql *s, const char *const *texts, size_t n, int64_t v,
                     const char *doing, struct ax_err *err);

/* Without parameters and rows. */
int ax_sql_exec(struct ax_sql *s, const char *statements, struct ax_err *err);

#endif
