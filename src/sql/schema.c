// SPDX-License-Identifier: Apache-2.0
/* Versions: one of the file as a whole (SQLite's user_version), one of each room's tables. */
#include "sql/inner.h"

#include <errno.h>

int ax_sql_check_file(struct ax_sql *s, const char *path, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s, "PRAGMA user_version");
    int64_t version = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    int rc = ax_stmt_end(&q, "reading the version of", err);
    if (rc < 0 || version == AX_SQL_FILE_VERSION)
        return rc;
    if (version != 0)
        return ax_fail(err, -EINVAL,
                       "%s has registry version %lld, this program knows version %d: use the "
                       "program that wrote it, or another data directory",
                       path, (long long)version, AX_SQL_FILE_VERSION);
    rc = ax_sql_begin(s, err);
    return rc < 0 ? rc : ax_sql_end(s, ax_sql_exec(s, "PRAGMA user_version = 1", err), err);
}

static int read_version(struct ax_sql *s, struct ax_str room, int64_t *out, struct ax_err *err)
{
    int rc = ax_sql_exec(s,
                         "CREATE TABLE IF NOT EXISTS room("
                         "  name TEXT PRIMARY KEY, version INTEGER NOT NULL)",
                         err);
    if (rc < 0)
        return rc;
    struct ax_stmt q;
    ax_stmt_begin(&q, s, "SELECT version FROM room WHERE name = ?");
    ax_stmt_str(&q, room);
    *out = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "reading a version in", err);
}

static int write_version(struct ax_sql *s, struct ax_str room, int64_t version, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s, "INSERT OR REPLACE INTO room(name, version) VALUES(?, ?)");
    ax_stmt_str(&q, room);
    ax_stmt_int(&q, version);
    return ax_stmt_run(&q, "writing a version to", err);
}

static int bring_up(struct ax_sql *s, const char *room, const char *const *steps, int64_t nsteps,
                    struct ax_err *err)
{
    int64_t version = 0;
    int rc = read_version(s, ax_str(room), &version, err);
    if (rc < 0 || version == nsteps)
        return rc;
    if (version > nsteps)
        return ax_fail(err, -EINVAL,
                       "the tables of %s have version %lld, this program knows version %lld: use "
                       "the program that wrote them, or another data directory",
                       room, (long long)version, (long long)nsteps);
    for (; rc == 0 && version < nsteps; version++)
        rc = ax_sql_exec(s, steps[version], err);
    return rc == 0 ? write_version(s, ax_str(room), nsteps, err) : rc;
}

int ax_sql_schema(struct ax_sql *s, const char *room, const char *const *steps, size_t nsteps,
                  struct ax_err *err)
{
    int rc = ax_sql_begin(s, err);
    return rc < 0 ? rc : ax_sql_end(s, bring_up(s, room, steps, (int64_t)nsteps, err), err);
}
