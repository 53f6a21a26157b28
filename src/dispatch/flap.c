// SPDX-License-Identifier: Apache-2.0
/* Flapping: an alarm that changes its state all the time says so once, and then nothing until it
 * has been steady. The times of its last changes are kept with it, no more than are needed. */
#include "dispatch/inner.h"

#include "base/num.h"

#include <stdio.h>

/* Those of the times that count, with the new one: how many. */
static uint32_t add_change(const struct ax_dispatch *d, struct ax_str times, int64_t now,
                           struct ax_buf *out)
{
    uint32_t most = d->o.flap_changes + 1, n = 1;
    struct ax_str word, rest = times;
    int64_t t;
    while (ax_str_word(&rest, &word))
        n += ax_str_i64(word, &t) && t > now - d->o.flap_window_ms;
    uint32_t skip = n > most ? n - most : 0;
    for (rest = times; ax_str_word(&rest, &word);) {
        if (!ax_str_i64(word, &t) || t <= now - d->o.flap_window_ms)
            continue;
        if (skip)
            skip--;
        else
            ax_buf_printf(out, "%lld ", (long long)t);
    }
    ax_buf_printf(out, "%lld", (long long)now);
    return n < most ? n : most;
}

int ax_flap_note(struct ax_dispatch *d, struct ax_subject *s, struct ax_arena *a,
                 struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf changes = AX_BUF_INIT;
    struct ax_stmt q;
    struct ax_str before = AX_STR_NULL;
    if (!d->o.flap_changes)
        return 0;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT changes, flapping, time FROM dispatch_alarm WHERE alarm = ?");
    ax_stmt_str(&q, s->x.alarm);
    if (ax_stmt_row(&q)) {
        before = ax_arena_str(a, ax_stmt_col(&q, 0));
        bool steady = ax_stmt_col_int(&q, 2) + d->o.flap_window_ms <= s->x.time;
        s->flapping = steady ? 0 : ax_stmt_col_int(&q, 1);
    }
    int rc = ax_stmt_end(&q, "reading an alarm in", err);
    if (add_change(d, before, s->x.time, &changes) > d->o.flap_changes && !s->flapping)
        s->flapping = s->x.time;
    s->changes = ax_arena_str(a, ax_buf_view(&changes));
    return rc;
}

bool ax_flap_is(const struct ax_dispatch *d, const struct ax_subject *s)
{
    return d->o.flap_changes && s->flapping && s->x.time + d->o.flap_window_ms > ax_dispatch_now(d);
}

int ax_flap_lasts(struct ax_dispatch *d, struct ax_str alarm, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_subject s = {0};
    ax_stmt_begin(&q, d->o.sql, "SELECT flapping, time FROM dispatch_alarm WHERE alarm = ?");
    ax_stmt_str(&q, alarm);
    if (ax_stmt_row(&q)) {
        s.flapping = ax_stmt_col_int(&q, 0);
        s.x.time = ax_stmt_col_int(&q, 1);
    }
    int rc = ax_stmt_end(&q, "reading an alarm in", err);
    return rc < 0 ? rc : ax_flap_is(d, &s);
}

struct ax_str ax_flap_text(const struct ax_dispatch *d, struct ax_arena *a)
{
    int64_t ms = d->o.flap_window_ms;
    char w[AX_NUM_TEXT];
    if (ms % 60000 == 0)
        snprintf(w, sizeof w, "%lld min", (long long)ms / 60000);
    else
        snprintf(w, sizeof w, "%lld s", (long long)(ms + 999) / 1000);
    return ax_arena_printf(a,
                           "flapping: %u changes in %s; further ones are held until it has been "
                           "steady for %s. ",
                           d->o.flap_changes + 1, w, w);
}
