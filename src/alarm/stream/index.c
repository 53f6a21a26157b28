// SPDX-License-Identifier: Apache-2.0
/* Which sub-expressions may be about a series.
 *
 *   tenant, metric               --> sub-expressions without dimensions, and names of dimensions
 *   tenant, metric, name, value  --> sub-expressions with that dimension
 *
 * A sub-expression stands in one list. Of its dimensions that one is taken which the fewest others
 * have, so that a series is compared with few, also when 10,000 are about one metric. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

struct name {
    struct ax_str name;
    uint32_t uses;
};
struct metric {
    struct ax_candidates plain;
    struct name *names; /* of dimensions that lead to a list */
    size_t n;
};

static void add_part(struct ax_buf *key, struct ax_str part)
{
    ax_buf_printf(key, "%zu:", part.n);
    ax_buf_str(key, part);
}

/* What the map has at the key; made when it is not there and there is a size. */
static void *entry(struct ax_stream *s, struct ax_str key, size_t size)
{
    uint64_t found;
    if (ax_map_get(&s->index, key, &found))
        return (void *)(uintptr_t)found;
    if (!size)
        return NULL;
    void *made = ax_arena_alloc(&s->index_bytes, size);
    ax_map_put(&s->index, ax_arena_str(&s->index_bytes, key), (uintptr_t)made);
    return made;
}

static struct metric *metric_of(struct ax_stream *s, struct ax_str tenant, struct ax_str name,
                                bool make)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf key = AX_BUF_INIT;
    add_part(&key, tenant);
    add_part(&key, name);
    return entry(s, ax_buf_view(&key), make ? sizeof(struct metric) : 0);
}

static struct ax_candidates *list_of(struct ax_stream *s, struct ax_str tenant,
                                     struct ax_str metric, const struct ax_label *l, bool make)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf key = AX_BUF_INIT;
    add_part(&key, tenant);
    add_part(&key, metric);
    add_part(&key, l->name);
    add_part(&key, l->value);
    return entry(s, ax_buf_view(&key), make ? sizeof(struct ax_candidates) : 0);
}

/* ---- finding ---- */

static int by_number(const void *a, const void *b)
{
    const struct ax_candidate *x = a, *y = b;
    if (x->def != y->def)
        return x->def->number < y->def->number ? -1 : 1;
    return (x->sub > y->sub) - (x->sub < y->sub);
}

static void add_newer(struct ax_candidates *out, const struct ax_candidates *from, uint64_t number,
                      struct ax_arena *a)
{
    for (size_t i = 0; from && i < from->n; i++) {
        if (from->v[i].def->number <= number)
            continue;
        if (out->n == out->cap) {
            size_t cap = out->cap ? out->cap * 2 : 8;
            out->v = ax_arena_grow(a, out->v, out->cap * sizeof *out->v, cap * sizeof *out->v);
            out->cap = cap;
        }
        out->v[out->n++] = from->v[i];
    }
}

struct ax_candidates ax_index_find(struct ax_stream *s, struct ax_labels labels, uint64_t number,
                                   struct ax_arena *a)
{
    struct ax_candidates out = {0};
    struct ax_str tenant = ax_labels_get(labels, AX_STR(AX_TENANT_LABEL));
    struct ax_str name = ax_labels_get(labels, AX_STR("__name__"));
    const struct metric *m = metric_of(s, tenant, name, false);
    if (!m)
        return out;
    add_newer(&out, &m->plain, number, a);
    for (size_t i = 0; i < m->n; i++) {
        struct ax_label l = {m->names[i].name, ax_labels_get(labels, m->names[i].name)};
        if (m->names[i].uses && l.value.n)
            add_newer(&out, list_of(s, tenant, name, &l, false), number, a);
    }
    if (out.n)
        qsort(out.v, out.n, sizeof *out.v, by_number);
    return out;
}

/* ---- changing ---- */

static void use_name(struct ax_stream *s, struct metric *m, struct ax_str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (ax_str_eq(m->names[i].name, name)) {
            m->names[i].uses++;
            return;
        }
    m->names = ax_arena_grow(&s->index_bytes, m->names, m->n * sizeof *m->names,
                             (m->n + 1) * sizeof *m->names);
    m->names[m->n++] = (struct name){ax_arena_str(&s->index_bytes, name), 1};
}

static void drop_name(struct metric *m, struct ax_str name)
{
    for (size_t i = 0; i < m->n; i++)
        m->names[i].uses -= ax_str_eq(m->names[i].name, name);
}

/* The dimension with the shortest list so far; there is one. */
static uint8_t choose(struct ax_stream *s, struct ax_str tenant, const struct ax_sub *sub)
{
    size_t best = 0, fewest = SIZE_MAX;
    for (size_t i = 0; i < sub->ndimensions; i++) {
        const struct ax_candidates *c = list_of(s, tenant, sub->metric, &sub->dimensions[i], false);
        size_t n = c ? c->n : 0;
        if (n < fewest) {
            fewest = n;
            best = i;
        }
    }
    return (uint8_t)best;
}

static struct ax_candidates *place_of(struct ax_stream *s, const struct ax_def *d, uint32_t i)
{
    struct ax_str tenant = ax_str(d->tenant->name);
    const struct ax_sub *sub = &d->expr.subs[i];
    if (!sub->ndimensions)
        return &metric_of(s, tenant, sub->metric, true)->plain;
    return list_of(s, tenant, sub->metric, &sub->dimensions[d->by[i]], true);
}

void ax_index_def(struct ax_stream *s, struct ax_def *d)
{
    struct ax_str tenant = ax_str(d->tenant->name);
    for (uint32_t i = 0; i < d->expr.nsubs; i++) {
        const struct ax_sub *sub = &d->expr.subs[i];
        struct metric *m = metric_of(s, tenant, sub->metric, true);
        if (sub->ndimensions) {
            d->by[i] = choose(s, tenant, sub);
            use_name(s, m, sub->dimensions[d->by[i]].name);
        }
        struct ax_candidates *c = place_of(s, d, i);
        if (c->n == c->cap) {
            c->cap = c->cap ? c->cap * 2 : 1;
            c->v = ax_realloc(c->v, c->cap * sizeof *c->v);
        }
        c->v[c->n++] = (struct ax_candidate){d, i};
    }
}

void ax_index_drop(struct ax_stream *s, struct ax_def *d)
{
    for (uint32_t i = 0; i < d->expr.nsubs; i++) {
        const struct ax_sub *sub = &d->expr.subs[i];
        struct ax_candidates *c = place_of(s, d, i);
        size_t kept = 0;
        for (size_t j = 0; j < c->n; j++)
            if (c->v[j].def != d || c->v[j].sub != i)
                c->v[kept++] = c->v[j];
        c->n = kept;
        if (!kept) {
            free(c->v);
            *c = (struct ax_candidates){0};
        }
        if (sub->ndimensions)
            drop_name(metric_of(s, ax_str(d->tenant->name), sub->metric, true),
                      sub->dimensions[d->by[i]].name);
    }
}

/* A metric begins with its list, so each entry does. */
void ax_index_end(struct ax_stream *s)
{
    struct ax_str key;
    uint64_t value;
    for (size_t pos = 0; ax_map_next(&s->index, &pos, &key, &value);)
        free(((struct ax_candidates *)(uintptr_t)value)->v);
    ax_map_free(&s->index);
    ax_arena_free(&s->index_bytes);
}
