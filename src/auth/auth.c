// SPDX-License-Identifier: Apache-2.0
/* The room as a whole: the tables, and the roll that follows them. */
#include "auth/inner.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_MS         500
#define NOTE_MS         60000
#define NOTED_TO_MS     600000 /* how exactly the database knows when a token was used */
#define PRUNE_MS        3600000
#define KEPT_EXPIRED_MS (30ll * 86400 * 1000)
#define PASSWORD_SETS   256

static const char *const steps[] = {
    "CREATE TABLE auth_user("
    "  name TEXT PRIMARY KEY, tenant TEXT NOT NULL, role TEXT NOT NULL, password TEXT NOT NULL,"
    "  disabled INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE auth_token("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,"
    "  role TEXT NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL, created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL, used INTEGER NOT NULL, revoked INTEGER NOT NULL);"
    "CREATE INDEX auth_token_of_user ON auth_token(user) WHERE user <> '';",
    "ALTER TABLE auth_token ADD COLUMN certificate INTEGER NOT NULL DEFAULT 0;",
};

/* Changes when another connection has written; 0 when it cannot be told, which it never is. */
static int64_t data_version(struct ax_auth *a)
{
    struct ax_stmt q;
    ax_sql_lock(a->sql);
    ax_stmt_begin(&q, a->sql, "PRAGMA data_version");
    int64_t version = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : 0;
    int rc = ax_stmt_end(&q, "looking at", NULL);
    ax_sql_unlock(a->sql);
    return rc < 0 ? 0 : version;
}

/* ---- the roll ---- */

/* Writes down when tokens were used, where it is news. */
static int note_used(struct ax_auth *a, struct ax_err *err)
{
    int rc = 0;
    bool begun = false;
    for (size_t i = 0; i < a->roll->ntokens && rc == 0; i++) {
        struct ax_roll_token *t = &a->roll->tokens[i];
        int64_t used = t->used;
        struct ax_stmt q;
        if (used - t->noted < NOTED_TO_MS)
            continue;
        if (!begun && (rc = ax_sql_begin(a->sql, err)) < 0)
            return rc;
        begun = true;
        ax_stmt_begin(&q, a->sql, "UPDATE auth_token SET used = max(used, ?) WHERE id = ?");
        ax_stmt_int(&q, used);
        ax_stmt_int(&q, t->id);
        rc = ax_stmt_run(&q, "noting in", err);
        t->noted = used;
    }
    return begun ? ax_sql_end(a->sql, rc, err) : rc;
}

/* What was not written down yet is not forgotten. */
static void carry_used(const struct ax_roll *from, struct ax_roll *to)
{
    for (size_t i = 0; i < to->ntokens; i++) {
        const struct ax_roll_token *t = ax_roll_token(from, to->tokens[i].digest);
        if (t && t->used > to->tokens[i].used)
            to->tokens[i].used = t->used;
    }
}

int ax_auth_reload(struct ax_auth *a, struct ax_err *err)
{
    struct ax_roll *fresh = NULL;
    pthread_mutex_lock(&a->change);
    int64_t seen = data_version(a); /* before: what comes meanwhile is seen as new again */
    int rc = ax_roll_read(&fresh, a->sql, err);
    if (rc == 0) {
        pthread_rwlock_wrlock(&a->lock);
        struct ax_roll *old = a->roll;
        if (old)
            carry_used(old, fresh);
        a->roll = fresh;
        a->seen = seen;
        pthread_rwlock_unlock(&a->lock);
        ax_roll_free(old);
    }
    pthread_mutex_unlock(&a->change);
    return rc;
}

int ax_auth_changed(struct ax_auth *a, int rc, struct ax_err *err)
{
    rc = ax_sql_end(a->sql, rc, err);
    return rc < 0 ? rc : ax_auth_reload(a, err);
}

static int prune(struct ax_auth *a, int64_t now, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(a->sql);
    ax_stmt_begin(&q, a->sql, "DELETE FROM auth_token WHERE expires > 0 AND expires < ?");
    ax_stmt_int(&q, now - KEPT_EXPIRED_MS);
    int rc = ax_stmt_run(&q, "pruning", err);
    ax_sql_unlock(a->sql);
    return rc;
}

int ax_auth_tick(struct ax_auth *a, int64_t now, struct ax_err *err)
{
    int rc = 0;
    if (now >= a->next_look || a->next_look > now + LOOK_MS) {
        a->next_look = now + LOOK_MS;
        if (data_version(a) != a->seen)
            rc = ax_auth_reload(a, err);
    }
    if (rc == 0 && now >= a->next_note) {
        a->next_note = now + NOTE_MS;
        pthread_mutex_lock(&a->change); /* the roll stays */
        rc = note_used(a, err);
        pthread_mutex_unlock(&a->change);
    }
    if (rc == 0 && now >= a->next_prune) {
        a->next_prune = now + PRUNE_MS;
        rc = prune(a, now, err);
    }
    return rc;
}

/* ---- names ---- */

int ax_auth_text_ok(const char *what, struct ax_str s, struct ax_err *err)
{
    bool ok = s.n <= AX_WHO_NAME && ax_str_utf8(s);
    for (size_t i = 0; i < s.n; i++)
        ok = ok && (unsigned char)s.p[i] >= 32 && s.p[i] != 127;
    return ok ? 0
              : ax_fail(err, -EINVAL,
                        "%s is invalid (expected at most %d bytes of printable UTF-8)", what,
                        AX_WHO_NAME);
}

void ax_who_fill(struct ax_who *w, unsigned roles, struct ax_str tenant, struct ax_str name,
                 int64_t expires)
{
    AX_ASSERT(tenant.n <= AX_WHO_TENANT);
    if (name.n > AX_WHO_NAME)
        name.n = AX_WHO_NAME;
    w->roles = roles;
    w->expires = expires;
    memcpy(w->tenant, tenant.p, tenant.n);
    w->tenant[tenant.n] = '\0';
    memcpy(w->name, name.p, name.n);
    w->name[name.n] = '\0';
}

/* ---- beginning and end ---- */

/* A change waits for the checks under way, not for those that follow: a revoked token is one. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &kind);
    pthread_rwlockattr_destroy(&kind);
}

int ax_auth_open(struct ax_auth **out, const struct ax_auth_options *o, struct ax_err *err)
{
    int rc = ax_sql_schema(o->sql, "auth", steps, AX_ARRAY_LEN(steps), err);
    if (rc < 0)
        return rc;
    struct ax_auth *a = ax_calloc(1, sizeof *a);
    a->sql = o->sql;
    init_lock(&a->lock);
    pthread_mutex_init(&a->change, NULL);
    ax_gate_init(&a->gate);
    a->peers = ax_peers_new();
    a->passwords = ax_cache_new(PASSWORD_SETS);
    ax_secret_random(a->key, sizeof a->key);
    rc = ax_auth_reload(a, err);
    if (rc == 0 && o->keystone)
        rc = ax_keystone_new(&a->keystone, o->keystone, err);
    if (rc < 0)
        ax_auth_close(a);
    else
        *out = a;
    return rc;
}

void ax_auth_close(struct ax_auth *a)
{
    if (!a)
        return;
    if (a->roll)
        note_used(a, NULL); /* the server ends: what cannot be noted is a time to ten minutes */
    ax_keystone_free(a->keystone);
    ax_cache_free(a->passwords);
    ax_peers_free(a->peers);
    ax_gate_destroy(&a->gate);
    ax_roll_free(a->roll);
    pthread_mutex_destroy(&a->change);
    pthread_rwlock_destroy(&a->lock);
    explicit_bzero(a->key, sizeof a->key);
    free(a);
}

void ax_auth_stats(struct ax_auth *a, struct ax_auth_stats *out)
{
    *out = (struct ax_auth_stats){.accepted = a->accepted,
                                  .refused = a->refused,
                                  .passwords = a->argon2,
                                  .throttled = a->throttled};
    pthread_rwlock_rdlock(&a->lock);
    out->tokens = a->roll->ntokens;
    out->users = a->roll->nusers;
    pthread_rwlock_unlock(&a->lock);
    if (a->keystone)
        ax_keystone_stats(a->keystone, &out->keystone_asked, &out->keystone_away);
}
