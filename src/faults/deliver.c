// SPDX-License-Identifier: Apache-2.0
/* From faults to the outbox, and to the table of those that stand. Where both are is one number,
 * written with what was queued: what a crash takes back is queued again, and only that. */
#include "faults/inner.h"

#define KEEP_EVERY 1000 /* events without a fault, that a start may read again */

static int write_cursor(struct ax_faults *f, int64_t event, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql, "INSERT OR REPLACE INTO fault_cursor(one, event) VALUES(1, ?)");
    ax_stmt_int(&q, event);
    return ax_stmt_run(&q, "writing", err);
}

int ax_subscriptions_keep(struct ax_faults *f, struct ax_err *err)
{
    if (f->cursor == f->kept)
        return 0;
    int rc = ax_sql_begin(f->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(f->o.sql, write_cursor(f, f->cursor, err), err);
    if (rc == 0)
        f->kept = f->cursor;
    return rc;
}

/* Of those that may see the tenant's faults, and were there before this one. */
static int find(struct ax_faults *f, const struct ax_fault *x, struct ax_arena *a,
                struct ax_subscription **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_subscription s;
    size_t cap = 0;
    ax_stmt_begin(&q, f->o.sql,
                  "SELECT " AX_SUBSCRIPTION_COLUMNS " FROM fault_subscription "
                  "WHERE tenant IN (?, '') AND since < ?");
    ax_stmt_str(&q, x->told->tenant);
    ax_stmt_int(&q, x->told->event.id);
    while (ax_stmt_row(&q)) {
        ax_subscription_read(&q, a, &s);
        if (!ax_fault_matches(&s.filter, x->told, x->kind))
            continue;
        if (*n == cap) {
            size_t wider = cap ? cap * 2 : 8;
            *out = ax_arena_grow(a, *out, cap * sizeof s, wider * sizeof s);
            cap = wider;
        }
        (*out)[(*n)++] = s;
    }
    return ax_stmt_end(&q, "reading", err);
}

static int queue_one(struct ax_faults *f, const struct ax_fault *x, struct ax_arena *a,
                     uint64_t *queued, struct ax_err *err)
{
    struct ax_subscription *v = NULL;
    size_t n = 0;
    const struct ax_event *e = &x->told->event;
    struct ax_document d = {.tenant = x->told->tenant,
                            .about = e->handle,
                            .name = ax_arena_printf(a, "fault %lld", (long long)e->id),
                            .time = e->time,
                            .json = x->json};
    int rc = find(f, x, a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = ax_notify_queue_document(f->o.notify, v[i].id, &d, err);
    *queued += n;
    return rc;
}

/* All of a page, with the place behind it, is one transaction. */
static int take(struct ax_faults *f, const struct ax_fault_page *p, uint64_t *queued,
                struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    int rc = ax_sql_begin(f->o.sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && f->subscriptions && i < p->n; i++)
        if (p->v[i].kind)
            rc = queue_one(f, &p->v[i], &a, queued, err);
    if (rc == 0)
        rc = ax_open_faults_apply(f, p, err);
    if (rc == 0)
        rc = write_cursor(f, p->last, err);
    rc = ax_sql_end(f->o.sql, rc, err);
    ax_arena_free(&a);
    return rc;
}

int ax_subscriptions_deliver(struct ax_faults *f, struct ax_fault_page *p, struct ax_err *err)
{
    uint64_t queued = 0;
    int rc = ax_fault_page_read(f->o.registry, p, f->cursor, err);
    if (rc == 0 && p->faults)
        rc = take(f, p, &queued, err);
    if (rc < 0)
        return rc;
    f->cursor = p->last;
    if (p->faults)
        f->kept = p->last;
    else if (f->cursor - f->kept >= KEEP_EVERY)
        rc = ax_subscriptions_keep(f, err);
    if (queued) {
        f->queued += queued;
        ax_notify_wake(f->o.notify);
    }
    return rc < 0 ? rc : p->full;
}
