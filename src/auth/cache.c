// SPDX-License-Identifier: Apache-2.0
#include "auth/cache.h"

#include <pthread.h>
#include <stdlib.h>

#define WAYS 4

struct entry {
    uint8_t key[AX_DIGEST];
    int64_t until; /* 0: empty */
    struct ax_who who;
};

struct ax_cache {
    pthread_mutex_t lock;
    size_t sets;
    struct entry v[];
};

struct ax_cache *ax_cache_new(size_t sets)
{
    AX_ASSERT(sets && (sets & (sets - 1)) == 0);
    struct ax_cache *c = ax_calloc(1, sizeof *c + sets * WAYS * sizeof *c->v);
    pthread_mutex_init(&c->lock, NULL);
    c->sets = sets;
    return c;
}

void ax_cache_free(struct ax_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *set_of(struct ax_cache *c, const uint8_t key[AX_DIGEST])
{
    size_t at;
    memcpy(&at, key, sizeof at);
    return c->v + (at & (c->sets - 1)) * WAYS;
}

bool ax_cache_get(struct ax_cache *c, const uint8_t key[AX_DIGEST], int64_t now, struct ax_who *out)
{
    bool found = false;
    pthread_mutex_lock(&c->lock);
    const struct entry *set = set_of(c, key);
    for (size_t i = 0; i < WAYS && !found; i++) {
        found = set[i].until > now && ax_secret_eq(set[i].key, key, AX_DIGEST);
        if (found && out)
            *out = set[i].who;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void ax_cache_put(struct ax_cache *c, const uint8_t key[AX_DIGEST], int64_t until,
                  const struct ax_who *who)
{
    pthread_mutex_lock(&c->lock);
    struct entry *set = set_of(c, key), *place = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (ax_secret_eq(set[i].key, key, AX_DIGEST)) {
            place = &set[i];
            break;
        }
        if (set[i].until < place->until)
            place = &set[i];
    }
    memcpy(place->key, key, AX_DIGEST);
    place->until = until;
    place->who = who ? *who : (struct ax_who){0};
    pthread_mutex_unlock(&c->lock);
}

void ax_cache_clear(struct ax_cache *c)
{
    pthread_mutex_lock(&c->lock);
    memset(c->v, 0, c->sets * WAYS * sizeof *c->v);
    pthread_mutex_unlock(&c->lock);
}
