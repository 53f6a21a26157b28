// SPDX-License-Identifier: Apache-2.0
/* Standing consent: what an owner allows for one VM, or for all. The VM's own counts before that
 * for all, also when it allows less. */
#include "warrant/inner.h"

#include "base/uuid.h"

#include <errno.h>

#define COLUMNS "id, tenant, handle, scope, who, since, expires"

static bool read_consent(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    struct ax_consent *c = out;
    *c = (struct ax_consent){.id = ax_arena_str(a, ax_stmt_col(q, 0)),
                             .tenant = ax_arena_str(a, ax_stmt_col(q, 1)),
                             .handle = ax_arena_str(a, ax_stmt_col(q, 2)),
                             .scope = (enum ax_scope)ax_stmt_col_int(q, 3),
                             .who = ax_arena_str(a, ax_stmt_col(q, 4)),
                             .set = ax_stmt_col_int(q, 5),
                             .expires = ax_stmt_col_int(q, 6)};
    return true;
}

static int check(struct ax_warrants *w, const struct ax_consent *c, int64_t now, struct ax_arena *a,
                 struct ax_err *err)
{
    struct ax_str owner;
    if (c->scope > AX_SCOPE_DIAGNOSIS)
        return ax_fail(err, -EINVAL,
                       "scope: there is no standing consent to forensic (expected none, "
                       "statistics, processes or diagnosis)");
    if (c->scope == AX_SCOPE_NONE && !c->handle.n)
        return ax_fail(err, -EINVAL,
                       "scope: none excepts a VM from what is consented to for all; to end that, "
                       "revoke it");
    if (c->expires && c->expires <= now)
        return ax_fail(err, -EINVAL, "expires: is over already");
    return c->handle.n ? ax_warrant_owner(w, c->tenant, c->handle, a, &owner, err) : 0;
}

static int store(struct ax_warrants *w, const struct ax_consent *c, struct ax_str id, int64_t now,
                 struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "INSERT OR REPLACE INTO inspection_consent(" COLUMNS ") "
                  "VALUES(?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, c->tenant);
    ax_stmt_str(&q, c->handle);
    ax_stmt_int(&q, c->scope);
    ax_stmt_str(&q, c->who);
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, c->expires);
    return ax_stmt_run(&q, "writing", err);
}

int ax_consent_set(struct ax_warrants *w, const struct ax_consent *c, int64_t now,
                   struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    char id[AX_UUID_TEXT + 1], until[AX_NUM_TEXT] = "";
    int rc = check(w, c, now, &a, err);
    if (rc == 0)
        rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    struct ax_uuid u = ax_uuid_at(now);
    ax_uuid_print(&u, id);
    struct ax_ledger_entry e = {.time = now,
                                .kind = AX_LEDGER_CONSENT_SET,
                                .scope = c->scope,
                                .who = c->who,
                                .tenant = c->tenant,
                                .handle = c->handle,
                                .grant = ax_str(id)};
    size_t n = c->expires ? ax_time_print(c->expires, until) : 0;
    e.detail = ax_arena_printf(&a, "%s%.*s", n ? "until " : "until it is revoked", (int)n, until);
    rc = ax_ledger_add(&t, &e, &a, err);
    if (rc == 0)
        rc = store(w, c, ax_str(id), now, err);
    return ax_ledger_end(&t, rc, err);
}

static bool one(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle, int64_t now,
                struct ax_arena *a, struct ax_consent *out)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "SELECT " COLUMNS " FROM inspection_consent WHERE tenant = ? AND handle = ? AND "
                  "(expires = 0 OR expires > ?)");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, handle);
    ax_stmt_int(&q, now);
    bool there = ax_stmt_row(&q);
    if (there)
        read_consent(&q, a, out);
    return ax_stmt_end(&q, "reading", NULL) == 0 && there; /* what cannot be read allows nothing */
}

bool ax_consent_of(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle, int64_t now,
                   struct ax_arena *a, struct ax_consent *out)
{
    return one(w, tenant, handle, now, a, out) || one(w, tenant, AX_STR(""), now, a, out);
}

static int remove_row(struct ax_warrants *w, const struct ax_consent *c, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "DELETE FROM inspection_consent WHERE tenant = ? AND handle = ?");
    ax_stmt_str(&q, c->tenant);
    ax_stmt_str(&q, c->handle);
    return ax_stmt_run(&q, "writing", err);
}

int ax_consent_revoke(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle,
                      struct ax_str who, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct ax_consent c;
    int rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    if (!one(w, tenant, handle, now, &a, &c))
        rc = ax_fail(err, -ENOENT, "there is no consent to revoke for %s%.*s",
                     handle.n ? "" : "all VMs", (int)(handle.n < 200 ? handle.n : 200), handle.p);
    if (rc == 0) {
        struct ax_ledger_entry e = {.time = now,
                                    .kind = AX_LEDGER_CONSENT_REVOKED,
                                    .scope = c.scope,
                                    .who = who,
                                    .tenant = tenant,
                                    .handle = handle,
                                    .grant = c.id};
        rc = ax_ledger_add(&t, &e, &a, err);
    }
    if (rc == 0)
        rc = remove_row(w, &c, err);
    return ax_ledger_end(&t, rc, err);
}

int ax_consent_list(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle, int64_t now,
                    struct ax_arena *a, struct ax_consent **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(w->sql);
    ax_stmt_begin(&q, w->sql,
                  "SELECT " COLUMNS " FROM inspection_consent WHERE (?1 OR tenant = ?2) AND "
                  "(?3 OR handle = ?4) AND (expires = 0 OR expires > ?5) ORDER BY tenant, handle");
    ax_stmt_int(&q, !tenant.p);
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, !handle.p);
    ax_stmt_str(&q, handle);
    ax_stmt_int(&q, now);
    struct ax_rows rows;
    int rc = ax_rows_read(&q, sizeof **out, read_consent, a, &rows, "reading", err);
    ax_sql_unlock(w->sql);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}
