// SPDX-License-Identifier: Apache-2.0
#include "auth/roll.h"

#include <errno.h>
#include <stdlib.h>

/* A row that another version wrote may have a role that is not known here: then nobody has it. */
static bool take_token(struct ax_roll *r, struct ax_stmt *q, struct ax_roll_token *t)
{
    *t = (struct ax_roll_token){.id = ax_stmt_col_int(q, 0),
                                .expires = ax_stmt_col_int(q, 2),
                                .used = ax_stmt_col_int(q, 3),
                                .noted = ax_stmt_col_int(q, 3),
                                .certificate = ax_stmt_col_int(q, 7) != 0};
    if (!ax_digest_parse(ax_stmt_col(q, 1), t->digest) ||
        !ax_role_parse(ax_stmt_col(q, 4), &t->role) || ax_stmt_col(q, 5).n > AX_WHO_TENANT)
        return false;
    t->tenant = ax_arena_str(&r->arena, ax_stmt_col(q, 5));
    struct ax_str name = ax_stmt_col(q, 6);
    t->name = name.n ? ax_arena_str(&r->arena, name)
                     : ax_arena_printf(&r->arena, "token %lld", (long long)t->id);
    return true;
}

static int read_tokens(struct ax_roll *r, struct ax_sql *sql, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    ax_stmt_begin(&q, sql,
                  "SELECT id, digest, expires, used, role, tenant,"
                  "  CASE user WHEN '' THEN name ELSE user END, certificate FROM auth_token"
                  " WHERE revoked = 0 AND (user = '' OR EXISTS"
                  "  (SELECT 1 FROM auth_user u WHERE u.name = auth_token.user AND NOT disabled))");
    while (ax_stmt_row(&q)) {
        if (r->ntokens == cap) {
            cap = cap ? cap * 2 : 16;
            r->tokens = ax_realloc(r->tokens, cap * sizeof *r->tokens);
        }
        r->ntokens += take_token(r, &q, &r->tokens[r->ntokens]);
    }
    return ax_stmt_end(&q, "reading the tokens of", err);
}

static int read_users(struct ax_roll *r, struct ax_sql *sql, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    ax_stmt_begin(&q, sql,
                  "SELECT name, tenant, role, password FROM auth_user WHERE NOT disabled"
                  " ORDER BY name");
    while (ax_stmt_row(&q)) {
        if (r->nusers == cap) {
            cap = cap ? cap * 2 : 16;
            r->users = ax_realloc(r->users, cap * sizeof *r->users);
        }
        struct ax_roll_user *u = &r->users[r->nusers];
        if (!ax_role_parse(ax_stmt_col(&q, 2), &u->role))
            continue;
        u->name = ax_arena_str(&r->arena, ax_stmt_col(&q, 0));
        u->tenant = ax_arena_str(&r->arena, ax_stmt_col(&q, 1));
        u->password = ax_arena_cstr(&r->arena, ax_stmt_col(&q, 3));
        r->nusers++;
    }
    return ax_stmt_end(&q, "reading the users of", err);
}

static size_t home(const struct ax_roll *r, const uint8_t digest[AX_DIGEST])
{
    size_t at;
    memcpy(&at, digest, sizeof at);
    return at & r->mask;
}

static void index_tokens(struct ax_roll *r)
{
    size_t slots = 16;
    while (slots < 2 * r->ntokens)
        slots *= 2;
    r->mask = slots - 1;
    r->slots = ax_calloc(slots, sizeof *r->slots);
    for (size_t i = 0; i < r->ntokens; i++) {
        size_t at = home(r, r->tokens[i].digest);
        while (r->slots[at])
            at = (at + 1) & r->mask;
        r->slots[at] = (uint32_t)i + 1;
    }
}

int ax_roll_read(struct ax_roll **out, struct ax_sql *sql, struct ax_err *err)
{
    struct ax_roll *r = ax_calloc(1, sizeof *r);
    ax_sql_lock(sql);
    int rc = read_tokens(r, sql, err);
    if (rc == 0)
        rc = read_users(r, sql, err);
    ax_sql_unlock(sql);
    if (rc < 0) {
        ax_roll_free(r);
        return rc;
    }
    index_tokens(r);
    *out = r;
    return 0;
}

void ax_roll_free(struct ax_roll *r)
{
    if (!r)
        return;
    free(r->tokens);
    free(r->users);
    free(r->slots);
    ax_arena_free(&r->arena);
    free(r);
}

struct ax_roll_token *ax_roll_token(const struct ax_roll *r, const uint8_t digest[AX_DIGEST])
{
    for (size_t at = home(r, digest); r->slots[at]; at = (at + 1) & r->mask) {
        struct ax_roll_token *t = &r->tokens[r->slots[at] - 1];
        if (ax_secret_eq(t->digest, digest, AX_DIGEST))
            return t;
    }
    return NULL;
}

static int by_name(const void *name, const void *user)
{
    return ax_str_cmp(*(const struct ax_str *)name, ((const struct ax_roll_user *)user)->name);
}

const struct ax_roll_user *ax_roll_user(const struct ax_roll *r, struct ax_str name)
{
    return r->nusers ? bsearch(&name, r->users, r->nusers, sizeof *r->users, by_name) : NULL;
}
