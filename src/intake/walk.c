// SPDX-License-Identifier: Apache-2.0
/* Recognising series in requests. Senders repeat themselves in order: what followed a series last
 * time is tried first, and its pairs' bytes are compared with the request's. In the usual order
 * that touches no hash table at all. */
#include "intake/inner.h"

#include <string.h>

void ax_walk_begin(struct ax_walk *w, struct ax_intake *in, struct ax_str tenant)
{
    struct ax_series_table *t = ax_intake_table(in);
    pthread_rwlock_rdlock(&t->life);
    *w = (struct ax_walk){t, AX_SERIES_NONE,
                          ax_intake_find_pair(in, AX_STR(AX_TENANT_LABEL), tenant)};
}

void ax_walk_end(struct ax_walk *w)
{
    pthread_rwlock_unlock(&w->table->life);
}

static void fetch_ahead(const struct ax_series_table *t, const struct ax_set *s)
{
    uint32_t next = __atomic_load_n(&s->next, __ATOMIC_RELAXED);
    if (next != AX_SERIES_NONE)
        __builtin_prefetch(ax_series_table_get(t, next));
}

/* How many bytes at the beginning of `series` are the set's labels, one behind the other; 0 when
 * they are not all there, or when the set is of another tenant. */
static size_t leading(const struct ax_walk *w, const struct ax_set *s, struct ax_str series)
{
    size_t at = 0;
    bool ours = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->pairs[i] == w->tenant) {
            ours = true;
            continue;
        }
        const struct ax_pair *p = ax_pair_get(&w->table->pairs, s->pairs[i]);
        if (p->n > series.n - at || memcmp(p->wire, series.p + at, p->n) != 0)
            return 0;
        at += p->n;
    }
    return ours ? at : 0;
}

/* What followed the series found last, an earlier time; NULL when nothing did. */
static const struct ax_set *guess(const struct ax_walk *w, uint32_t *id)
{
    const struct ax_set *before =
        w->before == AX_SERIES_NONE ? NULL : ax_series_table_get(w->table, w->before);
    *id = before ? __atomic_load_n(&before->next, __ATOMIC_RELAXED) : AX_SERIES_NONE;
    const struct ax_set *s = *id == AX_SERIES_NONE ? NULL : ax_series_table_get(w->table, *id);
    return s && !s->retired ? s : NULL;
}

size_t ax_walk_follow(struct ax_walk *w, struct ax_str series, char unless, uint32_t *id)
{
    uint32_t next;
    const struct ax_set *s = guess(w, &next);
    if (!s)
        return 0;
    fetch_ahead(w->table, s);
    size_t n = leading(w, s, series);
    if (n == 0 || n >= series.n || series.p[n] == unless)
        return 0;
    w->before = *id = next;
    return n;
}

/* Under the lock. */
static uint32_t look_up(const struct ax_walk *w, const struct ax_label *labels, size_t n)
{
    uint32_t pairs[AX_LABELS_MAX + 1];
    pairs[0] = w->tenant;
    for (size_t i = 0; i < n; i++)
        if ((pairs[i + 1] = ax_pair_find(&w->table->pairs, &labels[i])) == AX_PAIR_NONE)
            return AX_SERIES_NONE;
    return ax_series_table_find(w->table, pairs, n + 1);
}

/* Where the walk is now: it follows what it followed, or starts anew behind a series not known. */
static bool note(struct ax_walk *w, uint32_t found, uint32_t *id)
{
    uint32_t before = w->before;
    w->before = found;
    if (found == AX_SERIES_NONE)
        return false;
    ax_walk_link(w->table, before, found);
    *id = found;
    return true;
}

/* True when the set is the tenant's pair and these labels, in this order. */
static bool has_labels(const struct ax_walk *w, const struct ax_set *s,
                       const struct ax_label *labels, size_t n)
{
    size_t at = 0;
    if (s->n != n + 1)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->pairs[i] == w->tenant)
            continue;
        if (at == n)
            return false;
        struct ax_label l = ax_pair_label(ax_pair_get(&w->table->pairs, s->pairs[i]));
        if (!ax_str_eq(l.value, labels[at].value) || !ax_str_eq(l.name, labels[at].name))
            return false;
        at++;
    }
    return at == n;
}

bool ax_walk_find(struct ax_walk *w, const struct ax_label *labels, size_t n, uint32_t *id)
{
    uint32_t found = AX_SERIES_NONE, next;
    const struct ax_set *s = guess(w, &next);
    if (s && has_labels(w, s, labels, n)) {
        fetch_ahead(w->table, s);
        w->before = *id = next;
        return true;
    }
    if (w->tenant != AX_PAIR_NONE && n > 0 && n <= AX_LABELS_MAX) {
        pthread_rwlock_rdlock(&w->table->lock);
        found = look_up(w, labels, n);
        pthread_rwlock_unlock(&w->table->lock);
    }
    return note(w, found, id);
}

uint32_t ax_walk_pair(struct ax_walk *w, struct ax_str name, struct ax_str value)
{
    struct ax_label l = {name, value};
    pthread_rwlock_rdlock(&w->table->lock);
    uint32_t pair = ax_pair_find(&w->table->pairs, &l);
    pthread_rwlock_unlock(&w->table->lock);
    return pair;
}

/* True when the set is the tenant's pair and these, in this order. */
static bool is_set(const struct ax_walk *w, const struct ax_set *s, const uint32_t *pairs, size_t n)
{
    size_t at = 0;
    if (s->n != n + 1)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->pairs[i] == w->tenant)
            continue;
        if (at == n || s->pairs[i] != pairs[at++])
            return false;
    }
    return at == n; /* and so the one that is left is the tenant's */
}

bool ax_walk_pairs(struct ax_walk *w, const uint32_t *pairs, size_t n, uint32_t *id)
{
    uint32_t all[AX_LABELS_MAX + 1], next;
    const struct ax_set *s = guess(w, &next);
    if (s) {
        fetch_ahead(w->table, s);
        if (is_set(w, s, pairs, n)) {
            w->before = *id = next;
            return true;
        }
    }
    bool known = w->tenant != AX_PAIR_NONE && n > 0 && n <= AX_LABELS_MAX;
    uint32_t found = AX_SERIES_NONE;
    all[0] = w->tenant;
    for (size_t i = 0; known && i < n; i++)
        known = (all[i + 1] = pairs[i]) != AX_PAIR_NONE;
    if (known) {
        pthread_rwlock_rdlock(&w->table->lock);
        found = ax_series_table_find(w->table, all, n + 1);
        pthread_rwlock_unlock(&w->table->lock);
    }
    return note(w, found, id);
}

void ax_walk_link(struct ax_series_table *t, uint32_t before, uint32_t id)
{
    struct ax_set *s = before == AX_SERIES_NONE ? NULL : ax_series_table_get(t, before);
    if (s)
        __atomic_store_n(&s->next, id, __ATOMIC_RELAXED);
}
