// SPDX-License-Identifier: Apache-2.0
/* Tokens in the database. */
#include "auth/inner.h"

#include "intake/intake.h"

#include <errno.h>

#define LOGINS_MAX 32 /* of one user */

static int check_new(const struct ax_token *t, int64_t now, struct ax_err *err)
{
    if (!ax_tenant_ok(t->tenant))
        return ax_fail(err, -EINVAL,
                       "the tenant is invalid (expected 1 to 150 of letters, digits and . _ @ -)");
    if (t->expires && t->expires <= now)
        return ax_fail(err, -EINVAL, "a token cannot expire in the past");
    return ax_auth_text_ok("the token's name", t->name, err);
}

static int count_tokens(struct ax_auth *a, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, a->sql, "SELECT count(*) FROM auth_token");
    int64_t n = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    int rc = ax_stmt_end(&q, "counting in", err);
    if (rc == 0 && n >= AX_AUTH_TOKENS_MAX)
        rc = ax_fail(err, -ENOSPC, "there are %d tokens already: revoke what is not needed",
                     AX_AUTH_TOKENS_MAX);
    return rc;
}

static int insert(struct ax_auth *a, const struct ax_token *t, int64_t now,
                  const uint8_t digest[AX_DIGEST], int64_t *id, struct ax_err *err)
{
    char hex[AX_DIGEST_TEXT];
    struct ax_stmt q;
    ax_stmt_begin(&q, a->sql,
                  "INSERT INTO auth_token(digest, tenant, role, name, user, created, expires, used,"
                  "  revoked, certificate) VALUES(?, ?, ?, ?, ?, ?, ?, 0, 0, ?)");
    ax_stmt_str(&q, ax_str(ax_digest_print(digest, hex)));
    ax_stmt_str(&q, t->tenant);
    ax_stmt_str(&q, ax_str(ax_role_name(t->role)));
    ax_stmt_str(&q, t->name);
    ax_stmt_str(&q, t->user);
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, t->expires);
    ax_stmt_int(&q, t->fingerprint.n > 0);
    int rc = ax_stmt_run(&q, "adding a token to", err);
    *id = rc == 0 ? ax_sql_last_id(a->sql) : 0;
    return rc;
}

/* A user who logs in and never out fills no table. */
static int drop_old_logins(struct ax_auth *a, struct ax_str user, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, a->sql,
                  "DELETE FROM auth_token WHERE user = ? AND id NOT IN"
                  "  (SELECT id FROM auth_token WHERE user = ? ORDER BY id DESC LIMIT ?)");
    ax_stmt_str(&q, user);
    ax_stmt_str(&q, user);
    ax_stmt_int(&q, LOGINS_MAX);
    return ax_stmt_run(&q, "tidying", err);
}

int ax_auth_token_add(struct ax_auth *a, const struct ax_token *t, int64_t now,
                      char text[AX_TOKEN_TEXT], int64_t *id, struct ax_err *err)
{
    char made[AX_TOKEN_TEXT];
    uint8_t digest[AX_DIGEST];
    int64_t number = 0;
    int rc = check_new(t, now, err);
    if (rc == 0)
        rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    ax_token_make(made, digest);
    rc = count_tokens(a, err);
    if (rc == 0)
        rc = insert(a, t, now, digest, &number, err);
    if (rc == 0 && t->user.n)
        rc = drop_old_logins(a, t->user, err);
    rc = ax_auth_changed(a, rc, err);
    if (rc == 0) {
        memcpy(text, made, sizeof made);
        *id = number;
    }
    explicit_bzero(made, sizeof made);
    return rc;
}

/* "AB:CD:..." or "abcd...". */
static int parse_fingerprint(struct ax_str text, uint8_t digest[AX_DIGEST], struct ax_err *err)
{
    char hex[AX_DIGEST_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < sizeof hex; i++)
        if (text.p[i] != ':')
            hex[n++] = (char)(text.p[i] >= 'A' && text.p[i] <= 'F' ? text.p[i] | 0x20 : text.p[i]);
    if (!ax_digest_parse((struct ax_str){hex, n}, digest))
        return ax_fail(err, -EINVAL,
                       "\"%.*s\" is no SHA-256 fingerprint (expected 64 hexadecimal digits, as "
                       "`openssl x509 -noout -fingerprint -sha256 -in FILE` prints them)",
                       (int)(text.n < 100 ? text.n : 100), text.p);
    return 0;
}

/* One that is over may be added again, with another role or end. */
static int drop_ended(struct ax_auth *a, const uint8_t digest[AX_DIGEST], int64_t now,
                      struct ax_err *err)
{
    char hex[AX_DIGEST_TEXT];
    struct ax_stmt q;
    ax_stmt_begin(&q, a->sql,
                  "DELETE FROM auth_token WHERE digest = ? AND certificate <> 0"
                  "  AND (revoked <> 0 OR (expires > 0 AND expires <= ?))");
    ax_stmt_str(&q, ax_str(ax_digest_print(digest, hex)));
    ax_stmt_int(&q, now);
    return ax_stmt_run(&q, "tidying", err);
}

int ax_auth_certificate_add(struct ax_auth *a, const struct ax_token *t, struct ax_str fingerprint,
                            int64_t now, int64_t *id, struct ax_err *err)
{
    uint8_t digest[AX_DIGEST];
    int64_t number = 0;
    struct ax_token marked = *t;
    marked.fingerprint = fingerprint;
    int rc = check_new(t, now, err);
    if (rc == 0)
        rc = parse_fingerprint(fingerprint, digest, err);
    if (rc == 0)
        rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    rc = drop_ended(a, digest, now, err);
    if (rc == 0)
        rc = count_tokens(a, err);
    if (rc == 0)
        rc = insert(a, &marked, now, digest, &number, err);
    if (rc == -EEXIST)
        ax_fail(err, rc, "this certificate is in force already: revoke it first, to change it");
    rc = ax_auth_changed(a, rc, err);
    if (rc == 0)
        *id = number;
    return rc;
}

int ax_auth_tokens(struct ax_auth *a, struct ax_arena *arena, struct ax_token **out, size_t *n,
                   struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_token *v = NULL;
    size_t count = 0, cap = 0;
    ax_sql_lock(a->sql);
    ax_stmt_begin(&q, a->sql,
                  "SELECT id, created, expires, used, revoked, tenant, role, name, user,"
                  "  CASE certificate WHEN 0 THEN '' ELSE digest END"
                  " FROM auth_token ORDER BY id");
    while (ax_stmt_row(&q)) {
        if (count == cap) {
            size_t wider = cap ? cap * 2 : 16;
            v = ax_arena_grow(arena, v, cap * sizeof *v, wider * sizeof *v);
            cap = wider;
        }
        struct ax_token *t = &v[count++];
        *t = (struct ax_token){.id = ax_stmt_col_int(&q, 0),
                               .created = ax_stmt_col_int(&q, 1),
                               .expires = ax_stmt_col_int(&q, 2),
                               .used = ax_stmt_col_int(&q, 3),
                               .revoked = ax_stmt_col_int(&q, 4)};
        t->tenant = ax_arena_str(arena, ax_stmt_col(&q, 5));
        ax_role_parse(ax_stmt_col(&q, 6), &t->role);
        t->name = ax_arena_str(arena, ax_stmt_col(&q, 7));
        t->user = ax_arena_str(arena, ax_stmt_col(&q, 8));
        t->fingerprint = ax_arena_str(arena, ax_stmt_col(&q, 9));
    }
    int rc = ax_stmt_end(&q, "reading the tokens of", err);
    ax_sql_unlock(a->sql);
    if (rc == 0) {
        *out = v;
        *n = count;
    }
    return rc;
}

int ax_auth_token_revoke(struct ax_auth *a, int64_t id, int64_t now, struct ax_err *err)
{
    struct ax_stmt q;
    int rc = ax_sql_begin(a->sql, err);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, a->sql, "UPDATE auth_token SET revoked = ? WHERE id = ? AND revoked = 0");
    ax_stmt_int(&q, now);
    ax_stmt_int(&q, id);
    rc = ax_stmt_run(&q, "revoking in", err);
    if (rc == 0 && ax_sql_changed(a->sql) == 0)
        rc = ax_fail(err, -ENOENT, "there is no token %lld that could be revoked", (long long)id);
    return ax_auth_changed(a, rc, err);
}
