// SPDX-License-Identifier: Apache-2.0
/* The ledger: entries that are only ever added, each with the hash of the one before it in what its
 * own hash is over. */
#include "warrant/inner.h"

#include "base/json.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- kinds ---- */

static const char *const kinds[AX_LEDGER_KINDS] = {
    "consent-set",      "consent-revoked", "warrant-opened", "warrant-closed", "use",
    "use-refused",      "standing-begun",  "standing-sum",   "standing-ended", "notice-sent",
    "notice-delivered", "notice-failed",   "extract-ended"};

const char *ax_ledger_kind_name(enum ax_ledger_kind k)
{
    AX_ASSERT((unsigned)k < AX_LEDGER_KINDS);
    return kinds[k];
}

static bool kind_parse(struct ax_str name, enum ax_ledger_kind *out)
{
    for (int k = 0; k < AX_LEDGER_KINDS; k++)
        if (ax_str_eq(name, ax_str(kinds[k]))) {
            *out = (enum ax_ledger_kind)k;
            return true;
        }
    return false;
}

/* ---- an entry ---- */

static void text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    ax_json_str(j, v);
}

/* The order of the members is part of the form. */
void ax_ledger_json(const struct ax_ledger_entry *e, bool hash, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, e->sequence);
    ax_json_key(&j, "time");
    ax_json_time(&j, e->time);
    text(&j, "kind", ax_str(ax_ledger_kind_name(e->kind)));
    text(&j, "scope", ax_str(ax_scope_name(e->scope)));
    text(&j, "who", e->who);
    text(&j, "tenant", e->tenant);
    text(&j, "handle", e->handle);
    text(&j, "reason", e->reason);
    text(&j, "grant", e->grant);
    text(&j, "detail", e->detail);
    ax_json_key(&j, "hidden_until");
    ax_json_time(&j, e->hidden_until);
    text(&j, "previous", e->previous);
    if (hash)
        text(&j, "hash", e->hash);
    ax_json_end(&j);
}

void ax_ledger_hash(const struct ax_ledger_entry *e, char out[AX_LEDGER_HASH])
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    ax_ledger_json(e, false, &b);
    SHA256((const unsigned char *)b.p, b.n, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void ax_ledger_first(struct ax_link *out)
{
    out->sequence = 0;
    memset(out->hash, '0', AX_LEDGER_HASH - 1);
    out->hash[AX_LEDGER_HASH - 1] = '\0';
}

static bool scope_parse(struct ax_str name, enum ax_scope *out)
{
    *out = AX_SCOPE_NONE;
    return ax_str_eq(name, ax_str(ax_scope_name(AX_SCOPE_NONE))) || ax_scope_parse(name, out);
}

bool ax_ledger_row(struct ax_stmt *q, struct ax_arena *a, struct ax_ledger_entry *out)
{
    *out = (struct ax_ledger_entry){.sequence = ax_stmt_col_int(q, 0),
                                    .time = ax_stmt_col_int(q, 1),
                                    .hidden_until = ax_stmt_col_int(q, 10)};
    struct ax_str *const texts[] = {&out->who,    &out->tenant, &out->handle,
                                    &out->reason, &out->grant,  &out->detail};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, 4 + (int)i));
    out->previous = ax_arena_str(a, ax_stmt_col(q, 11));
    out->hash = ax_arena_str(a, ax_stmt_col(q, 12));
    return kind_parse(ax_stmt_col(q, 2), &out->kind) && scope_parse(ax_stmt_col(q, 3), &out->scope);
}

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

/* ---- reading ---- */

void *ax_list_room(struct ax_arena *a, void *v, size_t n, size_t size)
{
    if (n && (n < 8 || (n & (n - 1))))
        return v;
    return ax_arena_grow(a, v, n * size, (n ? n * 2 : 8) * size);
}

int ax_ledger_read(struct ax_ledger *l, const struct ax_ledger_filter *f, struct ax_arena *a,
                   struct ax_ledger_entry **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_ledger_entry *v = NULL;
    size_t have = 0;
#define WANTED                                                                                     \
    "SELECT " AX_LEDGER_COLUMNS " FROM ledger WHERE (?1 OR tenant = ?2) AND (?3 OR handle = ?4) "  \
    "AND (?5 = 0 OR hidden_until <= ?5) AND sequence > ?6 AND (?7 = 0 OR sequence < ?7) "
    ax_sql_lock(l->sql);
    ax_stmt_begin(&q, l->sql,
                  f->newest_first ? WANTED "ORDER BY sequence DESC LIMIT ?8"
                                  : WANTED "ORDER BY sequence LIMIT ?8");
#undef WANTED
    ax_stmt_int(&q, !f->tenant.p);
    ax_stmt_str(&q, f->tenant);
    ax_stmt_int(&q, !f->handle.p);
    ax_stmt_str(&q, f->handle);
    ax_stmt_int(&q, f->seen_at);
    ax_stmt_int(&q, f->after);
    ax_stmt_int(&q, f->before);
    ax_stmt_int(&q, f->limit ? (int64_t)f->limit : -1);
    while (ax_stmt_row(&q)) {
        v = ax_list_room(a, v, have, sizeof *v);
        have += ax_ledger_row(&q, a, &v[have]);
    }
    int rc = ax_stmt_end(&q, "reading the ledger in", err);
    ax_sql_unlock(l->sql);
    if (rc == 0) {
        *out = v;
        *n = have;
    }
    return rc;
}
