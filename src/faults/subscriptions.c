// SPDX-License-Identifier: Apache-2.0
/* Subscriptions in the database. An id is that of the address in the notify room. */
#include "faults/inner.h"

#include "base/clock.h"

#include <errno.h>

static const char *const steps[] = {
    "CREATE TABLE fault_subscription("
    "  id TEXT PRIMARY KEY, owner TEXT NOT NULL, url TEXT NOT NULL, tenant TEXT NOT NULL,"
    "  host TEXT NOT NULL, resource TEXT NOT NULL, type TEXT NOT NULL,"
    "  severity INTEGER NOT NULL, created INTEGER NOT NULL, since INTEGER NOT NULL);"
    "CREATE INDEX fault_subscription_by_tenant ON fault_subscription(tenant);"
    "CREATE TABLE fault_cursor(one INTEGER PRIMARY KEY, event INTEGER NOT NULL);",
    "CREATE TABLE fault_open("
    "  tenant TEXT NOT NULL, handle TEXT NOT NULL, about TEXT NOT NULL, event INTEGER NOT NULL,"
    "  host TEXT NOT NULL, type TEXT NOT NULL, severity INTEGER NOT NULL, json TEXT NOT NULL,"
    "  PRIMARY KEY(tenant, handle, about)) WITHOUT ROWID;"
    "CREATE INDEX fault_open_by_event ON fault_open(event);",
};

static int count(struct ax_faults *f, struct ax_str owner, uint64_t *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql,
                  "SELECT count(*) FROM fault_subscription WHERE ?1 = '' OR owner = ?1");
    ax_stmt_str(&q, owner);
    *out = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "reading", err);
}

/* Without a cursor nothing was ever sent: then from where the first of them began. */
static int read_cursor(struct ax_faults *f, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql,
                  "SELECT coalesce((SELECT event FROM fault_cursor),"
                  " (SELECT min(since) FROM fault_subscription), (SELECT max(id) FROM event), 0)");
    if (ax_stmt_row(&q))
        f->cursor = f->kept = ax_stmt_col_int(&q, 0);
    return ax_stmt_end(&q, "reading", err);
}

int ax_subscriptions_open(struct ax_faults *f, struct ax_err *err)
{
    uint64_t n = 0;
    int rc = ax_sql_schema(f->o.sql, "faults", steps, AX_ARRAY_LEN(steps), err);
    if (rc < 0)
        return rc;
    ax_sql_lock(f->o.sql);
    rc = read_cursor(f, err);
    if (rc == 0)
        rc = count(f, AX_STR(""), &n, err);
    ax_sql_unlock(f->o.sql);
    f->subscriptions = n;
    return rc;
}

void ax_subscription_read(struct ax_stmt *q, struct ax_arena *a, struct ax_subscription *s)
{
    *s = (struct ax_subscription){
        .id = ax_arena_str(a, ax_stmt_col(q, 0)),
        .owner = ax_arena_str(a, ax_stmt_col(q, 1)),
        .url = ax_arena_str(a, ax_stmt_col(q, 2)),
        .filter = {.tenant = ax_arena_str(a, ax_stmt_col(q, 3)),
                   .host = ax_arena_str(a, ax_stmt_col(q, 4)),
                   .resource = ax_arena_str(a, ax_stmt_col(q, 5)),
                   .type = ax_arena_str(a, ax_stmt_col(q, 6)),
                   .severity = (enum ax_fault_severity)ax_stmt_col_int(q, 7)},
        .created = ax_stmt_col_int(q, 8),
    };
}

static int insert(struct ax_faults *f, const struct ax_subscription *s, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql,
                  "INSERT INTO fault_subscription(" AX_SUBSCRIPTION_COLUMNS ", since) "
                  "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(id), 0) FROM event");
    const struct ax_str texts[] = {
        s->id,          s->owner,           s->url,        s->filter.tenant,
        s->filter.host, s->filter.resource, s->filter.type};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, s->filter.severity);
    ax_stmt_int(&q, s->created);
    return ax_stmt_run(&q, "writing", err);
}

static int add(struct ax_faults *f, struct ax_subscription *s, struct ax_arena *a,
               struct ax_err *err)
{
    char id[AX_NOTIFY_ADDRESS_ID];
    uint64_t n = 0;
    int rc = count(f, s->owner, &n, err);
    if (rc == 0 && n >= (uint64_t)f->o.max_subscriptions)
        rc = ax_fail(err, -EDQUOT, "the limit of %d subscriptions of a tenant is reached",
                     f->o.max_subscriptions);
    if (rc == 0)
        rc = ax_notify_address_add(f->o.notify, s->url, id, err);
    if (rc < 0)
        return rc;
    s->id = ax_arena_str(a, ax_str(id));
    s->created = ax_now_ms();
    return insert(f, s, err);
}

int ax_subscription_add(struct ax_faults *f, struct ax_subscription *s, struct ax_arena *a,
                        struct ax_err *err)
{
    int rc = ax_sql_begin(f->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(f->o.sql, add(f, s, a, err), err);
    f->subscriptions += rc == 0;
    return rc;
}

int ax_subscription_list(struct ax_faults *f, struct ax_str owner, struct ax_str id,
                         struct ax_arena *a, struct ax_subscription **out, size_t *n,
                         struct ax_err *err)
{
    struct ax_stmt q;
    size_t used = 0, max = (size_t)f->o.max_subscriptions;
    struct ax_subscription *v = AX_NEWS(a, struct ax_subscription, max);
    ax_sql_lock(f->o.sql);
    ax_stmt_begin(&q, f->o.sql,
                  "SELECT " AX_SUBSCRIPTION_COLUMNS " FROM fault_subscription "
                  "WHERE owner = ?1 AND (?2 = '' OR id = ?2) ORDER BY created, id");
    ax_stmt_str(&q, owner);
    ax_stmt_str(&q, id);
    while (used < max && ax_stmt_row(&q))
        ax_subscription_read(&q, a, &v[used++]);
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(f->o.sql);
    if (rc == 0) {
        *out = v;
        *n = used;
    }
    return rc;
}

static int drop(struct ax_faults *f, struct ax_str owner, struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, f->o.sql, "DELETE FROM fault_subscription WHERE owner = ? AND id = ?");
    ax_stmt_str(&q, owner);
    ax_stmt_str(&q, id);
    int rc = ax_stmt_run(&q, "writing", err);
    if (rc == 0 && ax_sql_changed(f->o.sql) == 0)
        rc = ax_fail(err, -ENOENT, "there is no subscription %.*s", id.n < 40 ? (int)id.n : 40,
                     id.p);
    return rc == 0 ? ax_notify_address_remove(f->o.notify, id, err) : rc;
}

int ax_subscription_remove(struct ax_faults *f, struct ax_str owner, struct ax_str id,
                           struct ax_err *err)
{
    int rc = ax_sql_begin(f->o.sql, err);
    if (rc == 0)
        rc = ax_sql_end(f->o.sql, drop(f, owner, id, err), err);
    if (rc == 0) {
        f->subscriptions--;
        ax_notify_wake(f->o.notify);
    }
    return rc;
}
