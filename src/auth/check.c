// SPDX-License-Identifier: Apache-2.0
/* From what a request says of itself to who it is from. */
#include "auth/inner.h"

#include <errno.h>
#include <strings.h>

#define PASSWORD_MS (5 * 60 * 1000) /* how long a right password need not be hashed again */
#define BASIC_MAX   2048

static int throttle(const struct ax_check *k, enum ax_peers_kind kind)
{
    if (ax_peers_may(k->auth->peers, kind, k->peer, k->now))
        return 0;
    k->auth->throttled++;
    return ax_fail(k->err, -EAGAIN,
                   "too many refused attempts from this address: wait some seconds");
}

/* Before anything that takes its time: may this peer have it, and may it be now? */
static int may_take_time(const struct ax_check *k, enum ax_peers_kind kind)
{
    int rc = throttle(k, kind);
    return rc < 0 || k->wait ? rc : ax_fail(k->err, -EINPROGRESS, "this takes its time");
}

/* ---- users ---- */

static void password_key(const struct ax_auth *a, struct ax_str user, struct ax_str password,
                         const char *encoded, uint8_t key[AX_DIGEST])
{
    const struct ax_str parts[] = {
        {(const char *)a->key, sizeof a->key}, user, {"", 1}, ax_str(encoded), {"", 1}, password};
    ax_secret_digest(parts, AX_ARRAY_LEN(parts), key);
}

/* The user's encoded password, empty for one that is not there or disabled. */
static void find_user(struct ax_auth *a, struct ax_str name, char encoded[AX_PASSWORD_TEXT],
                      struct ax_who *who)
{
    encoded[0] = '\0';
    pthread_rwlock_rdlock(&a->lock);
    const struct ax_roll_user *u = ax_roll_user(a->roll, name);
    if (u && strlen(u->password) < AX_PASSWORD_TEXT) {
        memcpy(encoded, u->password, strlen(u->password) + 1);
        ax_who_fill(who, u->role, u->tenant, u->name, 0);
    }
    pthread_rwlock_unlock(&a->lock);
}

/* Those that waited for the same password find it in the cache. 1 right, 0 wrong, or an error. */
static int verify(const struct ax_check *k, const uint8_t key[AX_DIGEST], const char *encoded,
                  struct ax_str password)
{
    struct ax_auth *a = k->auth;
    if (*encoded && ax_cache_get(a->passwords, key, k->now, NULL))
        return 1;
    int rc = may_take_time(k, AX_PEERS_PASSWORD);
    if (rc < 0)
        return rc;
    if (!ax_gate_enter(&a->gate))
        return ax_fail(k->err, -EBUSY, "too many passwords are being checked: try again");
    bool right = ax_cache_get(a->passwords, key, k->now, NULL);
    if (!right) {
        a->argon2++;
        right = ax_password_right(*encoded ? encoded : NULL, password);
        if (right)
            ax_cache_put(a->passwords, key, k->now + PASSWORD_MS, NULL);
    }
    ax_gate_leave(&a->gate);
    return right;
}

int ax_check_password(const struct ax_check *k, struct ax_str user, struct ax_str password,
                      struct ax_who *out)
{
    char encoded[AX_PASSWORD_TEXT];
    uint8_t key[AX_DIGEST];
    struct ax_who who;
    find_user(k->auth, user, encoded, &who);
    password_key(k->auth, user, password, encoded, key);
    int right = verify(k, key, encoded, password);
    if (right < 0)
        return right;
    if (!right) {
        ax_peers_failed(k->auth->peers, AX_PEERS_PASSWORD, k->peer, k->now);
        return ax_fail(k->err, -EKEYREJECTED, "the user's name or password is wrong");
    }
    *out = who;
    return 0;
}

/* ---- tokens ---- */

/* What is in the roll with this digest, if it is of the same kind. */
static int check_roll(const struct ax_check *k, const uint8_t digest[AX_DIGEST], bool certificate,
                      struct ax_who *out)
{
    struct ax_auth *a = k->auth;
    const char *what = certificate ? "client certificate" : "token";
    pthread_rwlock_rdlock(&a->lock);
    struct ax_roll_token *t = ax_roll_token(a->roll, digest);
    bool known = t && t->certificate == certificate;
    bool expired = known && t->expires && t->expires <= k->now;
    if (known && !expired) {
        ax_who_fill(out, t->role, t->tenant, t->name, t->expires);
        if (k->now - t->used >= 1000)
            t->used = k->now;
    }
    pthread_rwlock_unlock(&a->lock);
    if (expired)
        return ax_fail(k->err, -EKEYEXPIRED, "the %s has expired", what);
    return known ? 0
                 : ax_fail(k->err, -EKEYREJECTED, "the %s is not valid (unknown or revoked)", what);
}

static int check_own(const struct ax_check *k, struct ax_str token, struct ax_who *out)
{
    uint8_t digest[AX_DIGEST];
    ax_secret_digest(&token, 1, digest);
    return check_roll(k, digest, false, out);
}

static int check_keystone(const struct ax_check *k, struct ax_str token, struct ax_who *out)
{
    int rc;
    if (ax_keystone_known(k->auth->keystone, token, k->now, &rc, out, k->err))
        return rc;
    rc = may_take_time(k, AX_PEERS_KEYSTONE);
    return rc < 0 ? rc : ax_keystone_check(k->auth->keystone, token, k->now, out, k->err);
}

/* Counts what was rejected against its sender. */
static int rejected(const struct ax_check *k, enum ax_peers_kind kind, int rc)
{
    if (rc != -EKEYREJECTED)
        return rc;
    int slow = throttle(k, kind);
    if (slow == 0)
        ax_peers_failed(k->auth->peers, kind, k->peer, k->now);
    return slow < 0 ? slow : rc;
}

static int check_token(const struct ax_check *k, struct ax_str token, struct ax_who *out)
{
    if (ax_token_is(token) || !k->auth->keystone)
        return rejected(k, AX_PEERS_TOKEN, check_own(k, token, out));
    return rejected(k, AX_PEERS_KEYSTONE, check_keystone(k, token, out));
}

/* The handshake has shown that the sender has its key. */
static int check_certificate(const struct ax_check *k, const struct ax_claim *c, struct ax_who *out)
{
    if (c->certificate.n != AX_DIGEST)
        return ax_fail(k->err, -EKEYREJECTED, "the client certificate is not accepted: %.*s",
                       AX_STR_ARG(c->certificate_fault));
    return rejected(k, AX_PEERS_TOKEN, check_roll(k, (const uint8_t *)c->certificate.p, true, out));
}

/* ---- headers ---- */

static int check_basic(const struct ax_check *k, struct ax_str coded, struct ax_who *out)
{
    char text[BASIC_MAX];
    size_t n;
    struct ax_str user;
    if (!ax_base64_decode(coded, text, sizeof text, &n) || !memchr(text, ':', n))
        return ax_fail(k->err, -EKEYREJECTED,
                       "the Authorization header is invalid (expected Basic and base64 of "
                       "USER:PASSWORD)");
    struct ax_str rest = {text, n};
    ax_str_cut(&rest, ':', &user);
    int rc = ax_token_is(rest) ? check_token(k, rest, out) : ax_check_password(k, user, rest, out);
    explicit_bzero(text, n);
    return rc;
}

static bool scheme_is(struct ax_str scheme, const char *name)
{
    return scheme.n == strlen(name) && strncasecmp(scheme.p, name, scheme.n) == 0;
}

struct ax_str ax_claim_token(const struct ax_claim *c)
{
    struct ax_str rest = ax_str_trim(c->authorization), scheme = AX_STR_NULL;
    if (c->x_auth_token.n)
        return ax_str_trim(c->x_auth_token);
    return ax_str_cut(&rest, ' ', &scheme) && scheme_is(scheme, "Bearer") ? ax_str_trim(rest)
                                                                          : AX_STR("");
}

static int check(const struct ax_check *k, const struct ax_claim *c, struct ax_who *out)
{
    struct ax_str rest = ax_str_trim(c->authorization), scheme;
    if (c->x_auth_token.n)
        return check_token(k, ax_str_trim(c->x_auth_token), out);
    if (rest.n == 0 && (c->certificate.n || c->certificate_fault.n))
        return check_certificate(k, c, out);
    if (rest.n == 0)
        return ax_fail(k->err, -ENOKEY,
                       "this server wants to know who asks: send a token as `Authorization: Bearer "
                       "TOKEN` or `X-Auth-Token: TOKEN`, or a user and password (Basic)");
    ax_str_cut(&rest, ' ', &scheme);
    rest = ax_str_trim(rest);
    if (scheme_is(scheme, "Bearer"))
        return check_token(k, rest, out);
    if (scheme_is(scheme, "Basic"))
        return check_basic(k, rest, out);
    return ax_fail(k->err, -EKEYREJECTED,
                   "the Authorization header has an unknown scheme (expected Bearer or Basic)");
}

static int count(struct ax_auth *a, int rc)
{
    if (rc == 0)
        a->accepted++;
    else if (rc != -EINPROGRESS)
        a->refused++;
    return rc;
}

int ax_auth_check(struct ax_auth *a, const struct ax_claim *c, int64_t now, struct ax_who *out,
                  struct ax_err *err)
{
    struct ax_check k = {a, c->peer, now, true, err};
    return count(a, check(&k, c, out));
}

int ax_auth_check_quick(struct ax_auth *a, const struct ax_claim *c, int64_t now,
                        struct ax_who *out, struct ax_err *err)
{
    struct ax_check k = {a, c->peer, now, false, err};
    return count(a, check(&k, c, out));
}
