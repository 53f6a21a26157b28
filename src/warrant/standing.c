// SPDX-License-Identifier: Apache-2.0
/* Collections that go on: an entry when one begins, one each hour with how often it read, one when
 * it ends. What was counted and not summed yet is in the database, and survives a crash. */
#include "warrant/inner.h"

#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>

#define HOUR_MS  3600000
#define QUIET_MS (2 * HOUR_MS) /* who reports nothing for so long has ended */
#define COLUMNS                                                                                    \
    "id, tenant, handle, who, reason, grant_id, scope, provider, hidden_until, polls, total, "     \
    "last_poll, last_sum"

struct standing {
    struct ax_str id;
    struct ax_inspection x; /* as it began, by its grant */
    int64_t hidden_until, polls, total, last_poll, last_sum;
};

static bool read_row(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    struct standing *s = out;
    *s = (struct standing){.hidden_until = ax_stmt_col_int(q, 8),
                           .polls = ax_stmt_col_int(q, 9),
                           .total = ax_stmt_col_int(q, 10),
                           .last_poll = ax_stmt_col_int(q, 11),
                           .last_sum = ax_stmt_col_int(q, 12)};
    struct ax_str *const texts[] = {&s->id,    &s->x.tenant, &s->x.handle,
                                    &s->x.who, &s->x.reason, &s->x.grant};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, (int)i));
    s->x.scope = (enum ax_scope)ax_stmt_col_int(q, 6);
    s->x.provider = ax_stmt_col_int(q, 7) != 0;
    return true;
}

static int find(struct ax_warrants *w, struct ax_str id, struct ax_arena *a, struct standing *out,
                struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT " COLUMNS " FROM inspection_standing WHERE id = ?");
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    if (there)
        read_row(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there ? ax_fail(err, -ENOENT, "there is no such collection (it has ended)")
                             : rc;
}

static struct ax_ledger_entry entry_of(const struct standing *s, enum ax_ledger_kind kind,
                                       struct ax_str detail, int64_t now)
{
    return (struct ax_ledger_entry){.time = now,
                                    .kind = kind,
                                    .scope = s->x.scope,
                                    .who = s->x.who,
                                    .tenant = s->x.tenant,
                                    .handle = s->x.handle,
                                    .reason = s->x.reason,
                                    .grant = s->x.grant,
                                    .detail = detail,
                                    .hidden_until = s->hidden_until > now ? s->hidden_until : 0};
}

/* ---- beginning ---- */

static bool is_on(struct ax_warrants *w, const struct ax_inspection *x, const struct ax_grant *g,
                  char id[AX_WARRANT_ID])
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "SELECT id FROM inspection_standing WHERE handle = ? AND scope = ? AND who = ? "
                  "AND grant_id = ?");
    ax_stmt_str(&q, x->handle);
    ax_stmt_int(&q, x->scope);
    ax_stmt_str(&q, x->who);
    ax_stmt_str(&q, ax_str(g->id));
    bool there = ax_stmt_row(&q);
    struct ax_str found = there ? ax_stmt_col(&q, 0) : AX_STR("");
    if (there)
        snprintf(id, AX_WARRANT_ID, "%.*s", AX_STR_ARG(found));
    return ax_stmt_end(&q, "reading", NULL) == 0 && there;
}

static int store(struct ax_warrants *w, const struct ax_ledger_entry *e, bool provider,
                 int64_t hidden_until, struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "INSERT INTO inspection_standing(id, tenant, handle, who, reason, grant_id, "
                  "scope, provider, hidden_until, began, last_poll, last_sum, polls, total) "
                  "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?10, 0, 0)");
    const struct ax_str texts[] = {id, e->tenant, e->handle, e->who, e->reason, e->grant};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, e->scope);
    ax_stmt_int(&q, provider);
    ax_stmt_int(&q, hidden_until);
    ax_stmt_int(&q, e->time);
    return ax_stmt_run(&q, "writing", err);
}

static int begin_new(struct ax_warrants *w, struct ax_ledger_tx *t, const struct ax_inspection *x,
                     const struct ax_grant *g, struct ax_str reason, int64_t now,
                     struct ax_arena *a, char id[AX_WARRANT_ID], struct ax_err *err)
{
    struct ax_ledger_entry e = ax_entry_of(x, AX_LEDGER_STANDING_BEGUN, g, reason, now);
    struct ax_uuid u = ax_uuid_at(now);
    ax_uuid_print(&u, id);
    int rc = ax_ledger_add(t, &e, a, err);
    if (rc == 0)
        rc = store(w, &e, x->provider, g->notice_at, ax_str(id), err);
    return rc == 0 ? ax_notice_add(w, &e, "standing-begun", 0, e.time, a, err) : rc;
}

int ax_standing_begin(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                      struct ax_arena *a, char id[AX_WARRANT_ID], struct ax_grant *out,
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
    rc = ax_grant_find(w, &y, now, a, &g, &reason, err);
    if (rc < 0) {
        ax_ledger_end(&t, ax_refusal_add(w, &t, &y, now, a), NULL);
        return rc;
    }
    if (!is_on(w, &y, &g, id))
        rc = begin_new(w, &t, &y, &g, reason, now, a, id, err);
    rc = ax_ledger_end(&t, rc, err);
    if (rc == 0)
        *out = g;
    return rc;
}

/* ---- counting and ending ---- */

static int end_found(struct ax_warrants *w, struct ax_ledger_tx *t, const struct standing *s,
                     struct ax_str why, int64_t now, struct ax_arena *a, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_ledger_entry e =
        entry_of(s, AX_LEDGER_STANDING_ENDED,
                 ax_arena_printf(a, "%.*s; %lld readings, %lld since the last sum", AX_STR_ARG(why),
                                 (long long)s->total, (long long)s->polls),
                 now);
    int rc = ax_ledger_add(t, &e, a, err);
    if (rc == 0)
        rc = ax_notice_add(w, &e, "standing-ended", 0, e.time, a, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, w->sql, "DELETE FROM inspection_standing WHERE id = ?");
    ax_stmt_str(&q, s->id);
    return ax_stmt_run(&q, "writing", err);
}

static int add_polls(struct ax_warrants *w, struct ax_str id, uint64_t polls, int64_t now,
                     struct ax_err *err)
{
    struct ax_stmt q;
    int64_t n = polls > INT32_MAX ? INT32_MAX : (int64_t)polls;
    ax_stmt_begin(&q, w->sql,
                  "UPDATE inspection_standing SET polls = polls + ?1, total = total + ?1, "
                  "last_poll = ?2 WHERE id = ?3");
    ax_stmt_int(&q, n);
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing", err);
}

static struct ax_str why_over(void)
{
    return AX_STR("its consent or warrant has ended");
}

static int end_by_id(struct ax_warrants *w, struct ax_str id, struct ax_str why, int64_t now,
                     struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct standing s;
    int rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    rc = find(w, id, &a, &s, err);
    if (rc == 0)
        rc = end_found(w, &t, &s, why, now, &a, err);
    return ax_ledger_end(&t, rc, err);
}

/* What was read before it came to an end counts, also when the grant has ended since. */
int ax_standing_count(struct ax_warrants *w, struct ax_str id, uint64_t polls, int64_t now,
                      struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct standing s;
    bool lasts = false;
    int rc = ax_sql_begin(w->sql, err);
    if (rc < 0)
        return rc;
    rc = find(w, id, &a, &s, err);
    if (rc == 0)
        rc = add_polls(w, id, polls, now, err);
    if (rc == 0)
        lasts = ax_grant_lasts(w, &s.x, now);
    rc = ax_sql_end(w->sql, rc, err);
    if (rc < 0 || lasts)
        return rc;
    rc = end_by_id(w, id, why_over(), now, err);
    return rc < 0 && rc != -ENOENT
               ? rc
               : ax_fail(err, -EPERM, "the consent or warrant of this collection has ended");
}

int ax_standing_end(struct ax_warrants *w, struct ax_str id, struct ax_str why, int64_t now,
                    struct ax_err *err)
{
    return end_by_id(w, id, why, now, err);
}

/* ---- each hour ---- */

static int sum(struct ax_warrants *w, struct ax_ledger_tx *t, const struct standing *s, int64_t now,
               struct ax_arena *a, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_ledger_entry e =
        entry_of(s, AX_LEDGER_STANDING_SUM,
                 ax_arena_printf(a, "%lld readings since the last sum, %lld in all",
                                 (long long)s->polls, (long long)s->total),
                 now);
    int rc = ax_ledger_add(t, &e, a, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, w->sql,
                  "UPDATE inspection_standing SET polls = 0, last_sum = ? WHERE id = ?");
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, s->id);
    return ax_stmt_run(&q, "writing", err);
}

/* What has to be written now: an end, a sum, or nothing. */
static int look_at(struct ax_warrants *w, struct ax_ledger_tx *t, const struct standing *s,
                   int64_t now, struct ax_arena *a, struct ax_err *err)
{
    if (!ax_grant_lasts(w, &s->x, now))
        return end_found(w, t, s, why_over(), now, a, err);
    if (now - s->last_poll >= QUIET_MS)
        return end_found(w, t, s, AX_STR("its collector has not been heard of"), now, a, err);
    return now - s->last_sum >= HOUR_MS ? sum(w, t, s, now, a, err) : 0;
}

static int read_all(struct ax_warrants *w, struct ax_arena *a, struct standing **out, size_t *n,
                    struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_rows rows;
    ax_stmt_begin(&q, w->sql, "SELECT " COLUMNS " FROM inspection_standing ORDER BY id");
    int rc = ax_rows_read(&q, sizeof **out, read_row, a, &rows, "reading", err);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}

static bool is_due(struct ax_warrants *w, const struct standing *s, int64_t now)
{
    return now - s->last_sum >= HOUR_MS || now - s->last_poll >= QUIET_MS ||
           !ax_grant_lasts(w, &s->x, now);
}

int ax_standing_tick(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct standing *v;
    size_t n;
    bool due = false;
    ax_sql_lock(w->sql);
    int rc = read_all(w, &a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n && !due; i++)
        due = is_due(w, &v[i], now);
    ax_sql_unlock(w->sql);
    if (rc < 0 || !due)
        return rc;
    rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    rc = read_all(w, &a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = look_at(w, &t, &v[i], now, &a, err);
    return ax_ledger_end(&t, rc, err);
}
