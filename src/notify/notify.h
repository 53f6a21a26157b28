// SPDX-License-Identifier: Apache-2.0
/* The ways out for alarms: notification methods (who is told, and how), an outbox in the database,
 * and one thread that empties it.
 *
 *     alarm's transaction --ax_notify_queue--> outbox --sender--> webhook, mail, Alertmanager...
 *
 * What is promised:
 * - A notification is in the outbox if and only if the transaction that queued it was committed.
 * - It is sent at least once. Each carries a key, made from alarm, transition and method, that is
 *   the same at each try, also after a restart: header Idempotency-Key, and in the payload where
 *   the form has room. Repeats have keys of their own: KEY-1, KEY-2...
 * - What belongs to one alarm and one method is sent in the order of its transitions. A newer one
 *   waits until the older one was taken, refused for good or given up; none is left out for a newer
 *   one. Only repeats are: they end with the next transition of their alarm.
 * - Failures are tried again after 1 s, 2 s... 5 min (less up to a half by chance), for 4 hours.
 *   A 4xx answer other than 408, 425 and 429 is final. Retry-After is heeded. What is not delivered
 *   in the end is counted and logged, never silently gone.
 * - A method that hangs or fails delays no other method: each has a width (how many transfers at
 *   once; one, until it has answered) and a rate of its own. After three failures in a row it is
 *   tried once at a time, after pauses that grow. Half of the transfers are kept for methods that
 *   work, so that the others, be they ever so many, hold up each other alone.
 * - When more wait for a method than its burst, a mail holds up to 64 and a Slack message 20 of
 *   them (the key is then the message's, and each one's own stands in the text). Alertmanagers get
 *   64 alerts a post at any time. The other types get each notification on its own.
 * - Addresses hold secrets: neither they nor what the other side says (which may repeat them) are
 *   logged; a method is named by its id.
 *
 * Threads: any may call; the sender is a thread inside. Times are ms since the epoch. */
#ifndef AX_NOTIFY_NOTIFY_H
#define AX_NOTIFY_NOTIFY_H

#include "base/buf.h"
#include "sql/sql.h"

struct ax_notify;
struct ax_notice;

enum ax_notify_type {
    AX_NOTIFY_EMAIL,
    AX_NOTIFY_WEBHOOK,
    AX_NOTIFY_PAGERDUTY,
    AX_NOTIFY_SLACK,
    AX_NOTIFY_ALERTMANAGER,         /* alerts pushed to an Alertmanager's /api/v2/alerts */
    AX_NOTIFY_ALERTMANAGER_WEBHOOK, /* what an Alertmanager would send to a webhook */
    AX_NOTIFY_SCRIPT,               /* a program in the operator's directory */
    AX_NOTIFY_SYSLOG,
    AX_NOTIFY_TYPES
};
const char *ax_notify_type_name(enum ax_notify_type type); /* "EMAIL" */

/* 0 and NULL mean what stands behind each. Strings are copied. */
struct ax_notify_options {
    int transfers;        /* at once over all methods; 256 */
    int width;            /* at once to one method; 4 */
    int mails, scripts;   /* at once of all mails, of all scripts; 8, 4 */
    double rate;          /* notifications a second to one method; 10. Over it they wait. */
    int burst;            /* that may go at once before the rate counts; 20 */
    int64_t timeout_ms;   /* of a HTTP transfer; 5000 */
    int64_t mail_ms;      /* of a mail; 15000 */
    int64_t script_ms;    /* of a script, which is then killed with its group; 30000 */
    int64_t retry_min_ms; /* 1000 */
    int64_t retry_max_ms; /* 300000 */
    int64_t max_age_ms;   /* 4 h: older ones are given up at their next failure */
    const char *url;      /* of this server for people: generatorURL, links; none */
    const char *proxy;    /* of HTTP; none, and the environment is not asked */
    const char *ca_file;  /* certificates to trust instead of the system's */
    int max_methods;      /* of a tenant; 10000 */
    bool refuse_local;    /* no HTTP to loopback, link-local and unspecified addresses */
    const char *smtp_url; /* smtp://HOST:PORT, smtps://...; without it mails wait */
    const char *smtp_user, *smtp_password; /* both or none */
    bool smtp_starttls;        /* demand STARTTLS of smtp:// (else it is used where offered) */
    const char *mail_from;     /* auspex@HOST */
    const char *pagerduty_url; /* https://events.pagerduty.com/v2/enqueue */
    const char *script_dir;    /* without it there are no scripts */
    const char *syslog_path;   /* /dev/log */
    /* With the lock held, before a repeat: true leaves it out. Alertmanagers, which would take an
     * alert for ended, are told all the same. */
    bool (*quiet)(void *ctx, struct ax_str tenant, struct ax_str alarm);
    void *quiet_ctx;
    /* In the transaction that ends a plain notice: whether its other side took it. */
    int (*settled)(void *ctx, const struct ax_notice *x, struct ax_str method, bool taken,
                   struct ax_err *err);
    void *settled_ctx;
    int64_t (*now)(void *ctx); /* instead of the wall clock, for tests */
    void *now_ctx;
};

/* Makes its tables and starts the sender. `sql` must outlive it. -EINVAL a bad option. */
int ax_notify_open(struct ax_notify **out, struct ax_sql *sql, const struct ax_notify_options *o,
                   struct ax_err *err);
/* Ends transfers that are under way: they are sent again after the next start. NULL is fine. */
void ax_notify_close(struct ax_notify *n);

/* ---- methods ---- */

/* Whether methods of that type can be made here: all but SCRIPT without a script_dir. (EMAIL
 * without a mail server is taken, as Monasca does: mails wait for one.) */
bool ax_notify_offers(const struct ax_notify *n, enum ax_notify_type type);

struct ax_notify_method {
    struct ax_str id, name, address;
    enum ax_notify_type type;
    int64_t period; /* s between repeats, 0 or 60 */
    int64_t created, updated;
};
/* What a caller sets. With update, p == NULL and a negative period leave things as they are. */
struct ax_notify_fields {
    struct ax_str name, type, address; /* type in any case */
    int64_t period;
};
/* All by tenant; ids are random UUIDs. *out and what it shows live in the arena.
 * -EINVAL a field is wrong, the text says which; -EEXIST the tenant has that name; -ENOENT; -EDQUOT
 * the tenant has max_methods. */
int ax_notify_create(struct ax_notify *n, struct ax_str tenant, const struct ax_notify_fields *f,
                     struct ax_arena *a, struct ax_notify_method *out, struct ax_err *err);
int ax_notify_update(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                     const struct ax_notify_fields *f, struct ax_arena *a,
                     struct ax_notify_method *out, struct ax_err *err);
int ax_notify_get(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
                  struct ax_notify_method *out, struct ax_err *err);
/* What waits for it in the outbox goes with it, counted as `voided`. Others may still name it:
 * until ax_notify_left says that none does, the database remembers that it is leaving, and deleting
 * it again is no error. */
int ax_notify_delete(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                     struct ax_err *err);
int ax_notify_left(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_err *err);
struct ax_notify_leaver {
    struct ax_str tenant, id;
};
/* Those that were leaving when the process ended. */
int ax_notify_leavers(struct ax_notify *n, struct ax_arena *a, struct ax_notify_leaver **out,
                      size_t *count, struct ax_err *err);
/* sort_by: fields id, name, type, address, created_at, updated_at, each with " asc" or " desc" or
 * nothing, separated by commas; empty sorts by id. limit 0 = 10001, which is also the most. */
int ax_notify_list(struct ax_notify *n, struct ax_str tenant, struct ax_str sort_by, int64_t offset,
                   int64_t limit, struct ax_arena *a, struct ax_notify_method **out, size_t *count,
                   struct ax_err *err);
/* 0, or -ENOENT when the tenant has no such method. With the SQL lock held, e.g. in a transaction
 * that puts the id into a definition's actions. */
int ax_notify_known(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                    struct ax_err *err);

/* ---- notices ---- */

#define AX_NOTIFY_PLAIN "NOTICE" /* the state of what tells of no alarm */

/* An alarm's transition. Empty strings where nothing is known. */
struct ax_notice {
    struct ax_str tenant, alarm, definition; /* ids */
    struct ax_str name, description;         /* of the definition */
    struct ax_str severity;                  /* LOW, MEDIUM, HIGH, CRITICAL */
    struct ax_str state, old_state;          /* OK, ALARM, UNDETERMINED; or AX_NOTIFY_PLAIN */
    struct ax_str reason;
    int64_t time;          /* of the transition */
    int64_t since;         /* when old_state began; 0 = not known */
    struct ax_str metrics; /* JSON array of {"name":..., "dimensions":{...}} */
    struct ax_str link, lifecycle_state;
    struct ax_str labels, annotations; /* JSON objects of strings, for Alertmanager's forms; without
                                        * labels they are made from name, severity, metrics */
};

/* In the caller's transaction, for each transition, also with no methods: repeats of the alarm's
 * older states end with it. Texts of over 16 KiB are cut, as are metrics beyond 256 KiB (told in
 * the payload). Ids that the tenant does not have are left out and counted (`unknown`). An error
 * (-ENOSPC...) means that the transaction must be rolled back and tried again later. After the
 * commit: ax_notify_wake. */
int ax_notify_queue(struct ax_notify *n, const struct ax_str *methods, size_t count,
                    const struct ax_notice *x, struct ax_err *err);
/* The same for one method that is told later than the others: repeats to them go on. */
int ax_notify_late(struct ax_notify *n, struct ax_str method, const struct ax_notice *x,
                   struct ax_err *err);
/* The alarm is no more: repeats end. Also in the caller's transaction. */
int ax_notify_ended(struct ax_notify *n, struct ax_str tenant, struct ax_str alarm,
                    struct ax_err *err);
void ax_notify_wake(struct ax_notify *n);

/* ---- alarms of rule files ---- */

/* The operator's own Alertmanagers, in place of those that were: no tenant sees them, and the rule
 * alarms of all are pushed to them. What waits for one that is no more goes with it. -EINVAL. */
int ax_notify_alertmanagers(struct ax_notify *n, const char *const *urls, size_t count,
                            struct ax_err *err);
/* The ids of the tenant's methods of these names; others are counted as unknown. `ids` has room for
 * all. With the lock held. */
int ax_notify_named(struct ax_notify *n, struct ax_str tenant, const struct ax_str *names,
                    size_t count, struct ax_arena *a, struct ax_str *ids, size_t *found,
                    struct ax_err *err);
/* To those Alertmanagers, in the caller's transaction and after what ends the repeats of the older
 * state. x->definition is empty; what an Alertmanager gets are x's labels and annotations as they
 * are, and x->link as the generator's URL. */
int ax_notify_queue_own(struct ax_notify *n, const struct ax_notice *x, struct ax_err *err);
/* For an alarm that goes on: to those of these Alertmanagers that have not heard of it. */
int ax_notify_queue_again(struct ax_notify *n, const struct ax_notice *x, struct ax_err *err);
bool ax_notify_has_alertmanagers(const struct ax_notify *n);
/* Other annotations for the repeats of an alarm that goes on. Also in the caller's transaction. */
int ax_notify_reword(struct ax_notify *n, struct ax_str tenant, struct ax_str alarm,
                     struct ax_str annotations, struct ax_err *err);

/* What Alertmanager's forms say of it, as JSON objects of strings. */
void ax_notify_labels(const struct ax_notice *x, struct ax_buf *out);
void ax_notify_annotations(const struct ax_notice *x, struct ax_buf *out);

/* ---- documents of other rooms ---- */

/* A http or https URL that documents are posted to, as to a method of type WEBHOOK: the same
 * outbox, retries, rate and limits, and it counts as one; no list of methods shows it. All in the
 * caller's transaction; after the commit: ax_notify_wake. -EINVAL the URL is wrong. */
#define AX_NOTIFY_ADDRESS_ID 37
int ax_notify_address_add(struct ax_notify *n, struct ax_str url, char id[AX_NOTIFY_ADDRESS_ID],
                          struct ax_err *err);
/* What waits for it goes with it. */
int ax_notify_address_remove(struct ax_notify *n, struct ax_str id, struct ax_err *err);

struct ax_document {
    struct ax_str tenant;
    struct ax_str about; /* those about the same thing keep their order */
    struct ax_str name;  /* tells it from all others: the key is made of these four */
    int64_t time;
    struct ax_str json; /* an object of at most 256 KiB, sent as it is */
};
int ax_notify_queue_document(struct ax_notify *n, struct ax_str address,
                             const struct ax_document *d, struct ax_err *err);

/* Sends one notification that says it is a test, past the outbox and at once, and waits for the
 * outcome: 0 and in *said what the other side answered, or the error (for the method's owner: it
 * may repeat the address). -ENOENT no such method, -EIO it could not be delivered. */
struct ax_notify_said {
    char text[256];
    int64_t took_ms;
};
int ax_notify_test(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                   struct ax_notify_said *said, struct ax_err *err);

struct ax_notify_count {
    uint64_t queued;   /* seen by the sender since the start, first sends and repeats */
    uint64_t sent;     /* taken by the other side */
    uint64_t retried;  /* tries that failed and are made again */
    uint64_t failed;   /* refused for good */
    uint64_t given_up; /* too old */
};
struct ax_notify_stats {
    struct ax_notify_count by_type[AX_NOTIFY_TYPES];
    uint64_t voided;    /* gone with their deleted method */
    uint64_t unknown;   /* ids without a method */
    uint64_t waiting;   /* in the outbox and due for their first or next send, or in flight */
    uint64_t repeating; /* standing until their next repeat */
    uint64_t busy;      /* transfers under way */
    int64_t oldest_ms;  /* age of the oldest that waits */
};
void ax_notify_stats(struct ax_notify *n, struct ax_notify_stats *out);

#endif
