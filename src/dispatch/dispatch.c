// SPDX-License-Identifier: Apache-2.0
#include "dispatch/inner.h"

#include "base/clock.h"

#include <stdlib.h>

static const char *const steps[] = {
    "CREATE TABLE silence("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, matchers TEXT NOT NULL, starts INTEGER NOT NULL,"
    "  ends INTEGER NOT NULL, created_by TEXT NOT NULL, comment TEXT NOT NULL,"
    "  created INTEGER NOT NULL, updated INTEGER NOT NULL);"
    "CREATE INDEX silence_by_tenant ON silence(tenant, ends);"
    "CREATE TABLE dispatch_alarm("
    "  alarm TEXT PRIMARY KEY, tenant TEXT NOT NULL, definition TEXT NOT NULL, name TEXT NOT NULL,"
    "  description TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL,"
    "  old_state TEXT NOT NULL, reason TEXT NOT NULL, metrics TEXT NOT NULL, link TEXT NOT NULL,"
    "  lifecycle_state TEXT NOT NULL, handle TEXT NOT NULL, labels TEXT NOT NULL,"
    "  changes TEXT NOT NULL, time INTEGER NOT NULL, since INTEGER NOT NULL,"
    "  flapping INTEGER NOT NULL);"
    "CREATE INDEX dispatch_alarm_by_tenant ON dispatch_alarm(tenant, state, time);"
    "CREATE TABLE dispatch_word("
    "  alarm TEXT NOT NULL, method TEXT NOT NULL, tenant TEXT NOT NULL, told TEXT NOT NULL,"
    "  past INTEGER NOT NULL, held INTEGER NOT NULL, why INTEGER NOT NULL, ref TEXT NOT NULL,"
    "  flap INTEGER NOT NULL,"
    "  PRIMARY KEY(alarm, method)) WITHOUT ROWID;"
    "CREATE TABLE maintenance("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, resource TEXT NOT NULL, comment TEXT NOT NULL,"
    "  starts INTEGER NOT NULL, ends INTEGER NOT NULL, created INTEGER NOT NULL,"
    "  phase INTEGER NOT NULL);"
    "CREATE INDEX maintenance_by_tenant ON maintenance(tenant, ends);"
    "CREATE INDEX maintenance_due ON maintenance(phase, starts) WHERE phase < 2;"
    "CREATE TABLE inhibition("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,"
    "  equal TEXT NOT NULL, created INTEGER NOT NULL);"
    "CREATE INDEX inhibition_by_tenant ON inhibition(tenant, created);"
    "CREATE TABLE inhibition_source("
    "  rule TEXT NOT NULL, equal TEXT NOT NULL, alarm TEXT NOT NULL, both INTEGER NOT NULL,"
    "  PRIMARY KEY(rule, equal, alarm)) WITHOUT ROWID;"
    "CREATE INDEX inhibition_source_by_alarm ON inhibition_source(alarm, rule);"
    "CREATE TABLE incident("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, root TEXT NOT NULL, name TEXT NOT NULL,"
    "  down INTEGER NOT NULL, since INTEGER NOT NULL, ended INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX incident_open ON incident(tenant, root) WHERE ended = 0;"
    "CREATE INDEX incident_by_time ON incident(tenant, since);"
    "CREATE TABLE incident_alarm("
    "  incident TEXT NOT NULL, alarm TEXT NOT NULL, name TEXT NOT NULL,"
    "  PRIMARY KEY(incident, alarm)) WITHOUT ROWID;"
    "CREATE TABLE incident_told("
    "  incident TEXT NOT NULL, method TEXT NOT NULL, PRIMARY KEY(incident, method)) WITHOUT ROWID;"
    "CREATE INDEX dispatch_word_held ON dispatch_word(why, tenant, ref) WHERE held > 0;",
    "ALTER TABLE dispatch_alarm ADD COLUMN annotations TEXT NOT NULL DEFAULT '';",
};

int64_t ax_dispatch_now(const struct ax_dispatch *d)
{
    return d->o.now ? d->o.now() : ax_now_ms();
}

void ax_dispatch_id(char out[AX_UUID_TEXT + 1])
{
    struct ax_uuid u = ax_uuid_random();
    ax_uuid_print(&u, out);
}

int ax_dispatch_open(struct ax_dispatch **out, const struct ax_dispatch_options *o,
                     struct ax_err *err)
{
    int rc = ax_sql_schema(o->sql, "dispatch", steps, AX_ARRAY_LEN(steps), err);
    if (rc < 0)
        return rc;
    struct ax_dispatch *d = ax_calloc(1, sizeof *d);
    d->o = *o;
    d->resolved = true;
    *out = d;
    return 0;
}

void ax_dispatch_use(struct ax_dispatch *d, struct ax_notify *n)
{
    d->notify = n;
}

void ax_dispatch_close(struct ax_dispatch *d)
{
    if (!d)
        return;
    ax_books_free(d);
    free(d);
}

const char *ax_hold_name(enum ax_hold why)
{
    static const char *const names[] = {"maintenance", "silence", "inhibition", "incident",
                                        "flapping"};
    return names[why];
}

static int count(struct ax_dispatch *d, const char *text, uint64_t *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, text);
    ax_stmt_int(&q, ax_dispatch_now(d));
    *out = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "counting in", err);
}

static int count_held(struct ax_dispatch *d, struct ax_dispatch_stats *s, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT why, count(*) FROM dispatch_word WHERE held > 0 GROUP BY why");
    while (ax_stmt_row(&q))
        s->held[ax_stmt_col_int(&q, 0)] = (uint64_t)ax_stmt_col_int(&q, 1);
    return ax_stmt_end(&q, "counting in", err);
}

int ax_dispatch_stats(struct ax_dispatch *d, struct ax_dispatch_stats *out, struct ax_err *err)
{
    struct ax_dispatch_stats s = {0};
    ax_sql_lock(d->o.sql);
    int rc = count_held(d, &s, err);
    if (rc == 0)
        rc = count(d, "SELECT count(*) FROM silence WHERE starts <= ?1 AND ends > ?1", &s.silences,
                   err);
    if (rc == 0)
        rc = count(d, "SELECT count(*) FROM incident WHERE ended = 0 AND ?", &s.incidents, err);
    ax_sql_unlock(d->o.sql);
    if (rc == 0)
        *out = s;
    return rc;
}
