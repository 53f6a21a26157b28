// SPDX-License-Identifier: Apache-2.0
/* The door's view of the series table: ids, labels, pairs. */
#include "intake/inner.h"

#include <string.h>

uint32_t ax_intake_define(struct ax_intake *in, struct ax_labels labels)
{
    return ax_series_table_define(ax_intake_table(in), labels, NULL, 0);
}

uint32_t ax_intake_count(struct ax_intake *in)
{
    struct ax_series_table *t = ax_intake_table(in);
    pthread_rwlock_rdlock(&t->lock);
    uint32_t n = t->n;
    pthread_rwlock_unlock(&t->lock);
    return n;
}

const uint32_t *ax_intake_pairs(struct ax_intake *in, uint32_t id, size_t *n)
{
    const struct ax_set *s = ax_series_table_get(ax_intake_table(in), id);
    AX_ASSERT(s != NULL);
    *n = s->n;
    return s->pairs;
}

struct ax_label ax_intake_pair(struct ax_intake *in, uint32_t pair)
{
    return ax_pair_label(ax_pair_get(&ax_intake_table(in)->pairs, pair));
}

uint32_t ax_intake_find_pair(struct ax_intake *in, struct ax_str name, struct ax_str value)
{
    struct ax_series_table *t = ax_intake_table(in);
    struct ax_label l = {name, value};
    pthread_rwlock_rdlock(&t->lock);
    uint32_t pair = ax_pair_find(&t->pairs, &l);
    pthread_rwlock_unlock(&t->lock);
    return pair;
}

uint32_t ax_intake_intern(struct ax_intake *in, struct ax_str name, struct ax_str value)
{
    struct ax_series_table *t = ax_intake_table(in);
    struct ax_label l = {name, value};
    if (!value.n || ax_label_check(&l, NULL) < 0)
        return AX_PAIR_NONE;
    pthread_rwlock_wrlock(&t->lock);
    uint32_t pair = ax_pair_intern(&t->pairs, &l);
    pthread_rwlock_unlock(&t->lock);
    return pair;
}

static bool names_differ(const struct ax_pair **p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (ax_str_eq(ax_pair_label(p[i - 1]).name, ax_pair_label(p[i]).name))
            return false;
    return true;
}

static void sort_by_name(const struct ax_pair **p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct ax_pair *x = p[i];
        size_t at = i;
        for (; at && ax_str_cmp(ax_pair_label(p[at - 1]).name, ax_pair_label(x).name) > 0; at--)
            p[at] = p[at - 1];
        p[at] = x;
    }
}

uint32_t ax_intake_define_pairs(struct ax_intake *in, const uint32_t *pairs, size_t n)
{
    const struct ax_pair *p[AX_LABELS_MAX];
    struct ax_series_table *t = ax_intake_table(in);
    if (n == 0 || n > AX_LABELS_MAX)
        return AX_SERIES_NONE;
    for (size_t i = 0; i < n; i++)
        p[i] = ax_pair_get(&t->pairs, pairs[i]);
    sort_by_name(p, n);
    return names_differ(p, n) ? ax_series_table_define_pairs(t, pairs, n) : AX_SERIES_NONE;
}

/* Which labels of a series are wanted. */
struct choice {
    bool tenant;
    const struct ax_str *names; /* NULL: all */
    size_t n;
};

static bool is_wanted(const struct ax_pair *p, const struct choice *c)
{
    if (p->tenant || !c->names)
        return c->tenant || !p->tenant;
    struct ax_str name = ax_pair_label(p).name;
    for (size_t i = 0; i < c->n; i++)
        if (ax_str_eq(c->names[i], name))
            return true;
    return false;
}

static struct ax_labels canonical(struct ax_intake *in, uint32_t id, const struct choice *c,
                                  struct ax_arena *a)
{
    struct ax_series_table *t = ax_intake_table(in);
    const struct ax_set *s = ax_series_table_get(t, id);
    const struct ax_pair *p[AX_LABELS_MAX];
    size_t n = 0, size = 0;
    AX_ASSERT(s != NULL);
    for (size_t i = 0; i < s->n; i++) {
        p[n] = ax_pair_get(&t->pairs, s->pairs[i]);
        if (is_wanted(p[n], c))
            size += ax_pair_canonical_size(p[n++]);
    }
    if (!s->sorted)
        sort_by_name(p, n);
    char *bytes = ax_arena_room(a, size), *at = bytes;
    for (size_t i = 0; i < n; i++)
        at = ax_pair_canonical(p[i], at);
    return (struct ax_labels){{bytes, size}};
}

struct ax_labels ax_intake_series(struct ax_intake *in, uint32_t id, struct ax_arena *a)
{
    return canonical(in, id, &(struct choice){.tenant = true}, a);
}

struct ax_labels ax_intake_visible(struct ax_intake *in, uint32_t id, struct ax_arena *a)
{
    return canonical(in, id, &(struct choice){.tenant = false}, a);
}

struct ax_labels ax_intake_only(struct ax_intake *in, uint32_t id, const struct ax_str *names,
                                size_t n, struct ax_arena *a)
{
    static const struct ax_str none;
    return canonical(in, id, &(struct choice){.names = n ? names : &none, .n = n}, a);
}
