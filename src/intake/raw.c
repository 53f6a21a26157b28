// SPDX-License-Identifier: Apache-2.0
#include "intake/inner.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define NO_TENANT UINT32_MAX

struct ax_raw {
    struct ax_raw *next; /* atomic: what followed it last, a guess */
    uint64_t hash;
    uint32_t id, tenant, n;
    char bytes[];
};

void ax_raw_table_init(struct ax_raw_table *t, size_t max)
{
    *t = (struct ax_raw_table){.max = max};
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* Decoders hold it most of the time; who remembers must get in between them. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

static void forget_all(struct ax_raw_table *t)
{
    free(t->slots);
    t->slots = NULL;
    t->cap = t->n = t->missed = 0;
    ax_arena_free(&t->bytes);
    ax_map_free(&t->tenants);
}

void ax_raw_table_free(struct ax_raw_table *t)
{
    forget_all(t);
    pthread_rwlock_destroy(&t->lock);
}

static uint64_t hash_of(struct ax_str raw, uint32_t tenant)
{
    return ax_hash(raw.p, raw.n) ^ tenant * 0x9e3779b97f4a7c15u;
}

/* Where the series is, or the free slot where it belongs. */
static struct ax_raw **probe(const struct ax_raw_table *t, struct ax_str raw, uint32_t tenant,
                             uint64_t hash)
{
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct ax_raw *e = t->slots[i];
        if (!e || (e->hash == hash && e->tenant == tenant && e->n == raw.n &&
                   memcmp(e->bytes, raw.p, raw.n) == 0))
            return &t->slots[i];
    }
}

void ax_raw_begin(struct ax_raw_walk *w, struct ax_intake *in, struct ax_str tenant)
{
    struct ax_raw_table *t = ax_intake_raw(in);
    uint64_t number;
    pthread_rwlock_rdlock(&t->lock);
    *w = (struct ax_raw_walk){t, NULL, NO_TENANT};
    if (ax_map_get(&t->tenants, tenant, &number))
        w->tenant = (uint32_t)number;
}

void ax_raw_end(struct ax_raw_walk *w)
{
    pthread_rwlock_unlock(&w->table->lock);
}

size_t ax_raw_follow(struct ax_raw_walk *w, struct ax_str series, char unless, uint32_t *id)
{
    struct ax_raw *e = w->before ? __atomic_load_n(&w->before->next, __ATOMIC_RELAXED) : NULL;
    if (!e || e->tenant != w->tenant || e->n >= series.n || series.p[e->n] == unless ||
        memcmp(e->bytes, series.p, e->n) != 0)
        return 0;
    __builtin_prefetch(__atomic_load_n(&e->next, __ATOMIC_RELAXED));
    w->before = e;
    *id = e->id;
    return e->n;
}

bool ax_raw_find(struct ax_raw_walk *w, struct ax_str raw, uint32_t *id)
{
    struct ax_raw *before = w->before;
    w->before = NULL;
    if (w->tenant == NO_TENANT || !raw.n)
        return false; /* of such a tenant nothing is known, so there may be no slots either */
    struct ax_raw *e = *probe(w->table, raw, w->tenant, hash_of(raw, w->tenant));
    if (!e)
        return false;
    if (before)
        __atomic_store_n(&before->next, e, __ATOMIC_RELAXED);
    w->before = e;
    *id = e->id;
    return true;
}

static void grow(struct ax_raw_table *t)
{
    struct ax_raw **old = t->slots;
    size_t old_cap = t->cap;
    t->cap = old_cap ? old_cap * 2 : 1024;
    t->slots = ax_calloc(t->cap, sizeof(struct ax_raw *));
    for (size_t i = 0; i < old_cap; i++) {
        if (!old[i])
            continue;
        size_t at = old[i]->hash & (t->cap - 1);
        while (t->slots[at])
            at = (at + 1) & (t->cap - 1);
        t->slots[at] = old[i];
    }
    free(old);
}

/* What it takes with one more series, which may bring a tenant along. */
static size_t cost(const struct ax_raw_table *t, size_t n)
{
    size_t slots = t->n * 4 >= t->cap * 3 ? 2 * t->cap : t->cap;
    return t->bytes.used + sizeof(struct ax_raw) + n + slots * sizeof(struct ax_raw *) +
           (t->tenants.cap + t->tenants.n) * 32 + 256;
}

static uint32_t tenant_number(struct ax_raw_table *t, struct ax_str tenant)
{
    uint64_t number = t->tenants.n;
    if (!ax_map_get(&t->tenants, tenant, &number))
        ax_map_put(&t->tenants, ax_arena_str(&t->bytes, tenant), number);
    return (uint32_t)number;
}

static struct ax_raw *add(struct ax_raw_table *t, const struct ax_batch_series *s)
{
    uint32_t tenant = tenant_number(t, ax_labels_get(s->labels, AX_STR(AX_TENANT_LABEL)));
    uint64_t hash = hash_of(s->raw, tenant);
    if (t->n * 4 >= t->cap * 3)
        grow(t);
    struct ax_raw **slot = probe(t, s->raw, tenant, hash);
    if (*slot)
        return *slot; /* another thread was first */
    struct ax_raw *e = ax_arena_alloc(&t->bytes, sizeof *e + s->raw.n);
    *e = (struct ax_raw){.hash = hash, .id = s->id, .tenant = tenant, .n = (uint32_t)s->raw.n};
    memcpy(e->bytes, s->raw.p, s->raw.n);
    *slot = e;
    t->n++;
    return e;
}

void ax_raw_remember(struct ax_raw_table *t, const struct ax_batch *b)
{
    struct ax_raw *before = NULL;
    pthread_rwlock_wrlock(&t->lock);
    if (t->missed > t->n)
        forget_all(t); /* full, and of little use by now */
    for (size_t i = 0; i < b->n; i++) {
        const struct ax_batch_series *s = &b->v[i];
        if (!s->raw.n)
            continue;
        if (cost(t, s->raw.n) > t->max) {
            t->missed++;
            continue;
        }
        struct ax_raw *e = add(t, s);
        if (before)
            __atomic_store_n(&before->next, e, __ATOMIC_RELAXED);
        before = e;
    }
    pthread_rwlock_unlock(&t->lock);
}

size_t ax_raw_bytes(struct ax_raw_table *t)
{
    pthread_rwlock_rdlock(&t->lock);
    size_t n = t->cap ? cost(t, 0) : 0;
    pthread_rwlock_unlock(&t->lock);
    return n;
}
