// SPDX-License-Identifier: Apache-2.0
/* Inside the room.
 *
 *     head.c     ledger.head and the lock       consent.c, warrants.c   what may be
 *     entry.c    one entry, and its hash        use.c, standing.c,      what is done
 *     ledger.c   entries, one after the other   extract.c
 *     verify.c   whether all of them are there  notice.c, send.c,       who is told
 *     rows.c     reading lists                  deliver.c
 *
 * Whatever changes something is one ax_ledger_begin ... ax_ledger_end. */
#ifndef AX_WARRANT_INNER_H
#define AX_WARRANT_INNER_H

#include "base/num.h"
#include "warrant/warrant.h"

#include <stdatomic.h>

/* ---- the ledger ---- */

/* Where the chain ends. */
struct ax_link {
    int64_t sequence;
    char hash[AX_LEDGER_HASH];
};

struct ax_ledger {
    struct ax_sql *sql, *own; /* own: the same, when it is to be closed with it */
    char *head, *lock;
    atomic_bool intact;
    _Atomic int64_t entries;
};

/* What ledger.head says: where the chain ends, and while a transaction is being committed also
 * where it is going to. A crash leaves one of the two true. */
struct ax_head {
    struct ax_link is, next; /* next.sequence 0: none */
};
/* -ENOENT, -EUCLEAN it is none. */
int ax_head_read(const char *path, struct ax_head *out, struct ax_err *err);
int ax_head_write(const char *path, const struct ax_head *h, struct ax_err *err);
bool ax_link_eq(const struct ax_link *a, const struct ax_link *b);
/* Of all processes. Closing the descriptor unlocks. */
int ax_ledger_lock(const char *path, bool shared, struct ax_err *err);

/* The last entry of the table, or sequence 0; with the SQL lock held. */
int ax_ledger_last(struct ax_sql *sql, struct ax_link *out, struct ax_err *err);
void ax_ledger_first(struct ax_link *out); /* before the first entry */
/* Fills in e->hash from all else. */
void ax_ledger_hash(const struct ax_ledger_entry *e, char out[AX_LEDGER_HASH]);

#define AX_LEDGER_COLUMNS                                                                          \
    "sequence, time, kind, scope, who, tenant, handle, reason, grant_id, detail, hidden_until, "   \
    "previous, hash"
/* False: no row of ours. Views are in the arena. */
bool ax_ledger_row(struct ax_stmt *q, struct ax_arena *a, void *entry);

/* A transaction on the database with the ledger locked. Entries are added in it; begin fails when
 * the ledger is not what ledger.head says. */
struct ax_ledger_tx {
    struct ax_ledger *ledger;
    struct ax_link was, is;
    int lock;
};
int ax_ledger_begin(struct ax_ledger_tx *t, struct ax_ledger *l, struct ax_err *err);
int ax_ledger_add(struct ax_ledger_tx *t, struct ax_ledger_entry *e, struct ax_arena *a,
                  struct ax_err *err);
int ax_ledger_end(struct ax_ledger_tx *t, int rc, struct ax_err *err);

/* ---- the room ---- */

#define AX_TICK_PARTS 5
struct ax_warrants {
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_notify *notify;
    struct ax_ledger *ledger;
    _Atomic uint64_t uses, refused;
    int64_t next[AX_TICK_PARTS]; /* when each is due */
};

/* Whose VM it is: `tenant`'s, or when that is empty whoever's. -EINVAL no VM's handle, -ENOENT. */
int ax_warrant_owner(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle,
                     struct ax_arena *a, struct ax_str *out, struct ax_err *err);
/* What allows it, in a transaction or with the SQL lock held; x->tenant is the owner. */
int ax_grant_find(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                  struct ax_arena *a, struct ax_grant *out, struct ax_str *reason,
                  struct ax_err *err);
/* Whether that grant still allows it. */
bool ax_grant_lasts(struct ax_warrants *w, const struct ax_inspection *x, int64_t now);
/* The consent that counts for a VM; false: there is none. */
bool ax_consent_of(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle, int64_t now,
                   struct ax_arena *a, struct ax_consent *out);
/* The inspection, checked, with the owner filled in. */
int ax_inspection_prepare(struct ax_warrants *w, const struct ax_inspection *x, struct ax_arena *a,
                          struct ax_inspection *out, struct ax_err *err);
/* ax_warrants_use, with more to say of it in the entry (empty: nothing), and something that is done
 * in the same transaction (NULL: nothing). */
typedef int ax_use_also(struct ax_warrants *w, const struct ax_ledger_entry *e,
                        const struct ax_grant *g, void *arg, struct ax_err *err);
int ax_use_and(struct ax_warrants *w, const struct ax_inspection *x, struct ax_str detail,
               ax_use_also *also, void *arg, int64_t now, struct ax_arena *a, struct ax_grant *out,
               struct ax_err *err);
/* Ends the extracts of a server that is no more. */
int ax_extracts_heal(struct ax_warrants *w, int64_t now, struct ax_err *err);
/* The entry of a refusal, at most one a minute of the same. */
int ax_refusal_add(struct ax_warrants *w, struct ax_ledger_tx *t, const struct ax_inspection *x,
                   int64_t now, struct ax_arena *a);
/* The entry of something that is done under a grant. */
struct ax_ledger_entry ax_entry_of(const struct ax_inspection *x, enum ax_ledger_kind kind,
                                   const struct ax_grant *g, struct ax_str reason, int64_t now);

/* A notice of what the entry says, in the same transaction. uses: 0 unless it tells of several. */
int ax_notice_add(struct ax_warrants *w, const struct ax_ledger_entry *e, const char *kind,
                  int64_t uses, int64_t now, struct ax_arena *a, struct ax_err *err);
/* The use of a grant: a notice, or one more of the hour that is told at its end. */
int ax_hour_use(struct ax_warrants *w, const struct ax_ledger_entry *e, struct ax_arena *a,
                struct ax_err *err);
/* The parts of a tick. */
int ax_hours_tick(struct ax_warrants *w, int64_t now, struct ax_err *err);
int ax_notices_tick(struct ax_warrants *w, int64_t now, struct ax_err *err);
int ax_deliveries_tick(struct ax_warrants *w, int64_t now, struct ax_err *err);
int ax_notices_heal(struct ax_warrants *w, int64_t now, struct ax_err *err);
int ax_standing_tick(struct ax_warrants *w, int64_t now, struct ax_err *err);

/* ---- lists (rows.c) ---- */

/* One row, into its place; false leaves it out. */
typedef bool ax_row_read(struct ax_stmt *q, struct ax_arena *a, void *out);
struct ax_rows {
    void *v; /* in the arena */
    size_t n;
};
/* All rows of a statement that was begun, each of `size` bytes; ends it. *out only when it is
 * well. */
int ax_rows_read(struct ax_stmt *q, size_t size, ax_row_read *read, struct ax_arena *a,
                 struct ax_rows *out, const char *doing, struct ax_err *err);

#endif
