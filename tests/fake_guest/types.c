// SPDX-License-Identifier: Apache-2.0
/* Types are declared in a little language like C's, without the order: members are shuffled and
 * moved apart by chance, unless `fixed` stands before the struct.
 *
 *   struct list_head { list_head *next; list_head *prev; }
 *   typedef int pid_t;
 *   enum states { A, B = 7, C }         values of `random enum` are a permutation */
#include "inner.h"

#include <stdlib.h>

struct parser {
    struct fake *g;
    const char *p;
    struct ax_str token;
};

static void next(struct parser *x)
{
    static const char ident[] = "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    while (*x->p == ' ' || *x->p == '\n')
        x->p++;
    size_t n = strspn(x->p, ident);
    if (n == 0 && *x->p)
        n = 1;
    x->token = (struct ax_str){x->p, n};
    x->p += n;
}

static bool is(const struct parser *x, const char *word)
{
    return ax_str_eq(x->token, ax_str(word));
}

static bool take(struct parser *x, const char *word)
{
    bool yes = is(x, word);
    if (yes)
        next(x);
    return yes;
}

static void need(struct parser *x, const char *word)
{
    bool there = take(x, word);
    AX_ASSERT(there && "a type's declaration is wrong");
}

static struct ax_str take_name(struct parser *x)
{
    struct ax_str s = ax_arena_str(&x->g->arena, x->token);
    AX_ASSERT(s.n > 0);
    next(x);
    return s;
}

static uint64_t take_number(struct parser *x)
{
    uint64_t v = 0;
    bool ok = ax_str_u64(x->token, &v);
    if (!ok)
        ok = ax_map_get(&x->g->constants, x->token, &v);
    AX_ASSERT(ok);
    next(x);
    return v;
}

static struct fake_type *new_type(struct fake *g, enum fake_kind kind, struct ax_str name)
{
    struct fake_type *t = AX_NEW(&g->arena, struct fake_type);
    t->kind = kind;
    t->name = name;
    if ((g->n_all & (g->n_all - 1)) == 0)
        g->all = ax_realloc(g->all, (g->n_all ? 2 * g->n_all : 1) * sizeof(void *));
    g->all[g->n_all++] = t;
    if (name.n)
        ax_map_put(&g->types, name, (uint64_t)(uintptr_t)t);
    return t;
}

static struct fake_type *find_type(struct fake *g, struct ax_str name)
{
    uint64_t v = 0;
    return ax_map_get(&g->types, name, &v) ? (struct fake_type *)(uintptr_t)v : NULL;
}

static struct fake_type *derived(struct fake *g, enum fake_kind kind, struct fake_type *of,
                                 uint32_t n)
{
    struct fake_type *t = new_type(g, kind, AX_STR_NULL);
    t->of = of;
    t->n = n;
    t->size = kind == FAKE_POINTER ? 8 : kind == FAKE_ARRAY ? of->size * n : of->size;
    t->align = kind == FAKE_POINTER ? 8 : of->align;
    return t;
}

static struct fake_type *take_aggregate(struct parser *x, bool fixed);

/* A name that is only pointed to so far is declared forward; its struct fills it in later. */
static struct fake_type *take_type(struct parser *x)
{
    if (is(x, "struct") || is(x, "union"))
        return take_aggregate(x, false);
    if (take(x, "fixed"))
        return take_aggregate(x, true);
    if (take(x, "const"))
        return derived(x->g, FAKE_CONST, take_type(x), 0);
    if (take(x, "volatile"))
        return derived(x->g, FAKE_VOLATILE, take_type(x), 0);
    struct fake_type *t = find_type(x->g, x->token);
    if (t)
        next(x);
    else
        t = new_type(x->g, FAKE_FORWARD, take_name(x));
    return t;
}

static struct fake_member take_member(struct parser *x)
{
    struct fake_member m = {.type = take_type(x)};
    while (take(x, "*"))
        m.type = derived(x->g, FAKE_POINTER, m.type, 0);
    if (!is(x, ";"))
        m.name = take_name(x);
    uint32_t dims[3], n = 0;
    while (take(x, "[")) {
        AX_ASSERT(n < 3);
        dims[n++] = (uint32_t)take_number(x);
        need(x, "]");
    }
    while (n > 0)
        m.type = derived(x->g, FAKE_ARRAY, m.type, dims[--n]);
    if (take(x, ":"))
        m.bits = (uint32_t)take_number(x);
    need(x, ";");
    AX_ASSERT(m.type->size || m.type->kind == FAKE_ARRAY);
    return m;
}

static void shuffle(struct fake *g, struct fake_member *m, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = fake_below(g, i);
        struct fake_member swap = m[k];
        m[k] = m[i - 1];
        m[i - 1] = swap;
    }
}

/* Offsets in bits; bit fields stand side by side where they are declared so. */
static void lay_out(struct fake *g, struct fake_type *t, bool fixed)
{
    uint64_t at = 0, end = 0;
    if (!fixed && t->kind == FAKE_STRUCT)
        shuffle(g, t->members, t->n_members);
    for (size_t i = 0; i < t->n_members; i++) {
        struct fake_member *m = &t->members[i];
        uint64_t align = 8ull * (m->type->align ? m->type->align : 1);
        if (t->align < m->type->align)
            t->align = m->type->align;
        if (t->kind == FAKE_UNION)
            at = 0;
        else if (!m->bits) {
            at = (at + align - 1) / align * align;
            at += fixed ? 0 : align * fake_below(g, 4);
        }
        m->bit = (uint32_t)at;
        at += m->bits ? m->bits : 8ull * m->type->size;
        end = at > end ? at : end;
    }
    uint64_t align = 8ull * (t->align ? t->align : 1);
    t->size = (uint32_t)((end + align - 1) / align * align / 8);
}

static struct fake_type *take_aggregate(struct parser *x, bool fixed)
{
    struct fake_member members[96];
    enum fake_kind kind = is(x, "union") ? FAKE_UNION : FAKE_STRUCT;
    next(x);
    struct ax_str name = is(x, "{") ? AX_STR_NULL : take_name(x);
    struct fake_type *t = name.n ? find_type(x->g, name) : NULL;
    if (!t)
        t = new_type(x->g, kind, name);
    if (!take(x, "{"))
        return t;
    size_t n = 0;
    while (!take(x, "}")) {
        AX_ASSERT(n < AX_ARRAY_LEN(members));
        members[n++] = take_member(x);
    }
    t->kind = kind;
    t->members = AX_NEWS(&x->g->arena, struct fake_member, n + 1);
    memcpy(t->members, members, n * sizeof *members);
    t->n_members = n;
    lay_out(x->g, t, fixed);
    return t;
}

static void permute(struct fake *g, struct fake_named *c, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = fake_below(g, i);
        uint64_t swap = c[k].value;
        c[k].value = c[i - 1].value;
        c[i - 1].value = swap;
    }
}

static void take_enum(struct parser *x, bool random)
{
    struct fake_named c[128];
    size_t n = 0;
    uint64_t value = 0;
    next(x);
    struct fake_type *t = new_type(x->g, FAKE_ENUM, take_name(x));
    need(x, "{");
    while (!take(x, "}")) {
        AX_ASSERT(n < AX_ARRAY_LEN(c));
        c[n].name = take_name(x);
        if (take(x, "="))
            value = take_number(x);
        c[n++].value = value++;
        take(x, ",");
    }
    if (random)
        permute(x->g, c, n);
    for (size_t i = 0; i < n; i++)
        ax_map_put(&x->g->constants, c[i].name, c[i].value);
    t->constants = AX_NEWS(&x->g->arena, struct fake_named, n);
    memcpy(t->constants, c, n * sizeof *c);
    t->n_constants = n;
    t->size = t->align = 4;
}

static void take_typedef(struct parser *x)
{
    struct fake_type *of = take_type(x);
    while (take(x, "*"))
        of = derived(x->g, FAKE_POINTER, of, 0);
    struct fake_type *t = new_type(x->g, FAKE_TYPEDEF, take_name(x));
    need(x, ";");
    t->of = of;
    t->size = of->size;
    t->align = of->align;
}

static void declare_ints(struct fake *g)
{
    static const struct {
        const char *name;
        uint32_t size;
        bool is_signed;
    } ints[] = {{"char", 1, true},   {"u8", 1, false}, {"u16", 2, false},  {"u32", 4, false},
                {"u64", 8, false},   {"int", 4, true}, {"uint", 4, false}, {"long", 8, true},
                {"ulong", 8, false}, {"s64", 8, true}, {"bool", 1, false}, {"void", 0, false}};
    for (size_t i = 0; i < AX_ARRAY_LEN(ints); i++) {
        struct fake_type *t = new_type(g, FAKE_INT, ax_str(ints[i].name));
        t->size = t->align = ints[i].size;
        t->is_signed = ints[i].is_signed;
    }
}

void fake_declare(struct fake *g, const char *text)
{
    struct parser x = {.g = g, .p = text};
    if (g->n_all == 0)
        declare_ints(g);
    next(&x);
    while (x.token.n) {
        bool random = take(&x, "random"), fixed = take(&x, "fixed");
        if (is(&x, "enum"))
            take_enum(&x, random);
        else if (take(&x, "typedef"))
            take_typedef(&x);
        else
            take_aggregate(&x, fixed);
        take(&x, ";");
    }
}

static struct fake_type *plain(struct fake_type *t)
{
    while (t->kind == FAKE_TYPEDEF || t->kind == FAKE_CONST || t->kind == FAKE_VOLATILE)
        t = t->of;
    return t;
}

static struct fake_member *find_member(struct fake_type *t, struct ax_str name, uint64_t *bit)
{
    for (size_t i = 0; i < t->n_members; i++) {
        struct fake_member *m = &t->members[i], *inner;
        if (m->name.n && ax_str_eq(m->name, name)) {
            *bit += m->bit;
            return m;
        }
        uint64_t deeper = *bit + m->bit;
        if (m->name.n == 0 && (inner = find_member(plain(m->type), name, &deeper))) {
            *bit = deeper;
            return inner;
        }
    }
    return NULL;
}

struct place {
    uint64_t bit;
    uint32_t bits;
    struct fake_type *type;
};

static struct place find(struct fake *g, const char *path)
{
    struct parser x = {.g = g, .p = path};
    next(&x);
    struct place at = {.type = find_type(g, x.token)};
    AX_ASSERT(at.type && "no such type");
    next(&x);
    while (x.token.n) {
        at.type = plain(at.type);
        if (take(&x, "[")) {
            uint64_t i = take_number(&x);
            AX_ASSERT(at.type->kind == FAKE_ARRAY && i < at.type->n);
            need(&x, "]");
            at.type = at.type->of;
            at.bit += i * at.type->size * 8;
            continue;
        }
        need(&x, ".");
        struct fake_member *m = find_member(at.type, x.token, &at.bit);
        AX_ASSERT(m && "no such member");
        next(&x);
        at.type = m->type;
        at.bits = m->bits;
    }
    if (!at.bits)
        at.bits = at.type->size * 8;
    return at;
}

size_t fake_offset(struct fake *g, const char *path)
{
    return find(g, path).bit / 8;
}

size_t fake_size(struct fake *g, const char *path)
{
    return find(g, path).type->size;
}

void fake_put(struct fake *g, uint64_t va, const char *path, uint64_t value)
{
    struct place at = find(g, path);
    uint8_t *p = fake_at(g, va + at.bit / 8);
    AX_ASSERT(at.bits <= 64);
    if (at.bits % 8) {
        uint8_t mask = (uint8_t)(((1u << at.bits) - 1) << at.bit % 8);
        *p = (uint8_t)((*p & ~mask) | (value << at.bit % 8 & mask));
        return;
    }
    if (at.bits == 64) /* in one go: somebody may be reading */
        __atomic_store_n((uint64_t *)(void *)p, value, __ATOMIC_RELEASE);
    else
        memcpy(p, &value, at.bits / 8);
}

uint64_t fake_get(struct fake *g, uint64_t va, const char *path)
{
    struct place at = find(g, path);
    uint64_t v = 0;
    AX_ASSERT(at.bits <= 64 && at.bits % 8 == 0);
    memcpy(&v, fake_at(g, va + at.bit / 8), at.bits / 8);
    return v;
}

void fake_put_text(struct fake *g, uint64_t va, const char *path, const char *text)
{
    struct place at = find(g, path);
    size_t n = strlen(text);
    AX_ASSERT(n < at.type->size);
    memset(fake_at(g, va + at.bit / 8), 0, at.type->size);
    memcpy(fake_at(g, va + at.bit / 8), text, n);
}

uint64_t fake_constant(struct fake *g, const char *name)
{
    uint64_t v = 0;
    bool there = ax_map_get(&g->constants, ax_str(name), &v);
    AX_ASSERT(there && "no such constant");
    return v;
}
