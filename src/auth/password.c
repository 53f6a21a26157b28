// SPDX-License-Identifier: Apache-2.0
#include "auth/password.h"

#include "auth/secret.h"

#include <argon2.h>
#include <errno.h>

/* OWASP's recommendation of 2023 for argon2id. */
#define MEMORY_KIB 19456
#define PASSES     2
#define LANES      1
#define SALT       16
#define HASH       32

#define AT_ONCE 2
#define WAITING 4

int ax_password_hash(struct ax_str password, char out[AX_PASSWORD_TEXT], struct ax_err *err)
{
    uint8_t salt[SALT];
    if (password.n < AX_PASSWORD_MIN || password.n > AX_PASSWORD_MAX)
        return ax_fail(err, -EINVAL, "a password has %d to %d bytes, this one %zu", AX_PASSWORD_MIN,
                       AX_PASSWORD_MAX, password.n);
    ax_secret_random(salt, sizeof salt);
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.p, password.n, salt,
                                   sizeof salt, HASH, out, AX_PASSWORD_TEXT);
    return rc == ARGON2_OK ? 0 : ax_fail(err, -EIO, "hashing: %s", argon2_error_message(rc));
}

bool ax_password_right(const char *encoded, struct ax_str password)
{
    static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if (password.n > AX_PASSWORD_MAX)
        return false;
    bool same = argon2id_verify(encoded ? encoded : nobody, password.p, password.n) == ARGON2_OK;
    return encoded && same;
}

void ax_gate_init(struct ax_gate *g)
{
    *g = (struct ax_gate){0};
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->freed, NULL);
}

void ax_gate_destroy(struct ax_gate *g)
{
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->freed);
}

bool ax_gate_enter(struct ax_gate *g)
{
    pthread_mutex_lock(&g->lock);
    bool may = g->running < AT_ONCE || g->waiting < WAITING;
    if (may) {
        g->waiting++;
        while (g->running == AT_ONCE)
            pthread_cond_wait(&g->freed, &g->lock);
        g->waiting--;
        g->running++;
    }
    pthread_mutex_unlock(&g->lock);
    return may;
}

void ax_gate_leave(struct ax_gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->running--;
    pthread_cond_signal(&g->freed);
    pthread_mutex_unlock(&g->lock);
}
