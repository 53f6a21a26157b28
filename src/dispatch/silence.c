// SPDX-License-Identifier: Apache-2.0
/* Silences, with the rules of Alertmanager's about what may change in one. */
#include "dispatch/inner.h"

#include <errno.h>

#define COLUMNS  "id, matchers, starts, ends, updated, created_by, comment"
#define SHOWN(s) (int)((s).n < 100 ? (s).n : 100), (s).p

enum ax_silence_state ax_silence_state(const struct ax_silence *s, int64_t now)
{
    return now < s->starts ? AX_SILENCE_PENDING
           : now < s->ends ? AX_SILENCE_ACTIVE
                           : AX_SILENCE_EXPIRED;
}

/* ---- rows ---- */

static void read_row(struct ax_stmt *q, struct ax_arena *a, struct ax_silence *s)
{
    struct ax_matchers m = ax_matchers_read(ax_stmt_col(q, 1), a);
    *s = (struct ax_silence){.id = ax_arena_str(a, ax_stmt_col(q, 0)),
                             .matchers = m.v,
                             .nmatchers = m.n,
                             .starts = ax_stmt_col_int(q, 2),
                             .ends = ax_stmt_col_int(q, 3),
                             .updated = ax_stmt_col_int(q, 4),
                             .created_by = ax_arena_str(a, ax_stmt_col(q, 5)),
                             .comment = ax_arena_str(a, ax_stmt_col(q, 6))};
}

/* With the lock held. */
static int get(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
               struct ax_silence *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "SELECT " COLUMNS " FROM silence WHERE id = ? AND tenant = ?");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, tenant);
    bool there = ax_stmt_row(&q);
    if (there)
        read_row(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there ? ax_fail(err, -ENOENT, "silence not found: %.*s", SHOWN(id)) : rc;
}

static int put(struct ax_dispatch *d, struct ax_str tenant, const struct ax_silence *s,
               struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf matchers = AX_BUF_INIT;
    struct ax_stmt q;
    ax_matchers_write(s->matchers, s->nmatchers, &matchers);
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT INTO silence(tenant, " COLUMNS ", created) "
                  "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?6) ON CONFLICT(id) DO UPDATE SET "
                  "starts = ?4, ends = ?5, updated = ?6, created_by = ?7, comment = ?8");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, s->id);
    ax_stmt_str(&q, ax_buf_view(&matchers));
    ax_stmt_int(&q, s->starts);
    ax_stmt_int(&q, s->ends);
    ax_stmt_int(&q, s->updated);
    ax_stmt_str(&q, s->created_by);
    ax_stmt_str(&q, s->comment);
    ax_book_changed(d, tenant);
    return ax_stmt_run(&q, "writing a silence to", err);
}

/* ---- changing ---- */

static int expire(struct ax_dispatch *d, struct ax_str tenant, struct ax_silence *s, int64_t now,
                  struct ax_err *err)
{
    if (ax_silence_state(s, now) == AX_SILENCE_EXPIRED)
        return ax_fail(err, -EALREADY, "silence %.*s already expired", SHOWN(s->id));
    s->starts = s->starts < now ? s->starts : now;
    s->ends = now;
    s->updated = now;
    return put(d, tenant, s, err);
}

static bool same_matchers(const struct ax_silence *a, const struct ax_silence *b)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf x = AX_BUF_INIT, y = AX_BUF_INIT;
    ax_matchers_write(a->matchers, a->nmatchers, &x);
    ax_matchers_write(b->matchers, b->nmatchers, &y);
    return ax_str_eq(ax_buf_view(&x), ax_buf_view(&y));
}

/* Whether what was there can become what is wanted. Clients know seconds, hence those. */
static bool can_become(const struct ax_silence *was, const struct ax_silence *s, int64_t now)
{
    if (!same_matchers(was, s))
        return false;
    switch (ax_silence_state(was, now)) {
    case AX_SILENCE_ACTIVE: return s->starts / 1000 == was->starts / 1000 && s->ends >= now;
    case AX_SILENCE_PENDING: return s->starts >= now;
    case AX_SILENCE_EXPIRED: break;
    }
    return false;
}

static int check(const struct ax_silence *s, int64_t now, struct ax_arena *a, struct ax_err *err)
{
    if (s->starts >= s->ends)
        return ax_fail(err, -EINVAL, "start time must be before end time");
    if (s->ends < now)
        return ax_fail(err, -EINVAL, "end time can't be in the past");
    struct ax_matchers m = {AX_NEWS(a, struct ax_matcher, s->nmatchers + 1), s->nmatchers};
    for (size_t i = 0; i < m.n; i++)
        m.v[i] = s->matchers[i];
    int rc = ax_matchers_begin(&m, err);
    if (rc < 0)
        return ax_err_wrap(err, "silence invalid");
    ax_matchers_end(&m);
    return 0;
}

static int count(struct ax_dispatch *d, struct ax_str tenant, int64_t now, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "SELECT count(*) FROM silence WHERE tenant = ? AND ends > ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, now);
    int64_t n = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    int rc = ax_stmt_end(&q, "counting in", err);
    return rc == 0 && n >= AX_SILENCES_MAX
               ? ax_fail(err, -EDQUOT, "there are %d silences already", AX_SILENCES_MAX)
               : rc;
}

/* In a transaction. s->id becomes what it is in the end. */
static int set(struct ax_dispatch *d, struct ax_str tenant, struct ax_silence *s, int64_t now,
               char id[AX_UUID_TEXT + 1], struct ax_arena *a, struct ax_err *err)
{
    struct ax_silence was;
    if (s->id.n) {
        int rc = get(d, tenant, s->id, a, &was, err);
        if (rc < 0)
            return rc;
        if (can_become(&was, s, now)) {
            s->starts = ax_silence_state(&was, now) == AX_SILENCE_ACTIVE ? was.starts : s->starts;
            return put(d, tenant, s, err);
        }
        rc = expire(d, tenant, &was, now, err);
        if (rc < 0 && rc != -EALREADY)
            return rc;
    }
    int rc = count(d, tenant, now, err);
    if (rc < 0)
        return rc;
    ax_dispatch_id(id);
    s->id = ax_str(id);
    s->starts = s->starts < now ? now : s->starts;
    return put(d, tenant, s, err);
}

int ax_silence_set(struct ax_dispatch *d, struct ax_str tenant, const struct ax_silence *s,
                   char id[AX_UUID_TEXT + 1], struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_silence wanted = *s;
    char made[AX_UUID_TEXT + 1] = "";
    int64_t now = ax_dispatch_now(d);
    wanted.updated = now;
    int rc = check(s, now, &a, err);
    if (rc == 0 && (rc = ax_sql_begin(d->o.sql, err)) == 0)
        rc = ax_sql_end(d->o.sql, set(d, tenant, &wanted, now, made, &a, err), err);
    if (rc == 0) {
        memcpy(id, wanted.id.p, AX_UUID_TEXT);
        id[AX_UUID_TEXT] = 0;
    }
    ax_arena_free(&a);
    return rc;
}

int ax_silence_expire(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                      struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_silence s;
    int rc = ax_sql_begin(d->o.sql, err);
    if (rc == 0) {
        rc = get(d, tenant, id, &a, &s, err);
        if (rc == 0)
            rc = expire(d, tenant, &s, ax_dispatch_now(d), err);
        rc = ax_sql_end(d->o.sql, rc, err);
    }
    ax_arena_free(&a);
    return rc;
}

/* ---- reading ---- */

int ax_silence_get(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                   struct ax_arena *a, struct ax_silence *out, struct ax_err *err)
{
    ax_sql_lock(d->o.sql);
    int rc = get(d, tenant, id, a, out, err);
    ax_sql_unlock(d->o.sql);
    return rc;
}

int ax_silence_list(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                    struct ax_silence **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_silence *v = NULL;
    size_t have = 0, cap = 0;
    ax_sql_lock(d->o.sql);
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " COLUMNS " FROM silence WHERE tenant = ?1 ORDER BY "
                  "CASE WHEN ends <= ?2 THEN 2 ELSE starts > ?2 END, "
                  "CASE WHEN ends <= ?2 THEN -ends WHEN starts > ?2 THEN starts ELSE ends END, id");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, ax_dispatch_now(d));
    while (ax_stmt_row(&q)) {
        if (have == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, (2 * cap + 16) * sizeof *v);
            cap = 2 * cap + 16;
        }
        read_row(&q, a, &v[have++]);
    }
    int rc = ax_stmt_end(&q, "reading silences in", err);
    ax_sql_unlock(d->o.sql);
    if (rc == 0) {
        *out = v;
        *n = have;
    }
    return rc;
}
