// SPDX-License-Identifier: Apache-2.0
/* Whether the ledger is whole: each entry says what its hash says, follows the one before it, and
 * the last one is where ledger.head has it. Who could write both database and head could write a
 * ledger anew; owners who kept a hash from a notice find that out. */
#include "warrant/inner.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define PAGE     500
#define LAST_DAY 253402300799999 /* of the year 9999: what has a text of its own */

struct walk {
    struct ax_ledger *ledger;
    struct ax_str wanted;
    struct ax_link at, end;
    bool table; /* it is there */
    struct ax_ledger_report *r;
};

static void fault(struct walk *w, int64_t entry, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void fault(struct walk *w, int64_t entry, const char *fmt, ...)
{
    va_list ap;
    if (!w->r->intact)
        return;
    w->r->intact = false;
    w->r->bad = entry;
    va_start(ap, fmt);
    vsnprintf(w->r->fault, sizeof w->r->fault, fmt, ap);
    va_end(ap);
}

/* The entry before `below` that has this hash, 0 = none. */
static int64_t entry_of(struct walk *w, struct ax_str hash, int64_t below)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, w->ledger->sql,
                  "SELECT sequence FROM ledger WHERE sequence < ? AND hash = ?");
    ax_stmt_int(&q, below);
    ax_stmt_str(&q, hash);
    int64_t found = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    ax_stmt_end(&q, "reading", NULL);
    return found;
}

static void does_not_follow(struct walk *w, const struct ax_ledger_entry *e)
{
    int64_t k = entry_of(w, e->previous, e->sequence - 1);
    if (k > 0)
        fault(w, k + 1, "inserted: entry %lld follows entry %lld", (long long)e->sequence,
              (long long)k);
    else if (e->sequence == 1)
        fault(w, 1, "changed: it says that there was one before it");
    else
        fault(w, e->sequence - 1, "removed: entry %lld follows one that is not there",
              (long long)e->sequence);
}

/* Values of other types would be read as something else than they are. */
static bool as_written(struct ax_stmt *q, const struct ax_ledger_entry *e)
{
    const struct ax_str texts[] = {e->who,   e->tenant, e->handle,   e->reason,
                                   e->grant, e->detail, e->previous, e->hash};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        if (!ax_str_utf8(texts[i]))
            return false;
    return ax_str_eq(ax_stmt_col(q, 13), AX_STR("integer integer text text text text text text "
                                                "text text integer text text")) &&
           e->time >= 0 && e->time <= LAST_DAY && e->hidden_until >= 0 &&
           e->hidden_until <= LAST_DAY;
}

static void look_at(struct walk *w, struct ax_stmt *q, struct ax_arena *a)
{
    struct ax_ledger_entry e;
    char hash[AX_LEDGER_HASH];
    bool known = ax_ledger_row(q, a, &e) && as_written(q, &e);
    if (e.sequence < 1) {
        fault(w, e.sequence, "inserted: numbers begin with 1");
        return;
    }
    if (e.sequence != w->at.sequence + 1) {
        fault(w, w->at.sequence + 1, "removed: entry %lld follows entry %lld",
              (long long)e.sequence, (long long)w->at.sequence);
        return;
    }
    if (known)
        ax_ledger_hash(&e, hash);
    if (!known || !ax_str_eq(e.hash, ax_str(hash)))
        fault(w, e.sequence, "changed: it does not have the hash that is written in it");
    else if (!ax_str_eq(e.previous, ax_str(w->at.hash)))
        does_not_follow(w, &e);
    w->at.sequence = e.sequence;
    snprintf(w->at.hash, sizeof w->at.hash, "%.*s", AX_STR_ARG(e.hash));
    if (w->wanted.n && ax_str_eq(e.hash, w->wanted))
        w->r->found = e.sequence;
}

static int look_at_page(struct walk *w, int64_t *after, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_stmt q;
    int n = 0;
    ax_sql_lock(w->ledger->sql);
    ax_stmt_begin(&q, w->ledger->sql,
                  "SELECT " AX_LEDGER_COLUMNS ", typeof(sequence) || ' ' || typeof(time) || ' ' || "
                  "typeof(kind) || ' ' || typeof(scope) || ' ' || typeof(who) || ' ' || "
                  "typeof(tenant) || ' ' || typeof(handle) || ' ' || typeof(reason) || ' ' || "
                  "typeof(grant_id) || ' ' || typeof(detail) || ' ' || typeof(hidden_until) || "
                  "' ' || typeof(previous) || ' ' || typeof(hash) "
                  "FROM ledger WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?");
    ax_stmt_int(&q, *after);
    ax_stmt_int(&q, w->end.sequence);
    ax_stmt_int(&q, PAGE);
    for (; ax_stmt_row(&q); n++) {
        *after = ax_stmt_col_int(&q, 0);
        look_at(w, &q, &a);
        w->r->entries++;
    }
    int rc = ax_stmt_end(&q, "reading the ledger in", err);
    ax_sql_unlock(w->ledger->sql);
    return rc < 0 ? rc : n;
}

/* What ledger.head says of the end. */
static void look_at_end(struct walk *w, const struct ax_head *h, int head)
{
    int64_t last = w->at.sequence;
    if (head == -ENOENT)
        fault(w, last, "ledger.head is missing: nothing tells whether the end was cut off");
    else if (head < 0)
        fault(w, last, "ledger.head is damaged: nothing tells whether the end was cut off");
    else if (last < h->is.sequence)
        fault(w, last + 1, "cut off: ledger.head says that there were %lld entries",
              (long long)h->is.sequence);
    else if (last == h->is.sequence && !ax_link_eq(&w->at, &h->is))
        fault(w, last, "changed: ledger.head has another hash of it");
    else if (last > h->is.sequence && !(h->next.sequence && ax_link_eq(&w->at, &h->next)))
        fault(w, h->is.sequence + 1, "inserted: ledger.head says that there were %lld entries",
              (long long)h->is.sequence);
}

static bool has_table(struct ax_sql *sql)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ledger'");
    bool has = ax_stmt_row(&q);
    ax_stmt_end(&q, "reading", NULL);
    return has;
}

static int read_ends(struct ax_ledger *l, struct walk *w, struct ax_head *h, int *head,
                     struct ax_err *err)
{
    struct ax_err why;
    *head = ax_head_read(l->head, h, &why);
    if (*head < 0 && *head != -ENOENT && *head != -EUCLEAN && *head != -EFBIG)
        return ax_fail(err, *head, "%s", why.text);
    ax_ledger_first(&w->end);
    ax_sql_lock(l->sql);
    w->table = has_table(l->sql);
    int rc = w->table ? ax_ledger_last(l->sql, &w->end, err) : 0;
    ax_sql_unlock(l->sql);
    if (!w->table && *head == -ENOENT)
        return ax_fail(err, -ENOENT, "there is no ledger: nothing was ever inspected here");
    return rc;
}

/* Where the ledger ends and what the head says of it, at one moment. */
static int fix_end(struct ax_ledger *l, struct walk *w, struct ax_head *h, int *head,
                   struct ax_err *err)
{
    int lock = ax_ledger_lock(l->lock, true, NULL); /* there may be none in a copy */
    int rc = read_ends(l, w, h, head, err);
    ax_close_fd(&lock);
    return rc;
}

int ax_ledger_verify(struct ax_ledger *l, struct ax_str wanted, struct ax_ledger_report *out,
                     struct ax_err *err)
{
    struct ax_ledger_report r = {.intact = true};
    struct walk w = {.ledger = l, .wanted = wanted, .r = &r};
    struct ax_head h = {0};
    int64_t after = INT64_MIN;
    int head, n, rc = fix_end(l, &w, &h, &head, err);
    if (rc < 0)
        return rc;
    ax_ledger_first(&w.at);
    do {
        n = w.table ? look_at_page(&w, &after, err) : 0;
    } while (n == PAGE);
    if (n < 0)
        return n;
    look_at_end(&w, &h, head);
    if (wanted.n && !r.found)
        fault(&w, 0, "no entry has the hash %.*s", (int)(wanted.n < 64 ? wanted.n : 64), wanted.p);
    memcpy(r.head, w.at.hash, sizeof r.head);
    *out = r;
    return 0;
}
