// SPDX-License-Identifier: Apache-2.0
/* Inside the room: what its files share. */
#ifndef AX_AUTH_INNER_H
#define AX_AUTH_INNER_H

#include "auth/cache.h"
#include "auth/keystone.h"
#include "auth/password.h"
#include "auth/peers.h"
#include "auth/roll.h"

#include <pthread.h>

struct ax_auth {
    struct ax_sql *sql;
    pthread_rwlock_t lock; /* of roll, the pointer: readers copy what they need and let go */
    struct ax_roll *roll;
    pthread_mutex_t change; /* one makes a new roll at a time */
    int64_t seen;           /* the database's data_version */
    int64_t next_look, next_note, next_prune;

    struct ax_peers *peers;
    struct ax_gate gate;
    struct ax_cache *passwords; /* right ones, by a digest with `key` */
    uint8_t key[AX_DIGEST];
    struct ax_keystone *keystone; /* or NULL */

    _Atomic uint64_t accepted, refused, argon2, throttled;
};

/* Makes the roll what the database is now. */
int ax_auth_reload(struct ax_auth *a, struct ax_err *err);
/* ax_sql_end, and when all went well the reload. */
int ax_auth_changed(struct ax_auth *a, int rc, struct ax_err *err);

/* -EINVAL unless it may be a name in a list and in a log: UTF-8, printable, not too long. */
int ax_auth_text_ok(const char *what, struct ax_str s, struct ax_err *err);

/* What a check is done with. */
struct ax_check {
    struct ax_auth *auth;
    struct ax_str peer;
    int64_t now;
    bool wait; /* else -EINPROGRESS where it takes its time */
    struct ax_err *err;
};
/* The token of X-Auth-Token or Bearer, else empty. */
struct ax_str ax_claim_token(const struct ax_claim *c);
int ax_check_password(const struct ax_check *k, struct ax_str user, struct ax_str password,
                      struct ax_who *out);

/* Names too long are cut. */
void ax_who_fill(struct ax_who *w, unsigned roles, struct ax_str tenant, struct ax_str name,
                 int64_t expires);

#endif
