// SPDX-License-Identifier: Apache-2.0
/* The faults that stand: a row begins and ends with its events, in their order. */
#include "faults/inner.h"

/* A resource has one fault about the same thing at a time. Alarms with one name may be several. */
static bool is_kept(const struct ax_fault *x)
{
    return x->kind && x->kind->phase != AX_FAULT_ONCE &&
           !ax_str_eq(x->told->event.type, AX_STR("alarm"));
}

static struct ax_str about(const struct ax_fault *x, struct ax_arena *a)
{
    const struct ax_event *e = &x->told->event;
    return x->kind->about
               ? ax_str(x->kind->about)
               : ax_arena_printf(a, "%.*s %.*s", AX_STR_ARG(e->type), AX_STR_ARG(e->detail));
}

static int begin(struct ax_faults *f, const struct ax_fault *x, struct ax_str about,
                 struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql,
                  "INSERT OR REPLACE INTO fault_open(tenant, handle, about, event, host, type, "
                  "severity, json) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, x->told->tenant);
    ax_stmt_str(&q, x->told->event.handle);
    ax_stmt_str(&q, about);
    ax_stmt_int(&q, x->told->event.id);
    ax_stmt_str(&q, x->told->host);
    ax_stmt_str(&q, x->told->event.type);
    ax_stmt_int(&q, ax_fault_severity_of(&x->told->event, x->kind));
    ax_stmt_str(&q, x->json);
    return ax_stmt_run(&q, "writing", err);
}

static int end(struct ax_faults *f, const struct ax_fault *x, struct ax_str about,
               struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql,
                  "DELETE FROM fault_open WHERE tenant = ?1 AND handle = ?2 "
                  "AND (about = ?3 OR ?3 = '" AX_FAULT_ALL "')");
    ax_stmt_str(&q, x->told->tenant);
    ax_stmt_str(&q, x->told->event.handle);
    ax_stmt_str(&q, about);
    return ax_stmt_run(&q, "writing", err);
}

int ax_open_faults_apply(struct ax_faults *f, const struct ax_fault_page *p, struct ax_err *err)
{
    static const char forgotten[] = /* whose beginning the retention has taken */
        "DELETE FROM fault_open WHERE event < (SELECT min(id) FROM event)";
    struct ax_arena a = AX_ARENA_INIT;
    int rc = ax_sql_exec(f->o.sql, forgotten, err);
    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        const struct ax_fault *x = &p->v[i];
        if (is_kept(x))
            rc = (x->kind->phase == AX_FAULT_BEGINS ? begin : end)(f, x, about(x, &a), err);
    }
    ax_arena_free(&a);
    return rc;
}

#define MATCHING                                                                                   \
    " FROM fault_open WHERE (?1 = '' OR tenant = ?1) AND (?2 = '' OR handle = ?2) "                \
    "AND (?3 = '' OR host = ?3 OR handle = ?3) AND (?4 = '' OR type = ?4) AND severity >= ?5"

static void bind(struct ax_stmt *q, const struct ax_fault_filter *w)
{
    ax_stmt_str(q, w->tenant);
    ax_stmt_str(q, w->resource);
    ax_stmt_str(q, w->host);
    ax_stmt_str(q, w->type);
    ax_stmt_int(q, w->severity);
}

static int read_page(struct ax_faults *f, const struct ax_fault_filter *filter, uint32_t limit,
                     uint32_t offset, struct ax_arena *a, struct ax_open_faults *out,
                     struct ax_err *err)
{
    struct ax_str *v = AX_NEWS(a, struct ax_str, limit);
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql, "SELECT json" MATCHING " ORDER BY event LIMIT ?6 OFFSET ?7");
    bind(&q, filter);
    ax_stmt_int(&q, limit);
    ax_stmt_int(&q, offset);
    for (out->n = 0; out->n < limit && ax_stmt_row(&q); out->n++)
        v[out->n] = ax_arena_str(a, ax_stmt_col(&q, 0));
    out->json = v;
    return ax_stmt_end(&q, "reading", err);
}

static int count(struct ax_faults *f, const struct ax_fault_filter *filter, uint64_t *out,
                 struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql, "SELECT count(*)" MATCHING);
    bind(&q, filter);
    *out = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "reading", err);
}

int ax_faults_open_list(struct ax_faults *f, const struct ax_fault_filter *filter, uint32_t limit,
                        uint32_t offset, struct ax_arena *a, struct ax_open_faults *out,
                        struct ax_err *err)
{
    struct ax_open_faults found = {0};
    ax_sql_lock(f->o.sql);
    int rc = read_page(f, filter, limit, offset, a, &found, err);
    if (rc == 0)
        rc = count(f, filter, &found.total, err);
    ax_sql_unlock(f->o.sql);
    if (rc == 0)
        *out = found;
    return rc;
}
