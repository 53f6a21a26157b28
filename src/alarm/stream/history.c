// SPDX-License-Identifier: Apache-2.0
/* The history of states. */
#include "alarm/stream/query.h"

static void conditions(struct ax_where *w, struct ax_str tenant, const struct ax_history_filter *f)
{
    const struct {
        const char *text;
        int64_t v;
    } bounds[] = {{" AND at >= ?", f->start}, {" AND at <= ?", f->end}, {" AND id > ?", f->after}};
    ax_buf_cstr(&w->text, "SELECT id, alarm, metrics, reason, sub_alarms, old, state, at "
                          "FROM alarm_history WHERE tenant = ?");
    ax_where_str(w, tenant);
    if (f->alarm.n) {
        ax_buf_cstr(&w->text, " AND alarm = ?");
        ax_where_str(w, f->alarm);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(bounds); i++)
        if (bounds[i].v) {
            ax_buf_cstr(&w->text, bounds[i].text);
            ax_where_int(w, bounds[i].v);
        }
    ax_where_dimensions(w, "metrics", &f->dimensions);
    ax_buf_cstr(&w->text, " ORDER BY id LIMIT ?");
    ax_where_int(w, f->limit && f->limit < INT64_MAX ? (int64_t)f->limit : -1);
    ax_buf_byte(&w->text, 0);
}

static void read_row(struct ax_stmt *q, struct ax_arena *a, struct ax_history_row *out)
{
    *out = (struct ax_history_row){
        .id = ax_stmt_col_int(q, 0),
        .alarm = ax_arena_str(a, ax_stmt_col(q, 1)),
        .metrics = ax_arena_str(a, ax_stmt_col(q, 2)),
        .reason = ax_arena_str(a, ax_stmt_col(q, 3)),
        .sub_alarms = ax_arena_str(a, ax_stmt_col(q, 4)),
        .old = (enum ax_state)ax_stmt_col_int(q, 5),
        .state = (enum ax_state)ax_stmt_col_int(q, 6),
        .at = ax_stmt_col_int(q, 7),
    };
}

int ax_alarm_history(struct ax_stream *s, struct ax_str tenant, const struct ax_history_filter *f,
                     struct ax_arena *a, struct ax_history_row **out, size_t *n, struct ax_err *err)
{
    struct ax_where w = {.arena = a};
    struct ax_history_row *v = NULL;
    struct ax_stmt q;
    size_t count = 0, cap = 0;
    conditions(&w, tenant, f);
    ax_sql_lock(s->o.sql);
    ax_stmt_begin(&q, s->o.sql, w.text.p);
    ax_where_bind(&w, &q);
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            cap = cap ? cap * 2 : 16;
            v = ax_arena_grow(a, v, count * sizeof *v, cap * sizeof *v);
        }
        read_row(&q, a, &v[count++]);
    }
    int rc = ax_stmt_end(&q, "reading the history in", err);
    ax_sql_unlock(s->o.sql);
    ax_buf_free(&w.text);
    if (rc < 0)
        return rc;
    *out = v;
    *n = count;
    return 0;
}

int ax_stream_prune(struct ax_stream *s, int64_t before, struct ax_err *err)
{
    struct ax_stmt q;
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, s->o.sql, "DELETE FROM alarm_history WHERE at < ?");
    ax_stmt_int(&q, before);
    return ax_sql_end(s->o.sql, ax_stmt_run(&q, "deleting old history from", err), err);
}
