// SPDX-License-Identifier: Apache-2.0
/* What may be done now, and by what; and that it is done. */
#include "warrant/inner.h"

#include <errno.h>
#include <stdio.h>

#define REFUSED_MS 60000 /* who tries again and again fills no ledger */

int ax_warrant_owner(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle,
                     struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    struct ax_str owner, id;
    enum ax_kind kind;
    int rc = ax_handle_parse(handle, &kind, &id, err);
    if (rc == 0 && kind != AX_KIND_VM)
        rc = ax_fail(err, -EINVAL, "%.*s is no VM: only they have memory to look into",
                     AX_STR_ARG(handle));
    if (rc == 0)
        rc = ax_registry_owner(w->registry, handle, a, &owner, err);
    if (rc == 0 && tenant.n && !ax_str_eq(owner, tenant)) /* as if it were not there */
        rc = ax_fail(err, -ENOENT, "no resource with the handle %.*s was ever seen",
                     AX_STR_ARG(handle));
    if (rc == 0)
        *out = owner;
    return rc;
}

static int check(const struct ax_inspection *x, struct ax_err *err)
{
    if (x->scope < AX_SCOPE_STATISTICS || x->scope >= AX_SCOPES)
        return ax_fail(err, -EINVAL, "scope: expected " AX_SCOPE_NAMES);
    if (x->reason.n > AX_WARRANT_REASON || !ax_str_utf8(x->reason))
        return ax_fail(err, -EINVAL, "reason: expected at most %d bytes of text in UTF-8",
                       AX_WARRANT_REASON);
    return 0;
}

static bool wanted(const struct ax_inspection *x, struct ax_str id)
{
    return x->grant.n == 0 || ax_str_eq(x->grant, id);
}

static void put(struct ax_grant *g, bool warrant, struct ax_str id, struct ax_str tenant,
                enum ax_scope scope, int64_t expires, int64_t notice_at)
{
    *g = (struct ax_grant){.warrant = warrant,
                           .tenant = tenant,
                           .scope = scope,
                           .expires = expires,
                           .notice_at = notice_at};
    snprintf(g->id, sizeof g->id, "%.*s", AX_STR_ARG(id));
}

/* The narrowest that goes far enough; one that the owner knows of before one that they do not. */
static bool find_warrant(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                         struct ax_arena *a, struct ax_grant *out, struct ax_str *reason)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "SELECT id, scope, expires, notice_at, reason FROM inspection_warrant "
                  "WHERE handle = ?1 AND tenant = ?2 AND scope >= ?3 AND closed = 0 AND "
                  "expires > ?4 AND (?5 = '' OR id = ?5) "
                  "ORDER BY notice_at > ?4, scope, expires DESC LIMIT 1");
    ax_stmt_str(&q, x->handle);
    ax_stmt_str(&q, x->tenant);
    ax_stmt_int(&q, x->scope);
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, x->grant);
    bool there = ax_stmt_row(&q);
    if (there) {
        put(out, true, ax_stmt_col(&q, 0), x->tenant, (enum ax_scope)ax_stmt_col_int(&q, 1),
            ax_stmt_col_int(&q, 2), ax_stmt_col_int(&q, 3));
        *reason = ax_arena_str(a, ax_stmt_col(&q, 4));
    }
    return ax_stmt_end(&q, "reading", NULL) == 0 && there;
}

/* What is missing, and how to get it. */
static int refuse(const struct ax_inspection *x, const struct ax_consent *c, struct ax_err *err)
{
    const char *scope = ax_scope_name(x->scope);
    char has[80] = "its owner has not consented to any";
    if (c && c->scope == AX_SCOPE_NONE)
        snprintf(has, sizeof has, "its owner has excepted it from consent");
    else if (c)
        snprintf(has, sizeof has, "its owner has consented to %s only", ax_scope_name(c->scope));
    if (x->grant.n)
        return ax_fail(err, -EPERM, "the grant %.*s does not allow %s of %.*s (now)",
                       (int)(x->grant.n < 36 ? x->grant.n : 36), x->grant.p, scope,
                       AX_STR_ARG(x->handle));
    if (x->scope > AX_SCOPE_DIAGNOSIS)
        return ax_fail(err, -EPERM,
                       "nothing allows %s of %.*s: the provider can open a warrant (auspex warrant "
                       "open %.*s --scope %s --reason TEXT); consent goes up to diagnosis",
                       scope, AX_STR_ARG(x->handle), AX_STR_ARG(x->handle), scope);
    return ax_fail(err, -EPERM,
                   "nothing allows %s of %.*s: %s; the owner can consent (auspex consent %.*s set "
                   "%s), or the provider open a warrant (auspex warrant open %.*s --scope %s "
                   "--reason TEXT)",
                   scope, AX_STR_ARG(x->handle), has, AX_STR_ARG(x->handle), scope,
                   AX_STR_ARG(x->handle), scope);
}

int ax_grant_find(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                  struct ax_arena *a, struct ax_grant *out, struct ax_str *reason,
                  struct ax_err *err)
{
    struct ax_consent c;
    bool consent = ax_consent_of(w, x->tenant, x->handle, now, a, &c);
    if (consent && c.scope >= x->scope && wanted(x, c.id)) {
        put(out, false, c.id, c.tenant, c.scope, c.expires, 0);
        *reason = x->reason;
        return 0;
    }
    if (!x->provider || !find_warrant(w, x, now, a, out, reason))
        return refuse(x, consent ? &c : NULL, err);
    if (x->reason.n)
        *reason = x->reason;
    return 0;
}

bool ax_grant_lasts(struct ax_warrants *w, const struct ax_inspection *x, int64_t now)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_grant g;
    struct ax_str reason;
    return ax_grant_find(w, x, now, &a, &g, &reason, NULL) == 0;
}

int ax_inspection_prepare(struct ax_warrants *w, const struct ax_inspection *x, struct ax_arena *a,
                          struct ax_inspection *out, struct ax_err *err)
{
    *out = *x;
    int rc = check(x, err);
    return rc < 0 ? rc : ax_warrant_owner(w, x->tenant, x->handle, a, &out->tenant, err);
}

int ax_warrants_allow(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                      struct ax_arena *a, struct ax_grant *out, struct ax_err *err)
{
    struct ax_inspection y;
    struct ax_str reason;
    int rc = ax_inspection_prepare(w, x, a, &y, err);
    if (rc < 0)
        return rc;
    ax_sql_lock(w->sql);
    rc = ax_grant_find(w, &y, now, a, out, &reason, err);
    ax_sql_unlock(w->sql);
    return rc;
}

/* ---- the use ---- */

struct ax_ledger_entry ax_entry_of(const struct ax_inspection *x, enum ax_ledger_kind kind,
                                   const struct ax_grant *g, struct ax_str reason, int64_t now)
{
    return (struct ax_ledger_entry){.time = now,
                                    .kind = kind,
                                    .scope = x->scope,
                                    .who = x->who,
                                    .tenant = x->tenant,
                                    .handle = x->handle,
                                    .reason = reason,
                                    .grant = g ? ax_str(g->id) : AX_STR(""),
                                    .detail = !g           ? AX_STR("")
                                              : g->warrant ? AX_STR("by warrant")
                                                           : AX_STR("by consent"),
                                    .hidden_until = g && g->notice_at > now ? g->notice_at : 0};
}

static bool refused_lately(struct ax_warrants *w, const struct ax_ledger_entry *e)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "SELECT 1 FROM ledger WHERE handle = ? AND sequence > ? AND kind = 'use-refused' "
                  "AND who = ? AND scope = ? AND time > ? LIMIT 1");
    ax_stmt_str(&q, e->handle);
    ax_stmt_int(&q, w->ledger->entries - 10000);
    ax_stmt_str(&q, e->who);
    ax_stmt_str(&q, ax_str(ax_scope_name(e->scope)));
    ax_stmt_int(&q, e->time - REFUSED_MS);
    bool there = ax_stmt_row(&q);
    return ax_stmt_end(&q, "reading", NULL) == 0 && there;
}

/* A refusal that is known to the owner would tell of a warrant that is not yet. */
static int64_t latest_notice(struct ax_warrants *w, struct ax_str handle, int64_t now)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT max(notice_at) FROM inspection_warrant WHERE handle = ?");
    ax_stmt_str(&q, handle);
    int64_t at = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    ax_stmt_end(&q, "reading", NULL);
    return at > now ? at : 0;
}

/* The answer is -EPERM also when this cannot be written. */
int ax_refusal_add(struct ax_warrants *w, struct ax_ledger_tx *t, const struct ax_inspection *x,
                   int64_t now, struct ax_arena *a)
{
    struct ax_ledger_entry e = ax_entry_of(x, AX_LEDGER_USE_REFUSED, NULL, x->reason, now);
    e.hidden_until = latest_notice(w, x->handle, now);
    w->refused++;
    return refused_lately(w, &e) ? 0 : ax_ledger_add(t, &e, a, NULL);
}

int ax_use_and(struct ax_warrants *w, const struct ax_inspection *x, struct ax_str detail,
               ax_use_also *also, void *arg, int64_t now, struct ax_arena *a, struct ax_grant *out,
               struct ax_err *err)
{
    struct ax_ledger_tx t;
    struct ax_inspection y;
    struct ax_grant g;
    struct ax_str reason;
    int rc = ax_inspection_prepare(w, x, a, &y, err);
    if (rc == 0)
        rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    int may = ax_grant_find(w, &y, now, a, &g, &reason, err);
    if (may < 0) {
        ax_ledger_end(&t, ax_refusal_add(w, &t, &y, now, a), NULL);
        return may;
    }
    struct ax_ledger_entry e = ax_entry_of(&y, AX_LEDGER_USE, &g, reason, now);
    if (detail.n)
        e.detail = ax_arena_printf(a, "%.*s, %.*s", AX_STR_ARG(e.detail), AX_STR_ARG(detail));
    rc = ax_ledger_add(&t, &e, a, err);
    if (rc == 0)
        rc = ax_hour_use(w, &e, a, err);
    if (rc == 0 && also)
        rc = also(w, &e, &g, arg, err);
    rc = ax_ledger_end(&t, rc, err);
    if (rc == 0) {
        w->uses++;
        *out = g;
    }
    return rc;
}

int ax_warrants_use(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                    struct ax_arena *a, struct ax_grant *out, struct ax_err *err)
{
    return ax_use_and(w, x, AX_STR_NULL, NULL, NULL, now, a, out, err);
}
