// SPDX-License-Identifier: Apache-2.0
#include "intake/inner.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_LABEL = 0x0a, TAG_NAME = 0x0a, TAG_VALUE = 0x12 };

struct ax_pair *ax_pair_get(const struct ax_pair_table *t, uint32_t pair)
{
    return &t->pages[pair / AX_PAGE][pair % AX_PAGE];
}

struct ax_label ax_pair_label(const struct ax_pair *p)
{
    return (struct ax_label){{p->wire + p->name_at, p->name_n},
                             {p->wire + p->n - p->value_n, p->value_n}};
}

static uint32_t hash_of(const struct ax_label *l)
{
    uint64_t h =
        ax_hash(l->name.p, l->name.n) * 0x9e3779b97f4a7c15u ^ ax_hash(l->value.p, l->value.n);
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t find(const struct ax_pair_table *t, const struct ax_label *l, uint32_t hash)
{
    size_t at;
    for (uint32_t id = ax_ids_first(&t->ids, hash, &at); id != AX_PAIR_NONE;
         id = ax_ids_next(&t->ids, hash, &at)) {
        struct ax_label have = ax_pair_label(ax_pair_get(t, id));
        if (ax_str_eq(have.value, l->value) && ax_str_eq(have.name, l->name))
            return id;
    }
    return AX_PAIR_NONE;
}

uint32_t ax_pair_find(const struct ax_pair_table *t, const struct ax_label *l)
{
    return find(t, l, hash_of(l));
}

static size_t varint_len(size_t v)
{
    size_t n = 1;
    for (; v > 0x7f; v >>= 7)
        n++;
    return n;
}

static char *put_varint(char *at, size_t v)
{
    for (; v > 0x7f; v >>= 7)
        *at++ = (char)(v | 0x80);
    *at++ = (char)v;
    return at;
}

static void fill(struct ax_pair *p, const struct ax_label *l)
{
    size_t inner = 1 + varint_len(l->name.n) + l->name.n + 1 + varint_len(l->value.n) + l->value.n;
    size_t n = 1 + varint_len(inner) + inner;
    char *wire = ax_malloc(n), *at = wire;
    *at++ = TAG_LABEL;
    at = put_varint(at, inner);
    *at++ = TAG_NAME;
    at = put_varint(at, l->name.n);
    size_t name_at = (size_t)(at - wire);
    memcpy(at, l->name.p, l->name.n);
    at += l->name.n;
    *at++ = TAG_VALUE;
    at = put_varint(at, l->value.n);
    memcpy(at, l->value.p, l->value.n);
    *p = (struct ax_pair){.wire = wire,
                          .n = (uint32_t)n,
                          .value_n = (uint32_t)l->value.n,
                          .name_n = (uint16_t)l->name.n,
                          .name_at = (uint8_t)name_at,
                          .tenant = ax_str_eq(l->name, AX_STR(AX_TENANT_LABEL))};
}

static uint32_t free_number(struct ax_pair_table *t)
{
    if (t->nfree)
        return t->free[--t->nfree];
    uint32_t id = t->n++;
    AX_ASSERT(id / AX_PAGE < AX_PAGES);
    if (!t->pages[id / AX_PAGE])
        t->pages[id / AX_PAGE] = ax_calloc(AX_PAGE, sizeof **t->pages);
    return id;
}

uint32_t ax_pair_intern(struct ax_pair_table *t, const struct ax_label *l)
{
    uint32_t hash = hash_of(l), id = find(t, l, hash);
    if (id != AX_PAIR_NONE)
        return id;
    id = free_number(t);
    struct ax_pair *p = ax_pair_get(t, id);
    fill(p, l);
    t->bytes += p->n;
    ax_ids_add(&t->ids, hash, id);
    return id;
}

void ax_pair_unref(struct ax_pair_table *t, uint32_t pair)
{
    struct ax_pair *p = ax_pair_get(t, pair);
    if (--p->refs)
        return;
    struct ax_label l = ax_pair_label(p);
    ax_ids_remove(&t->ids, hash_of(&l), pair);
    t->bytes -= p->n;
    free(p->wire);
    *p = (struct ax_pair){0};
    if (t->nfree == t->cap_free) {
        t->cap_free = t->cap_free ? t->cap_free * 2 : 64;
        t->free = ax_realloc(t->free, t->cap_free * sizeof *t->free);
    }
    t->free[t->nfree++] = pair;
}

void ax_pair_table_free(struct ax_pair_table *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free(ax_pair_get(t, i)->wire);
    for (size_t i = 0; i < AX_PAGES; i++)
        free(t->pages[i]);
    free(t->free);
    ax_ids_free(&t->ids);
}

/* ---- canonical bytes, which are the middle parts of the wire form ---- */

size_t ax_pair_canonical_size(const struct ax_pair *p)
{
    return varint_len(p->name_n) + p->name_n + varint_len(p->value_n) + p->value_n;
}

char *ax_pair_canonical(const struct ax_pair *p, char *at)
{
    size_t before_name = varint_len(p->name_n), n = before_name + p->name_n;
    memcpy(at, p->wire + p->name_at - before_name, n);
    at += n;
    n = varint_len(p->value_n) + p->value_n;
    memcpy(at, p->wire + p->n - n, n);
    return at + n;
}
