// SPDX-License-Identifier: Apache-2.0
/* Users in the database, and their logins. */
#include "auth/inner.h"

#include "intake/intake.h"

#include <errno.h>

static int check_new(const struct ax_user *u, struct ax_err *err)
{
    if (u->name.n == 0 || memchr(u->name.p, ':', u->name.n)) /* Basic authentication splits there */
        return ax_fail(err, -EINVAL, "a user's name is not empty and has no colon");
    if (!ax_tenant_ok(u->tenant))
        return ax_fail(err, -EINVAL,
                       "the tenant is invalid (expected 1 to 150 of letters, digits and . _ @ -)");
    return ax_auth_text_ok("the user's name", u->name, err);
}

int ax_auth_user_add(struct ax_auth *a, const struct ax_user *u, struct ax_str password,
                     int64_t now, struct ax_err *err)
{
    char encoded[AX_PASSWORD_TEXT];
    struct ax_stmt q;
    int rc = check_new(u, err);
    if (rc == 0)
        rc = ax_password_hash(password, encoded, err);
    if (rc == 0)
        rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, a->sql,
                  "INSERT INTO auth_user(name, tenant, role, password, disabled, created)"
                  " VALUES(?, ?, ?, ?, ?, ?)");
    ax_stmt_str(&q, u->name);
    ax_stmt_str(&q, u->tenant);
    ax_stmt_str(&q, ax_str(ax_role_name(u->role)));
    ax_stmt_str(&q, ax_str(encoded));
    ax_stmt_int(&q, u->disabled);
    ax_stmt_int(&q, now);
    rc = ax_stmt_run(&q, "adding a user to", err);
    if (rc == -EEXIST)
        ax_fail(err, rc, "there is a user %.*s already", AX_STR_ARG(u->name));
    return ax_auth_changed(a, rc, err);
}

int ax_auth_users(struct ax_auth *a, struct ax_arena *arena, struct ax_user **out, size_t *n,
                  struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_user *v = NULL;
    size_t count = 0, cap = 0;
    ax_sql_lock(a->sql);
    ax_stmt_begin(&q, a->sql,
                  "SELECT name, tenant, role, disabled, created FROM auth_user ORDER BY name");
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            size_t wider = cap ? cap * 2 : 16;
            v = ax_arena_grow(arena, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        struct ax_user *u = &v[count++];
        *u =
            (struct ax_user){.disabled = ax_stmt_col_int(&q, 3), .created = ax_stmt_col_int(&q, 4)};
        u->name = ax_arena_str(arena, ax_stmt_col(&q, 0));
        u->tenant = ax_arena_str(arena, ax_stmt_col(&q, 1));
        ax_role_parse(ax_stmt_col(&q, 2), &u->role);
    }
    int rc = ax_stmt_end(&q, "reading the users of", err);
    ax_sql_unlock(a->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}

/* One statement on one user, whose parameters are `value`, if it has one, and the name; then the
 * end of the logins. */
static int change(struct ax_auth *a, const char *statement, struct ax_str value, struct ax_str name,
                  bool end_logins, struct ax_err *err)
{
    struct ax_stmt q;
    int rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, a->sql, statement);
    if (value.p)
        ax_stmt_str(&q, value);
    ax_stmt_str(&q, name);
    rc = ax_stmt_run(&q, "changing a user of", err);
    if (rc == 0 && ax_sql_changed(a->sql) == 0)
        rc = ax_fail(err, -ENOENT, "there is no user %.*s", AX_STR_ARG(name));
    if (rc == 0 && end_logins) {
        ax_stmt_begin(&q, a->sql, "DELETE FROM auth_token WHERE user = ?");
        ax_stmt_str(&q, name);
        rc = ax_stmt_run(&q, "ending logins in", err);
    }
    return ax_auth_changed(a, rc, err);
}

int ax_auth_user_password(struct ax_auth *a, struct ax_str name, struct ax_str password,
                          struct ax_err *err)
{
    char encoded[AX_PASSWORD_TEXT];
    int rc = ax_password_hash(password, encoded, err);
    return rc < 0 ? rc
                  : change(a, "UPDATE auth_user SET password = ? WHERE name = ?", ax_str(encoded),
                           name, true, err);
}

int ax_auth_user_disable(struct ax_auth *a, struct ax_str name, bool disabled, struct ax_err *err)
{
    return change(a,
                  disabled ? "UPDATE auth_user SET disabled = 1 WHERE name = ?"
                           : "UPDATE auth_user SET disabled = 0 WHERE name = ?",
                  AX_STR_NULL, name, disabled, err);
}

int ax_auth_user_remove(struct ax_auth *a, struct ax_str name, struct ax_err *err)
{
    return change(a, "DELETE FROM auth_user WHERE name = ?", AX_STR_NULL, name, true, err);
}

int ax_auth_login(struct ax_auth *a, struct ax_str user, struct ax_str password,
                  struct ax_str tenant, struct ax_str peer, int64_t now, int64_t lifetime_ms,
                  char text[AX_TOKEN_TEXT], struct ax_who *who, struct ax_err *err)
{
    struct ax_who known, made;
    struct ax_str chosen;
    int64_t id;
    struct ax_check k = {a, peer, now, true, err};
    int rc = ax_check_password(&k, user, password, &known);
    if (rc == 0)
        rc = ax_who_tenant(&known, tenant, &chosen, err);
    if (rc < 0)
        return rc;
    struct ax_token t = {.tenant = chosen,
                         .role = (enum ax_role)known.roles,
                         .name = AX_STR("login"),
                         .user = user,
                         .expires = now + lifetime_ms};
    rc = ax_auth_token_add(a, &t, now, text, &id, err);
    if (rc == 0) {
        ax_who_fill(&made, known.roles, chosen, user, t.expires);
        *who = made;
    }
    return rc;
}

int ax_auth_logout(struct ax_auth *a, const struct ax_claim *c, bool *ended, struct ax_err *err)
{
    char hex[AX_DIGEST_TEXT];
    uint8_t digest[AX_DIGEST];
    struct ax_str token = ax_claim_token(c);
    struct ax_stmt q;
    ax_secret_digest(&token, 1, digest);
    int rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, a->sql, "DELETE FROM auth_token WHERE digest = ? AND user <> ''");
    ax_stmt_str(&q, ax_str(ax_digest_print(digest, hex)));
    rc = ax_stmt_run(&q, "ending a login in", err);
    bool found = rc == 0 && ax_sql_changed(a->sql) > 0;
    rc = ax_auth_changed(a, rc, err);
    if (rc == 0)
        *ended = found;
    return rc;
}
