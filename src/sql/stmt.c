// SPDX-License-Identifier: Apache-2.0
/* Statements. Most of what a small one costs is its preparation, so those that were used are kept
 * for the next time, each at the place that its text has: a later one takes over the place. */
#include "sql/inner.h"

#include "base/map.h"

#include <string.h>

static sqlite3_stmt **place_of(struct ax_sql *s, const char *text)
{
    return &s->kept[ax_hash(text, strlen(text)) % AX_ARRAY_LEN(s->kept)];
}

static void keep(struct ax_sql *s, sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    sqlite3_stmt **place = place_of(s, sqlite3_sql(st));
    sqlite3_finalize(*place);
    *place = st;
}

void ax_stmt_begin(struct ax_stmt *q, struct ax_sql *s, const char *text)
{
    *q = (struct ax_stmt){.sql = s};
    sqlite3_stmt **place = place_of(s, text);
    if (*place && strcmp(sqlite3_sql(*place), text) == 0) {
        q->st = *place;
        *place = NULL; /* in use: another one that begins meanwhile is made anew */
        return;
    }
    q->rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &q->st, NULL);
}

void ax_stmt_str(struct ax_stmt *q, struct ax_str v)
{
    q->params++;
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_text(q->st, q->params, v.p ? v.p : "", (int)v.n, SQLITE_STATIC);
}

void ax_stmt_int(struct ax_stmt *q, int64_t v)
{
    q->params++;
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_int64(q->st, q->params, v);
}

void ax_stmt_double(struct ax_stmt *q, double v)
{
    q->params++;
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_double(q->st, q->params, v);
}

bool ax_stmt_row(struct ax_stmt *q)
{
    if (q->rc == SQLITE_OK || q->rc == SQLITE_ROW)
        q->rc = sqlite3_step(q->st);
    return q->rc == SQLITE_ROW;
}

int ax_stmt_end(struct ax_stmt *q, const char *doing, struct ax_err *err)
{
    bool ok = q->rc == SQLITE_OK || q->rc == SQLITE_ROW || q->rc == SQLITE_DONE;
    int rc = ok ? 0 : ax_sql_fail(q->sql, doing, err);
    if (ok)
        keep(q->sql, q->st);
    else
        sqlite3_finalize(q->st);
    return rc;
}

int ax_stmt_run(struct ax_stmt *q, const char *doing, struct ax_err *err)
{
    while (ax_stmt_row(q))
        ;
    return ax_stmt_end(q, doing, err);
}

static int run_each(struct ax_sql *s, const char *const *texts, size_t n, const struct ax_str *str,
                    int64_t number, const char *doing, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, s, texts[i]);
        if (str)
            ax_stmt_str(&q, *str);
        else
            ax_stmt_int(&q, number);
        rc = ax_stmt_run(&q, doing, err);
    }
    return rc;
}

int ax_stmt_each_str(struct ax_sql *s, const char *const *texts, size_t n, struct ax_str v,
                     const char *doing, struct ax_err *err)
{
    return run_each(s, texts, n, &v, 0, doing, err);
}

int ax_stmt_each_int(struct ax_sql *s, const char *const *texts, size_t n, int64_t v,
                     const char *doing, struct ax_err *err)
{
    return run_each(s, texts, n, NULL, v, doing, err);
}

struct ax_str ax_stmt_col(struct ax_stmt *q, int column)
{
    const char *p = (const char *)sqlite3_column_text(q->st, column);
    return (struct ax_str){p, (size_t)sqlite3_column_bytes(q->st, column)};
}

int64_t ax_stmt_col_int(struct ax_stmt *q, int column)
{
    return sqlite3_column_int64(q->st, column);
}

double ax_stmt_col_double(struct ax_stmt *q, int column)
{
    return sqlite3_column_double(q->st, column);
}
