// SPDX-License-Identifier: Apache-2.0
/* How many alarms there are, in groups. */
#include "alarm/stream/query.h"

#include <errno.h>

#define GROUPS_MAX 9

static const struct column {
    const char *name, *sql;
} all[] = {
    {"alarm_definition_id", "d.id"},
    {"name", "d.name"},
    {"state", "a.state"},
    {"severity", "d.severity"},
    {"link", "a.link"},
    {"lifecycle_state", "a.lifecycle_state"},
    {"metric_name", "m.name"},
    {"dimension_name", "j.key"},
    {"dimension_value", "j.value"},
};

struct groups {
    const struct column *v[GROUPS_MAX];
    size_t n;
    bool metrics, dimensions; /* which tables they need */
};

static int parse_groups(struct ax_str text, struct groups *g, struct ax_err *err)
{
    struct ax_str part;
    *g = (struct groups){0};
    while (text.n && ax_str_cut(&text, ',', &part)) {
        size_t i = 0;
        part = ax_str_trim(part);
        while (i < AX_ARRAY_LEN(all) && !ax_str_eq(part, ax_str(all[i].name)))
            i++;
        if (i == AX_ARRAY_LEN(all) || g->n == GROUPS_MAX)
            return ax_fail(err, -EINVAL, "group_by: \"%.*s\" is no column that can be grouped by",
                           (int)(part.n < 60 ? part.n : 60), part.p);
        g->v[g->n++] = &all[i];
        g->dimensions |= all[i].sql[0] == 'j';
        g->metrics |= all[i].sql[0] == 'm' || g->dimensions;
    }
    return 0;
}

static void add_columns(const struct groups *g, const char *before, struct ax_buf *out)
{
    for (size_t i = 0; i < g->n; i++)
        ax_buf_printf(out, "%s%s", i ? ", " : before, g->v[i]->sql);
}

static struct ax_str value_of(struct ax_stmt *q, size_t i, const struct column *c,
                              struct ax_arena *a)
{
    if (ax_str_eq(ax_str(c->name), AX_STR("state")))
        return ax_str(ax_state_name((enum ax_state)ax_stmt_col_int(q, (int)i)));
    if (ax_str_eq(ax_str(c->name), AX_STR("severity")))
        return ax_str(ax_severity_name((enum ax_severity)ax_stmt_col_int(q, (int)i)));
    return ax_arena_str(a, ax_stmt_col(q, (int)i));
}

static int run(struct ax_stream *s, const struct groups *g, const struct ax_where *w,
               const char *text, struct ax_arena *a, struct ax_alarm_count **out, size_t *n,
               struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_alarm_count *v = AX_NEWS(a, struct ax_alarm_count, 1);
    size_t count = 0, cap = 1;
    v[0].values = AX_NEWS(a, struct ax_str, g->n); /* what is said when there is nothing */
    ax_sql_lock(s->o.sql);
    ax_stmt_begin(&q, s->o.sql, text);
    ax_where_bind(w, &q);
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            v = ax_arena_grow(a, v, cap * sizeof *v, cap * 2 * sizeof *v);
            cap *= 2;
        }
        v[count].n = (uint64_t)ax_stmt_col_int(&q, 0);
        v[count].values = AX_NEWS(a, struct ax_str, g->n);
        for (size_t i = 0; i < g->n; i++)
            v[count].values[i] = value_of(&q, i + 1, g->v[i], a);
        count++;
    }
    int rc = ax_stmt_end(&q, "counting alarms in", err);
    ax_sql_unlock(s->o.sql);
    *out = v;
    *n = count ? count : 1;
    return rc;
}

int ax_alarm_count(struct ax_stream *s, struct ax_str tenant, const struct ax_alarm_filter *f,
                   struct ax_str group_by, struct ax_arena *a, struct ax_strs *columns,
                   struct ax_alarm_count **out, size_t *n, struct ax_err *err)
{
    struct groups g;
    struct ax_where w = {.arena = a};
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    int rc = parse_groups(group_by, &g, err);
    if (rc == 0)
        rc = ax_where_alarms(&w, tenant, f, err);
    if (rc == 0) {
        ax_buf_cstr(&text, "SELECT count(DISTINCT a.id)");
        add_columns(&g, ", ", &text);
        ax_buf_cstr(&text, " FROM alarm a JOIN alarm_definition d ON d.id = a.definition");
        ax_buf_cstr(&text, g.metrics ? " JOIN alarm_metric m ON m.alarm = a.id" : "");
        ax_buf_cstr(&text, g.dimensions ? " JOIN json_each(m.dimensions) j" : "");
        ax_buf_str(&text, ax_buf_view(&w.text));
        add_columns(&g, " GROUP BY ", &text);
        add_columns(&g, " ORDER BY ", &text);
        ax_buf_printf(&text, " LIMIT %lld OFFSET %lld%c",
                      f->limit && f->limit < INT64_MAX ? (long long)f->limit : -1ll,
                      f->offset < INT64_MAX ? (long long)f->offset : INT64_MAX, 0);
        rc = run(s, &g, &w, text.p, a, out, n, err);
    }
    struct ax_str *names = AX_NEWS(a, struct ax_str, g.n + 1);
    names[0] = AX_STR("count");
    for (size_t i = 0; i < g.n; i++)
        names[i + 1] = ax_str(g.v[i]->name);
    if (rc == 0)
        *columns = (struct ax_strs){names, g.n + 1};
    ax_buf_free(&w.text);
    return rc;
}
