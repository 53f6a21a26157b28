// SPDX-License-Identifier: Apache-2.0
/* The ledger: entries that are only ever added, each with the hash of the one before it in what its
 * own hash is over. */
#include "warrant/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening ---- */

int ax_ledger_last(struct ax_sql *sql, struct ax_link *out, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_link l;
    ax_ledger_first(&l);
    ax_stmt_begin(&q, sql, "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1");
    if (ax_stmt_row(&q)) {
        l.sequence = ax_stmt_col_int(&q, 0);
        struct ax_str hash = ax_stmt_col(&q, 1);
        snprintf(l.hash, sizeof l.hash, "%.*s", AX_STR_ARG(hash));
    }
    int rc = ax_stmt_end(&q, "reading the ledger in", err);
    if (rc == 0)
        *out = l;
    return rc;
}

/* An empty ledger without a head gets one, so that a missing head is told from a first start. */
static int make_head(struct ax_ledger *l, struct ax_err *err)
{
    struct ax_head h = {0};
    struct ax_link last;
    int rc = 0;
    AX_CLEANUP(ax_close_fd) int lock = ax_ledger_lock(l->lock, false, err);
    if (lock < 0)
        return lock;
    if (access(l->head, F_OK) == 0)
        return 0;
    ax_sql_lock(l->sql);
    rc = ax_ledger_last(l->sql, &last, err);
    ax_sql_unlock(l->sql);
    ax_ledger_first(&h.is);
    return rc == 0 && last.sequence == 0 ? ax_head_write(l->head, &h, err) : rc;
}

static struct ax_ledger *new_ledger(struct ax_sql *sql, const char *head)
{
    struct ax_str name = ax_str(head);
    struct ax_ledger *l = ax_calloc(1, sizeof *l);
    l->sql = sql;
    l->head = ax_strdup(head);
    if (ax_str_ends(name, AX_STR(".head")))
        name.n -= 5;
    l->lock = ax_malloc(name.n + 6);
    snprintf(l->lock, name.n + 6, "%.*s.lock", AX_STR_ARG(name));
    l->intact = true;
    return l;
}

int ax_ledger_open(struct ax_ledger **out, struct ax_sql *sql, const char *head, struct ax_err *err)
{
    int rc = ax_warrants_schema(sql, err);
    if (rc < 0)
        return rc;
    struct ax_ledger *l = new_ledger(sql, head);
    rc = make_head(l, err);
    if (rc < 0) {
        ax_ledger_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

int ax_ledger_look(struct ax_ledger **out, const char *database, const char *head,
                   struct ax_err *err)
{
    struct ax_sql *sql;
    int rc = ax_sql_open_look(&sql, database, err);
    if (rc < 0)
        return rc;
    *out = new_ledger(sql, head);
    (*out)->own = sql;
    return 0;
}

void ax_ledger_close(struct ax_ledger *l)
{
    if (!l)
        return;
    ax_sql_close(l->own);
    free(l->head);
    free(l->lock);
    free(l);
}

/* ---- adding ---- */

static int damaged(struct ax_ledger *l, struct ax_err *err, const char *why)
{
    l->intact = false;
    return ax_fail(err, -EUCLEAN,
                   "the ledger of inspections is damaged (%s), so nothing is inspected before that "
                   "is cleared up: see auspex admin ledger verify",
                   why);
}

static int check_end(struct ax_ledger *l, const struct ax_link *last, struct ax_err *err)
{
    struct ax_head h;
    int rc = ax_head_read(l->head, &h, err);
    if (rc == -ENOENT)
        return damaged(l, err, "ledger.head is missing");
    if (rc == -EUCLEAN)
        return damaged(l, err, "ledger.head is none");
    if (rc < 0)
        return rc;
    if (!ax_link_eq(last, &h.is) && !(h.next.sequence && ax_link_eq(last, &h.next)))
        return damaged(l, err,
                       last->sequence < h.is.sequence ? "its end is cut off"
                                                      : "it does not end where ledger.head says");
    return 0;
}

int ax_ledger_begin(struct ax_ledger_tx *t, struct ax_ledger *l, struct ax_err *err)
{
    *t = (struct ax_ledger_tx){.ledger = l, .lock = ax_ledger_lock(l->lock, false, err)};
    if (t->lock < 0)
        return t->lock;
    int rc = ax_sql_begin(l->sql, err);
    if (rc < 0) {
        close(t->lock);
        return rc;
    }
    rc = ax_ledger_last(l->sql, &t->was, err);
    if (rc == 0)
        rc = check_end(l, &t->was, err);
    if (rc < 0) {
        ax_sql_end(l->sql, rc, NULL);
        close(t->lock);
        return rc;
    }
    t->is = t->was;
    return 0;
}

static int check_texts(const struct ax_ledger_entry *e, struct ax_err *err)
{
    const struct ax_str texts[] = {e->who, e->tenant, e->handle, e->reason, e->grant, e->detail};
    static const char *const names[] = {"who", "tenant", "handle", "reason", "grant", "detail"};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        if (texts[i].n > AX_LEDGER_TEXT_MAX || !ax_str_utf8(texts[i]) ||
            (texts[i].n && memchr(texts[i].p, 0, texts[i].n)))
            return ax_fail(err, -EINVAL, "%s: expected at most %d bytes of text in UTF-8", names[i],
                           AX_LEDGER_TEXT_MAX);
    return 0;
}

static int insert(struct ax_sql *sql, const struct ax_ledger_entry *e, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql,
                  "INSERT INTO ledger(" AX_LEDGER_COLUMNS ") "
                  "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_int(&q, e->sequence);
    ax_stmt_int(&q, e->time);
    ax_stmt_str(&q, ax_str(ax_ledger_kind_name(e->kind)));
    ax_stmt_str(&q, ax_str(ax_scope_name(e->scope)));
    const struct ax_str texts[] = {e->who, e->tenant, e->handle, e->reason, e->grant, e->detail};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, e->hidden_until);
    ax_stmt_str(&q, e->previous);
    ax_stmt_str(&q, e->hash);
    return ax_stmt_run(&q, "writing the ledger in", err);
}

int ax_ledger_add(struct ax_ledger_tx *t, struct ax_ledger_entry *e, struct ax_arena *a,
                  struct ax_err *err)
{
    struct ax_link next = {.sequence = t->is.sequence + 1};
    int rc = check_texts(e, err);
    if (rc < 0)
        return rc;
    e->sequence = next.sequence;
    e->previous = ax_arena_str(a, ax_str(t->is.hash));
    ax_ledger_hash(e, next.hash);
    e->hash = ax_arena_str(a, ax_str(next.hash));
    rc = insert(t->ledger->sql, e, err);
    if (rc == 0)
        t->is = next;
    return rc;
}

int ax_ledger_end(struct ax_ledger_tx *t, int rc, struct ax_err *err)
{
    struct ax_ledger *l = t->ledger;
    struct ax_head h = {.is = t->was, .next = t->is};
    bool added = t->is.sequence > t->was.sequence;
    if (rc == 0 && added)
        rc = ax_head_write(l->head, &h, err);
    rc = ax_sql_end(l->sql, rc, err);
    if (rc == 0) {
        l->intact = true;
        l->entries = t->is.sequence;
    }
    /* Should this fail, the head that is there is as good. */
    if (rc == 0 && added)
        ax_head_write(l->head, &(struct ax_head){.is = t->is}, NULL);
    close(t->lock);
    return rc;
}

int ax_ledger_append(struct ax_ledger *l, struct ax_ledger_entry *e, struct ax_arena *a,
                     struct ax_err *err)
{
    struct ax_ledger_tx t;
    int rc = ax_ledger_begin(&t, l, err);
    return rc < 0 ? rc : ax_ledger_end(&t, ax_ledger_add(&t, e, a, err), err);
}

int ax_ledger_copy(struct ax_ledger *l, const char *database, const char *head, struct ax_err *err)
{
    struct ax_head h;
    AX_CLEANUP(ax_close_fd) int lock = ax_ledger_lock(l->lock, true, err);
    if (lock < 0)
        return lock;
    int rc = ax_sql_copy(l->sql, database, err);
    if (rc == 0)
        rc = ax_head_read(l->head, &h, err);
    if (rc == -ENOENT || rc == -EUCLEAN)
        return 0; /* a damaged ledger is saved, too, and stays one */
    return rc == 0 ? ax_head_write(head, &h, err) : rc;
}
