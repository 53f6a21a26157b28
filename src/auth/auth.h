// SPDX-License-Identifier: Apache-2.0
/* Who asks, and what they may: tokens and users in the shared database, OpenStack Keystone behind
 * it, roles.
 *
 *   request's headers --> ax_auth_check --> struct ax_who --> ax_who_may, ax_who_tenant
 *                             |
 *                token: the roll, all tokens and users in memory (a hash and a look)
 *                TLS client certificate: the roll, by its fingerprint
 *                user and password: argon2id, with a cache of those that were right lately
 *                another token: Keystone, with a cache (keystone.c)
 *
 * A token is "axt_" and 256 random bits; the database has only its SHA-256, so a stolen database
 * holds no token. It is found by that hash in a table. How long the table takes could tell where
 * the hash of a guess differs from a stored one, but nobody can aim a guess by its hash; the match
 * itself is compared in constant time.
 *
 * A client certificate that the TLS listener has verified stands in the same table by its SHA-256
 * fingerprint, marked as what it is: fingerprints are no secrets, so no text of a token may ever be
 * taken for one. Role, end and revocation are as a token's.
 *
 * All tokens and users are kept in memory (some 200 bytes each, AX_AUTH_TOKENS_MAX at most): a
 * check never waits for the database, a flood of wrong tokens takes no memory, and needs no cache
 * that it could wash away. A change made here is in force when the call returns; a change by
 * another process (auspex admin token revoke) with the next ax_auth_tick, which looks twice a
 * second.
 *
 * Threads: any, but open, close and tick. Errors of a check, and what HTTP calls them:
 *   -ENOKEY no credentials (401)           -EKEYREJECTED wrong, revoked, disabled (401)
 *   -EKEYEXPIRED expired (401)             -EPERM known, but may not (403)
 *   -EAGAIN too many failures (429)        -EBUSY, -EHOSTUNREACH cannot tell now (503) */
#ifndef AX_AUTH_AUTH_H
#define AX_AUTH_AUTH_H

#include "base/arena.h"
#include "base/err.h"

/* ---- roles (role.c) ---- */

/* Bits: who comes from Keystone may have several, and then may what any of them may. */
enum ax_role {
    AX_ROLE_PROVIDER = 1, /* runs the hosts: everything, of every tenant */
    AX_ROLE_MEMBER = 2,   /* all of the tenant's API */
    AX_ROLE_READER = 4,
    AX_ROLE_AGENT = 8,     /* sends samples and observations, sees nothing */
    AX_ROLE_DELEGATE = 16, /* posts and reads for other tenants */
};

enum ax_may {
    AX_MAY_READ = 1,
    AX_MAY_WRITE = 2,  /* samples and observations */
    AX_MAY_DEFINE = 4, /* alarms, notification methods, silences */
    AX_MAY_ADMIN = 8, /* what concerns the whole server or cannot be undone: deletions, snapshots */
    AX_MAY_OTHER_TENANT = 16,
    AX_MAY_CONSENT = 32, /* allow others to look into the tenant's own VMs; not the provider's */
    AX_MAY_COLLECT = 64, /* do a collector's work: look into VMs of its host where it is granted */
};

/*              READ  WRITE  DEFINE  ADMIN  OTHER_TENANT  CONSENT  COLLECT
 *   provider    x      x      x       x         x                    x
 *   member      x      x      x                             x
 *   reader      x
 *   agent              x                                             x
 *   delegate    x      x                        x
 * May one of these roles do all of `what`? Several bits of each are fine. */
bool ax_role_may(unsigned roles, unsigned what);
const char *ax_role_name(enum ax_role role);
bool ax_role_parse(struct ax_str name, enum ax_role *out);
#define AX_ROLE_NAMES "provider, member, reader, agent or delegate"

/* ---- who (role.c) ---- */

#define AX_WHO_TENANT 150
#define AX_WHO_NAME   128

struct ax_who {
    unsigned roles;
    int64_t expires; /* ms; 0 = never */
    char tenant[AX_WHO_TENANT + 1];
    char name[AX_WHO_NAME + 1]; /* of the user, else of the token; for the log */
};

/* -EPERM with a sentence when they may not. */
int ax_who_may(const struct ax_who *w, unsigned what, struct ax_err *err);
/* Whose things a request is about: `asked` as the request has it, or empty for their own. -EPERM
 * when it is another's and they may not, -EINVAL when it is no tenant's name. The view lives as
 * long as w and asked. */
int ax_who_tenant(const struct ax_who *w, struct ax_str asked, struct ax_str *out,
                  struct ax_err *err);

/* ---- Keystone (keystone.c) ---- */

struct ax_keystone_options {
    const char *url; /* https://keystone:5000/v3; "/v3" may be missing */
    /* The service's own user, which validates others' tokens (role admin or service). */
    const char *user, *password, *project;
    const char *user_domain, *project_domain; /* names; NULL = "Default" */
    const char *provider_role;                /* whose holders are providers; NULL = none */
    const char *ca_file;                      /* PEM; NULL = the system's */
    int64_t cache_ms;                         /* 0 = 5 min */
    int64_t timeout_ms;                       /* 0 = 5 s */
};

/* ---- the room ---- */

#define AX_AUTH_TOKENS_MAX 200000

struct ax_auth;
struct ax_auth_options {
    struct ax_sql *sql;
    const struct ax_keystone_options *keystone; /* NULL = none; copied */
};
int ax_auth_open(struct ax_auth **out, const struct ax_auth_options *o, struct ax_err *err);
void ax_auth_close(struct ax_auth *a); /* NULL is fine */
/* To be called a few times a second: takes over what other processes changed, and writes down
 * when tokens were used (to 10 minutes). After an error all goes on with what was known. */
int ax_auth_tick(struct ax_auth *a, int64_t now, struct ax_err *err);

/* What a request says of itself: values of headers, empty when absent. */
struct ax_claim {
    struct ax_str x_auth_token;  /* X-Auth-Token: TOKEN; when it is there nothing else counts */
    struct ax_str authorization; /* Authorization: Bearer TOKEN, or Basic USER:PASSWORD */
    /* When there is neither: the SHA-256 of the connection's certificate, verified; or, when it has
     * one that could not be verified, why. */
    struct ax_str certificate, certificate_fault;
    struct ax_str peer; /* the address that it came from, 4 or 16 bytes; empty = local */
};
/* A token may also be sent as the password of any user: some clients know only Basic. */
int ax_auth_check(struct ax_auth *a, const struct ax_claim *c, int64_t now, struct ax_who *out,
                  struct ax_err *err);
/* The same where waiting is not possible: -EINPROGRESS when a password has to be hashed or Keystone
 * to be asked, which is then done by ax_auth_check on another thread. */
int ax_auth_check_quick(struct ax_auth *a, const struct ax_claim *c, int64_t now,
                        struct ax_who *out, struct ax_err *err);

struct ax_auth_stats {
    uint64_t tokens, users;     /* in force */
    uint64_t accepted, refused; /* checks */
    uint64_t passwords;         /* that took argon2id */
    uint64_t throttled;         /* checks refused by the limit of failures */
    uint64_t keystone_asked;    /* validations sent to Keystone */
    uint64_t keystone_away;     /* checks that it could not be asked for */
};
void ax_auth_stats(struct ax_auth *a, struct ax_auth_stats *out);

/* ---- tokens (tokens.c) ---- */

#define AX_TOKEN_TEXT 48 /* "axt_", 43 characters, NUL */

struct ax_token { /* views in the caller's memory, or in the arena of ax_auth_tokens */
    int64_t id;
    struct ax_str tenant;
    enum ax_role role;
    struct ax_str name;                      /* what it is for; up to AX_WHO_NAME bytes */
    struct ax_str user;                      /* of a login, else empty */
    struct ax_str fingerprint;               /* of a certificate, in hex; empty: a token */
    int64_t created, expires, used, revoked; /* ms; 0 = not, never */
};

/* Reads tenant, role, name, user and expires of *t. The text is in no other place than `text`, and
 * cannot be had again. -EINVAL bad names or an end in the past, -ENOSPC too many tokens. */
int ax_auth_token_add(struct ax_auth *a, const struct ax_token *t, int64_t now,
                      char text[AX_TOKEN_TEXT], int64_t *id, struct ax_err *err);
int ax_auth_tokens(struct ax_auth *a, struct ax_arena *arena, struct ax_token **out, size_t *n,
                   struct ax_err *err); /* in the order in which they were made */
int ax_auth_token_revoke(struct ax_auth *a, int64_t id, int64_t now,
                         struct ax_err *err); /* -ENOENT */

/* A client certificate, by its SHA-256 in hex, with or without colons. As a token; -EEXIST when one
 * in force is there. Listed and revoked with the tokens. */
int ax_auth_certificate_add(struct ax_auth *a, const struct ax_token *t, struct ax_str fingerprint,
                            int64_t now, int64_t *id, struct ax_err *err);

/* ---- users (users.c) ---- */

#define AX_PASSWORD_MIN 8
#define AX_PASSWORD_MAX 1024

struct ax_user {
    struct ax_str name, tenant;
    enum ax_role role;
    bool disabled;
    int64_t created;
};

/* -EINVAL bad names or a password that is too short, -EEXIST. */
int ax_auth_user_add(struct ax_auth *a, const struct ax_user *u, struct ax_str password,
                     int64_t now, struct ax_err *err);
int ax_auth_users(struct ax_auth *a, struct ax_arena *arena, struct ax_user **out, size_t *n,
                  struct ax_err *err); /* by name */
/* All three end the user's logins, enabling aside. -ENOENT. */
int ax_auth_user_password(struct ax_auth *a, struct ax_str name, struct ax_str password,
                          struct ax_err *err);
int ax_auth_user_disable(struct ax_auth *a, struct ax_str name, bool disabled, struct ax_err *err);
int ax_auth_user_remove(struct ax_auth *a, struct ax_str name, struct ax_err *err);

/* A token for lifetime_ms in exchange for a password, of the user's tenant, or of `tenant` where
 * the role may act for others; a user keeps the newest 32 of these. Errors as a check's. */
int ax_auth_login(struct ax_auth *a, struct ax_str user, struct ax_str password,
                  struct ax_str tenant, struct ax_str peer, int64_t now, int64_t lifetime_ms,
                  char text[AX_TOKEN_TEXT], struct ax_who *who, struct ax_err *err);
/* Ends the token of the claim if a login has made it: others are their keeper's to revoke. */
int ax_auth_logout(struct ax_auth *a, const struct ax_claim *c, bool *ended, struct ax_err *err);

#endif
