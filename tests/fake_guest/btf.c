// SPDX-License-Identifier: Apache-2.0
/* The types as BTF, ids in an order of chance, among types that nobody asks for. */
#include "inner.h"

#include <stdlib.h>

enum {
    KIND_INT = 1,
    KIND_PTR,
    KIND_ARRAY,
    KIND_STRUCT,
    KIND_UNION,
    KIND_ENUM,
    KIND_FWD,
    KIND_TYPEDEF,
    KIND_VOLATILE,
    KIND_CONST,
    KIND_RESTRICT,
    KIND_FUNC,
    KIND_FUNC_PROTO,
    KIND_VAR,
    KIND_DATASEC,
    KIND_FLOAT,
    KIND_DECL_TAG,
    KIND_TYPE_TAG,
    KIND_ENUM64
};

struct out {
    struct fake *g;
    struct ax_buf types, strings;
    uint32_t void_id;
};

static uint32_t text(struct out *b, struct ax_str s)
{
    if (s.n == 0)
        return 0;
    size_t at = b->strings.n;
    ax_buf_str(&b->strings, s);
    ax_buf_byte(&b->strings, 0);
    return (uint32_t)at;
}

static void head(struct out *b, struct ax_str name, unsigned kind, bool flag, size_t n,
                 uint32_t size)
{
    ax_buf_u32le(&b->types, text(b, name));
    ax_buf_u32le(&b->types, (uint32_t)flag << 31 | kind << 24 | (uint32_t)n);
    ax_buf_u32le(&b->types, size);
}

static uint32_t id_of(const struct fake_type *t)
{
    return t->kind == FAKE_INT && t->size == 0 ? 0 : t->id; /* void */
}

static void aggregate(struct out *b, const struct fake_type *t)
{
    bool flag = false;
    for (size_t i = 0; i < t->n_members; i++)
        flag |= t->members[i].bits != 0;
    head(b, t->name, t->kind == FAKE_UNION ? KIND_UNION : KIND_STRUCT, flag, t->n_members, t->size);
    for (size_t i = 0; i < t->n_members; i++) {
        const struct fake_member *m = &t->members[i];
        ax_buf_u32le(&b->types, text(b, m->name));
        ax_buf_u32le(&b->types, id_of(m->type));
        ax_buf_u32le(&b->types, m->bits << 24 | m->bit);
    }
}

static void enumeration(struct out *b, const struct fake_type *t)
{
    bool wide = b->g->o.enum64 && t->id % 2;
    head(b, t->name, wide ? KIND_ENUM64 : KIND_ENUM, false, t->n_constants, wide ? 8 : 4);
    for (size_t i = 0; i < t->n_constants; i++) {
        ax_buf_u32le(&b->types, text(b, t->constants[i].name));
        ax_buf_u32le(&b->types, (uint32_t)t->constants[i].value);
        if (wide)
            ax_buf_u32le(&b->types, (uint32_t)(t->constants[i].value >> 32));
    }
}

static void type(struct out *b, const struct fake_type *t)
{
    switch (t->kind) {
    case FAKE_INT:
        head(b, t->name, KIND_INT, false, 0, t->size ? t->size : 1);
        ax_buf_u32le(&b->types, (uint32_t)t->is_signed << 24 | 8 * (t->size ? t->size : 1));
        break;
    case FAKE_POINTER: head(b, AX_STR_NULL, KIND_PTR, false, 0, id_of(t->of)); break;
    case FAKE_TYPEDEF: head(b, t->name, KIND_TYPEDEF, false, 0, id_of(t->of)); break;
    case FAKE_CONST: head(b, AX_STR_NULL, KIND_CONST, false, 0, id_of(t->of)); break;
    case FAKE_VOLATILE: head(b, AX_STR_NULL, KIND_VOLATILE, false, 0, id_of(t->of)); break;
    case FAKE_FORWARD: head(b, t->name, KIND_FWD, false, 0, 0); break;
    case FAKE_ENUM: enumeration(b, t); break;
    case FAKE_ARRAY:
        head(b, AX_STR_NULL, KIND_ARRAY, false, 0, 0);
        ax_buf_u32le(&b->types, id_of(t->of));
        ax_buf_u32le(&b->types, b->void_id);
        ax_buf_u32le(&b->types, t->n);
        break;
    case FAKE_STRUCT:
    case FAKE_UNION: aggregate(b, t); break;
    }
}

/* Namesakes of what is asked for, and of each kind one. */
#define STRANGERS 12
static void strangers(struct out *b)
{
    head(b, AX_STR("task_struct"), KIND_FWD, false, 0, 0);
    head(b, AX_STR_NULL, KIND_FUNC_PROTO, false, 2, 0);
    for (int i = 0; i < 4; i++)
        ax_buf_u32le(&b->types, 0);
    head(b, AX_STR("list_head"), KIND_FUNC, false, 0, 2);
    head(b, AX_STR("init_task"), KIND_VAR, false, 0, 1);
    ax_buf_u32le(&b->types, 1);
    head(b, AX_STR(".data"), KIND_DATASEC, false, 1, 8);
    for (int i = 0; i < 3; i++)
        ax_buf_u32le(&b->types, 4);
    head(b, AX_STR("double"), KIND_FLOAT, false, 0, 8);
    head(b, AX_STR("user"), KIND_TYPE_TAG, false, 0, 1);
    head(b, AX_STR("tag"), KIND_DECL_TAG, false, 0, 1);
    ax_buf_u32le(&b->types, UINT32_MAX);
    head(b, AX_STR_NULL, KIND_RESTRICT, false, 0, 1);
    head(b, AX_STR("task_struct"), KIND_TYPEDEF, false, 0, 6);
    head(b, AX_STR("mm_struct"), KIND_FUNC, false, 0, 2);
    head(b, AX_STR("pid"), KIND_FWD, true, 0, 0);
}

static void number(struct fake *g)
{
    for (size_t i = g->n_all; i > 1; i--) {
        size_t k = fake_below(g, i);
        struct fake_type *swap = g->all[k];
        g->all[k] = g->all[i - 1];
        g->all[i - 1] = swap;
    }
    for (size_t i = 0; i < g->n_all; i++)
        g->all[i]->id = (uint32_t)(i + 1 + STRANGERS);
}

void fake_btf(struct fake *g)
{
    struct out b = {.g = g};
    AX_CLEANUP(ax_buf_free) struct ax_buf all = AX_BUF_INIT;
    ax_buf_byte(&b.strings, 0);
    number(g);
    b.void_id = STRANGERS + 1;
    strangers(&b);
    for (size_t i = 0; i < g->n_all; i++)
        type(&b, g->all[i]);
    ax_buf_u32le(&all, 0x0001eb9f);
    ax_buf_u32le(&all, 24);
    ax_buf_u32le(&all, 0);
    ax_buf_u32le(&all, (uint32_t)b.types.n);
    ax_buf_u32le(&all, (uint32_t)b.types.n);
    ax_buf_u32le(&all, (uint32_t)b.strings.n);
    ax_buf_str(&all, ax_buf_view(&b.types));
    ax_buf_str(&all, ax_buf_view(&b.strings));
    uint64_t va = fake_image_alloc(g, all.n, 8);
    fake_write(g, va, all.p, all.n);
    fake_add_symbol(g, "__start_BTF", 'R', va);
    fake_add_symbol(g, "__stop_BTF", 'R', va + all.n);
    ax_buf_free(&b.types);
    ax_buf_free(&b.strings);
}
