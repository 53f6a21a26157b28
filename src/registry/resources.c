// SPDX-License-Identifier: Apache-2.0
#include "registry/inner.h"

#include <errno.h>

#define COLUMNS                                                                                    \
    "handle, kind, name, tenant, host, state, reason, since, first_seen, last_seen, gone, "        \
    "attributes"
#define FILTER                                                                                     \
    " FROM resource WHERE tenant = ?1 AND (?2 = '' OR kind = ?2) AND (?3 = '' OR state = ?3) "     \
    "AND (?4 = '' OR host = ?4) AND (?5 OR gone = 0)"

static void read_resource(struct ax_stmt *q, struct ax_arena *a, struct ax_resource *x)
{
    *x = (struct ax_resource){
        .handle = ax_arena_str(a, ax_stmt_col(q, 0)),
        .name = ax_arena_str(a, ax_stmt_col(q, 2)),
        .tenant = ax_arena_str(a, ax_stmt_col(q, 3)),
        .host = ax_arena_str(a, ax_stmt_col(q, 4)),
        .state = ax_arena_str(a, ax_stmt_col(q, 5)),
        .reason = ax_arena_str(a, ax_stmt_col(q, 6)),
        .since = ax_stmt_col_int(q, 7),
        .first_seen = ax_stmt_col_int(q, 8),
        .last_seen = ax_stmt_col_int(q, 9),
        .gone = ax_stmt_col_int(q, 10),
        .attributes = ax_arena_str(a, ax_stmt_col(q, 11)),
    };
    bool known = ax_kind_parse(ax_stmt_col(q, 1), &x->kind);
    AX_ASSERT(known);
}

static void bind_filter(struct ax_stmt *q, const struct ax_resource_filter *f)
{
    ax_stmt_str(q, f->tenant);
    ax_stmt_str(q, f->kind);
    ax_stmt_str(q, f->state);
    ax_stmt_str(q, f->host);
    ax_stmt_int(q, f->gone);
}

static int count(struct ax_registry *r, const struct ax_resource_filter *f, uint64_t *total,
                 struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, r->sql, "SELECT count(*)" FILTER);
    bind_filter(&q, f);
    *total = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    return ax_stmt_end(&q, "reading", err);
}

int ax_registry_list(struct ax_registry *r, const struct ax_resource_filter *f, struct ax_arena *a,
                     struct ax_resource **out, size_t *n, uint64_t *total, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_resource *v = NULL;
    size_t have = 0, cap = 0;
    uint64_t all;
    ax_sql_lock(r->sql);
    int rc = count(r, f, &all, err);
    ax_stmt_begin(&q, r->sql,
                  "SELECT " COLUMNS FILTER " ORDER BY kind, name, handle LIMIT ?6 OFFSET ?7");
    bind_filter(&q, f);
    ax_stmt_int(&q, f->limit ? (int64_t)f->limit : -1);
    ax_stmt_int(&q, f->offset);
    while (rc == 0 && ax_stmt_row(&q)) {
        if (have == cap) {
            size_t wider = cap ? cap * 2 : 64;
            v = ax_arena_grow(a, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        read_resource(&q, a, &v[have++]);
    }
    int end = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(r->sql);
    if (rc < 0 || end < 0)
        return rc < 0 ? rc : end;
    *out = v;
    *n = have;
    *total = all;
    return 0;
}

static int unknown(struct ax_str handle, struct ax_err *err)
{
    return ax_fail(err, -ENOENT, "no resource with the handle %.*s was ever seen",
                   (int)(handle.n < 200 ? handle.n : 200), handle.p);
}

int ax_registry_get(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                    struct ax_arena *a, struct ax_resource *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql, "SELECT " COLUMNS " FROM resource WHERE handle = ? AND tenant = ?");
    ax_stmt_str(&q, handle);
    ax_stmt_str(&q, tenant);
    bool found = ax_stmt_row(&q);
    if (found)
        read_resource(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(r->sql);
    return rc == 0 && !found ? unknown(handle, err) : rc;
}

int ax_registry_owner(struct ax_registry *r, struct ax_str handle, struct ax_arena *a,
                      struct ax_str *tenant, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(r->sql);
    ax_stmt_begin(&q, r->sql, "SELECT tenant FROM resource WHERE handle = ?");
    ax_stmt_str(&q, handle);
    bool found = ax_stmt_row(&q);
    if (found)
        *tenant = ax_arena_str(a, ax_stmt_col(&q, 0));
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(r->sql);
    return rc == 0 && !found ? unknown(handle, err) : rc;
}

int ax_registry_owned(struct ax_registry *r, enum ax_kind kind, struct ax_arena *a,
                      struct ax_owned **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_owned *v = NULL;
    size_t have = 0, cap = 0;
    ax_sql_lock(r->sql);
    ax_stmt_begin(
        &q, r->sql,
        "SELECT handle, tenant FROM resource WHERE kind = ? AND gone = 0 ORDER BY handle");
    ax_stmt_str(&q, ax_str(ax_kind_name(kind)));
    while (ax_stmt_row(&q)) {
        if (have == cap) {
            size_t wider = cap ? cap * 2 : 64;
            v = ax_arena_grow(a, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        v[have].handle = ax_arena_str(a, ax_stmt_col(&q, 0));
        v[have++].tenant = ax_arena_str(a, ax_stmt_col(&q, 1));
    }
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(r->sql);
    if (rc == 0) {
        *out = v;
        *n = have;
    }
    return rc;
}

static int find_place(struct ax_registry *r, const char *text, struct ax_str tenant,
                      struct ax_str key, struct ax_arena *a, struct ax_place *out,
                      struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_place place = {0};
    struct ax_str *const columns[] = {&place.handle, &place.name,      &place.state,
                                      &place.host,   &place.host_name, &place.host_state};
    ax_stmt_begin(&q, r->sql, text);
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, key);
    bool there = ax_stmt_row(&q);
    for (size_t i = 0; there && i < AX_ARRAY_LEN(columns); i++)
        *columns[i] = ax_arena_str(a, ax_stmt_col(&q, (int)i));
    int rc = ax_stmt_end(&q, "reading", err);
    if (rc == 0)
        *out = place;
    return rc;
}

#define PLACE                                                                                      \
    "SELECT x.handle, x.name, x.state, h.handle, h.name, h.state FROM resource x "                 \
    "LEFT JOIN resource h ON h.handle = iif(x.kind = 'host', x.handle, x.host) "                   \
    "AND h.tenant = x.tenant WHERE x.tenant = ? "

int ax_registry_place(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                      struct ax_arena *a, struct ax_place *out, struct ax_err *err)
{
    static const struct ax_str host = {"host:", 5};
    int rc = find_place(r, PLACE "AND x.handle = ?", tenant, handle, a, out, err);
    if (rc < 0 || out->handle.n || !ax_str_starts(handle, host))
        return rc;
    struct ax_str name = {handle.p + host.n, handle.n - host.n};
    return find_place(r, PLACE "AND x.kind = 'host' AND x.name = ? ORDER BY x.gone, x.handle",
                      tenant, name, a, out, err);
}
