// SPDX-License-Identifier: Apache-2.0
/* Definitions in the database. */
#include "alarm/stream/inner.h"

#include <errno.h>

int ax_definition_put(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                      struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_stmt q;
    ax_stmt_begin(&q, s->o.sql,
                  "INSERT INTO alarm_definition(id, tenant, name, description, expression, "
                  "match_by, severity, actions_enabled, ok_actions, undetermined_actions, "
                  "alarm_actions, created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                  "ON CONFLICT(id) DO UPDATE SET name = excluded.name, "
                  "description = excluded.description, expression = excluded.expression, "
                  "severity = excluded.severity, actions_enabled = excluded.actions_enabled, "
                  "ok_actions = excluded.ok_actions, "
                  "undetermined_actions = excluded.undetermined_actions, "
                  "alarm_actions = excluded.alarm_actions, updated = excluded.updated");
    ax_stmt_str(&q, d->id);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, d->name);
    ax_stmt_str(&q, d->description);
    ax_stmt_str(&q, d->expression);
    ax_stmt_str(&q, ax_lines(d->match_by, &a));
    ax_stmt_int(&q, d->severity);
    ax_stmt_int(&q, d->actions_enabled);
    for (int i = 0; i < 3; i++)
        ax_stmt_str(&q, ax_lines(d->actions[i], &a));
    ax_stmt_int(&q, d->created);
    ax_stmt_int(&q, d->updated);
    int rc = ax_stmt_run(&q, "writing a definition to", err);
    ax_arena_free(&a);
    return rc;
}

int ax_definition_write(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                        struct ax_err *err)
{
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    rc = ax_sql_end(s->o.sql, ax_definition_put(s, tenant, d, err), err);
    if (rc == -EEXIST)
        return ax_fail(err, -EEXIST, "there is an alarm definition named \"%.*s\" already",
                       AX_STR_ARG(d->name));
    return rc;
}

/* Tells the owner of each alarm of a definition that it is no more. */
static int end_alarms(struct ax_stream *s, struct ax_str tenant, struct ax_str definition,
                      struct ax_err *err)
{
    struct ax_stmt q;
    int rc = 0;
    if (!s->o.ended)
        return 0;
    ax_stmt_begin(&q, s->o.sql, "SELECT id FROM alarm WHERE definition = ?");
    ax_stmt_str(&q, definition);
    while (rc == 0 && ax_stmt_row(&q))
        rc = s->o.ended(s->o.ctx, tenant, ax_stmt_col(&q, 0), err);
    int end = ax_stmt_end(&q, "reading alarms from", rc < 0 ? NULL : err);
    return rc < 0 ? rc : end;
}

int ax_definition_erase(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                        struct ax_err *err)
{
    static const char *const texts[] = {
        "DELETE FROM alarm_metric WHERE alarm IN (SELECT id FROM alarm WHERE definition = ?)",
        "DELETE FROM alarm WHERE definition = ?",
        "DELETE FROM alarm_definition WHERE id = ?",
    };
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    rc = end_alarms(s, tenant, id, err);
    if (rc == 0)
        rc = ax_stmt_each_str(s->o.sql, texts, AX_ARRAY_LEN(texts), id,
                              "deleting a definition from", err);
    return ax_sql_end(s->o.sql, rc, err);
}
