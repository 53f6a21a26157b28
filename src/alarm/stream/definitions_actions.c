// SPDX-License-Identifier: Apache-2.0
/* A notification method is gone: out of all definitions of its tenant. */
#include "alarm/stream/inner.h"

/* What is left of a list without one entry. */
static struct ax_strs without(struct ax_strs v, struct ax_str entry, struct ax_arena *a)
{
    struct ax_str *kept = AX_NEWS(a, struct ax_str, v.n);
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++)
        if (!ax_str_eq(v.v[i], entry))
            kept[n++] = v.v[i];
    return (struct ax_strs){kept, n};
}

static bool concerns(const struct ax_def *d, struct ax_str tenant, struct ax_str method)
{
    bool found = false;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < d->d.actions[k].n; i++)
            found |= ax_str_eq(d->d.actions[k].v[i], method);
    return found && ax_str_eq(ax_str(d->tenant->name), tenant);
}

static struct ax_definition dropped(const struct ax_definition *from, struct ax_str method,
                                    int64_t now, struct ax_arena *a)
{
    struct ax_definition d = *from;
    d.updated = now;
    for (int k = 0; k < 3; k++)
        d.actions[k] = without(from->actions[k], method, a);
    return d;
}

/* All definitions of the tenant in one transaction. */
static int write_dropped(struct ax_stream *s, struct ax_str tenant, struct ax_str method,
                         int64_t now, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < s->ndefs; i++) {
        struct ax_definition d;
        if (!concerns(s->all[i], tenant, method))
            continue;
        d = dropped(&s->all[i]->d, method, now, &a);
        rc = ax_definition_put(s, tenant, &d, err);
    }
    ax_arena_free(&a);
    return ax_sql_end(s->o.sql, rc, err);
}

int ax_definition_drop_action(struct ax_stream *s, struct ax_str tenant, struct ax_str method,
                              int64_t now, struct ax_err *err)
{
    pthread_mutex_lock(&s->api);
    int rc = write_dropped(s, tenant, method, now, err);
    pthread_rwlock_wrlock(&s->shape);
    for (size_t i = 0; rc == 0 && i < s->ndefs; i++) {
        struct ax_def *d = s->all[i];
        if (concerns(d, tenant, method))
            d->d = dropped(&d->d, method, now, &d->arena);
    }
    pthread_rwlock_unlock(&s->shape);
    pthread_mutex_unlock(&s->api);
    return rc;
}
