// SPDX-License-Identifier: Apache-2.0
/* What each method was told of an alarm, and what it is not told yet.
 *
 *     told   held                                 at the end of the reason
 *     -      ALARM                                is told ALARM
 *     -      ALARM, then OK                       nothing: it knows of no alarm
 *     ALARM  OK                                   is told OK
 *     ALARM  OK, then ALARM again                 nothing: it knows
 *     ALARM  (OK, which it does not want) ALARM   is told ALARM: that is another one */
#include "dispatch/inner.h"

#include "base/num.h"

int ax_words_read(struct ax_dispatch *d, struct ax_str alarm, struct ax_arena *a,
                  struct ax_word **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_word *v = NULL;
    size_t have = 0, cap = 0;
    ax_stmt_begin(
        &q, d->o.sql,
        "SELECT method, told, past, held, why, ref, flap FROM dispatch_word WHERE alarm = ?");
    ax_stmt_str(&q, alarm);
    while (ax_stmt_row(&q)) {
        if (have == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, (2 * cap + 4) * sizeof *v);
            cap = 2 * cap + 4;
        }
        v[have++] = (struct ax_word){
            .method = ax_arena_str(a, ax_stmt_col(&q, 0)),
            .told = ax_arena_str(a, ax_stmt_col(&q, 1)),
            .past = ax_stmt_col_int(&q, 2) != 0,
            .held = ax_stmt_col_int(&q, 3),
            .reason = {(enum ax_hold)ax_stmt_col_int(&q, 4), ax_arena_str(a, ax_stmt_col(&q, 5))},
            .flap = ax_stmt_col_int(&q, 6)};
    }
    *out = v;
    *n = have;
    return ax_stmt_end(&q, "reading what was told in", err);
}

int ax_word_write(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_word *w,
                  struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT OR REPLACE INTO dispatch_word(alarm, method, tenant, told, past, held, "
                  "why, ref, flap) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, s->x.alarm);
    ax_stmt_str(&q, w->method);
    ax_stmt_str(&q, s->x.tenant);
    ax_stmt_str(&q, w->told);
    ax_stmt_int(&q, w->past);
    ax_stmt_int(&q, w->held);
    ax_stmt_int(&q, w->held ? (int64_t)w->reason.why : AX_HOLD_NOT);
    ax_stmt_str(&q, w->held ? w->reason.ref : AX_STR_NULL);
    ax_stmt_int(&q, w->flap);
    return ax_stmt_run(&q, "writing what was told to", err);
}

static bool is_news(const struct ax_subject *s, const struct ax_word *w)
{
    if (ax_str_eq(s->x.state, AX_STR("OK")))
        return w->told.n && !ax_str_eq(w->told, s->x.state);
    return w->past || !ax_str_eq(w->told, s->x.state);
}

static int tell(struct ax_dispatch *d, const struct ax_subject *s, struct ax_word *w,
                struct ax_str lead, struct ax_arena *a, struct ax_err *err)
{
    struct ax_notice x = s->x;
    if (w->held) {
        char since[AX_NUM_TEXT];
        ax_time_print(w->held, since);
        x.reason = ax_arena_printf(a, "%.*s (held since %s by %s %.*s)", AX_STR_ARG(x.reason),
                                   since, ax_hold_name(w->reason.why), AX_STR_ARG(w->reason.ref));
    }
    if (lead.n)
        x.reason = ax_arena_printf(a, "%.*s%.*s", AX_STR_ARG(lead), AX_STR_ARG(x.reason));
    w->told = s->x.state;
    w->past = false;
    return ax_notify_late(d->notify, w->method, &x, err);
}

static int say(struct ax_dispatch *d, const struct ax_subject *s, struct ax_word *w,
               const struct ax_verdict *v, struct ax_arena *a, struct ax_err *err)
{
    struct ax_reason reason;
    struct ax_str lead;
    int rc = ax_judge_method(d, s, v, w, a, &reason, &lead, err);
    if (rc < 0)
        return rc;
    if (reason.why != AX_HOLD_NOT) {
        w->held = w->held ? w->held : ax_dispatch_now(d);
        w->reason = reason;
        return ax_word_write(d, s, w, err);
    }
    if (!w->held || is_news(s, w)) {
        rc = tell(d, s, w, lead, a, err);
        if (rc == 0)
            rc = ax_judge_done(d, s, v, w, err);
    }
    w->held = 0;
    return rc < 0 ? rc : ax_word_write(d, s, w, err);
}

int ax_word_say(struct ax_dispatch *d, const struct ax_subject *s, struct ax_word *w,
                const struct ax_verdict *v, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    int rc = say(d, s, w, v, &a, err);
    ax_arena_free(&a);
    return rc;
}
