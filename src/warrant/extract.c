// SPDX-License-Identifier: Apache-2.0
/* Extracts of memory: a use that takes its time. An entry before the first byte is read, one when
 * it has ended with the hash of what was handed out. One that was under way when the server was
 * killed is ended by the next start. */
#include "warrant/inner.h"

#include "base/uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct underway {
    struct ax_str id, tenant, handle, who, reason, grant;
    int64_t hidden_until;
};

#define COLUMNS "id, tenant, handle, who, reason, grant_id, hidden_until"

/* ---- beginning ---- */

struct beginning {
    const char *id;
    int64_t *sequence;
};

static int store(struct ax_warrants *w, const struct ax_ledger_entry *e, const struct ax_grant *g,
                 void *arg, struct ax_err *err)
{
    const struct beginning *b = arg;
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql,
                  "INSERT INTO inspection_extract(" COLUMNS ", began) "
                  "VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    const struct ax_str texts[] = {ax_str(b->id), e->tenant, e->handle,
                                   e->who,        e->reason, e->grant};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, g->notice_at);
    ax_stmt_int(&q, e->time);
    *b->sequence = e->sequence;
    return ax_stmt_run(&q, "writing", err);
}

int ax_warrants_extract(struct ax_warrants *w, const struct ax_inspection *x, struct ax_str what,
                        int64_t now, struct ax_arena *a, char id[AX_WARRANT_ID],
                        struct ax_grant *out, int64_t *sequence, struct ax_err *err)
{
    struct ax_uuid u =
        ax_uuid_random(); /* who knows it may ask for the memory: not to be guessed */
    ax_uuid_print(&u, id);
    struct beginning b = {id, sequence};
    struct ax_inspection y = *x;
    y.scope = AX_SCOPE_FORENSIC;
    struct ax_str detail = ax_arena_printf(a, "extract %s of %.*s", id, AX_STR_ARG(what));
    return ax_use_and(w, &y, detail, store, &b, now, a, out, err);
}

/* ---- ending ---- */

static bool read_row(struct ax_stmt *q, struct ax_arena *a, void *out)
{
    struct underway *u = out;
    struct ax_str *const texts[] = {&u->id, &u->tenant, &u->handle, &u->who, &u->reason, &u->grant};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, (int)i));
    u->hidden_until = ax_stmt_col_int(q, 6);
    return true;
}

struct ax_str ax_extract_end_text(const struct ax_extract_end *e, struct ax_str id,
                                  struct ax_arena *a)
{
    struct ax_str name =
        id.n ? ax_arena_printf(a, "extract %.*s", AX_STR_ARG(id)) : AX_STR("extract");
    struct ax_str how =
        e->why.n ? ax_arena_printf(a, "broken off (%.*s)", AX_STR_ARG(e->why)) : AX_STR("complete");
    struct ax_str lacks = AX_STR("");
    if (e->left_out)
        lacks =
            ax_arena_printf(a,
                            "; %" PRIu64 " bytes of memory that seem to have been plugged in are "
                            "not in it: the guest's kernel does not tell where they lie",
                            e->left_out);
    return ax_arena_printf(
        a, "%.*s %.*s: file of %" PRIu64 " bytes, %" PRIu64 " of them read, SHA-256 %s%.*s",
        AX_STR_ARG(name), AX_STR_ARG(how), e->size, e->data, e->sha256, AX_STR_ARG(lacks));
}

static int end(struct ax_warrants *w, struct ax_ledger_tx *t, const struct underway *u,
               struct ax_str detail, int64_t now, struct ax_arena *a, int64_t *sequence,
               struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_ledger_entry e = {.time = now,
                                .kind = AX_LEDGER_EXTRACT_ENDED,
                                .scope = AX_SCOPE_FORENSIC,
                                .who = u->who,
                                .tenant = u->tenant,
                                .handle = u->handle,
                                .reason = u->reason,
                                .grant = u->grant,
                                .detail = detail,
                                .hidden_until = u->hidden_until > now ? u->hidden_until : 0};
    int rc = ax_ledger_add(t, &e, a, err);
    if (rc < 0)
        return rc;
    *sequence = e.sequence;
    ax_stmt_begin(&q, w->sql, "DELETE FROM inspection_extract WHERE id = ?");
    ax_stmt_str(&q, u->id);
    return ax_stmt_run(&q, "writing", err);
}

static int find(struct ax_warrants *w, struct ax_str id, struct ax_arena *a, struct underway *out,
                struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT " COLUMNS " FROM inspection_extract WHERE id = ?");
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    if (there)
        read_row(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there ? ax_fail(err, -ENOENT, "there is no such extract under way") : rc;
}

int ax_warrants_extract_end(struct ax_warrants *w, struct ax_str id,
                            const struct ax_extract_end *how, int64_t now, int64_t *sequence,
                            struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct underway u;
    int rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc;
    rc = find(w, id, &a, &u, err);
    if (rc == 0)
        rc = end(w, &t, &u, ax_extract_end_text(how, id, &a), now, &a, sequence, err);
    return ax_ledger_end(&t, rc, err);
}

/* ---- after a crash ---- */

static int read_all(struct ax_warrants *w, struct ax_arena *a, struct ax_rows *out,
                    struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->sql, "SELECT " COLUMNS " FROM inspection_extract ORDER BY began, id");
    return ax_rows_read(&q, sizeof(struct underway), read_row, a, out, "reading", err);
}

static struct ax_str lost_text(const struct underway *u, struct ax_arena *a)
{
    return ax_arena_printf(a,
                           "extract %.*s broken off: the server ended meanwhile; how much was "
                           "read is not known",
                           AX_STR_ARG(u->id));
}

/* A damaged ledger is no reason not to start; they are ended once it is mended. */
int ax_extracts_heal(struct ax_warrants *w, int64_t now, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_tx t;
    struct ax_rows rows;
    int64_t sequence;
    ax_sql_lock(w->sql);
    int rc = read_all(w, &a, &rows, err);
    ax_sql_unlock(w->sql);
    if (rc < 0 || rows.n == 0)
        return rc;
    rc = ax_ledger_begin(&t, w->ledger, err);
    if (rc < 0)
        return rc == -EUCLEAN ? 0 : rc;
    const struct underway *v = rows.v;
    for (size_t i = 0; rc == 0 && i < rows.n; i++)
        rc = end(w, &t, &v[i], lost_text(&v[i], &a), now, &a, &sequence, err);
    return ax_ledger_end(&t, rc, err);
}
