// SPDX-License-Identifier: Apache-2.0
/* What was written, read as lists. */
#include "warrant/inner.h"

static void *room_for(struct ax_arena *a, void *v, size_t n, size_t size)
{
    if (n && (n < 8 || (n & (n - 1))))
        return v;
    return ax_arena_grow(a, v, n * size, (n ? n * 2 : 8) * size);
}

int ax_rows_read(struct ax_stmt *q, size_t size, ax_row_read *read, struct ax_arena *a,
                 struct ax_rows *out, const char *doing, struct ax_err *err)
{
    struct ax_rows rows = {0};
    while (ax_stmt_row(q)) {
        rows.v = room_for(a, rows.v, rows.n, size);
        rows.n += read(q, a, (char *)rows.v + rows.n * size);
    }
    int rc = ax_stmt_end(q, doing, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

/* ---- the ledger ---- */

int ax_ledger_read(struct ax_ledger *l, const struct ax_ledger_filter *f, struct ax_arena *a,
                   struct ax_ledger_entry **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
#define WANTED                                                                                     \
    "SELECT " AX_LEDGER_COLUMNS " FROM ledger WHERE (?1 OR tenant = ?2) AND (?3 OR handle = ?4) "  \
    "AND (?5 = 0 OR hidden_until <= ?5) AND sequence > ?6 AND (?7 = 0 OR sequence < ?7) "
    ax_sql_lock(l->sql);
    ax_stmt_begin(&q, l->sql,
                  f->newest_first ? WANTED "ORDER BY sequence DESC LIMIT ?8"
                                  : WANTED "ORDER BY sequence LIMIT ?8");
#undef WANTED
    ax_stmt_int(&q, !f->tenant.p);
    ax_stmt_str(&q, f->tenant);
    ax_stmt_int(&q, !f->handle.p);
    ax_stmt_str(&q, f->handle);
    ax_stmt_int(&q, f->seen_at);
    ax_stmt_int(&q, f->after);
    ax_stmt_int(&q, f->before);
    ax_stmt_int(&q, f->limit ? (int64_t)f->limit : -1);
    struct ax_rows rows;
    int rc = ax_rows_read(&q, sizeof **out, ax_ledger_row, a, &rows, "reading the ledger in", err);
    ax_sql_unlock(l->sql);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}
