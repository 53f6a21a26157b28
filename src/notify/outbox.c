// SPDX-License-Identifier: Apache-2.0
/* The outbox's rows. A row is one notice for one method:
 *
 *     repeat = 0   waits for its first send        ended: its alarm has gone on, or is no more:
 *     repeat > 0   was sent, stands until `due`           when it is sent, it goes
 *
 * Ids rise in the order in which transitions were committed. */
#include "notify/inner.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static const char *const steps[] = {
    "CREATE TABLE method("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,"
    "  address TEXT NOT NULL, period INTEGER NOT NULL, created INTEGER NOT NULL,"
    "  updated INTEGER NOT NULL, UNIQUE(tenant, name));"
    "CREATE TABLE outbox("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, key TEXT NOT NULL UNIQUE,"
    "  created INTEGER NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL,"
    "  repeat INTEGER NOT NULL, ended INTEGER NOT NULL,"
    "  tenant TEXT NOT NULL, alarm TEXT NOT NULL, definition TEXT NOT NULL, name TEXT NOT NULL,"
    "  description TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL,"
    "  old_state TEXT NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL,"
    "  since INTEGER NOT NULL, metrics TEXT NOT NULL, link TEXT NOT NULL,"
    "  lifecycle_state TEXT NOT NULL, labels TEXT NOT NULL, annotations TEXT NOT NULL);"
    "CREATE INDEX outbox_by_alarm ON outbox(alarm);"
    "CREATE INDEX outbox_by_method ON outbox(method);",
    "CREATE TABLE leaving(tenant TEXT NOT NULL, method TEXT NOT NULL, PRIMARY KEY(tenant, "
    "method));",
};

#define NOTICE                                                                                     \
    "tenant, alarm, definition, name, description, severity, state, old_state, reason, time, "     \
    "since, metrics, link, lifecycle_state, labels, annotations"

int ax_outbox_schema(struct ax_sql *sql, struct ax_err *err)
{
    return ax_sql_schema(sql, "notify", steps, AX_ARRAY_LEN(steps), err);
}

/* ---- queueing ---- */

/* The first elements that fit, and an element that tells how many did not. */
static struct ax_str cut_metrics(struct ax_str metrics, struct ax_arena *a)
{
    struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    json_t *all = json_loadb(metrics.p, metrics.n, 0, NULL), *one;
    size_t i, kept = 0;
    ax_json_arr(&j);
    json_array_foreach (all, i, one) {
        char *text = json_dumps(one, JSON_COMPACT);
        struct ax_str s = ax_str(text);
        if (kept == i && out.n + s.n < AX_NOTIFY_METRICS_MAX) {
            ax_json_raw(&j, s);
            kept++;
        }
        free(text);
    }
    if (kept < json_array_size(all)) {
        ax_json_obj(&j);
        ax_json_key(&j, "left_out");
        ax_json_int(&j, (int64_t)(json_array_size(all) - kept));
        ax_json_end(&j);
    }
    ax_json_end(&j);
    json_decref(all);
    struct ax_str s = ax_arena_str(a, ax_buf_view(&out));
    ax_buf_free(&out);
    return s;
}

/* A JSON object or nothing: half of one would be worse than none. */
static struct ax_str whole(struct ax_str object)
{
    return object.n <= AX_NOTIFY_METRICS_MAX ? object : AX_STR_NULL;
}

static struct ax_notice bounded(const struct ax_notice *x, struct ax_arena *a)
{
    struct ax_notice b = *x;
    struct ax_str *texts[] = {&b.tenant,      &b.alarm,    &b.definition,     &b.name,
                              &b.description, &b.severity, &b.state,          &b.old_state,
                              &b.reason,      &b.link,     &b.lifecycle_state};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_words_cut(*texts[i], AX_NOTIFY_TEXT_MAX);
    b.labels = whole(b.labels);
    b.annotations = whole(b.annotations);
    if (b.metrics.n > AX_NOTIFY_METRICS_MAX)
        b.metrics = cut_metrics(b.metrics, a);
    return b;
}

/* 128 bits over what makes this notification this one. */
static struct ax_str key_of(const struct ax_notice *x, struct ax_str method, char out[33])
{
    AX_CLEANUP(ax_buf_free) struct ax_buf all = AX_BUF_INIT;
    const struct ax_str parts[] = {x->tenant, x->alarm, x->state, x->old_state, x->reason, method};
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++) {
        ax_buf_varint(&all, parts[i].n);
        ax_buf_str(&all, parts[i]);
    }
    ax_buf_u64le(&all, (uint64_t)x->time);
    XXH128_hash_t h = XXH3_128bits(all.p, all.n);
    int n = snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64,
                     (unsigned long long)h.low64);
    return (struct ax_str){out, (size_t)n};
}

static int insert(struct ax_notify *n, struct ax_str method, const struct ax_notice *x,
                  struct ax_err *err)
{
    char key[33];
    struct ax_stmt q;
    int64_t now = ax_notify_now(n);
    ax_stmt_begin(&q, n->sql,
                  "INSERT INTO outbox(method, key, created, due, tries, repeat, ended, " NOTICE ")"
                  " VALUES(?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT DO NOTHING");
    ax_stmt_str(&q, method);
    ax_stmt_str(&q, key_of(x, method, key));
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, now);
    const struct ax_str before[] = {x->tenant,   x->alarm, x->definition, x->name,  x->description,
                                    x->severity, x->state, x->old_state,  x->reason};
    const struct ax_str after[] = {x->metrics, x->link, x->lifecycle_state, x->labels,
                                   x->annotations};
    for (size_t i = 0; i < AX_ARRAY_LEN(before); i++)
        ax_stmt_str(&q, before[i]);
    ax_stmt_int(&q, x->time);
    ax_stmt_int(&q, x->since);
    for (size_t i = 0; i < AX_ARRAY_LEN(after); i++)
        ax_stmt_str(&q, after[i]);
    return ax_stmt_run(&q, "queueing a notification in", err);
}

int ax_notify_ended(struct ax_notify *n, struct ax_str tenant, struct ax_str alarm,
                    struct ax_err *err)
{
    static const char *const statements[] = {
        "DELETE FROM outbox WHERE alarm = ? AND tenant = ? AND repeat > 0",
        "UPDATE outbox SET ended = 1 WHERE alarm = ? AND tenant = ?",
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, n->sql, statements[i]);
        ax_stmt_str(&q, alarm);
        ax_stmt_str(&q, tenant);
        rc = ax_stmt_run(&q, "writing", err);
    }
    return rc;
}

int ax_outbox_insert(struct ax_notify *n, struct ax_str id, const struct ax_notice *x,
                     struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice b = bounded(x, &a);
    int rc = insert(n, id, &b, err);
    ax_arena_free(&a);
    return rc;
}

int ax_outbox_queue(struct ax_notify *n, const struct ax_str *ids, size_t count,
                    const struct ax_notice *x, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice b = bounded(x, &a);
    int rc = ax_notify_ended(n, b.tenant, b.alarm, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = insert(n, ids[i], &b, err);
    ax_arena_free(&a);
    return rc;
}

static int insert_all(struct ax_notify *n, const struct ax_str *methods, size_t count,
                      const struct ax_notice *x, struct ax_err *err)
{
    uint64_t unknown = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct ax_err why = {0};
        rc = ax_notify_known(n, x->tenant, methods[i], &why);
        if (rc == -ENOENT) {
            unknown++;
            rc = 0;
        } else if (rc < 0) {
            rc = ax_fail(err, rc, "%s", why.text);
        } else {
            rc = insert(n, methods[i], x, err);
        }
    }
    if (rc == 0)
        n->unknown += unknown;
    return rc;
}

int ax_notify_queue(struct ax_notify *n, const struct ax_str *methods, size_t count,
                    const struct ax_notice *x, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice b = bounded(x, &a);
    int rc = ax_notify_ended(n, b.tenant, b.alarm, err);
    if (rc == 0)
        rc = insert_all(n, methods, count, &b, err);
    ax_arena_free(&a);
    return rc;
}

int ax_notify_late(struct ax_notify *n, struct ax_str method, const struct ax_notice *x,
                   struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice b = bounded(x, &a);
    int rc = insert_all(n, &method, 1, &b, err);
    ax_arena_free(&a);
    return rc;
}

/* ---- reading ---- */

int ax_outbox_read(struct ax_sql *sql, int64_t after, size_t max, struct ax_arena *a,
                   struct ax_row **out, size_t *count, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_row *v = AX_NEWS(a, struct ax_row, max);
    size_t used = 0;
    ax_stmt_begin(&q, sql,
                  "SELECT id, created, due, tries, repeat, method, alarm FROM outbox"
                  " WHERE id > ? ORDER BY id LIMIT ?");
    ax_stmt_int(&q, after);
    ax_stmt_int(&q, (int64_t)max);
    while (used < max && ax_stmt_row(&q))
        v[used++] = (struct ax_row){.id = ax_stmt_col_int(&q, 0),
                                    .created = ax_stmt_col_int(&q, 1),
                                    .due = ax_stmt_col_int(&q, 2),
                                    .tries = ax_stmt_col_int(&q, 3),
                                    .repeat = ax_stmt_col_int(&q, 4),
                                    .method = ax_arena_str(a, ax_stmt_col(&q, 5)),
                                    .alarm = ax_arena_str(a, ax_stmt_col(&q, 6))};
    int rc = ax_stmt_end(&q, "reading the outbox in", err);
    if (rc == 0) {
        *out = v;
        *count = used;
    }
    return rc;
}

/* A repeat's key is that of the first send with its number. */
static struct ax_str key_to_send(struct ax_str key, int64_t repeat, struct ax_arena *a)
{
    return repeat == 0 ? ax_arena_str(a, key)
                       : ax_arena_printf(a, "%.*s-%lld", AX_STR_ARG(key), (long long)repeat);
}

static void read_letter(struct ax_stmt *q, struct ax_arena *a, struct ax_letter *l)
{
    struct ax_notice *x = &l->x;
    struct ax_str *const before[] = {&x->tenant, &x->alarm,       &x->definition,
                                     &x->name,   &x->description, &x->severity,
                                     &x->state,  &x->old_state,   &x->reason};
    struct ax_str *const after[] = {&x->metrics, &x->link, &x->lifecycle_state, &x->labels,
                                    &x->annotations};
    l->method = ax_arena_str(a, ax_stmt_col(q, 0));
    l->repeat = ax_stmt_col_int(q, 2);
    l->key = key_to_send(ax_stmt_col(q, 1), l->repeat, a);
    for (size_t i = 0; i < AX_ARRAY_LEN(before); i++)
        *before[i] = ax_arena_str(a, ax_stmt_col(q, 3 + (int)i));
    x->time = ax_stmt_col_int(q, 12);
    x->since = ax_stmt_col_int(q, 13);
    for (size_t i = 0; i < AX_ARRAY_LEN(after); i++)
        *after[i] = ax_arena_str(a, ax_stmt_col(q, 14 + (int)i));
}

int ax_outbox_letter(struct ax_sql *sql, int64_t id, struct ax_arena *a, struct ax_letter *out,
                     struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql, "SELECT method, key, repeat, " NOTICE " FROM outbox WHERE id = ?");
    ax_stmt_int(&q, id);
    bool there = ax_stmt_row(&q);
    if (there)
        read_letter(&q, a, out);
    int rc = ax_stmt_end(&q, "reading the outbox in", err);
    return rc < 0 ? rc : there;
}

/* ---- outcomes ---- */

static int change(struct ax_stmt *q, struct ax_err *err)
{
    struct ax_sql *sql = q->sql;
    int rc = ax_stmt_run(q, "writing an outcome to", err);
    return rc < 0 ? rc : ax_sql_changed(sql) > 0;
}

int ax_outbox_delete(struct ax_sql *sql, int64_t id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql, "DELETE FROM outbox WHERE id = ?");
    ax_stmt_int(&q, id);
    return change(&q, err);
}

int ax_outbox_later(struct ax_sql *sql, int64_t id, int64_t due, int64_t tries, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql, "UPDATE outbox SET due = ?, tries = ? WHERE id = ?");
    ax_stmt_int(&q, due);
    ax_stmt_int(&q, tries);
    ax_stmt_int(&q, id);
    return change(&q, err);
}

int ax_outbox_stand(struct ax_sql *sql, int64_t id, int64_t due, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql,
                  "UPDATE outbox SET repeat = repeat + 1, tries = 0, created = ?, due = ?"
                  " WHERE id = ? AND ended = 0");
    ax_stmt_int(&q, due);
    ax_stmt_int(&q, due);
    ax_stmt_int(&q, id);
    return change(&q, err);
}
