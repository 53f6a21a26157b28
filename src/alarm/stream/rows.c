// SPDX-License-Identifier: Apache-2.0
/* Alarms as the database has them. */
#include "alarm/stream/query.h"

#include <errno.h>

#define TEXT_MAX 50
#define LINK_MAX 512

static const char columns[] =
    "SELECT a.id, d.id, d.name, d.severity, a.state, a.lifecycle_state, a.link, "
    "a.state_updated, a.updated, a.created "
    "FROM alarm a JOIN alarm_definition d ON d.id = a.definition";

static void where_text(struct ax_where *w, const char *condition, struct ax_str value)
{
    if (!value.n)
        return;
    ax_buf_cstr(&w->text, condition);
    ax_where_str(w, value);
}

int ax_where_alarms(struct ax_where *w, struct ax_str tenant, const struct ax_alarm_filter *f,
                    struct ax_err *err)
{
    enum ax_state state;
    ax_buf_cstr(&w->text, " WHERE a.tenant = ?");
    ax_where_str(w, tenant);
    where_text(w, " AND a.definition = ?", f->definition);
    where_text(w, " AND a.lifecycle_state = ?", f->lifecycle_state);
    where_text(w, " AND a.link = ?", f->link);
    if (f->state.n && !ax_state_parse(f->state, &state))
        return ax_fail(err, -EINVAL, "state \"%.*s\" is none of OK, ALARM, UNDETERMINED",
                       (int)(f->state.n < 40 ? f->state.n : 40), f->state.p);
    if (f->state.n)
        ax_buf_printf(&w->text, " AND a.state = %d", (int)state);
    if (f->state_updated_start) {
        ax_buf_cstr(&w->text, " AND a.state_updated >= ?");
        ax_where_int(w, f->state_updated_start);
    }
    if (f->metric_name.n || f->dimensions.n) {
        ax_buf_cstr(&w->text, " AND EXISTS (SELECT 1 FROM alarm_metric m WHERE m.alarm = a.id");
        where_text(w, " AND m.name = ?", f->metric_name);
        ax_where_dimensions(w, "m.dimensions", &f->dimensions);
        ax_buf_cstr(&w->text, ")");
    }
    return ax_where_severity(w, f->severity, err);
}

static void read_row(struct ax_stmt *q, struct ax_arena *a, struct ax_alarm_row *out)
{
    *out = (struct ax_alarm_row){
        .id = ax_arena_str(a, ax_stmt_col(q, 0)),
        .definition = ax_arena_str(a, ax_stmt_col(q, 1)),
        .definition_name = ax_arena_str(a, ax_stmt_col(q, 2)),
        .severity = (enum ax_severity)ax_stmt_col_int(q, 3),
        .state = (enum ax_state)ax_stmt_col_int(q, 4),
        .lifecycle_state = ax_arena_str(a, ax_stmt_col(q, 5)),
        .link = ax_arena_str(a, ax_stmt_col(q, 6)),
        .state_updated = ax_stmt_col_int(q, 7),
        .updated = ax_stmt_col_int(q, 8),
        .created = ax_stmt_col_int(q, 9),
    };
}

static int read_metrics(struct ax_sql *sql, struct ax_arena *a, struct ax_alarm_row *row,
                        struct ax_err *err)
{
    struct ax_stmt q;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_stmt_begin(&q, sql, "SELECT name, dimensions FROM alarm_metric WHERE alarm = ?");
    ax_stmt_str(&q, row->id);
    ax_json_arr(&j);
    while (ax_stmt_row(&q)) {
        ax_json_obj(&j);
        ax_json_key(&j, "name");
        ax_json_str(&j, ax_stmt_col(&q, 0));
        ax_json_key(&j, "dimensions");
        ax_json_raw(&j, ax_stmt_col(&q, 1));
        ax_json_end(&j);
    }
    ax_json_end(&j);
    row->metrics = ax_arena_str(a, ax_buf_view(&text));
    return ax_stmt_end(&q, "reading metrics of alarms from", err);
}

/* Rows of a whole statement, with their metrics. */
static int read_rows(struct ax_stream *s, const struct ax_where *w, struct ax_arena *a,
                     struct ax_alarm_row **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_alarm_row *v = NULL;
    size_t count = 0, cap = 0;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    ax_buf_printf(&text, "%s%.*s%c", columns, AX_STR_ARG(ax_buf_view(&w->text)), 0);
    ax_sql_lock(s->o.sql);
    ax_stmt_begin(&q, s->o.sql, text.p);
    ax_where_bind(w, &q);
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            cap = cap ? cap * 2 : 16;
            v = ax_arena_grow(a, v, count * sizeof *v, cap * sizeof *v);
        }
        read_row(&q, a, &v[count++]);
    }
    int rc = ax_stmt_end(&q, "reading alarms from", err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_metrics(s->o.sql, a, &v[i], err);
    ax_sql_unlock(s->o.sql);
    if (rc < 0)
        return rc;
    *out = v;
    *n = count;
    return 0;
}

int ax_alarm_list(struct ax_stream *s, struct ax_str tenant, const struct ax_alarm_filter *f,
                  struct ax_arena *a, struct ax_alarm_row **out, size_t *n, struct ax_err *err)
{
    static const struct ax_sort_key keys[] = {
        {"alarm_id", "a.id"},
        {"alarm_definition_id", "d.id"},
        {"alarm_definition_name", "d.name"},
        {"state", "a.state"},
        {"severity", "d.severity"},
        {"lifecycle_state", "a.lifecycle_state"},
        {"link", "a.link"},
        {"state_updated_timestamp", "a.state_updated"},
        {"updated_timestamp", "a.updated"},
        {"created_timestamp", "a.created"},
    };
    struct ax_where w = {.arena = a};
    int rc = ax_where_alarms(&w, tenant, f, err);
    if (rc == 0)
        rc = ax_where_order(&w, f->sort_by, keys, AX_ARRAY_LEN(keys), "a.id", err);
    if (rc == 0) {
        ax_buf_cstr(&w.text, " LIMIT ? OFFSET ?");
        ax_where_int(&w, f->limit && f->limit < INT64_MAX ? (int64_t)f->limit : -1);
        ax_where_int(&w, f->offset < INT64_MAX ? (int64_t)f->offset : INT64_MAX);
        rc = read_rows(s, &w, a, out, n, err);
    }
    ax_buf_free(&w.text);
    return rc;
}

static int unknown(struct ax_str id, struct ax_err *err)
{
    return ax_fail(err, -ENOENT, "there is no alarm %.*s", (int)(id.n < 60 ? id.n : 60), id.p);
}

int ax_alarm_get(struct ax_stream *s, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
                 struct ax_alarm_row *out, struct ax_err *err)
{
    struct ax_where w = {.arena = a};
    struct ax_alarm_row *v;
    size_t n = 0;
    ax_buf_cstr(&w.text, " WHERE a.tenant = ? AND a.id = ?");
    ax_where_str(&w, tenant);
    ax_where_str(&w, id);
    int rc = read_rows(s, &w, a, &v, &n, err);
    ax_buf_free(&w.text);
    if (rc == 0 && n)
        *out = v[0];
    return rc == 0 && !n ? unknown(id, err) : rc;
}

/* ---- changes ---- */

static int check_text(const char *what, const struct ax_str *s, size_t most, struct ax_err *err)
{
    if (s && !ax_str_utf8(*s))
        return ax_fail(err, -EINVAL, "%s is not valid UTF-8 text", what);
    if (s && ax_str_characters(*s) > most)
        return ax_fail(err, -EINVAL, "%s has %zu characters, at most %zu are allowed", what,
                       ax_str_characters(*s), most);
    return 0;
}

static int check_edit(const struct ax_alarm_edit *e, enum ax_state *state, struct ax_err *err)
{
    if (e->state && !ax_state_parse(*e->state, state))
        return ax_fail(err, -EINVAL, "state \"%.*s\" is none of OK, ALARM, UNDETERMINED",
                       (int)(e->state->n < 40 ? e->state->n : 40), e->state->p);
    int rc = check_text("lifecycle_state", e->lifecycle_state, TEXT_MAX, err);
    return rc == 0 ? check_text("link", e->link, LINK_MAX, err) : rc;
}

/* By what an alarm is found among those at work. */
struct place {
    struct ax_str definition, key;
    struct ax_uuid id;
};

static int read_place(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                      struct ax_arena *a, struct place *out, struct ax_err *err)
{
    struct ax_stmt q;
    bool found = false;
    ax_sql_lock(s->o.sql);
    ax_stmt_begin(&q, s->o.sql,
                  "SELECT definition, group_key FROM alarm WHERE tenant = ? AND id = ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, id);
    if (ax_stmt_row(&q) && ax_uuid_parse(id, &out->id)) {
        found = true;
        out->definition = ax_arena_str(a, ax_stmt_col(&q, 0));
        out->key = ax_arena_str(a, ax_stmt_col(&q, 1));
    }
    int rc = ax_stmt_end(&q, "reading an alarm from", err);
    ax_sql_unlock(s->o.sql);
    return rc == 0 && !found ? unknown(id, err) : rc;
}

/* The alarm at work; NULL when there is none. Under shape. */
static struct ax_live *find(struct ax_stream *s, struct ax_str tenant, const struct place *p)
{
    struct ax_def *d = ax_def_find(s, tenant, p->definition);
    struct ax_live *al = d ? ax_group_find(d, p->key) : NULL;
    return al && memcmp(&al->id, &p->id, sizeof p->id) == 0 ? al : NULL;
}

/* A string that is there, even when it is empty. */
static struct ax_str given(const struct ax_str *s)
{
    if (!s)
        return AX_STR_NULL;
    return s->n ? *s : AX_STR("");
}

/* Puts into the queue what the edit says, and writes it. */
static int apply(struct ax_stream *s, struct ax_str tenant, const struct place *p,
                 const struct ax_alarm_edit *e, enum ax_state state, int64_t now,
                 struct ax_err *err)
{
    struct ax_run r = {.s = s, .m = ax_moment_at(s, now)};
    pthread_rwlock_rdlock(&s->shape);
    struct ax_live *al = find(s, tenant, p);
    if (al) {
        struct ax_shard *sh = ax_shard_of(s, al);
        struct ax_change_entry texts = {.what = AX_CHANGE_TEXTS,
                                        .alarm = al->id,
                                        .at = now,
                                        .text = {given(e->lifecycle_state), given(e->link)}};
        pthread_mutex_lock(&sh->lock);
        ax_live_due(&r, al); /* what happened before is written before */
        r.at = r.seen = now;
        if (e->lifecycle_state || e->link)
            ax_queue_put(&s->queue, &texts);
        if (e->state && state != al->state)
            ax_live_set(&r, al, state, AX_STR("Alarm state updated via API"), AX_STR("[]"));
        pthread_mutex_unlock(&sh->lock);
    }
    pthread_rwlock_unlock(&s->shape);
    return al ? ax_write_out(s, err) : -ENOENT;
}

int ax_alarm_update(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                    const struct ax_alarm_edit *e, int64_t now, struct ax_arena *a,
                    struct ax_alarm_row *out, struct ax_err *err)
{
    enum ax_state state = AX_OK;
    struct place p;
    int rc = check_edit(e, &state, err);
    if (rc == 0)
        rc = read_place(s, tenant, id, a, &p, err);
    if (rc == 0)
        rc = apply(s, tenant, &p, e, state, now, err);
    if (rc == -ENOENT)
        return unknown(id, err);
    return rc == 0 ? ax_alarm_get(s, tenant, id, a, out, err) : rc;
}

static int delete_row(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                      struct ax_err *err)
{
    static const char *const texts[] = {"DELETE FROM alarm_metric WHERE alarm = ?",
                                        "DELETE FROM alarm WHERE id = ?"};
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    rc = ax_stmt_each_str(s->o.sql, texts, AX_ARRAY_LEN(texts), id, "deleting an alarm from", err);
    if (rc == 0 && s->o.ended)
        rc = s->o.ended(s->o.ctx, tenant, id, err);
    return ax_sql_end(s->o.sql, rc, err);
}

int ax_alarm_delete(struct ax_stream *s, struct ax_str tenant, struct ax_str id, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct place p;
    pthread_mutex_lock(&s->api);
    int rc = read_place(s, tenant, id, &a, &p, err);
    if (rc == 0)
        rc = delete_row(s, tenant, id, err);
    if (rc == 0) {
        pthread_rwlock_wrlock(&s->shape);
        struct ax_live *al = find(s, tenant, &p);
        if (al)
            ax_live_end(s, al);
        pthread_rwlock_unlock(&s->shape);
    }
    pthread_mutex_unlock(&s->api);
    ax_arena_free(&a);
    return rc;
}
