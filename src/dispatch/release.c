// SPDX-License-Identifier: Apache-2.0
/* What is held goes, or is told, when its reason has ended. Only then is it looked at. */
#include "dispatch/inner.h"

#define MOST 500 /* of one transaction: others wait for the database meanwhile */

struct ended {
    struct ax_str tenant;
    struct ax_reason reason;
};

/* The reasons for which something is held and that are none any more. */
static int find_ended(struct ax_dispatch *d, struct ax_arena *a, struct ended **out, size_t *n,
                      struct ax_err *err)
{
    struct ax_stmt q;
    struct ended *v = NULL;
    size_t have = 0, cap = 0;
    int rc = 0;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT DISTINCT tenant, why, ref FROM dispatch_word WHERE held > 0");
    while (rc >= 0 && ax_stmt_row(&q)) {
        struct ended e = {
            .tenant = ax_arena_str(a, ax_stmt_col(&q, 0)),
            .reason = {(enum ax_hold)ax_stmt_col_int(&q, 1), ax_arena_str(a, ax_stmt_col(&q, 2))}};
        rc = ax_reason_lasts(d, e.tenant, &e.reason, err);
        if (rc != 0)
            continue;
        if (have == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, (2 * cap + 4) * sizeof *v);
            cap = 2 * cap + 4;
        }
        v[have++] = e;
    }
    int end = ax_stmt_end(&q, "reading", err);
    *out = v;
    *n = have;
    return rc < 0 ? rc : end;
}

/* What one method is not told of one alarm. */
static int let_go(struct ax_dispatch *d, struct ax_str alarm, struct ax_str method,
                  struct ax_arena *a, struct ax_err *err)
{
    struct ax_subject s;
    struct ax_verdict verdict;
    struct ax_word *words;
    size_t n;
    int rc = ax_subject_read(d, alarm, a, &s, err);
    if (rc <= 0)
        return rc;
    rc = ax_words_read(d, alarm, a, &words, &n, err);
    if (rc == 0)
        rc = ax_judge(d, &s, a, &verdict, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (ax_str_eq(words[i].method, method))
            rc = ax_word_say(d, &s, &words[i], &verdict, err);
    return rc;
}

struct held {
    struct ax_str alarm, method;
};

static int read_held(struct ax_dispatch *d, const struct ended *e, size_t most, struct ax_arena *a,
                     struct held *v, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT alarm, method FROM dispatch_word "
                  "WHERE held > 0 AND why = ? AND tenant = ? AND ref = ? ORDER BY held LIMIT ?");
    ax_stmt_int(&q, e->reason.why);
    ax_stmt_str(&q, e->tenant);
    ax_stmt_str(&q, e->reason.ref);
    ax_stmt_int(&q, (int64_t)most);
    for (*n = 0; *n < most && ax_stmt_row(&q); (*n)++)
        v[*n] =
            (struct held){ax_arena_str(a, ax_stmt_col(&q, 0)), ax_arena_str(a, ax_stmt_col(&q, 1))};
    return ax_stmt_end(&q, "reading what is held in", err);
}

/* In a transaction: *did, how many. */
static int release(struct ax_dispatch *d, const struct ended *v, size_t n, struct ax_arena *a,
                   size_t *did, struct ax_err *err)
{
    struct held held[MOST];
    int rc = 0;
    *did = 0;
    for (size_t i = 0; rc == 0 && i < n && *did < MOST; i++) {
        size_t got;
        rc = read_held(d, &v[i], MOST - *did, a, held, &got, err);
        for (size_t k = 0; rc == 0 && k < got; k++) {
            struct ax_arena one = AX_ARENA_INIT;
            rc = let_go(d, held[k].alarm, held[k].method, &one, err);
            ax_arena_free(&one);
        }
        *did += got;
    }
    return rc;
}

/* In a transaction. */
static int tick(struct ax_dispatch *d, struct ax_arena *a, size_t *did, struct ax_err *err)
{
    struct ended *v;
    size_t n;
    int rc = ax_incidents_end(d, err);
    if (rc == 0)
        rc = find_ended(d, a, &v, &n, err);
    return rc < 0 ? rc : release(d, v, n, a, did, err);
}

int ax_dispatch_tick(struct ax_dispatch *d, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    size_t did = 0;
    int rc = ax_sql_begin(d->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(d->o.sql, tick(d, &a, &did, err), err);
    if (rc < 0)
        d->resolved = true;
    else if (did > 0)
        ax_notify_wake(d->notify);
    if (rc == 0)
        rc = ax_maintenances_tell(d, err);
    ax_arena_free(&a);
    return rc < 0 ? rc : did == MOST;
}

int ax_dispatch_prune(struct ax_dispatch *d, int64_t before, struct ax_err *err)
{
    const struct {
        const char *text;
        int64_t before;
    } v[] = {
        {"DELETE FROM silence WHERE ends < ?", ax_dispatch_now(d) - AX_SILENCE_KEPT_MS},
        /* Alarms of rules have no end but this. */
        {"DELETE FROM dispatch_alarm WHERE definition = '' AND state = 'OK' AND time < ? AND NOT "
         "EXISTS(SELECT 1 FROM dispatch_word w WHERE w.alarm = dispatch_alarm.alarm AND held > 0)",
         before},
        {"DELETE FROM dispatch_word WHERE alarm NOT IN (SELECT alarm FROM dispatch_alarm) AND ?",
         1},
        {"DELETE FROM maintenance WHERE ends < ?", before},
        {"DELETE FROM incident WHERE ended > 0 AND ended < ?", before},
        {"DELETE FROM incident_alarm WHERE incident NOT IN (SELECT id FROM incident) AND ?", 1},
        {"DELETE FROM incident_told WHERE incident NOT IN (SELECT id FROM incident) AND ?", 1},
    };
    int rc = ax_sql_begin(d->o.sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(v); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, d->o.sql, v[i].text);
        ax_stmt_int(&q, v[i].before);
        rc = ax_stmt_run(&q, "writing", err);
    }
    return ax_sql_end(d->o.sql, rc, err);
}
