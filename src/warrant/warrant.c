// SPDX-License-Identifier: Apache-2.0
/* The room as a whole: opened, kept going, counted. */
#include "warrant/inner.h"

#include "base/clock.h"

#include <stdlib.h>

#define LOOK_MS     1000
#define STANDING_MS 15000 /* who counts is told at once that a grant has ended */
#define HEAL_MS     3600000

int ax_warrants_open(struct ax_warrants **out, const struct ax_warrants_options *o,
                     struct ax_err *err)
{
    struct ax_warrants *w = ax_calloc(1, sizeof *w);
    struct ax_link last;
    w->sql = o->sql;
    w->registry = o->registry;
    w->notify = o->notify;
    int rc = ax_ledger_open(&w->ledger, o->sql, o->head ? o->head : "ledger.head", err);
    if (rc == 0) {
        ax_sql_lock(w->sql);
        rc = ax_ledger_last(w->sql, &last, err);
        ax_sql_unlock(w->sql);
    }
    if (rc < 0) {
        ax_warrants_close(w);
        return rc;
    }
    w->ledger->entries = last.sequence;
    rc = ax_extracts_heal(w, ax_now_ms(), err);
    if (rc < 0)
        ax_warrants_close(w);
    else
        *out = w;
    return rc;
}

void ax_warrants_close(struct ax_warrants *w)
{
    if (!w)
        return;
    ax_ledger_close(w->ledger);
    free(w);
}

struct ax_ledger *ax_warrants_ledger(struct ax_warrants *w)
{
    return w->ledger;
}

/* A part that fails keeps none of the others from being done. */
int ax_warrants_tick(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    static const struct {
        int (*run)(struct ax_warrants *, int64_t, struct ax_err *);
        int64_t every_ms;
    } parts[AX_TICK_PARTS] = {{ax_notices_heal, HEAL_MS},
                              {ax_standing_tick, STANDING_MS},
                              {ax_hours_tick, LOOK_MS},
                              {ax_notices_tick, LOOK_MS},
                              {ax_deliveries_tick, LOOK_MS}};
    int rc = 0;
    for (size_t i = 0; i < AX_TICK_PARTS; i++) {
        if (now < w->next[i] && w->next[i] <= now + parts[i].every_ms)
            continue;
        int one = parts[i].run(w, now, rc < 0 ? NULL : err);
        w->next[i] = now + parts[i].every_ms;
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

int ax_warrants_prune(struct ax_warrants *w, int64_t before, struct ax_err *err)
{
    static const char *const texts[] = {
        "DELETE FROM inspection_notice WHERE sent > 0 AND sent < ?"};
    int rc = ax_sql_begin(w->sql, err);
    if (rc < 0)
        return rc;
    rc = ax_stmt_each_int(w->sql, texts, AX_ARRAY_LEN(texts), before, "pruning", err);
    return ax_sql_end(w->sql, rc, err);
}

/* ---- levels ---- */

static enum ax_scope widest_warrant(struct ax_warrants *w, const struct ax_owned *vm, int64_t now)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "SELECT max(scope) FROM inspection_warrant WHERE handle = ? AND tenant = ? AND "
                  "closed = 0 AND expires > ?");
    ax_stmt_str(&q, vm->handle);
    ax_stmt_str(&q, vm->tenant);
    ax_stmt_int(&q, now);
    int64_t scope = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : AX_SCOPE_NONE;
    return ax_stmt_end(&q, "reading", NULL) == 0 ? (enum ax_scope)scope : AX_SCOPE_NONE;
}

static enum ax_scope level_of(struct ax_warrants *w, const struct ax_owned *vm, int64_t now,
                              struct ax_arena *a)
{
    struct ax_consent c = {.scope = AX_SCOPE_NONE};
    enum ax_scope warrant = widest_warrant(w, vm, now);
    ax_consent_of(w, vm->tenant, vm->handle, now, a, &c);
    return c.scope > warrant ? c.scope : warrant;
}

int ax_warrants_levels(struct ax_warrants *w, int64_t now, struct ax_arena *a,
                       struct ax_vm_level **out, size_t *n, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena scratch = AX_ARENA_INIT;
    struct ax_owned *vms;
    size_t count;
    int rc = ax_registry_owned(w->registry, AX_KIND_VM, a, &vms, &count, err);
    if (rc < 0)
        return rc;
    struct ax_vm_level *v = AX_NEWS(a, struct ax_vm_level, count + 1);
    for (size_t i = 0; i < count; i++) {
        ax_sql_lock(w->sql);
        v[i] = (struct ax_vm_level){.handle = vms[i].handle,
                                    .tenant = vms[i].tenant,
                                    .scope = level_of(w, &vms[i], now, &scratch)};
        ax_sql_unlock(w->sql);
        ax_arena_reset(&scratch);
    }
    *out = v;
    *n = count;
    return 0;
}

/* ---- figures ---- */

int ax_warrants_stats(struct ax_warrants *w, int64_t now, struct ax_warrants_stats *out,
                      struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_warrants_stats s = {.uses = w->uses,
                                  .refused = w->refused,
                                  .entries = (uint64_t)w->ledger->entries,
                                  .intact = w->ledger->intact};
    uint64_t *const counts[] = {&s.consents,        &s.warrants,        &s.standing,
                                &s.notices_waiting, &s.notices_delayed, &s.notices_unread};
    ax_sql_lock(w->sql);
    ax_stmt_begin(
        &q, w->sql,
        "SELECT (SELECT count(*) FROM inspection_consent WHERE expires = 0 OR expires > ?1), "
        "(SELECT count(*) FROM inspection_warrant WHERE closed = 0 AND expires > ?1), "
        "(SELECT count(*) FROM inspection_standing), "
        "(SELECT count(*) FROM inspection_notice n LEFT JOIN ledger l ON l.sequence = n.sequence "
        "WHERE n.sent = 0 AND coalesce(l.hidden_until, 0) <= ?1), "
        "(SELECT count(*) FROM inspection_notice n JOIN ledger l ON l.sequence = n.sequence "
        "WHERE n.sent = 0 AND l.hidden_until > ?1), "
        "(SELECT count(*) FROM inspection_notice WHERE sent > 0 AND seen = 0)");
    ax_stmt_int(&q, now);
    if (ax_stmt_row(&q))
        for (size_t i = 0; i < AX_ARRAY_LEN(counts); i++)
            *counts[i] = (uint64_t)ax_stmt_col_int(&q, (int)i);
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(w->sql);
    if (rc == 0)
        *out = s;
    return rc;
}
