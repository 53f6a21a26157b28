// SPDX-License-Identifier: Apache-2.0
#include "intake/inner.h"

#include <stdlib.h>
#include <string.h>

void ax_series_table_init(struct ax_series_table *t, uint32_t max, uint32_t max_tenant)
{
    t->max = max < AX_PAGE * AX_PAGES ? max : AX_PAGE * AX_PAGES;
    t->max_tenant = max_tenant;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* Requests hold them most of the time; who changes something must get in between. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->life, &attr);
    pthread_rwlock_init(&t->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

void ax_series_table_free(struct ax_series_table *t)
{
    for (uint32_t id = 0; id < t->n; id++)
        free(ax_series_table_get(t, id));
    for (size_t i = 0; i < AX_PAGES; i++)
        free(t->pages[i]);
    free(t->free);
    ax_ids_free(&t->ids);
    ax_pair_table_free(&t->pairs);
    pthread_rwlock_destroy(&t->lock);
    pthread_rwlock_destroy(&t->life);
}

static struct ax_set **slot(const struct ax_series_table *t, uint32_t id)
{
    return &t->pages[id / AX_PAGE][id % AX_PAGE];
}

struct ax_set *ax_series_table_get(const struct ax_series_table *t, uint32_t id)
{
    struct ax_set **page = __atomic_load_n(&t->pages[id / AX_PAGE], __ATOMIC_ACQUIRE);
    return page ? __atomic_load_n(&page[id % AX_PAGE], __ATOMIC_ACQUIRE) : NULL;
}

/* The same for every order of the pairs. */
static uint32_t hash_of(const uint32_t *pairs, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = (pairs[i] + 1) * 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
        sum += x ^ x >> 32;
    }
    return (uint32_t)(sum ^ sum >> 32);
}

/* A set has no pair twice: when all of its pairs are among as many given ones, it is those. They
 * mostly come in its order. */
static bool has_pairs(const uint32_t *set, const uint32_t *pairs, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t tried = 0;
        for (; tried < n && pairs[at] != set[i]; tried++)
            at = at + 1 < n ? at + 1 : 0;
        if (tried == n)
            return false;
        at = at + 1 < n ? at + 1 : 0;
    }
    return true;
}

uint32_t ax_series_table_find(const struct ax_series_table *t, const uint32_t *pairs, size_t n)
{
    uint32_t hash = hash_of(pairs, n);
    size_t at;
    for (uint32_t id = ax_ids_first(&t->ids, hash, &at); id != AX_SERIES_NONE;
         id = ax_ids_next(&t->ids, hash, &at)) {
        const struct ax_set *s = ax_series_table_get(t, id);
        if (s->n == n && has_pairs(s->pairs, pairs, n))
            return id;
    }
    return AX_SERIES_NONE;
}

static bool is_sorted(const struct ax_series_table *t, const uint32_t *pairs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct ax_label a = ax_pair_label(ax_pair_get(&t->pairs, pairs[i - 1]));
        struct ax_label b = ax_pair_label(ax_pair_get(&t->pairs, pairs[i]));
        if (ax_str_cmp(a.name, b.name) >= 0)
            return false;
    }
    return true;
}

static uint32_t add(struct ax_series_table *t, const uint32_t *pairs, size_t n)
{
    struct ax_set *s = ax_malloc(sizeof *s + n * sizeof *pairs);
    *s = (struct ax_set){.next = AX_SERIES_NONE, .n = (uint8_t)n, .sorted = is_sorted(t, pairs, n)};
    memcpy(s->pairs, pairs, n * sizeof *pairs);
    for (size_t i = 0; i < n; i++)
        ax_pair_get(&t->pairs, pairs[i])->refs++;
    uint32_t id = t->nfree ? t->free[--t->nfree] : t->n++;
    struct ax_set ***page = &t->pages[id / AX_PAGE];
    if (!*page)
        __atomic_store_n(page, ax_calloc(AX_PAGE, sizeof **page), __ATOMIC_RELEASE);
    __atomic_store_n(slot(t, id), s, __ATOMIC_RELEASE);
    ax_ids_add(&t->ids, hash_of(pairs, n), id);
    t->live++;
    t->set_bytes += sizeof *s + n * sizeof *pairs;
    return id;
}

/* May the tenant of these labels have one more? Each of its series has its pair. */
static bool has_room(const struct ax_series_table *t, struct ax_labels labels)
{
    if (t->live >= t->max)
        return false;
    if (!t->max_tenant)
        return true;
    struct ax_label l = {AX_STR(AX_TENANT_LABEL), ax_labels_get(labels, AX_STR(AX_TENANT_LABEL))};
    uint32_t pair = ax_pair_find(&t->pairs, &l);
    return pair == AX_PAIR_NONE || ax_pair_get(&t->pairs, pair)->refs < t->max_tenant;
}

/* Canonical labels as pairs; false when one of them is not there and none may be made. */
static bool pairs_of(struct ax_series_table *t, struct ax_labels labels, bool make, uint32_t *pairs,
                     size_t *n)
{
    struct ax_label l;
    *n = 0;
    AX_LABELS_EACH (labels, l) {
        uint32_t pair = make ? ax_pair_intern(&t->pairs, &l) : ax_pair_find(&t->pairs, &l);
        if (pair == AX_PAIR_NONE)
            return false;
        pairs[(*n)++] = pair;
    }
    return true;
}

/* Puts the pairs in the order of the labels as they were sent, the tenant's first. What was sent
 * but is not in the set (an empty value) leaves the order as it was. */
static void order_as_sent(const struct ax_series_table *t, uint32_t *pairs, size_t n,
                          const struct ax_label *sent, size_t nsent)
{
    uint32_t ordered[AX_LABELS_MAX];
    size_t count = 0;
    if (nsent + 1 != n)
        return;
    for (size_t i = 0; i < n && !count; i++)
        if (ax_pair_get(&t->pairs, pairs[i])->tenant)
            ordered[count++] = pairs[i];
    for (size_t i = 0; i < nsent; i++)
        ordered[count++] = ax_pair_find(&t->pairs, &sent[i]);
    if (count == n && has_pairs(pairs, ordered, n) && !is_sorted(t, ordered + 1, n - 1))
        memcpy(pairs, ordered, n * sizeof *pairs);
}

uint32_t ax_series_table_define(struct ax_series_table *t, struct ax_labels labels,
                                const struct ax_label *sent, size_t nsent)
{
    uint32_t pairs[AX_LABELS_MAX], id = AX_SERIES_NONE;
    size_t n;
    pthread_rwlock_wrlock(&t->lock);
    bool room = has_room(t, labels);
    if (pairs_of(t, labels, room, pairs, &n)) {
        id = ax_series_table_find(t, pairs, n);
        if (id == AX_SERIES_NONE && room) {
            order_as_sent(t, pairs, n, sent, nsent);
            id = add(t, pairs, n);
        }
    }
    pthread_rwlock_unlock(&t->lock);
    return id;
}

uint32_t ax_series_table_define_pairs(struct ax_series_table *t, const uint32_t *pairs, size_t n)
{
    pthread_rwlock_wrlock(&t->lock);
    uint32_t id = ax_series_table_find(t, pairs, n);
    if (id == AX_SERIES_NONE && t->live < AX_PAGE * AX_PAGES)
        id = add(t, pairs, n);
    pthread_rwlock_unlock(&t->lock);
    return id;
}

/* ---- forgetting ---- */

void ax_intake_hold(struct ax_intake *in)
{
    pthread_rwlock_wrlock(&ax_intake_table(in)->life);
}

void ax_intake_release(struct ax_intake *in)
{
    pthread_rwlock_unlock(&ax_intake_table(in)->life);
}

bool ax_intake_alive(struct ax_intake *in, uint32_t id)
{
    const struct ax_set *s = ax_series_table_get(ax_intake_table(in), id);
    return s && !s->retired;
}

void ax_intake_retire(struct ax_intake *in, uint32_t id)
{
    struct ax_series_table *t = ax_intake_table(in);
    struct ax_set *s = ax_series_table_get(t, id);
    pthread_rwlock_wrlock(&t->lock);
    ax_ids_remove(&t->ids, hash_of(s->pairs, s->n), id);
    s->retired = true;
    t->live--;
    pthread_rwlock_unlock(&t->lock);
}

void ax_intake_forget(struct ax_intake *in, uint32_t id)
{
    struct ax_series_table *t = ax_intake_table(in);
    struct ax_set *s = ax_series_table_get(t, id);
    AX_ASSERT(s->retired);
    ax_intake_tell_forgotten(in, id);
    pthread_rwlock_wrlock(&t->lock);
    for (size_t i = 0; i < s->n; i++)
        ax_pair_unref(&t->pairs, s->pairs[i]);
    t->set_bytes -= sizeof *s + s->n * sizeof *s->pairs;
    __atomic_store_n(slot(t, id), NULL, __ATOMIC_RELEASE);
    if (t->nfree == t->cap_free) {
        t->cap_free = t->cap_free ? t->cap_free * 2 : 64;
        t->free = ax_realloc(t->free, t->cap_free * sizeof *t->free);
    }
    t->free[t->nfree++] = id;
    pthread_rwlock_unlock(&t->lock);
    free(s);
}

/* malloc's share of a small piece. */
#define PIECE 16

uint64_t ax_series_table_bytes(struct ax_series_table *t)
{
    pthread_rwlock_rdlock(&t->lock);
    const struct ax_pair_table *p = &t->pairs;
    uint64_t n = sizeof *t + (t->ids.cap + p->ids.cap) * 8 + t->n * sizeof(struct ax_set *) +
                 t->set_bytes + t->live * PIECE + p->n * (sizeof(struct ax_pair) + PIECE) +
                 p->bytes;
    pthread_rwlock_unlock(&t->lock);
    return n;
}

uint32_t ax_series_table_live(struct ax_series_table *t)
{
    pthread_rwlock_rdlock(&t->lock);
    uint32_t n = t->live;
    pthread_rwlock_unlock(&t->lock);
    return n;
}
