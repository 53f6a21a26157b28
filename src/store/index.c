// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "base/map.h"

#include <stdlib.h>

/* The series of one pair. Most pairs have few (a VM's, a disk's), and a sorted array of those takes
 * a third of what a bitmap does. */
#define FEW 64

struct posting {
    union {
        uint32_t *few;
        roaring_bitmap_t *many;
    } ids;
    uint32_t n, cap;    /* cap 0: many */
    uint32_t in_values; /* its place in its name's list */
};

struct values {
    uint32_t *pairs; /* in no order */
    uint32_t n, cap;
    char name[];
};

struct ax_index {
    struct ax_intake *intake;
    struct ax_map names;      /* name -> struct values * */
    struct posting *postings; /* by pair; n == 0: none */
    uint32_t npostings;
    uint64_t *known; /* a bit for each id */
    uint32_t nknown; /* words */
};

struct ax_index *ax_index_new(struct ax_intake *in)
{
    struct ax_index *ix = ax_calloc(1, sizeof *ix);
    ix->intake = in;
    return ix;
}

static void clear(struct posting *p)
{
    if (p->n && p->cap)
        free(p->ids.few);
    else if (p->n)
        roaring_bitmap_free(p->ids.many);
    *p = (struct posting){0};
}

void ax_index_free(struct ax_index *ix)
{
    if (!ix)
        return;
    struct ax_str key;
    uint64_t v;
    for (size_t at = 0; ax_map_next(&ix->names, &at, &key, &v);) {
        free(((struct values *)(uintptr_t)v)->pairs);
        free((struct values *)(uintptr_t)v);
    }
    for (uint32_t i = 0; i < ix->npostings; i++)
        clear(&ix->postings[i]);
    free(ix->postings);
    free(ix->known);
    ax_map_free(&ix->names);
    free(ix);
}

static struct values *values_of(const struct ax_index *ix, struct ax_str name)
{
    uint64_t v;
    return ax_map_get(&ix->names, name, &v) ? (struct values *)(uintptr_t)v : NULL;
}

/* ---- adding ---- */

static void add_value(struct ax_index *ix, uint32_t pair)
{
    struct ax_str name = ax_intake_pair(ix->intake, pair).name;
    struct values *values = values_of(ix, name);
    if (!values) {
        values = ax_calloc(1, sizeof *values + name.n + 1);
        memcpy(values->name, name.p, name.n);
        ax_map_put(&ix->names, (struct ax_str){values->name, name.n}, (uintptr_t)values);
    }
    if (values->n == values->cap) {
        values->cap = values->cap ? values->cap * 2 : 4;
        values->pairs = ax_realloc(values->pairs, values->cap * sizeof *values->pairs);
    }
    ix->postings[pair].in_values = values->n;
    values->pairs[values->n++] = pair;
}

static void make_bitmap(struct posting *p)
{
    roaring_bitmap_t *b = roaring_bitmap_of_ptr(p->n, p->ids.few);
    AX_ASSERT(b != NULL);
    free(p->ids.few);
    p->ids.many = b;
    p->cap = 0;
}

static void add_few(struct posting *p, uint32_t id)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 2;
        p->ids.few = ax_realloc(p->ids.few, p->cap * sizeof *p->ids.few);
    }
    uint32_t at = p->n++;
    for (; at && p->ids.few[at - 1] > id; at--)
        p->ids.few[at] = p->ids.few[at - 1];
    p->ids.few[at] = id;
}

static void add_posting(struct ax_index *ix, uint32_t pair, uint32_t id)
{
    struct posting *p = &ix->postings[pair];
    if (p->n == 0)
        add_value(ix, pair);
    if (p->n == FEW && p->cap)
        make_bitmap(p);
    if (p->n && !p->cap) {
        roaring_bitmap_add(p->ids.many, id);
        p->n++;
    } else {
        add_few(p, id);
    }
}

static void room_for_pair(struct ax_index *ix, uint32_t pair)
{
    if (pair < ix->npostings)
        return;
    uint32_t n = ix->npostings ? ix->npostings : 1024;
    while (n <= pair)
        n *= 2;
    ix->postings = ax_realloc(ix->postings, n * sizeof *ix->postings);
    memset(ix->postings + ix->npostings, 0, (n - ix->npostings) * sizeof *ix->postings);
    ix->npostings = n;
}

static void mark(struct ax_index *ix, uint32_t id)
{
    if (id / 64 >= ix->nknown) {
        uint32_t n = ix->nknown ? ix->nknown : 64;
        while (n <= id / 64)
            n *= 2;
        ix->known = ax_realloc(ix->known, n * sizeof *ix->known);
        memset(ix->known + ix->nknown, 0, (n - ix->nknown) * sizeof *ix->known);
        ix->nknown = n;
    }
    ix->known[id / 64] |= 1ull << id % 64;
}

void ax_index_add(struct ax_index *ix, uint32_t id)
{
    size_t n;
    const uint32_t *pairs = ax_intake_pairs(ix->intake, id, &n);
    mark(ix, id);
    for (size_t i = 0; i < n; i++) {
        room_for_pair(ix, pairs[i]);
        add_posting(ix, pairs[i], id);
    }
}

bool ax_index_has(const struct ax_index *ix, uint32_t id)
{
    return id / 64 < ix->nknown && ix->known[id / 64] >> id % 64 & 1;
}

/* ---- removing ---- */

static void remove_value(struct ax_index *ix, uint32_t pair)
{
    struct values *values = values_of(ix, ax_intake_pair(ix->intake, pair).name);
    uint32_t at = ix->postings[pair].in_values, last = values->pairs[--values->n];
    values->pairs[at] = last;
    ix->postings[last].in_values = at;
}

static void remove_posting(struct ax_index *ix, uint32_t pair, uint32_t id)
{
    struct posting *p = &ix->postings[pair];
    if (p->n == 1) {
        remove_value(ix, pair);
        clear(p);
    } else if (p->cap) {
        uint32_t at = 0;
        while (p->ids.few[at] != id)
            at++;
        for (p->n--; at < p->n; at++)
            p->ids.few[at] = p->ids.few[at + 1];
    } else {
        roaring_bitmap_remove(p->ids.many, id);
        p->n--;
    }
}

void ax_index_remove(struct ax_index *ix, uint32_t id)
{
    size_t n;
    const uint32_t *pairs = ax_intake_pairs(ix->intake, id, &n);
    AX_ASSERT(ax_index_has(ix, id));
    ix->known[id / 64] &= ~(1ull << id % 64);
    for (size_t i = 0; i < n; i++)
        remove_posting(ix, pairs[i], id);
}

/* ---- looking up ---- */

static roaring_bitmap_t *get(const void *self, uint64_t handle)
{
    const struct posting *p = &((const struct ax_index *)self)->postings[handle];
    return p->cap ? roaring_bitmap_of_ptr(p->n, p->ids.few) : roaring_bitmap_copy(p->ids.many);
}

static roaring_bitmap_t *find(const void *self, struct ax_str name, struct ax_str value)
{
    const struct ax_index *ix = self;
    uint32_t pair = ax_intake_find_pair(ix->intake, name, value);
    return pair < ix->npostings && ix->postings[pair].n ? get(ix, pair) : NULL;
}

static void each_value(const void *self, struct ax_str name,
                       void (*fn)(void *ctx, struct ax_str value, uint64_t handle), void *ctx)
{
    const struct ax_index *ix = self;
    const struct values *values = values_of(ix, name);
    for (uint32_t i = 0; values && i < values->n; i++)
        fn(ctx, ax_intake_pair(ix->intake, values->pairs[i]).value, values->pairs[i]);
}

struct ax_index_view ax_index_view(const struct ax_index *ix)
{
    return (struct ax_index_view){ix, get, find, each_value};
}
