// SPDX-License-Identifier: Apache-2.0
/* Notices: what an owner is told. Each is about one entry of the ledger, which also says when it is
 * due, so no row that is changed here or lost puts it off.
 *
 *     first use  --> notice now
 *     more uses within the hour --> counted --> at its end one notice of them all
 *     a use that goes further than what was told --> notice now */
#include "warrant/inner.h"

#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>

#define HOUR_MS 3600000
#define HEAL_MS (180 * 24 * 3600000ll) /* more than any notice is delayed and warrant open */

/* ---- making one ---- */

/* The VM's name and handle. */
static void write_vm(struct ax_warrants *w, const struct ax_ledger_entry *e, struct ax_arena *a,
                     struct ax_buf *out)
{
    struct ax_place p = {0};
    if (ax_registry_place(w->registry, e->tenant, e->handle, a, &p, NULL) == 0 && p.name.n)
        ax_buf_printf(out, "%.*s (%.*s)", AX_STR_ARG(p.name), AX_STR_ARG(e->handle));
    else
        ax_buf_str(out, e->handle);
}

static void write_deed(const char *kind, int64_t uses, const struct ax_ledger_entry *e,
                       struct ax_buf *out)
{
    const char *scope = ax_scope_name(e->scope);
    if (strcmp(kind, "warrant-opened") == 0)
        ax_buf_printf(out, "%.*s may look into its memory (%s) by a warrant, %.*s",
                      AX_STR_ARG(e->who), scope, AX_STR_ARG(e->detail));
    else if (strcmp(kind, "warrant-closed") == 0)
        ax_buf_printf(out, "%.*s has closed a warrant to look into its memory (%s)",
                      AX_STR_ARG(e->who), scope);
    else if (strcmp(kind, "uses") == 0)
        ax_buf_printf(out, "its memory was looked into %lld more times within an hour (%s)",
                      (long long)uses, scope);
    else if (strcmp(kind, "standing-begun") == 0)
        ax_buf_printf(out, "%.*s has begun to look into its memory again and again (%s), %.*s",
                      AX_STR_ARG(e->who), scope, AX_STR_ARG(e->detail));
    else if (strcmp(kind, "standing-ended") == 0)
        ax_buf_printf(out, "its memory is no longer looked into again and again (%s): %.*s", scope,
                      AX_STR_ARG(e->detail));
    else
        ax_buf_printf(out, "%.*s has looked into its memory (%s), %.*s", AX_STR_ARG(e->who), scope,
                      AX_STR_ARG(e->detail));
}

static struct ax_str text_of(struct ax_warrants *w, const struct ax_ledger_entry *e,
                             const char *kind, int64_t uses, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    write_vm(w, e, a, &b);
    ax_buf_cstr(&b, ": ");
    write_deed(kind, uses, e, &b);
    if (e->reason.n)
        ax_buf_printf(&b, "; reason: %.*s", AX_STR_ARG(e->reason));
    return ax_arena_str(a, ax_buf_view(&b));
}

int ax_notice_add(struct ax_warrants *w, const struct ax_ledger_entry *e, const char *kind,
                  int64_t uses, int64_t now, struct ax_arena *a, struct ax_err *err)
{
    struct ax_stmt q;
    char id[AX_UUID_TEXT + 1];
    struct ax_uuid u = ax_uuid_at(now);
    ax_uuid_print(&u, id);
    ax_stmt_begin(&q, w->sql,
                  "INSERT INTO inspection_notice(id, tenant, handle, kind, who, reason, grant_id, "
                  "text, scope, time, uses, sequence, sent, seen) "
                  "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)");
    const struct ax_str texts[] = {ax_str(id), e->tenant, e->handle, ax_str(kind),
                                   e->who,     e->reason, e->grant,  text_of(w, e, kind, uses, a)};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, e->scope);
    ax_stmt_int(&q, e->time);
    ax_stmt_int(&q, uses);
    ax_stmt_int(&q, e->sequence);
    return ax_stmt_run(&q, "writing", err);
}

/* ---- hours ---- */

static int begin_hour(struct ax_warrants *w, const struct ax_ledger_entry *e, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "INSERT OR REPLACE INTO inspection_hour(grant_id, handle, began, scope, uses, "
                  "sequence) VALUES(?, ?, ?, ?, 0, 0)");
    ax_stmt_str(&q, e->grant);
    ax_stmt_str(&q, e->handle);
    ax_stmt_int(&q, e->time);
    ax_stmt_int(&q, e->scope);
    return ax_stmt_run(&q, "writing", err);
}

/* 1: it is one more of an hour that has begun, and goes no further. */
static int count_in_hour(struct ax_warrants *w, const struct ax_ledger_entry *e, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "UPDATE inspection_hour SET uses = uses + 1, sequence = ? WHERE grant_id = ? AND "
                  "handle = ? AND scope >= ? AND began > ? AND began <= ?");
    ax_stmt_int(&q, e->sequence);
    ax_stmt_str(&q, e->grant);
    ax_stmt_str(&q, e->handle);
    ax_stmt_int(&q, e->scope);
    ax_stmt_int(&q, e->time - HOUR_MS);
    ax_stmt_int(&q, e->time);
    int rc = ax_stmt_run(&q, "writing", err);
    return rc < 0 ? rc : ax_sql_changed(w->sql) > 0;
}

struct hour {
    struct ax_str grant, handle;
    int64_t uses, sequence;
};

static bool read_hour(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    *(struct hour *)out = (struct hour){.grant = ax_arena_str(a, ax_stmt_col(q, 0)),
                                        .handle = ax_arena_str(a, ax_stmt_col(q, 1)),
                                        .uses = ax_stmt_col_int(q, 2),
                                        .sequence = ax_stmt_col_int(q, 3)};
    return true;
}

static int read_hours(struct ax_warrants *w, struct ax_str grant, struct ax_str handle,
                      int64_t before, struct ax_arena *a, struct hour **out, size_t *n,
                      struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_rows rows;
    ax_stmt_begin(&q, w->sql,
                  "SELECT grant_id, handle, uses, sequence FROM inspection_hour WHERE (?1 = '' OR "
                  "(grant_id = ?1 AND handle = ?2)) AND began <= ?3");
    ax_stmt_str(&q, grant);
    ax_stmt_str(&q, handle);
    ax_stmt_int(&q, before);
    int rc = ax_rows_read(&q, sizeof **out, read_hour, a, &rows, "reading", err);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}

static int read_entry(struct ax_warrants *w, int64_t sequence, struct ax_arena *a,
                      struct ax_ledger_entry *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT " AX_LEDGER_COLUMNS " FROM ledger WHERE sequence = ?");
    ax_stmt_int(&q, sequence);
    bool there = ax_stmt_row(&q) && ax_ledger_row(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there
               ? ax_fail(err, -EUCLEAN, "entry %lld of the ledger is not there any more",
                         (long long)sequence)
               : rc;
}

/* Those after the first are told, and the next hour begins: it ends untold when nothing comes. */
static int end_hour(struct ax_warrants *w, const struct hour *h, int64_t now, struct ax_arena *a,
                    struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_ledger_entry e;
    int rc = 0;
    if (h->uses) {
        rc = read_entry(w, h->sequence, a, &e, err);
        if (rc == 0)
            rc = ax_notice_add(w, &e, "uses", h->uses, now, a, err);
        if (rc < 0)
            return rc;
        ax_stmt_begin(&q, w->sql,
                      "UPDATE inspection_hour SET uses = 0, sequence = 0, began = ? WHERE "
                      "grant_id = ? AND handle = ?");
        ax_stmt_int(&q, now);
    } else {
        ax_stmt_begin(&q, w->sql, "DELETE FROM inspection_hour WHERE grant_id = ? AND handle = ?");
    }
    ax_stmt_str(&q, h->grant);
    ax_stmt_str(&q, h->handle);
    return ax_stmt_run(&q, "writing", err);
}

int ax_hour_use(struct ax_warrants *w, const struct ax_ledger_entry *e, struct ax_arena *a,
                struct ax_err *err)
{
    struct hour *v;
    size_t n;
    int rc = count_in_hour(w, e, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = read_hours(w, e->grant, e->handle, INT64_MAX, a, &v, &n, err);
    if (rc == 0 && n && v[0].uses) /* of the hour that is over, or went less far */
        rc = end_hour(w, &v[0], e->time, a, err);
    if (rc == 0)
        rc = begin_hour(w, e, err);
    return rc == 0 ? ax_notice_add(w, e, "use", 1, e->time, a, err) : rc;
}

int ax_hours_tick(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct hour *v;
    size_t n;
    int rc = ax_sql_begin(w->sql, err);
    if (rc < 0)
        return rc;
    rc = read_hours(w, AX_STR(""), AX_STR(""), now - HOUR_MS, &a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = end_hour(w, &v[i], now, &a, err);
    return ax_sql_end(w->sql, rc, err);
}

/* ---- what must not be lost ---- */

/* Warrants of which the ledger knows and no notice tells: somebody has taken it out. */
int ax_notices_heal(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_stmt q;
    struct ax_rows rows = {0};
    int rc = ax_sql_begin(w->sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, w->sql,
                  "SELECT " AX_LEDGER_COLUMNS " FROM ledger l WHERE kind = 'warrant-opened' AND "
                  "time > ? AND NOT EXISTS(SELECT 1 FROM inspection_notice n WHERE n.sequence = "
                  "l.sequence AND n.kind = 'warrant-opened')");
    ax_stmt_int(&q, now - HEAL_MS);
    rc = ax_rows_read(&q, sizeof(struct ax_ledger_entry), ax_ledger_row, &a, &rows, "reading", err);
    const struct ax_ledger_entry *v = rows.v;
    for (size_t i = 0; rc == 0 && i < rows.n; i++)
        rc = ax_notice_add(w, &v[i], "warrant-opened", 0, now, &a, err);
    return ax_sql_end(w->sql, rc, err);
}

/* ---- reading them ---- */

static bool read_notice(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    struct ax_inspection_notice *x = out;
    *x = (struct ax_inspection_notice){.scope = (enum ax_scope)ax_stmt_col_int(q, 8),
                                       .time = ax_stmt_col_int(q, 9),
                                       .uses = ax_stmt_col_int(q, 10),
                                       .sequence = ax_stmt_col_int(q, 11),
                                       .sent = ax_stmt_col_int(q, 12),
                                       .read = ax_stmt_col_int(q, 13),
                                       .due = ax_stmt_col_int(q, 14)};
    struct ax_str *const texts[] = {&x->id,  &x->tenant, &x->handle, &x->kind,
                                    &x->who, &x->reason, &x->grant,  &x->text};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, (int)i));
    x->hash = ax_arena_str(a, ax_stmt_col(q, 15));
    if (x->due < x->time)
        x->due = x->time;
    return true;
}

int ax_warrants_notices(struct ax_warrants *w, const struct ax_notice_filter *f, struct ax_arena *a,
                        struct ax_inspection_notice **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(w->sql);
    ax_stmt_begin(&q, w->sql,
                  "SELECT n.id, n.tenant, n.handle, n.kind, n.who, n.reason, n.grant_id, n.text, "
                  "n.scope, n.time, n.uses, n.sequence, n.sent, n.seen, coalesce(l.hidden_until, "
                  "0), coalesce(l.hash, '') FROM inspection_notice n LEFT JOIN ledger l ON "
                  "l.sequence = n.sequence WHERE (?1 OR n.tenant = ?2) AND (?3 OR n.handle = ?4) "
                  "AND (?5 OR n.id = ?6) AND (?7 = 0 OR n.seen = 0) AND (?8 = 0 OR "
                  "coalesce(l.hidden_until, 0) <= ?8) AND (?9 = '' OR n.id < ?9) "
                  "ORDER BY n.id DESC LIMIT ?10");
    const struct ax_str texts[] = {f->tenant, f->handle, f->id};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++) {
        ax_stmt_int(&q, !texts[i].p);
        ax_stmt_str(&q, texts[i]);
    }
    ax_stmt_int(&q, f->unread);
    ax_stmt_int(&q, f->seen_at);
    ax_stmt_str(&q, f->before);
    ax_stmt_int(&q, f->limit ? (int64_t)f->limit : -1);
    struct ax_rows rows;
    int rc = ax_rows_read(&q, sizeof **out, read_notice, a, &rows, "reading", err);
    ax_sql_unlock(w->sql);
    if (rc == 0) {
        *out = rows.v;
        *n = rows.n;
    }
    return rc;
}
