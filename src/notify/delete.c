// SPDX-License-Identifier: Apache-2.0
/* The end of a method. Alarm definitions name methods, and have their own lock, which may not be
 * waited for within a transaction: so a method goes first, with a note that it is leaving; then it
 * is taken out of the definitions; then the note goes. Whatever breaks that off, the note tells the
 * next start what is to be finished. */
#include "notify/inner.h"

#include <errno.h>

static int run(struct ax_notify *n, const char *statement, struct ax_str tenant, struct ax_str id,
               struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, statement);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing", err);
}

static bool is_leaving(struct ax_notify *n, struct ax_str tenant, struct ax_str id)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, "SELECT 1 FROM leaving WHERE tenant = ? AND method = ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    return ax_stmt_end(&q, "reading", NULL) == 0 && there;
}

static int take_away(struct ax_notify *n, struct ax_str tenant, struct ax_str id, int64_t *voided,
                     struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, "DELETE FROM outbox WHERE method = ?");
    ax_stmt_str(&q, id);
    int rc = ax_stmt_run(&q, "writing", err);
    *voided = ax_sql_changed(n->sql);
    if (rc == 0)
        rc = run(n, "DELETE FROM method WHERE tenant = ? AND id = ?", tenant, id, err);
    return rc == 0 ? run(n, "INSERT INTO leaving(tenant, method) VALUES(?, ?)", tenant, id, err)
                   : rc;
}

int ax_notify_delete(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                     struct ax_err *err)
{
    int64_t voided = 0;
    int rc = ax_sql_begin(n->sql, err);
    if (rc < 0)
        return rc;
    rc = ax_notify_known(n, tenant, id, err);
    if (rc == 0)
        rc = take_away(n, tenant, id, &voided, err);
    else if (rc == -ENOENT && is_leaving(n, tenant, id))
        rc = 0;
    rc = ax_sql_end(n->sql, rc, err);
    if (rc == 0) {
        n->voided += (uint64_t)voided;
        atomic_store(&n->methods_changed, true);
        ax_notify_wake(n);
    }
    return rc;
}

int ax_notify_left(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_err *err)
{
    int rc = ax_sql_begin(n->sql, err);
    if (rc < 0)
        return rc;
    rc = run(n, "DELETE FROM leaving WHERE tenant = ? AND method = ?", tenant, id, err);
    return ax_sql_end(n->sql, rc, err);
}

int ax_notify_leavers(struct ax_notify *n, struct ax_arena *a, struct ax_notify_leaver **out,
                      size_t *count, struct ax_err *err)
{
    struct ax_notify_leaver *v = NULL;
    size_t used = 0;
    struct ax_stmt q;
    ax_sql_lock(n->sql);
    ax_stmt_begin(&q, n->sql, "SELECT tenant, method FROM leaving");
    while (ax_stmt_row(&q)) {
        v = ax_arena_grow(a, v, used * sizeof *v, (used + 1) * sizeof *v);
        v[used++] = (struct ax_notify_leaver){ax_arena_str(a, ax_stmt_col(&q, 0)),
                                              ax_arena_str(a, ax_stmt_col(&q, 1))};
    }
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(n->sql);
    if (rc == 0) {
        *out = v;
        *count = used;
    }
    return rc;
}
