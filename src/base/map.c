// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <xxhash.h>

struct ax_map_slot {
    struct ax_str key; /* key.p == NULL: free */
    uint64_t hash, value;
};

uint64_t ax_hash(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

uint64_t ax_hash_secret(const void *p, size_t n, uint64_t secret)
{
    return XXH3_64bits_withSeed(p, n, secret);
}

uint64_t ax_map_secret(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    return random ? ax_hash(random, 16) : 0;
}

static struct ax_map_slot *find(const struct ax_map *m, struct ax_str key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct ax_map_slot *s = &m->slots[i];
        if (!s->key.p || (s->hash == hash && ax_str_eq(s->key, key)))
            return s;
    }
}

bool ax_map_get(const struct ax_map *m, struct ax_str key, uint64_t *out)
{
    if (m->n == 0)
        return false;
    const struct ax_map_slot *s = find(m, key, ax_hash_secret(key.p, key.n, m->secret));
    if (s->key.p && out)
        *out = s->value;
    return s->key.p != NULL;
}

static void grow(struct ax_map *m)
{
    struct ax_map old = *m;
    m->cap = old.cap ? old.cap * 2 : 16;
    m->slots = ax_calloc(m->cap, sizeof *m->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key.p)
            *find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

bool ax_map_put(struct ax_map *m, struct ax_str key, uint64_t value)
{
    if (!key.p)
        key.p = ""; /* NULL marks a free slot */
    if (m->n * 4 >= m->cap * 3)
        grow(m);
    uint64_t hash = ax_hash_secret(key.p, key.n, m->secret);
    struct ax_map_slot *s = find(m, key, hash);
    bool known = s->key.p != NULL;
    if (!known)
        m->n++;
    *s = (struct ax_map_slot){known ? s->key : key, hash, value};
    return known;
}

bool ax_map_next(const struct ax_map *m, size_t *pos, struct ax_str *key, uint64_t *value)
{
    while (*pos < m->cap) {
        const struct ax_map_slot *s = &m->slots[(*pos)++];
        if (!s->key.p)
            continue;
        *key = s->key;
        *value = s->value;
        return true;
    }
    return false;
}

void ax_map_clear(struct ax_map *m)
{
    if (m->slots)
        memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->n = 0;
}

void ax_map_free(struct ax_map *m)
{
    free(m->slots);
    *m = (struct ax_map)AX_MAP_INIT;
}
