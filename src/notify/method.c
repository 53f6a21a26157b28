// SPDX-License-Identifier: Apache-2.0
/* Methods in the database. */
#include "notify/inner.h"

#include "base/uuid.h"

#include <errno.h>
#include <strings.h>

#define LIST_MAX 10001 /* a page of 10,000, and whether there is another */
#define COLUMNS  "id, name, type, address, period, created, updated"

bool ax_notify_offers(const struct ax_notify *n, enum ax_notify_type type)
{
    return type != AX_NOTIFY_SCRIPT || n->o.script_dir;
}

static int check(const struct ax_notify *n, const struct ax_notify_fields *f,
                 enum ax_notify_type *type, struct ax_err *err)
{
    int rc = ax_notify_check(f, type, err);
    return rc == 0 && !ax_notify_offers(n, *type)
               ? ax_fail(err, -EINVAL,
                         "type: this server runs no scripts, since its operator has "
                         "named no directory of them")
               : rc;
}

static void read_method(struct ax_stmt *q, struct ax_arena *a, struct ax_notify_method *out)
{
    out->id = ax_arena_str(a, ax_stmt_col(q, 0));
    out->name = ax_arena_str(a, ax_stmt_col(q, 1));
    AX_ASSERT(ax_notify_type_parse(ax_stmt_col(q, 2), &out->type));
    out->address = ax_arena_str(a, ax_stmt_col(q, 3));
    out->period = ax_stmt_col_int(q, 4);
    out->created = ax_stmt_col_int(q, 5);
    out->updated = ax_stmt_col_int(q, 6);
}

static int no_such(struct ax_str id, struct ax_err *err)
{
    return ax_fail(err, -ENOENT, "there is no notification method %.*s",
                   id.n < AX_NOTIFY_ID ? (int)id.n : AX_NOTIFY_ID, id.p);
}

/* With the lock held. */
static int get(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
               struct ax_notify_method *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql, "SELECT " COLUMNS " FROM method WHERE tenant = ? AND id = ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, id);
    bool there = ax_stmt_row(&q);
    if (there)
        read_method(&q, a, out);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && !there ? no_such(id, err) : rc;
}

int ax_notify_get(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
                  struct ax_notify_method *out, struct ax_err *err)
{
    ax_sql_lock(n->sql);
    int rc = get(n, tenant, id, a, out, err);
    ax_sql_unlock(n->sql);
    return rc;
}

int ax_notify_known(struct ax_notify *n, struct ax_str tenant, struct ax_str id, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m;
    int rc = get(n, tenant, id, &a, &m, err);
    ax_arena_free(&a);
    return rc;
}

/* 'name is there already', where the database only knows of a constraint. */
static int name_taken(int rc, struct ax_str name, struct ax_err *err)
{
    return rc != -EEXIST ? rc
                         : ax_fail(err, -EEXIST, "there is a notification method named '%.*s'",
                                   AX_STR_ARG(ax_words_cut(name, 250)));
}

/* Whether the tenant may have one more, with the lock held. */
static int check_room(struct ax_notify *n, struct ax_str tenant, struct ax_err *err)
{
    struct ax_stmt q;
    int64_t count = 0;
    ax_stmt_begin(&q, n->sql, "SELECT count(*) FROM method WHERE tenant = ?");
    ax_stmt_str(&q, tenant);
    if (ax_stmt_row(&q))
        count = ax_stmt_col_int(&q, 0);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc == 0 && count >= n->o.max_methods
               ? ax_fail(err, -EDQUOT,
                         "the limit of %d notification methods of a tenant is reached",
                         n->o.max_methods)
               : rc;
}

static int insert(struct ax_notify *n, struct ax_str tenant, const struct ax_notify_method *m,
                  struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql,
                  "INSERT INTO method(tenant, " COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, m->id);
    ax_stmt_str(&q, m->name);
    ax_stmt_str(&q, ax_str(ax_notify_type_name(m->type)));
    ax_stmt_str(&q, m->address);
    ax_stmt_int(&q, m->period);
    ax_stmt_int(&q, m->created);
    ax_stmt_int(&q, m->updated);
    return ax_stmt_run(&q, "writing", err);
}

int ax_notify_create(struct ax_notify *n, struct ax_str tenant, const struct ax_notify_fields *f,
                     struct ax_arena *a, struct ax_notify_method *out, struct ax_err *err)
{
    char id[AX_NOTIFY_ID];
    int64_t now = ax_notify_now(n);
    struct ax_notify_method m = {.period = f->period, .created = now, .updated = now};
    int rc = check(n, f, &m.type, err);
    if (rc < 0)
        return rc;
    struct ax_uuid u = ax_uuid_random();
    ax_uuid_print(&u, id);
    m.id = ax_arena_str(a, ax_str(id));
    m.name = ax_arena_str(a, f->name);
    m.address = ax_arena_str(a, f->address);
    rc = ax_sql_begin(n->sql, err);
    if (rc < 0)
        return rc;
    rc = check_room(n, tenant, err);
    if (rc == 0)
        rc = insert(n, tenant, &m, err);
    rc = ax_sql_end(n->sql, rc, err);
    if (rc == 0)
        *out = m;
    return name_taken(rc, m.name, err);
}

/* Lays what is to be changed over what is there. */
static int merge(struct ax_notify *n, const struct ax_notify_fields *f, struct ax_arena *a,
                 struct ax_notify_method *m, struct ax_err *err)
{
    struct ax_notify_fields all = {
        .name = f->name.p ? ax_arena_str(a, f->name) : m->name,
        .type = f->type.p ? f->type : ax_str(ax_notify_type_name(m->type)),
        .address = f->address.p ? ax_arena_str(a, f->address) : m->address,
        .period = f->period >= 0 ? f->period : m->period,
    };
    int rc = check(n, &all, &m->type, err);
    m->name = all.name;
    m->address = all.address;
    m->period = all.period;
    return rc;
}

static int write_update(struct ax_notify *n, const struct ax_notify_method *m, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, n->sql,
                  "UPDATE method SET name = ?, type = ?, address = ?, period = ?, updated = ?"
                  " WHERE id = ?");
    ax_stmt_str(&q, m->name);
    ax_stmt_str(&q, ax_str(ax_notify_type_name(m->type)));
    ax_stmt_str(&q, m->address);
    ax_stmt_int(&q, m->period);
    ax_stmt_int(&q, m->updated);
    ax_stmt_str(&q, m->id);
    return ax_stmt_run(&q, "writing", err);
}

int ax_notify_update(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                     const struct ax_notify_fields *f, struct ax_arena *a,
                     struct ax_notify_method *out, struct ax_err *err)
{
    struct ax_notify_method m = {0};
    int rc = ax_sql_begin(n->sql, err);
    if (rc < 0)
        return rc;
    rc = get(n, tenant, id, a, &m, err);
    if (rc == 0)
        rc = merge(n, f, a, &m, err);
    m.updated = ax_notify_now(n);
    if (rc == 0)
        rc = write_update(n, &m, err);
    rc = name_taken(ax_sql_end(n->sql, rc, err), m.name, err);
    if (rc == 0) {
        *out = m;
        atomic_store(&n->methods_changed, true);
        ax_notify_wake(n);
    }
    return rc;
}

/* One "FIELD [asc|desc]" of sort_by, as SQL. */
static int order_one(struct ax_str part, struct ax_buf *sql, struct ax_err *err)
{
    static const char *const known[][2] = {
        {"id", "id"},           {"name", "name"},          {"type", "type"},
        {"address", "address"}, {"created_at", "created"}, {"updated_at", "updated"}};
    struct ax_str rest = part, field = AX_STR_NULL, way = AX_STR("asc"), more;
    ax_str_word(&rest, &field);
    ax_str_word(&rest, &way);
    bool down = way.n == 4 && strncasecmp(way.p, "desc", 4) == 0;
    bool up = way.n == 3 && strncasecmp(way.p, "asc", 3) == 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(known); i++)
        if (ax_str_eq(field, ax_str(known[i][0])) && (down || up) && !ax_str_word(&rest, &more)) {
            ax_buf_printf(sql, "%s%s, ", known[i][1], down ? " DESC" : "");
            return 0;
        }
    part = ax_words_cut(part, 60);
    return ax_fail(err, -EINVAL,
                   "sort_by: '%.*s' is none of id, name, type, address, created_at, updated_at, "
                   "each with ' asc', ' desc' or nothing behind it",
                   AX_STR_ARG(part));
}

static int order(struct ax_str sort_by, struct ax_buf *sql, struct ax_err *err)
{
    struct ax_str rest = sort_by, part;
    if (sort_by.n > 500)
        return ax_fail(err, -EINVAL, "sort_by is longer than 500 bytes");
    while (sort_by.n && ax_str_cut(&rest, ',', &part)) {
        int rc = order_one(part, sql, err);
        if (rc < 0)
            return rc;
    }
    ax_buf_printf(sql, "id LIMIT ? OFFSET ?%c", 0);
    return 0;
}

static int read_list(struct ax_notify *n, struct ax_stmt *q, struct ax_arena *a,
                     struct ax_notify_method **out, size_t *count, struct ax_err *err)
{
    struct ax_notify_method *v = NULL;
    size_t used = 0, cap = 0;
    while (ax_stmt_row(q)) {
        if (used == cap) {
            size_t wider = cap ? cap * 2 : 16;
            v = ax_arena_grow(a, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        read_method(q, a, &v[used++]);
    }
    int rc = ax_stmt_end(q, "reading", err);
    if (rc == 0) {
        *out = v;
        *count = used;
    }
    return rc;
}

int ax_notify_list(struct ax_notify *n, struct ax_str tenant, struct ax_str sort_by, int64_t offset,
                   int64_t limit, struct ax_arena *a, struct ax_notify_method **out, size_t *count,
                   struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf sql = AX_BUF_INIT;
    struct ax_stmt q;
    if (offset < 0 || limit < 0)
        return ax_fail(err, -EINVAL, "offset and limit must not be negative");
    ax_buf_cstr(&sql, "SELECT " COLUMNS " FROM method WHERE tenant = ? ORDER BY ");
    int rc = order(sort_by, &sql, err);
    if (rc < 0)
        return rc;
    ax_sql_lock(n->sql);
    ax_stmt_begin(&q, n->sql, sql.p);
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, limit && limit < LIST_MAX ? limit : LIST_MAX);
    ax_stmt_int(&q, offset);
    rc = read_list(n, &q, a, out, count, err);
    ax_sql_unlock(n->sql);
    return rc;
}
