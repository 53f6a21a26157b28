// SPDX-License-Identifier: Apache-2.0
/* Alarms of rule files: methods by name, and the operator's own Alertmanagers, which are methods of
 * a tenant that has no name, so that nobody can be it. Their ids are made from their URLs: what
 * waits for one, waits over a restart. */
#include "notify/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#define OWN_MAX 64

static void id_of(const char *url, char out[AX_NOTIFY_ID])
{
    XXH128_hash_t h = XXH3_128bits(url, strlen(url));
    snprintf(out, AX_NOTIFY_ID, "own-%015llx-%016llx", (unsigned long long)h.high64 >> 4,
             (unsigned long long)h.low64);
}

bool ax_notify_is_own(struct ax_str id)
{
    return ax_str_starts(id, AX_STR("own-"));
}

static int check_urls(const char *const *urls, size_t count, struct ax_err *err)
{
    if (count > OWN_MAX)
        return ax_fail(err, -EINVAL, "found %zu Alertmanagers, expected at most %d", count,
                       OWN_MAX);
    for (size_t i = 0; i < count; i++)
        if (strlen(urls[i]) > 512 || !ax_notify_http_ok(ax_str(urls[i])))
            return ax_fail(err, -EINVAL,
                           "found the Alertmanager \"%.100s\", expected http://HOST:PORT", urls[i]);
    return 0;
}

static int insert(struct ax_notify *n, const char *url, struct ax_err *err)
{
    char id[AX_NOTIFY_ID];
    struct ax_stmt q;
    id_of(url, id);
    ax_stmt_begin(&q, n->sql,
                  "INSERT INTO method(id, tenant, name, type, address, period, created, updated)"
                  " VALUES(?, '', ?, 'ALERTMANAGER', ?, 0, ?, ?)"
                  " ON CONFLICT(id) DO UPDATE SET updated = excluded.updated");
    ax_stmt_str(&q, ax_str(id));
    ax_stmt_str(&q, ax_str(url));
    ax_stmt_str(&q, ax_str(url));
    ax_stmt_int(&q, ax_notify_now(n));
    ax_stmt_int(&q, ax_notify_now(n));
    return ax_stmt_run(&q, "writing", err);
}

/* All that were not just written. */
static int forget_others(struct ax_notify *n, const char *const *urls, size_t count,
                         struct ax_err *err)
{
    static const char *const statements[] = {
        "DELETE FROM outbox WHERE method IN (SELECT id FROM method WHERE tenant = '' AND name",
        "DELETE FROM method WHERE id IN (SELECT id FROM method WHERE tenant = '' AND name"};
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < AX_ARRAY_LEN(statements); k++) {
        struct ax_stmt q;
        struct ax_buf text = AX_BUF_INIT;
        ax_buf_printf(&text, "%s NOT IN (", statements[k]);
        for (size_t i = 0; i < count; i++)
            ax_buf_cstr(&text, i ? ", ?" : "?");
        ax_buf_printf(&text, "))%c", 0);
        ax_stmt_begin(&q, n->sql, text.p);
        for (size_t i = 0; i < count; i++)
            ax_stmt_str(&q, ax_str(urls[i]));
        rc = ax_stmt_run(&q, "writing", err);
        if (rc == 0 && k == 0)
            n->voided += (uint64_t)ax_sql_changed(n->sql);
        ax_buf_free(&text);
    }
    return rc;
}

int ax_notify_alertmanagers(struct ax_notify *n, const char *const *urls, size_t count,
                            struct ax_err *err)
{
    int rc = check_urls(urls, count, err);
    if (rc == 0)
        rc = ax_sql_begin(n->sql, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = insert(n, urls[i], err);
    if (rc == 0)
        rc = forget_others(n, urls, count, err);
    rc = ax_sql_end(n->sql, rc, err);
    if (rc == 0)
        atomic_store(&n->own, count);
    atomic_store(&n->methods_changed, true);
    ax_notify_wake(n);
    return rc;
}

bool ax_notify_has_alertmanagers(const struct ax_notify *n)
{
    return atomic_load(&n->own) > 0;
}

static int find_named(struct ax_notify *n, struct ax_str tenant, struct ax_str name,
                      struct ax_arena *a, struct ax_str *ids, size_t *found, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, "SELECT id FROM method WHERE tenant = ? AND name = ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, name);
    if (ax_stmt_row(&q))
        ids[(*found)++] = ax_arena_str(a, ax_stmt_col(&q, 0));
    else
        n->unknown++;
    return ax_stmt_end(&q, "reading", err);
}

static int find_own(struct ax_notify *n, struct ax_arena *a, struct ax_str *ids, size_t *found,
                    struct ax_err *err)
{
    struct ax_stmt q;
    size_t more = 0;
    ax_stmt_begin(&q, n->sql, "SELECT id FROM method WHERE tenant = '' ORDER BY name");
    for (; more < OWN_MAX && ax_stmt_row(&q); more++)
        ids[*found + more] = ax_arena_str(a, ax_stmt_col(&q, 0));
    *found += more;
    return ax_stmt_end(&q, "reading", err);
}

int ax_notify_named(struct ax_notify *n, struct ax_str tenant, const struct ax_str *names,
                    size_t count, struct ax_arena *a, struct ax_str *ids, size_t *found,
                    struct ax_err *err)
{
    int rc = 0;
    *found = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = find_named(n, tenant, names[i], a, ids, found, err);
    return rc;
}

int ax_notify_queue_own(struct ax_notify *n, const struct ax_notice *x, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_str *ids = AX_NEWS(&a, struct ax_str, OWN_MAX);
    size_t found = 0;
    int rc = find_own(n, &a, ids, &found, err);
    for (size_t i = 0; rc == 0 && i < found; i++)
        rc = ax_outbox_insert(n, ids[i], x, err);
    ax_arena_free(&a);
    return rc;
}

static int has_heard(struct ax_notify *n, struct ax_str id, const struct ax_notice *x,
                     struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, "SELECT 1 FROM outbox WHERE alarm = ? AND tenant = ? AND method = ?");
    ax_stmt_str(&q, x->alarm);
    ax_stmt_str(&q, x->tenant);
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc < 0 ? rc : there;
}

int ax_notify_queue_again(struct ax_notify *n, const struct ax_notice *x, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_str *ids = AX_NEWS(&a, struct ax_str, OWN_MAX);
    size_t found = 0;
    int rc = find_own(n, &a, ids, &found, err);
    for (size_t i = 0; rc >= 0 && i < found; i++)
        if ((rc = has_heard(n, ids[i], x, err)) == 0)
            rc = ax_outbox_insert(n, ids[i], x, err);
    ax_arena_free(&a);
    return rc < 0 ? rc : 0;
}

int ax_notify_reword(struct ax_notify *n, struct ax_str tenant, struct ax_str alarm,
                     struct ax_str annotations, struct ax_err *err)
{
    struct ax_stmt q;
    if (annotations.n > AX_NOTIFY_METRICS_MAX)
        return 0;
    ax_stmt_begin(&q, n->sql,
                  "UPDATE outbox SET annotations = ?"
                  " WHERE alarm = ? AND tenant = ? AND repeat > 0 AND ended = 0");
    ax_stmt_str(&q, annotations);
    ax_stmt_str(&q, alarm);
    ax_stmt_str(&q, tenant);
    return ax_stmt_run(&q, "writing", err);
}
