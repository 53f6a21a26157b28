// SPDX-License-Identifier: Apache-2.0
/* The law of looking into VMs: nobody reads a guest's memory unless its owner has consented or the
 * provider has opened a warrant, every use is in the ledger before anything is read, and the owner
 * is told of it.
 *
 *   owner: consent --.                         .--> ledger (hash chain, ledger.head)
 *                     >-- allow --> use -------<
 *   provider: warrant-'                         '--> notice --> API, the owner's methods
 *
 * What is promised:
 * - A use, its ledger entry and its notice are one transaction: when ax_warrants_use returns 0 all
 *   three survive a power cut, and memory may be read; otherwise it must not be.
 * - The owner is told at once, or, for a forensic warrant opened with a notice date, at that date.
 *   The date is in the ledger; no restart, closing or expiry skips it.
 * - Uses of one grant on one VM within an hour of the first are told together when the hour is
 *   over, unless they go further than what was told. A standing collection is told when it begins
 *   and when it ends; its hourly sums are in the ledger.
 * - When the ledger is not what ledger.head says, nothing is allowed any more (-EUCLEAN).
 *
 * Threads: any. Times are ms since the epoch; strings are copied. Results are in the caller's
 * arena. Errors: as in sql/sql.h, and -EPERM nothing allows it, -EINVAL, -ENOENT, -EALREADY,
 * -EUCLEAN the ledger is damaged. */
#ifndef AX_WARRANT_WARRANT_H
#define AX_WARRANT_WARRANT_H

#include "base/buf.h"
#include "model/scope.h"
#include "notify/notify.h"
#include "registry/registry.h"

#define AX_WARRANT_ID 37 /* a UUID and a NUL */

/* ---- the ledger (ledger.c, verify.c): also without the rest, in a process without a server ----
 */

#define AX_LEDGER_HASH 65 /* SHA-256 in hex and a NUL */

enum ax_ledger_kind {
    AX_LEDGER_CONSENT_SET,
    AX_LEDGER_CONSENT_REVOKED,
    AX_LEDGER_WARRANT_OPENED,
    AX_LEDGER_WARRANT_CLOSED,
    AX_LEDGER_USE,
    AX_LEDGER_USE_REFUSED,
    AX_LEDGER_STANDING_BEGUN,
    AX_LEDGER_STANDING_SUM,
    AX_LEDGER_STANDING_ENDED,
    AX_LEDGER_NOTICE_SENT,      /* shown, and handed to the owner's methods */
    AX_LEDGER_NOTICE_DELIVERED, /* a method's other side took it, or the owner has marked it read */
    AX_LEDGER_NOTICE_FAILED,    /* a method's other side refused it, or was away for hours */
    AX_LEDGER_EXTRACT_ENDED,    /* of memory, which begins as a use: the hash of what was read */
    AX_LEDGER_KINDS
};
const char *ax_ledger_kind_name(enum ax_ledger_kind k); /* "warrant-opened" */

#define AX_LEDGER_TEXT_MAX 4096 /* of each text of an entry; longer is -EINVAL */

struct ax_ledger_entry {
    int64_t sequence; /* 1, 2, 3... without a gap */
    int64_t time;
    enum ax_ledger_kind kind;
    enum ax_scope scope;
    struct ax_str who, tenant, handle, reason;
    struct ax_str grant;          /* id of the consent or warrant; empty: none */
    struct ax_str detail;         /* what else there is to say, for people */
    int64_t hidden_until;         /* its owner sees it from then on; 0: at once */
    struct ax_str previous, hash; /* in hex */
};

struct ax_ledger;
/* `head`: the path of the second file, "ledger.head" in the data directory; beside it lies
 * ledger.lock. The database must outlive it. Makes what is missing in an empty one. As the owner of
 * the directory: a server must be able to open what is made in it. */
int ax_ledger_open(struct ax_ledger **out, struct ax_sql *sql, const char *head,
                   struct ax_err *err);
/* To read and verify only, with a connection of its own, whether a server has it open or not. */
int ax_ledger_look(struct ax_ledger **out, const char *database, const char *head,
                   struct ax_err *err);
void ax_ledger_close(struct ax_ledger *l); /* NULL is fine */
/* Appends one entry, durably; fills in sequence, previous and hash (into the arena; the rest is as
 * given). Several processes may do so on one directory. Texts that are no UTF-8 are refused. */
int ax_ledger_append(struct ax_ledger *l, struct ax_ledger_entry *e, struct ax_arena *a,
                     struct ax_err *err);

/* Copies the database and the second file as they are at one moment, while both are in use. */
int ax_ledger_copy(struct ax_ledger *l, const char *database, const char *head, struct ax_err *err);

struct ax_ledger_filter {
    struct ax_str tenant, handle; /* p == NULL: all */
    int64_t seen_at;              /* leaves out what is hidden at that time; 0: nothing is */
    int64_t after;                /* sequence > after */
    int64_t before;               /* sequence < before; 0: no bound */
    bool newest_first;
    uint32_t limit; /* 0 = all */
};
int ax_ledger_read(struct ax_ledger *l, const struct ax_ledger_filter *f, struct ax_arena *a,
                   struct ax_ledger_entry **out, size_t *n, struct ax_err *err);
/* One JSON object: what the hash is over, and with `hash` also that. */
void ax_ledger_json(const struct ax_ledger_entry *e, bool hash, struct ax_buf *out);

struct ax_ledger_report {
    bool intact;
    int64_t entries;
    char head[AX_LEDGER_HASH]; /* of the last entry */
    int64_t bad;               /* the first entry that is wrong, 0 = none */
    char fault[200];           /* what is wrong with it */
    int64_t found;             /* the entry that has `wanted` as its hash */
};
/* Goes through all of it; `wanted` is a hash that a notice carried, or empty. 0 also when it is not
 * intact. Changes nothing; also while others append. */
int ax_ledger_verify(struct ax_ledger *l, struct ax_str wanted, struct ax_ledger_report *out,
                     struct ax_err *err);

/* ---- the room ---- */

struct ax_warrants;
struct ax_warrants_options {
    struct ax_sql *sql;
    struct ax_registry *registry; /* in sql */
    struct ax_notify *notify;     /* the same */
    const char *head;             /* of the ledger; NULL = "ledger.head" */
};
/* Makes the tables: before anything calls ax_warrants_settled. */
int ax_warrants_schema(struct ax_sql *sql, struct ax_err *err);
/* For ax_notify_options.settled, with the database as ctx: the outcome goes into the ledger with
 * the next tick. */
int ax_warrants_settled(void *sql, const struct ax_notice *x, struct ax_str method, bool taken,
                        struct ax_err *err);
int ax_warrants_open(struct ax_warrants **out, const struct ax_warrants_options *o,
                     struct ax_err *err);
void ax_warrants_close(struct ax_warrants *w); /* NULL is fine */
struct ax_ledger *ax_warrants_ledger(struct ax_warrants *w);
/* Once a second: notices that are due, sums of hours, collections whose grant has ended. */
int ax_warrants_tick(struct ax_warrants *w, int64_t now, struct ax_err *err);
/* Forgets notices that were sent before; the ledger is never shortened. */
int ax_warrants_prune(struct ax_warrants *w, int64_t before, struct ax_err *err);

/* ---- consent (consent.c): whether the caller is the owner is the caller's to check ---- */

struct ax_consent {
    struct ax_str id, tenant;
    struct ax_str handle; /* empty: all VMs of the tenant */
    enum ax_scope scope;  /* at most diagnosis; AX_SCOPE_NONE excepts a VM from the tenant's */
    struct ax_str who;
    int64_t set, expires; /* 0 = never */
};
/* Reads tenant, handle, scope, who and expires, and takes the place of what was there. -ENOENT the
 * tenant has no such VM. */
int ax_consent_set(struct ax_warrants *w, const struct ax_consent *c, int64_t now,
                   struct ax_err *err);
int ax_consent_revoke(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle,
                      struct ax_str who, int64_t now, struct ax_err *err); /* -ENOENT */
/* Those in force, by handle. tenant.p == NULL: of all; handle.p == NULL: all. */
int ax_consent_list(struct ax_warrants *w, struct ax_str tenant, struct ax_str handle, int64_t now,
                    struct ax_arena *a, struct ax_consent **out, size_t *n, struct ax_err *err);

/* ---- warrants (warrants.c): whether the caller is the provider is the caller's to check ---- */

#define AX_WARRANT_FOR_MS   (24 * 3600000ll)      /* how long, unless it says */
#define AX_WARRANT_MAX_MS   (30 * 24 * 3600000ll) /* at most */
#define AX_WARRANT_DELAY_MS (90 * 24 * 3600000ll) /* of a notice, at most */
#define AX_WARRANT_REASON   1000                  /* bytes of a reason */

struct ax_warrant {
    struct ax_str id, tenant, handle;
    enum ax_scope scope;
    struct ax_str reason, who;
    int64_t opened, expires;
    int64_t notice_at; /* when the owner is told; 0: at once */
    int64_t closed;    /* 0: it was not */
    struct ax_str closed_by;
};
/* Reads handle, scope, reason, who, expires (0: the default), notice_at; and tenant, when it is not
 * empty: then the VM must be that tenant's. Fills in the rest. */
int ax_warrant_open(struct ax_warrants *w, struct ax_warrant *x, int64_t now, struct ax_arena *a,
                    struct ax_err *err);
int ax_warrant_close(struct ax_warrants *w, struct ax_str id, struct ax_str who, int64_t now,
                     struct ax_err *err); /* -ENOENT, -EALREADY */

struct ax_warrant_filter {
    struct ax_str tenant, handle, id; /* p == NULL: all */
    bool ended;                       /* include the expired and closed */
    int64_t seen_at; /* leaves out what its owner is not to know then; 0: nothing */
};
int ax_warrant_list(struct ax_warrants *w, const struct ax_warrant_filter *f, int64_t now,
                    struct ax_arena *a, struct ax_warrant **out, size_t *n, struct ax_err *err);

/* ---- use (use.c) ---- */

/* Who wants to look, and how far. */
struct ax_inspection {
    struct ax_str tenant; /* the owner; empty: whoever it is (for the provider) */
    struct ax_str handle;
    enum ax_scope scope;
    struct ax_str who;    /* for the ledger and the notice */
    bool provider;        /* only then warrants count: they are the provider's */
    struct ax_str reason; /* may be empty under a warrant: then it is the warrant's */
    struct ax_str grant;  /* id of the one to use; empty: a consent, else the narrowest warrant */
};
struct ax_grant {
    char id[AX_WARRANT_ID];
    bool warrant;         /* else consent */
    struct ax_str tenant; /* the owner */
    enum ax_scope scope;  /* how far it goes */
    int64_t expires;      /* 0 = never */
    int64_t notice_at;    /* 0: at once */
};
/* Whether it may be, and by what; leaves no trace. -EPERM says what is missing and how to get it;
 * -ENOENT the tenant has no such VM. */
int ax_warrants_allow(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                      struct ax_arena *a, struct ax_grant *out, struct ax_err *err);
/* The same, and the use is in the ledger and the owner's notice made when it returns 0. A refusal
 * is in the ledger, too: each minute's first by the same for the same. */
int ax_warrants_use(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                    struct ax_arena *a, struct ax_grant *out, struct ax_err *err);

/* ---- extracts of memory (extract.c) ---- */

/* As ax_warrants_use, for the scope forensic, which x->scope need not say; `what` is extracted:
 * "all of its memory". The id is by chance; *sequence is the entry's. It has to be ended. */
int ax_warrants_extract(struct ax_warrants *w, const struct ax_inspection *x, struct ax_str what,
                        int64_t now, struct ax_arena *a, char id[AX_WARRANT_ID],
                        struct ax_grant *out, int64_t *sequence, struct ax_err *err);
struct ax_extract_end {
    struct ax_str why;   /* it was broken off; empty: it is complete */
    uint64_t size, data; /* bytes of the file, and those of them that were read */
    uint64_t left_out;   /* bytes of RAM that seem to be there too, nobody knows where */
    char sha256[AX_LEDGER_HASH];
};
int ax_warrants_extract_end(struct ax_warrants *w, struct ax_str id,
                            const struct ax_extract_end *how, int64_t now, int64_t *sequence,
                            struct ax_err *err); /* -ENOENT */
/* What the entry says; id: empty where no server has given one. */
struct ax_str ax_extract_end_text(const struct ax_extract_end *e, struct ax_str id,
                                  struct ax_arena *a);

/* SHA-256 of what comes in pieces (digest.c). */
struct ax_digest;
struct ax_digest *ax_digest_new(void);
void ax_digest_free(struct ax_digest *d); /* NULL is fine */
void ax_digest_add(struct ax_digest *d, struct ax_str bytes);
void ax_digest_zeros(struct ax_digest *d, uint64_t n);
void ax_digest_copy(const struct ax_digest *d, char out[AX_LEDGER_HASH]); /* so far, in hex */

/* ---- collections that go on (standing.c) ---- */

/* A collection that goes on: begun once, then counted. Beginning what is on already (VM, scope, who
 * and grant are the same) goes on with it. */
int ax_standing_begin(struct ax_warrants *w, const struct ax_inspection *x, int64_t now,
                      struct ax_arena *a, char id[AX_WARRANT_ID], struct ax_grant *out,
                      struct ax_err *err);
/* That it has read `polls` times more. -EPERM its grant has ended: it must stop, and is written
 * down as ended. -ENOENT it is not on. */
int ax_standing_count(struct ax_warrants *w, struct ax_str id, uint64_t polls, int64_t now,
                      struct ax_err *err);
int ax_standing_end(struct ax_warrants *w, struct ax_str id, struct ax_str why, int64_t now,
                    struct ax_err *err); /* -ENOENT */

/* How far a look into each VM may go now, of all tenants. */
struct ax_vm_level {
    struct ax_str handle, tenant;
    enum ax_scope scope;
};
int ax_warrants_levels(struct ax_warrants *w, int64_t now, struct ax_arena *a,
                       struct ax_vm_level **out, size_t *n, struct ax_err *err);

/* ---- notices (notice.c) ---- */

struct ax_inspection_notice {
    struct ax_str id, tenant, handle;
    struct ax_str kind; /* warrant-opened, warrant-closed, use, uses, standing-begun, -ended */
    enum ax_scope scope;
    struct ax_str who, reason, grant, text;
    int64_t time;       /* of what it tells */
    int64_t due;        /* when the owner is told */
    int64_t sent, read; /* 0 = not yet */
    int64_t uses;       /* that it tells of */
    int64_t sequence;   /* of the (last) ledger entry that it tells of, and that one's hash */
    struct ax_str hash;
};
struct ax_notice_filter {
    struct ax_str tenant, handle, id; /* p == NULL: all */
    bool unread;
    int64_t seen_at;      /* leaves out what is not due then; 0: nothing */
    struct ax_str before; /* those older than the one of that id; empty: from the newest on */
    uint32_t limit;       /* 0 = all */
};
/* The newest first. */
int ax_warrants_notices(struct ax_warrants *w, const struct ax_notice_filter *f, struct ax_arena *a,
                        struct ax_inspection_notice **out, size_t *n, struct ax_err *err);
int ax_warrants_notice_read(struct ax_warrants *w, struct ax_str tenant, struct ax_str id,
                            struct ax_str who, int64_t now, struct ax_err *err); /* -ENOENT */

/* Which of its notification methods a tenant wants notices by: ids; `all` unless it chose. */
struct ax_notice_methods {
    bool all;
    struct ax_str *ids;
    size_t n;
};
#define AX_NOTICE_METHODS_MAX 100
int ax_warrants_methods(struct ax_warrants *w, struct ax_str tenant, struct ax_arena *a,
                        struct ax_notice_methods *out, struct ax_err *err);
int ax_warrants_set_methods(struct ax_warrants *w, struct ax_str tenant,
                            const struct ax_notice_methods *m,
                            struct ax_err *err); /* -EINVAL: it has no such method */

struct ax_warrants_stats {
    uint64_t consents, warrants, standing; /* in force, on */
    uint64_t uses, refused;                /* since the start */
    uint64_t notices_waiting, notices_delayed, notices_unread;
    uint64_t entries; /* of the ledger */
    bool intact;      /* as far as the last append saw */
};
int ax_warrants_stats(struct ax_warrants *w, int64_t now, struct ax_warrants_stats *out,
                      struct ax_err *err);

#endif
