// SPDX-License-Identifier: Apache-2.0
/* By which of its methods a tenant wants its notices. */
#include "warrant/inner.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static int read_text(struct ax_warrants *w, struct ax_str tenant, struct ax_arena *a,
                     struct ax_str *out, struct ax_err *err)
{
    struct ax_stmt q;
    *out = AX_STR_NULL;
    ax_sql_lock(w->sql);
    ax_stmt_begin(&q, w->sql, "SELECT methods FROM inspection_settings WHERE tenant = ?");
    ax_stmt_str(&q, tenant);
    if (ax_stmt_row(&q))
        *out = ax_arena_str(a, ax_stmt_col(&q, 0));
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(w->sql);
    return rc;
}

int ax_warrants_methods(struct ax_warrants *w, struct ax_str tenant, struct ax_arena *a,
                        struct ax_notice_methods *out, struct ax_err *err)
{
    struct ax_str text;
    json_t *one;
    size_t i;
    int rc = read_text(w, tenant, a, &text, err);
    if (rc < 0)
        return rc;
    json_t *all = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    *out = (struct ax_notice_methods){.all = !json_is_array(all)};
    out->ids = AX_NEWS(a, struct ax_str, json_array_size(all) + 1);
    json_array_foreach (all, i, one)
        out->ids[out->n++] = ax_arena_str(a, ax_str(json_string_value(one)));
    json_decref(all);
    return 0;
}

static int known(struct ax_warrants *w, struct ax_str tenant, const struct ax_notice_methods *m,
                 struct ax_err *err)
{
    int rc = 0;
    if (m->n > AX_NOTICE_METHODS_MAX)
        return ax_fail(err, -EINVAL, "methods: expected at most %d", AX_NOTICE_METHODS_MAX);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = ax_notify_known(w->notify, tenant, m->ids[i], err);
    return rc == -ENOENT ? ax_fail(err, -EINVAL, "methods: one of them is none of this tenant's")
                         : rc;
}

static int store(struct ax_warrants *w, struct ax_str tenant, const struct ax_notice_methods *m,
                 struct ax_err *err)
{
    struct ax_stmt q;
    json_t *all = json_array();
    if (m->all) {
        ax_stmt_begin(&q, w->sql, "DELETE FROM inspection_settings WHERE tenant = ?");
    } else {
        ax_stmt_begin(&q, w->sql,
                      "INSERT OR REPLACE INTO inspection_settings(tenant, methods) VALUES(?, ?)");
    }
    for (size_t i = 0; i < m->n; i++)
        json_array_append_new(all, json_stringn(m->ids[i].p, m->ids[i].n));
    char *text = json_dumps(all, JSON_COMPACT);
    ax_stmt_str(&q, tenant);
    if (!m->all)
        ax_stmt_str(&q, ax_str(text));
    int rc = ax_stmt_run(&q, "writing", err);
    free(text);
    json_decref(all);
    return rc;
}

int ax_warrants_set_methods(struct ax_warrants *w, struct ax_str tenant,
                            const struct ax_notice_methods *m, struct ax_err *err)
{
    int rc = ax_sql_begin(w->sql, err);
    if (rc < 0)
        return rc;
    rc = m->all ? 0 : known(w, tenant, m, err);
    return ax_sql_end(w->sql, rc == 0 ? store(w, tenant, m, err) : rc, err);
}
