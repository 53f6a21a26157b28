// SPDX-License-Identifier: Apache-2.0
/* The tables. States and severities are numbers, in the order in which they sort; lists are lines
 * in one text. What an alarm's outcomes were, and up to what time, is for the next start. */
#include "alarm/stream/inner.h"

static const char *const steps[] = {
    "CREATE TABLE alarm_definition("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,"
    "  expression TEXT NOT NULL, match_by TEXT NOT NULL, severity INTEGER NOT NULL,"
    "  actions_enabled INTEGER NOT NULL, ok_actions TEXT NOT NULL,"
    "  undetermined_actions TEXT NOT NULL, alarm_actions TEXT NOT NULL,"
    "  created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE(tenant, name));"
    "CREATE TABLE alarm("
    "  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, definition TEXT NOT NULL,"
    "  group_key TEXT NOT NULL, mask INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, subs TEXT NOT NULL, seen INTEGER NOT NULL,"
    "  until INTEGER NOT NULL,"
    "  lifecycle_state TEXT NOT NULL DEFAULT '', link TEXT NOT NULL DEFAULT '',"
    "  handle TEXT NOT NULL DEFAULT '',"
    "  state_updated INTEGER NOT NULL, updated INTEGER NOT NULL, created INTEGER NOT NULL);"
    "CREATE INDEX alarm_of_definition ON alarm(definition);"
    "CREATE INDEX alarm_of_tenant ON alarm(tenant);"
    "CREATE TABLE alarm_metric("
    "  alarm TEXT NOT NULL, name TEXT NOT NULL, dimensions TEXT NOT NULL,"
    "  PRIMARY KEY(alarm, name, dimensions)) WITHOUT ROWID;"
    "CREATE TABLE alarm_history("
    "  tenant TEXT NOT NULL, id INTEGER NOT NULL, alarm TEXT NOT NULL, at INTEGER NOT NULL,"
    "  old INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL, metrics TEXT NOT NULL,"
    "  sub_alarms TEXT NOT NULL, PRIMARY KEY(tenant, id)) WITHOUT ROWID;"
    "CREATE INDEX alarm_history_of_alarm ON alarm_history(alarm, id);"
    "CREATE INDEX alarm_history_by_time ON alarm_history(at);"
    "CREATE TABLE alarm_engine("
    "  one INTEGER PRIMARY KEY, mark INTEGER NOT NULL, listen INTEGER NOT NULL);",
};

int ax_stream_tables(struct ax_sql *sql, struct ax_err *err)
{
    return ax_sql_schema(sql, "alarm", steps, AX_ARRAY_LEN(steps), err);
}
