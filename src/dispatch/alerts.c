// SPDX-License-Identifier: Apache-2.0
/* What fires, and what keeps it quiet. */
#include "dispatch/inner.h"

#define MOST 100000
#define PAGE 200 /* of one hold of the lock */

/* All silences that match, which may be more than the one that holds it. */
static void add_silences(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                         struct ax_arena *a, struct ax_alert *out)
{
    int64_t now = ax_dispatch_now(d);
    struct ax_str *ids = NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->nsilences; i++) {
        const struct ax_book_silence *x = &b->silences[i];
        if (x->starts > now || x->ends <= now || !ax_matchers_match(&x->matchers, &s->tags))
            continue;
        ids = ax_arena_grow(a, ids, n * sizeof *ids, (n + 1) * sizeof *ids);
        ids[n++] = ax_arena_str(a, x->id);
    }
    out->silenced_by = ids;
    out->nsilenced = n;
}

/* What else it is held for, whichever method it is; of maintenance, also when there is none. */
static int add_others(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                      struct ax_arena *a, struct ax_alert *out, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_reason work;
    struct ax_str *ids = NULL;
    size_t n = 0;
    int rc = ax_judge_maintenance(d, b, s, a, &work, err);
    if (rc < 0)
        return rc;
    if (work.why != AX_HOLD_NOT) {
        ids = AX_NEW(a, struct ax_str);
        ids[n++] = ax_arena_printf(a, "maintenance %.*s", AX_STR_ARG(work.ref));
    }
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT DISTINCT why, ref FROM dispatch_word WHERE alarm = ? AND held > 0 "
                  "AND why != ? AND NOT (why = ? AND ref = ?)");
    ax_stmt_str(&q, s->x.alarm);
    ax_stmt_int(&q, AX_HOLD_SILENCE);
    ax_stmt_int(&q, AX_HOLD_MAINTENANCE);
    ax_stmt_str(&q, work.why == AX_HOLD_NOT ? AX_STR_NULL : work.ref);
    while (ax_stmt_row(&q)) {
        ids = ax_arena_grow(a, ids, n * sizeof *ids, (n + 1) * sizeof *ids);
        ids[n++] = ax_arena_printf(a, "%s %.*s", ax_hold_name((enum ax_hold)ax_stmt_col_int(&q, 0)),
                                   AX_STR_ARG(ax_stmt_col(&q, 1)));
    }
    out->inhibited_by = ids;
    out->ninhibited = n;
    return ax_stmt_end(&q, "reading what is held in", err);
}

static int fill(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                struct ax_arena *a, struct ax_alert *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    ax_notify_annotations(&s->x, &text);
    *out = (struct ax_alert){.x = s->x,
                             .labels = s->labels,
                             .annotations = ax_arena_str(a, ax_buf_view(&text)),
                             .tags = s->tags.v,
                             .ntags = s->tags.n};
    add_silences(d, b, s, a, out);
    return add_others(d, b, s, a, out, err);
}

struct list {
    struct ax_alert *v;
    size_t n, cap;
};

/* Up to PAGE of those that follow what is there, with the lock held. */
static int read_page(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                     struct list *l, struct ax_err *err)
{
    struct ax_book *b;
    struct ax_stmt q;
    const struct ax_alert *last = l->n ? &l->v[l->n - 1] : NULL;
    int rc = ax_book_of(d, tenant, &b, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_SUBJECT_COLUMNS " FROM dispatch_alarm "
                  "WHERE tenant = ?1 AND state = 'ALARM' AND (time < ?2 OR (time = ?2 AND "
                  "alarm > ?3)) ORDER BY time DESC, alarm LIMIT ?4");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, last ? last->x.time : INT64_MAX);
    ax_stmt_str(&q, last ? last->x.alarm : AX_STR_NULL);
    ax_stmt_int(&q, PAGE);
    while (rc == 0 && ax_stmt_row(&q)) {
        struct ax_subject s;
        if (l->n == l->cap) {
            l->v = ax_arena_grow(a, l->v, l->cap * sizeof *l->v, (2 * l->cap + 16) * sizeof *l->v);
            l->cap = 2 * l->cap + 16;
        }
        ax_subject_column(&q, a, &s);
        rc = fill(d, b, &s, a, &l->v[l->n++], err);
    }
    int end = ax_stmt_end(&q, "reading alarms in", err);
    return rc < 0 ? rc : end;
}

/* Page by page, so that others get at the database meanwhile. */
int ax_dispatch_alerts(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                       struct ax_alert **out, size_t *n, struct ax_err *err)
{
    struct list l = {0};
    size_t had;
    int rc;
    do {
        had = l.n;
        ax_sql_lock(d->o.sql);
        rc = read_page(d, tenant, a, &l, err);
        ax_sql_unlock(d->o.sql);
    } while (rc == 0 && l.n == had + PAGE && l.n < MOST);
    if (rc == 0) {
        *out = l.v;
        *n = l.n;
    }
    return rc;
}
