// SPDX-License-Identifier: Apache-2.0
/* The room's tables. All of what is done is in `ledger`; the others are what is in force now, and
 * what is still to be told. */
#include "warrant/inner.h"

static const char *const steps[] = {
    "CREATE TABLE ledger("
    "  sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  scope TEXT NOT NULL, who TEXT NOT NULL, tenant TEXT NOT NULL, handle TEXT NOT NULL,"
    "  reason TEXT NOT NULL, grant_id TEXT NOT NULL, detail TEXT NOT NULL,"
    "  hidden_until INTEGER NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE INDEX ledger_by_tenant ON ledger(tenant, sequence);"
    "CREATE INDEX ledger_by_handle ON ledger(handle, sequence);"
    "CREATE TABLE inspection_consent("
    "  tenant TEXT NOT NULL, handle TEXT NOT NULL, id TEXT NOT NULL, scope INTEGER NOT NULL,"
    "  who TEXT NOT NULL, since INTEGER NOT NULL, expires INTEGER NOT NULL,"
    "  PRIMARY KEY(tenant, handle));"
    "CREATE TABLE inspection_warrant("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, handle TEXT NOT NULL, scope INTEGER NOT NULL,"
    "  reason TEXT NOT NULL, who TEXT NOT NULL, opened INTEGER NOT NULL, expires INTEGER NOT NULL,"
    "  notice_at INTEGER NOT NULL, closed INTEGER NOT NULL, closed_by TEXT NOT NULL);"
    "CREATE INDEX inspection_warrant_by_handle ON inspection_warrant(handle);"
    "CREATE TABLE inspection_notice("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, handle TEXT NOT NULL, kind TEXT NOT NULL,"
    "  scope INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, grant_id TEXT NOT NULL,"
    "  text TEXT NOT NULL, time INTEGER NOT NULL, uses INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, sent INTEGER NOT NULL, seen INTEGER NOT NULL);"
    "CREATE INDEX inspection_notice_by_tenant ON inspection_notice(tenant, id);"
    "CREATE INDEX inspection_notice_by_sent ON inspection_notice(sent);"
    "CREATE INDEX inspection_notice_by_sequence ON inspection_notice(sequence);"
    "CREATE TABLE inspection_hour("
    "  grant_id TEXT NOT NULL, handle TEXT NOT NULL, began INTEGER NOT NULL,"
    "  scope INTEGER NOT NULL, uses INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    "  PRIMARY KEY(grant_id, handle));"
    "CREATE TABLE inspection_standing("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, handle TEXT NOT NULL, scope INTEGER NOT NULL,"
    "  who TEXT NOT NULL, provider INTEGER NOT NULL, reason TEXT NOT NULL,"
    "  grant_id TEXT NOT NULL, hidden_until INTEGER NOT NULL, began INTEGER NOT NULL,"
    "  polls INTEGER NOT NULL, total INTEGER NOT NULL, last_poll INTEGER NOT NULL,"
    "  last_sum INTEGER NOT NULL);"
    "CREATE TABLE inspection_settings(tenant TEXT PRIMARY KEY, methods TEXT NOT NULL);",
    "CREATE TABLE inspection_delivery("
    "  id INTEGER PRIMARY KEY, notice TEXT NOT NULL, method TEXT NOT NULL, taken INTEGER NOT "
    "NULL);",
    "CREATE TABLE inspection_extract("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, handle TEXT NOT NULL, who TEXT NOT NULL,"
    "  reason TEXT NOT NULL, grant_id TEXT NOT NULL, hidden_until INTEGER NOT NULL,"
    "  began INTEGER NOT NULL);",
};

int ax_warrants_schema(struct ax_sql *sql, struct ax_err *err)
{
    return ax_sql_schema(sql, "warrant", steps, AX_ARRAY_LEN(steps), err);
}
