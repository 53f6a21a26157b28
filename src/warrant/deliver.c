// SPDX-License-Identifier: Apache-2.0
/* What became of notices: taken or not by the other side of a method, marked read by their owner.
 * The outbox tells in a transaction of its own, in which the ledger cannot be locked any more; so
 * that is kept in a table until the next tick. */
#include "warrant/inner.h"

#include <errno.h>

#define AT_ONCE 100

int ax_warrants_settled(void *sql, const struct ax_notice *x, struct ax_str method, bool taken,
                        struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql,
                  "INSERT INTO inspection_delivery(notice, method, taken) VALUES(?, ?, ?)");
    ax_stmt_str(&q, x->alarm);
    ax_stmt_str(&q, method);
    ax_stmt_int(&q, taken);
    return ax_stmt_run(&q, "writing", err);
}

struct delivery {
    int64_t id;
    bool taken;
    struct ax_ledger_entry e;
};

static void read_one(struct ax_stmt *q, int64_t now, struct ax_arena *a, struct delivery *d)
{
    struct ax_str method = ax_stmt_col(q, 2), notice = ax_stmt_col(q, 3);
    *d = (struct delivery){.id = ax_stmt_col_int(q, 0), .taken = ax_stmt_col_int(q, 1) != 0};
    d->e = (struct ax_ledger_entry){
        .time = now,
        .kind = d->taken ? AX_LEDGER_NOTICE_DELIVERED : AX_LEDGER_NOTICE_FAILED,
        .scope = (enum ax_scope)ax_stmt_col_int(q, 7),
        .who = AX_STR("auspex"),
        .tenant = ax_arena_str(a, ax_stmt_col(q, 4)),
        .handle = ax_arena_str(a, ax_stmt_col(q, 5)),
        .grant = ax_arena_str(a, ax_stmt_col(q, 6)),
        .detail = ax_arena_printf(a, "notice %.*s was %s by method %.*s", AX_STR_ARG(notice),
                                  d->taken ? "taken" : "not taken", AX_STR_ARG(method))};
}

static int read_all(struct ax_warrants *w, int64_t now, struct ax_arena *a, struct delivery *v,
                    size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    *n = 0;
    ax_stmt_begin(&q, w->sql,
                  "SELECT d.id, d.taken, d.method, d.notice, n.tenant, n.handle, n.grant_id, "
                  "n.scope FROM inspection_delivery d LEFT JOIN inspection_notice n ON "
                  "n.id = d.notice ORDER BY d.id LIMIT ?");
    ax_stmt_int(&q, AT_ONCE);
    while (*n < AT_ONCE && ax_stmt_row(&q))
        read_one(&q, now, a, &v[(*n)++]);
    return ax_stmt_end(&q, "reading", err);
}

static int write_all(struct ax_warrants *w, struct ax_ledger_tx *t, struct delivery *v, size_t n,
                     struct ax_arena *a, struct ax_err *err)
{
    static const char *const done[] = {"DELETE FROM inspection_delivery WHERE id = ?"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = ax_ledger_add(t, &v[i].e, a, err);
        if (rc == 0)
            rc = ax_stmt_each_int(w->sql, done, 1, v[i].id, "writing", err);
    }
    return rc;
}

int ax_deliveries_tick(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct delivery v[AT_ONCE];
    struct ax_ledger_tx t;
    size_t n;
    ax_sql_lock(w->sql);
    int rc = read_all(w, now, &a, v, &n, err);
    ax_sql_unlock(w->sql);
    if (rc == 0 && n)
        rc = ax_ledger_begin(&t, w->ledger, err);
    return rc < 0 || !n ? rc : ax_ledger_end(&t, write_all(w, &t, v, n, &a, err), err);
}

/* ---- read ---- */

static int mark_seen(struct ax_warrants *w, struct ax_str id, int64_t now, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "UPDATE inspection_notice SET seen = ? WHERE id = ?");
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing", err);
}

int ax_warrants_notice_read(struct ax_warrants *w, struct ax_str tenant, struct ax_str id,
                            struct ax_str who, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice_filter f = {.tenant = tenant, .id = id, .seen_at = now};
    struct ax_inspection_notice *v;
    struct ax_ledger_tx t;
    size_t n;
    int rc = ax_warrants_notices(w, &f, &a, &v, &n, err);
    if (rc == 0 && n == 0)
        rc = ax_fail(err, -ENOENT, "there is no such notice");
    if (rc < 0 || v[0].read)
        return rc;
    rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    struct ax_ledger_entry e = {
        .time = now,
        .kind = AX_LEDGER_NOTICE_DELIVERED,
        .scope = v[0].scope,
        .who = who,
        .tenant = tenant,
        .handle = v[0].handle,
        .grant = v[0].grant,
        .detail = ax_arena_printf(&a, "notice %.*s was marked read", AX_STR_ARG(v[0].id))};
    rc = ax_ledger_add(&t, &e, &a, err);
    if (rc == 0)
        rc = mark_seen(w, v[0].id, now, err);
    return ax_ledger_end(&t, rc, err);
}
