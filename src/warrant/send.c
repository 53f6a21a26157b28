// SPDX-License-Identifier: Apache-2.0
/* Notices that are due go to the owner's methods: into the outbox, marked as sent, and into the
 * ledger, in one transaction. Silences and maintenance do not hold them. */
#include "warrant/inner.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>

#define AT_ONCE 100

static int read_due(struct ax_warrants *w, int64_t now, struct ax_arena *a,
                    struct ax_inspection_notice **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_inspection_notice *v = AX_NEWS(a, struct ax_inspection_notice, AT_ONCE);
    size_t have = 0;
    ax_sql_lock(w->sql);
    ax_stmt_begin(&q, w->sql,
                  "SELECT n.id, n.tenant, n.handle, n.kind, n.who, n.reason, n.grant_id, n.text, "
                  "l.hash, n.scope, n.time, n.uses, n.sequence FROM inspection_notice n LEFT JOIN "
                  "ledger l ON l.sequence = n.sequence WHERE n.sent = 0 AND "
                  "coalesce(l.hidden_until, 0) <= ? ORDER BY n.id LIMIT ?");
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, AT_ONCE);
    while (have < AT_ONCE && ax_stmt_row(&q)) {
        struct ax_inspection_notice *x = &v[have++];
        struct ax_str *const texts[] = {&x->id,     &x->tenant, &x->handle, &x->kind, &x->who,
                                        &x->reason, &x->grant,  &x->text,   &x->hash};
        for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
            *texts[i] = ax_arena_str(a, ax_stmt_col(&q, (int)i));
        x->scope = (enum ax_scope)ax_stmt_col_int(&q, 9);
        x->time = ax_stmt_col_int(&q, 10);
        x->uses = ax_stmt_col_int(&q, 11);
        x->sequence = ax_stmt_col_int(&q, 12);
    }
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(w->sql);
    *out = v;
    *n = have;
    return rc;
}

/* ---- whom ---- */

/* Those that the tenant chose and still has; all of them when it chose none or has none of those:
 * a notice is not lost because a method was. */
static int find_methods(struct ax_warrants *w, struct ax_str tenant, struct ax_arena *a,
                        struct ax_notice_methods *out, struct ax_err *err)
{
    struct ax_notify_method *v = NULL;
    struct ax_notice_methods chosen;
    size_t n = 0;
    int rc = ax_warrants_methods(w, tenant, a, &chosen, err);
    if (rc == 0)
        rc = ax_notify_list(w->notify, tenant, AX_STR(""), 0, 0, a, &v, &n, err);
    if (rc < 0)
        return rc;
    *out = (struct ax_notice_methods){.ids = AX_NEWS(a, struct ax_str, n + 1)};
    for (size_t i = 0; !chosen.all && i < n; i++)
        for (size_t k = 0; k < chosen.n; k++)
            if (ax_str_eq(v[i].id, chosen.ids[k]))
                out->ids[out->n++] = v[i].id;
    if (out->n || (!chosen.all && chosen.n == 0))
        return 0;
    while (out->n < n) {
        out->ids[out->n] = v[out->n].id;
        out->n++;
    }
    return 0;
}

/* ---- what ---- */

static void text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    ax_json_str(j, v);
}

/* In the forms that have room for it: the entry and its hash, which the provider is held to. */
static struct ax_str metrics_of(const struct ax_inspection_notice *x, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)x->sequence);
    ax_json_arr(&j);
    ax_json_obj(&j);
    text(&j, "name", AX_STR("auspex_inspection"));
    ax_json_key(&j, "dimensions");
    ax_json_obj(&j);
    text(&j, "resource", x->handle);
    text(&j, "kind", x->kind);
    text(&j, "scope", ax_str(ax_scope_name(x->scope)));
    text(&j, "who", x->who);
    text(&j, "ledger_entry", ax_str(number));
    text(&j, "ledger_hash", x->hash);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    return ax_arena_str(a, ax_buf_view(&b));
}

/* For Alertmanagers. */
static struct ax_str labels_of(const struct ax_inspection_notice *x, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_obj(&j);
    text(&j, "alertname", AX_STR("AuspexInspection"));
    text(&j, "severity", AX_STR("info"));
    text(&j, "resource", x->handle);
    text(&j, "notice", x->id);
    ax_json_end(&j);
    return ax_arena_str(a, ax_buf_view(&b));
}

static struct ax_str annotations_of(const struct ax_inspection_notice *x, struct ax_str reason,
                                    struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_obj(&j);
    text(&j, "summary", x->text);
    text(&j, "description", reason);
    ax_json_end(&j);
    return ax_arena_str(a, ax_buf_view(&b));
}

static int queue(struct ax_warrants *w, const struct ax_inspection_notice *x,
                 const struct ax_notice_methods *m, struct ax_arena *a, struct ax_err *err)
{
    struct ax_str proof = ax_arena_printf(a, "entry %lld of the ledger, hash %.*s",
                                          (long long)x->sequence, AX_STR_ARG(x->hash));
    struct ax_notice notice = {.tenant = x->tenant,
                               .alarm = x->id,
                               .name = AX_STR("A VM's memory was looked into"),
                               .description = x->text,
                               .severity = AX_STR("LOW"),
                               .state = AX_STR(AX_NOTIFY_PLAIN),
                               .old_state = AX_STR(AX_NOTIFY_PLAIN),
                               .reason = proof,
                               .time = x->time,
                               .metrics = metrics_of(x, a),
                               .labels = labels_of(x, a),
                               .annotations = annotations_of(x, proof, a)};
    int rc = ax_notify_queue(w->notify, m->ids, m->n, &notice, err);
    return rc < 0 ? rc : ax_notify_ended(w->notify, x->tenant, x->id, err); /* told once */
}

static int mark_sent(struct ax_warrants *w, struct ax_str id, int64_t now, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "UPDATE inspection_notice SET sent = ? WHERE id = ?");
    ax_stmt_int(&q, now);
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing", err);
}

static int send_one(struct ax_warrants *w, struct ax_ledger_tx *t,
                    const struct ax_inspection_notice *x, const struct ax_notice_methods *m,
                    int64_t now, struct ax_arena *a, struct ax_err *err)
{
    struct ax_ledger_entry e = {
        .time = now,
        .kind = AX_LEDGER_NOTICE_SENT,
        .scope = x->scope,
        .who = AX_STR("auspex"),
        .tenant = x->tenant,
        .handle = x->handle,
        .grant = x->grant,
        .detail = ax_arena_printf(a, "notice %.*s of entry %lld, by %zu methods", AX_STR_ARG(x->id),
                                  (long long)x->sequence, m->n)};
    int rc = t ? ax_ledger_add(t, &e, a, err) : 0;
    if (rc == 0)
        rc = queue(w, x, m, a, err);
    return rc == 0 ? mark_sent(w, x->id, now, err) : rc;
}

static int send_all(struct ax_warrants *w, struct ax_ledger_tx *t,
                    const struct ax_inspection_notice *v, const struct ax_notice_methods *m,
                    size_t n, int64_t now, struct ax_arena *a, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = send_one(w, t, &v[i], &m[i], now, a, err);
    return rc;
}

/* A ledger that is damaged takes no entry, but owners are told all the same: else who wants a
 * notice never to come would only have to damage it. */
static int send_without_ledger(struct ax_warrants *w, const struct ax_inspection_notice *v,
                               const struct ax_notice_methods *m, size_t n, int64_t now,
                               struct ax_arena *a, struct ax_err *err)
{
    int rc = ax_sql_begin(w->sql, err);
    return rc < 0 ? rc : ax_sql_end(w->sql, send_all(w, NULL, v, m, n, now, a, err), err);
}

/* Methods are looked up before, since that takes the lock which a transaction has. */
int ax_notices_tick(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_notice_methods m[AT_ONCE];
    struct ax_inspection_notice *v;
    struct ax_ledger_tx t;
    size_t n;
    int rc = read_due(w, now, &a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = i && ax_str_eq(v[i].tenant, v[i - 1].tenant)
                 ? (m[i] = m[i - 1], 0)
                 : find_methods(w, v[i].tenant, &a, &m[i], err);
    if (rc < 0 || !n)
        return rc;
    rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc == 0)
        rc = ax_ledger_end(&t, send_all(w, &t, v, m, n, now, &a, err), err);
    else if (rc == -EUCLEAN)
        rc = send_without_ledger(w, v, m, n, now, &a, err);
    if (rc == 0)
        ax_notify_wake(w->notify);
    return rc;
}
