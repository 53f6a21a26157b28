// SPDX-License-Identifier: Apache-2.0
/* Warrants: what the provider may do without the owner's consent, for a reason, for a time. The
 * owner is told of each, also when it is never used. */
#include "warrant/inner.h"

#include "base/uuid.h"

#include <errno.h>

#define COLUMNS                                                                                    \
    "id, tenant, handle, scope, reason, who, opened, expires, notice_at, closed, closed_by"

static bool read_warrant(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    struct ax_warrant *x = out;
    *x = (struct ax_warrant){.id = ax_arena_str(a, ax_stmt_col(q, 0)),
                             .tenant = ax_arena_str(a, ax_stmt_col(q, 1)),
                             .handle = ax_arena_str(a, ax_stmt_col(q, 2)),
                             .scope = (enum ax_scope)ax_stmt_col_int(q, 3),
                             .reason = ax_arena_str(a, ax_stmt_col(q, 4)),
                             .who = ax_arena_str(a, ax_stmt_col(q, 5)),
                             .opened = ax_stmt_col_int(q, 6),
                             .expires = ax_stmt_col_int(q, 7),
                             .notice_at = ax_stmt_col_int(q, 8),
                             .closed = ax_stmt_col_int(q, 9),
                             .closed_by = ax_arena_str(a, ax_stmt_col(q, 10))};
    return true;
}

/* ---- opening ---- */

static int check(const struct ax_warrant *x, int64_t now, struct ax_err *err)
{
    struct ax_str reason = ax_str_trim(x->reason);
    if (x->scope < AX_SCOPE_STATISTICS || x->scope >= AX_SCOPES)
        return ax_fail(err, -EINVAL, "scope: expected " AX_SCOPE_NAMES);
    if (reason.n == 0)
        return ax_fail(err, -EINVAL, "reason: say why the VM has to be looked into");
    if (x->reason.n > AX_WARRANT_REASON || !ax_str_utf8(x->reason))
        return ax_fail(err, -EINVAL, "reason: expected at most %d bytes of text in UTF-8",
                       AX_WARRANT_REASON);
    if (x->expires <= now || x->expires - now > AX_WARRANT_MAX_MS)
        return ax_fail(err, -EINVAL, "expires: expected a time within the next 30 days");
    if (x->notice_at && x->scope != AX_SCOPE_FORENSIC)
        return ax_fail(err, -EINVAL,
                       "notice_at: only the notice of a forensic warrant may be delayed");
    if (x->notice_at && (x->notice_at <= now || x->notice_at - now > AX_WARRANT_DELAY_MS))
        return ax_fail(err, -EINVAL, "notice_at: expected a time within the next 90 days");
    return 0;
}

static int store(struct ax_warrants *w, const struct ax_warrant *x, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "INSERT INTO inspection_warrant(" COLUMNS ") "
                  "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')");
    ax_stmt_str(&q, x->id);
    ax_stmt_str(&q, x->tenant);
    ax_stmt_str(&q, x->handle);
    ax_stmt_int(&q, x->scope);
    ax_stmt_str(&q, x->reason);
    ax_stmt_str(&q, x->who);
    ax_stmt_int(&q, x->opened);
    ax_stmt_int(&q, x->expires);
    ax_stmt_int(&q, x->notice_at);
    return ax_stmt_run(&q, "writing", err);
}

static struct ax_ledger_entry entry_of(const struct ax_warrant *x, enum ax_ledger_kind kind,
                                       struct ax_str who, int64_t now)
{
    return (struct ax_ledger_entry){.time = now,
                                    .kind = kind,
                                    .scope = x->scope,
                                    .who = who,
                                    .tenant = x->tenant,
                                    .handle = x->handle,
                                    .reason = x->reason,
                                    .grant = x->id,
                                    .hidden_until = x->notice_at > now ? x->notice_at : 0};
}

static int write_opened(struct ax_warrants *w, const struct ax_warrant *x, struct ax_arena *a,
                        struct ax_err *err)
{
    struct ax_ledger_tx t;
    char until[AX_NUM_TEXT];
    struct ax_ledger_entry e = entry_of(x, AX_LEDGER_WARRANT_OPENED, x->who, x->opened);
    size_t n = ax_time_print(x->expires, until);
    e.detail = ax_arena_printf(a, "until %.*s", (int)n, until);
    int rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    rc = ax_ledger_add(&t, &e, a, err);
    if (rc == 0)
        rc = store(w, x, err);
    if (rc == 0)
        rc = ax_notice_add(w, &e, "warrant-opened", 0, e.time, a, err);
    return ax_ledger_end(&t, rc, err);
}

int ax_warrant_open(struct ax_warrants *w, struct ax_warrant *x, int64_t now, struct ax_arena *a,
                    struct ax_err *err)
{
    struct ax_warrant y = *x;
    char id[AX_UUID_TEXT + 1];
    struct ax_uuid u = ax_uuid_at(now);
    ax_uuid_print(&u, id);
    y.id = ax_arena_str(a, ax_str(id));
    y.opened = now;
    y.closed = 0;
    y.closed_by = AX_STR("");
    if (!y.expires)
        y.expires = now + AX_WARRANT_FOR_MS;
    int rc = check(&y, now, err);
    if (rc == 0)
        rc = ax_warrant_owner(w, x->tenant, x->handle, a, &y.tenant, err);
    if (rc == 0)
        rc = write_opened(w, &y, a, err);
    if (rc == 0)
        *x = y;
    return rc;
}

/* ---- closing ---- */

static int find(struct ax_warrants *w, struct ax_str id, struct ax_arena *a, struct ax_warrant *out,
                struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT " COLUMNS " FROM inspection_warrant WHERE id = ?");
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    if (there)
        read_warrant(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there ? ax_fail(err, -ENOENT, "there is no such warrant") : rc;
}

static int mark_closed(struct ax_warrants *w, struct ax_str id, struct ax_str who, int64_t now,
                       struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "UPDATE inspection_warrant SET closed = ?, closed_by = ? WHERE id = ?");
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, who);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing", err);
}

static int close_found(struct ax_warrants *w, struct ax_ledger_tx *t, const struct ax_warrant *x,
                       struct ax_str who, int64_t now, struct ax_arena *a, struct ax_err *err)
{
    struct ax_ledger_entry e = entry_of(x, AX_LEDGER_WARRANT_CLOSED, who, now);
    int rc = 0;
    if (x->closed || x->expires <= now)
        return ax_fail(err, -EALREADY, "this warrant has %s already",
                       x->closed ? "been closed" : "expired");
    rc = ax_ledger_add(t, &e, a, err);
    if (rc == 0)
        rc = mark_closed(w, x->id, who, now, err);
    return rc == 0 ? ax_notice_add(w, &e, "warrant-closed", 0, e.time, a, err) : rc;
}

int ax_warrant_close(struct ax_warrants *w, struct ax_str id, struct ax_str who, int64_t now,
                     struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct ax_warrant x;
    int rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    rc = find(w, id, &a, &x, err);
    if (rc == 0)
        rc = close_found(w, &t, &x, who, now, &a, err);
    return ax_ledger_end(&t, rc, err);
}

/* ---- listing ---- */

int ax_warrant_list(struct ax_warrants *w, const struct ax_warrant_filter *f, int64_t now,
                    struct ax_arena *a, struct ax_warrant **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(w->sql);
    ax_stmt_begin(&q, w->sql,
                  "SELECT " COLUMNS " FROM inspection_warrant WHERE (?1 OR tenant = ?2) AND "
                  "(?3 OR handle = ?4) AND (?5 OR id = ?6) AND (?7 OR (closed = 0 AND expires > "
                  "?8)) AND (?9 = 0 OR notice_at <= ?9) ORDER BY opened, id");
    const struct ax_str texts[] = {f->tenant, f->handle, f->id};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++) {
        ax_stmt_int(&q, !texts[i].p);
        ax_stmt_str(&q, texts[i]);
    }
    ax_stmt_int(&q, f->ended);
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, f->seen_at);
    struct ax_rows rows;
    int rc = ax_rows_read(&q, sizeof **out, read_warrant, a, &rows, "reading", err);
    ax_sql_unlock(w->sql);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}
