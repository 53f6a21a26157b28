// SPDX-License-Identifier: Apache-2.0
/* Maintenance as events: planned, began, ended, cancelled; of the resource, and where that is a
 * host, of each virtual machine on it, since its owner may know nothing of the host. */
#include "dispatch/inner.h"

#include "base/num.h"

#define AT_ONCE 64

struct due {
    struct ax_maintenance m;
    struct ax_str tenant, name;
    enum ax_work_phase phase;
};

static int find_due(struct ax_dispatch *d, struct ax_arena *a, struct due *v, size_t *n,
                    struct ax_err *err)
{
    struct ax_stmt q;
    int rc = 0;
    *n = 0;
    ax_sql_lock(d->o.sql);
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_MAINTENANCE_COLUMNS ", tenant, phase FROM maintenance "
                  "WHERE phase < 2 AND (phase < 0 OR (phase = 0 AND starts <= ?1) "
                  "OR (phase = 1 AND ends <= ?1)) ORDER BY starts LIMIT ?2");
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_int(&q, AT_ONCE);
    while (rc == 0 && *n < AT_ONCE && ax_stmt_row(&q)) {
        struct ax_place p;
        struct due *x = &v[(*n)++];
        ax_maintenance_column(&q, a, &x->m);
        x->tenant = ax_arena_str(a, ax_stmt_col(&q, 6));
        x->phase = (enum ax_work_phase)ax_stmt_col_int(&q, 7);
        rc = ax_registry_place(d->o.registry, x->tenant, x->m.resource, a, &p, err);
        x->name = rc == 0 && p.name.n ? p.name : x->m.resource;
    }
    int end = ax_stmt_end(&q, "reading maintenances in", err);
    ax_sql_unlock(d->o.sql);
    return rc < 0 ? rc : end;
}

static struct ax_str words(const struct due *x, struct ax_arena *a)
{
    char from[AX_NUM_TEXT], to[AX_NUM_TEXT];
    ax_time_print(x->m.starts, from);
    ax_time_print(x->m.ends, to);
    switch (x->phase) {
    case AX_WORK_NEW: return ax_arena_printf(a, "is planned from %s to %s", from, to);
    case AX_WORK_AHEAD: return ax_arena_printf(a, "began, until %s", to);
    case AX_WORK_BEGAN: return AX_STR("ended");
    case AX_WORK_CALLED_OFF: return AX_STR("was called off");
    case AX_WORK_ENDED: break;
    }
    return AX_STR_NULL;
}

static struct ax_event event_of(const struct due *x, struct ax_arena *a)
{
    static const char *const what[] = {"cancelled", "planned", "began", "ended"};
    const int64_t at[] = {x->m.ends, x->m.created, x->m.starts, x->m.ends};
    return (struct ax_event){.time = at[x->phase - AX_WORK_CALLED_OFF],
                             .handle = x->m.resource,
                             .type = AX_STR("maintenance"),
                             .what = ax_str(what[x->phase - AX_WORK_CALLED_OFF]),
                             .detail = x->m.id,
                             .text = ax_arena_printf(a, "maintenance of %.*s %.*s%s%.*s",
                                                     AX_STR_ARG(x->name), AX_STR_ARG(words(x, a)),
                                                     x->m.comment.n ? ": " : "",
                                                     AX_STR_ARG(x->m.comment))};
}

static int find_vms(struct ax_dispatch *d, const struct due *x, struct ax_arena *a,
                    struct ax_resource **v, size_t *n, struct ax_err *err)
{
    struct ax_resource_filter f = {
        .tenant = x->tenant, .kind = AX_STR("vm"), .host = x->m.resource};
    uint64_t total;
    *n = 0;
    return ax_str_starts(x->m.resource, AX_STR("host:"))
               ? ax_registry_list(d->o.registry, &f, a, v, n, &total, err)
               : 0;
}

static int move_on(struct ax_dispatch *d, const struct due *x, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "UPDATE maintenance SET phase = ? WHERE id = ? AND phase = ?");
    ax_stmt_int(&q, x->phase == AX_WORK_CALLED_OFF ? AX_WORK_ENDED : x->phase + 1);
    ax_stmt_str(&q, x->m.id);
    ax_stmt_int(&q, x->phase);
    return ax_stmt_run(&q, "writing a maintenance to", err);
}

static int tell(struct ax_dispatch *d, const struct due *x, struct ax_arena *a, struct ax_err *err)
{
    struct ax_resource *vms;
    size_t n;
    struct ax_event e = event_of(x, a);
    int rc = find_vms(d, x, a, &vms, &n, err);
    if (rc == 0)
        rc = ax_sql_begin(d->o.sql, err);
    if (rc < 0)
        return rc;
    rc = ax_registry_add_event_within(d->o.registry, x->tenant, &e, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ax_event of_vm = e;
        of_vm.handle = vms[i].handle;
        of_vm.text = ax_arena_printf(a, "%.*s: %.*s", AX_STR_ARG(vms[i].name), AX_STR_ARG(e.text));
        rc = ax_registry_add_event_within(d->o.registry, x->tenant, &of_vm, err);
    }
    if (rc == 0)
        rc = move_on(d, x, err);
    rc = ax_sql_end(d->o.sql, rc, err);
    if (rc == 0)
        ax_registry_committed(d->o.registry);
    return rc;
}

int ax_maintenances_tell(struct ax_dispatch *d, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct due v[AT_ONCE];
    size_t n;
    int rc = find_due(d, &a, v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tell(d, &v[i], &a, err);
    ax_arena_free(&a);
    return rc;
}
