// SPDX-License-Identifier: Apache-2.0
/* Symbols, and kallsyms in each of the forms that kernels have given it. */
#include "inner.h"

#include <stdio.h>
#include <stdlib.h>

void fake_add_symbol(struct fake *g, const char *name, char letter, uint64_t value)
{
    if ((g->n_syms & (g->n_syms - 1)) == 0)
        g->syms = ax_realloc(g->syms, (g->n_syms ? 2 * g->n_syms : 1) * sizeof *g->syms);
    struct ax_str s = ax_arena_str(&g->arena, ax_str(name));
    g->syms[g->n_syms++] = (struct fake_sym){s, value, letter};
    ax_map_put(&g->symbols, s, value);
}

uint64_t fake_symbol(struct fake *g, const char *name)
{
    uint64_t v = 0;
    bool there = ax_map_get(&g->symbols, ax_str(name), &v);
    AX_ASSERT(there && "no such symbol");
    return v;
}

void fake_put_symbol(struct fake *g, const char *name, uint64_t value)
{
    fake_u64(g, fake_symbol(g, name), value);
}

uint64_t fake_data(struct fake *g, const char *name, uint64_t size)
{
    g->image_next += 8 * fake_below(g, 5);
    uint64_t va = fake_image_alloc(g, size, 8);
    fake_add_symbol(g, name, fake_below(g, 2) ? 'D' : 'b', va);
    return va;
}

uint64_t fake_data_of(struct fake *g, const char *name, const char *type)
{
    return fake_data(g, name, fake_size(g, type));
}

void fake_percpu_data(struct fake *g, const char *name, uint64_t size)
{
    uint64_t at = (g->percpu_size + 63) / 64 * 64;
    AX_ASSERT(at + size <= FAKE_PERCPU / 2);
    fake_add_symbol(g, name, 'D', g->percpu_base + at);
    g->percpu_size = at + size;
}

uint64_t fake_percpu(struct fake *g, const char *name, unsigned cpu)
{
    AX_ASSERT(cpu < g->o.cpus);
    return g->percpu_chunk[cpu] + (fake_symbol(g, name) - g->percpu_base);
}

/* --- kallsyms ------------------------------------------------------------------------------ */

struct tables {
    struct fake *g;
    char token[256][16];
    struct ax_buf names, strings, index, markers;
    uint64_t base; /* of relative addresses */
};

static const char *const fragments[] = {"init",  "_list", "kernel", "sys_", "call", "page",
                                        "_task", "per",   "_of",    "str",  "net_", "mem"};

/* Letters stand for themselves; what is left between them for fragments. */
static void make_tokens(struct tables *t)
{
    size_t next = 0;
    for (unsigned i = 0; i < 256; i++) {
        bool letter = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z') ||
                      i == '_' || i == '.';
        if (letter)
            t->token[i][0] = (char)i;
        else if (next < AX_ARRAY_LEN(fragments) && i > 127 && i % 3 == 0)
            snprintf(t->token[i], sizeof t->token[i], "%s", fragments[next++]);
        else
            snprintf(t->token[i], sizeof t->token[i], "~%02x", i);
        ax_buf_byte(&t->index, (uint8_t)t->strings.n);
        ax_buf_byte(&t->index, (uint8_t)(t->strings.n >> 8));
        ax_buf_cstr(&t->strings, t->token[i]);
        ax_buf_byte(&t->strings, 0);
    }
}

static size_t compress(const struct tables *t, const struct fake_sym *s, uint8_t out[512])
{
    char text[512];
    size_t n = 0;
    snprintf(text, sizeof text, "%c%.*s", s->letter, AX_STR_ARG(s->name));
    for (const char *p = text; *p;) {
        unsigned best = (uint8_t)*p;
        for (unsigned i = 128; i < 256; i++)
            if (strncmp(p, t->token[i], strlen(t->token[i])) == 0)
                best = i;
        out[n++] = (uint8_t)best;
        p += strlen(t->token[best]);
    }
    return n;
}

static int by_value(const void *a, const void *b)
{
    const struct fake_sym *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static void make_names(struct tables *t)
{
    for (size_t i = 0; i < t->g->n_syms; i++) {
        uint8_t packed[512];
        size_t n = compress(t, &t->g->syms[i], packed);
        if (i % 256 == 0)
            ax_buf_u32le(&t->markers, (uint32_t)t->names.n);
        AX_ASSERT(n < 128 || t->g->o.long_lengths);
        ax_buf_byte(&t->names, (uint8_t)(n < 128 ? n : (n & 0x7f) | 0x80));
        if (n >= 128)
            ax_buf_byte(&t->names, (uint8_t)(n >> 7));
        ax_buf_add(&t->names, packed, n);
    }
}

static uint64_t alignment(const struct fake *g)
{
    return g->o.packed ? 4 : 8;
}

static uint64_t put(struct tables *t, const char *symbol, const struct ax_buf *b)
{
    uint64_t va = fake_image_alloc(t->g, b->n, alignment(t->g));
    fake_write(t->g, va, b->p, b->n);
    ax_map_put(&t->g->symbols, ax_arena_str(&t->g->arena, ax_str(symbol)), va);
    return va;
}

static void put_offsets(struct tables *t)
{
    struct fake *g = t->g;
    bool wide = g->o.addresses == FAKE_ABSOLUTE;
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    uint64_t va = (g->image_next + alignment(g) - 1) / alignment(g) * alignment(g);
    for (size_t i = 0; i < g->n_syms; i++) {
        uint64_t v = g->syms[i].value;
        switch (g->o.addresses) {
        case FAKE_ABSOLUTE: ax_buf_u64le(&b, v); break;
        case FAKE_BASE_RELATIVE: ax_buf_u32le(&b, (uint32_t)(v - t->base)); break;
        case FAKE_ABSOLUTE_PERCPU:
            ax_buf_u32le(&b, (uint32_t)(v >> 63 ? t->base - 1 - v : v));
            break;
        case FAKE_PLACE_RELATIVE: ax_buf_u32le(&b, (uint32_t)(v - (va + 4 * i))); break;
        }
    }
    put(t, wide ? "kallsyms_addresses" : "kallsyms_offsets", &b);
    if (!wide && g->o.addresses != FAKE_PLACE_RELATIVE) {
        b.n = 0;
        ax_buf_u64le(&b, t->base);
        put(t, "kallsyms_relative_base", &b);
    }
}

struct by_name {
    const struct fake_sym *sym;
    uint32_t number;
};

static int compare_names(const void *a, const void *b)
{
    const struct by_name *x = a, *y = b;
    int order = ax_str_cmp(x->sym->name, y->sym->name);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static void put_order(struct tables *t)
{
    size_t n = t->g->n_syms;
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    AX_CLEANUP(ax_free_ptr) struct by_name *order = ax_calloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct by_name){&t->g->syms[i], (uint32_t)i};
    qsort(order, n, sizeof *order, compare_names);
    for (size_t i = 0; i < n; i++)
        for (int shift = 16; shift >= 0; shift -= 8)
            ax_buf_byte(&b, (uint8_t)(order[i].number >> shift));
    put(t, "kallsyms_seqs_of_names", &b);
}

static void put_names(struct tables *t)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf count = AX_BUF_INIT;
    ax_buf_u32le(&count, (uint32_t)t->g->n_syms);
    put(t, "kallsyms_num_syms", &count);
    put(t, "kallsyms_names", &t->names);
    put(t, "kallsyms_markers", &t->markers);
}

/* Names of kernel text, some of them long, some of them twice. */
static void add_fillers(struct fake *g)
{
    for (size_t i = 0; i < g->o.fillers; i++) {
        char name[256];
        int n = snprintf(name, sizeof name, "%s%s_%zu", fragments[i % 12], fragments[i / 12 % 12],
                         i % 97 == 5 ? i - 97 : i);
        if (g->o.long_lengths && i % 211 == 7) {
            memset(name + n, 'x', 180);
            name[n + 180] = '\0';
        }
        fake_add_symbol(g, name, i % 3 ? 't' : 'T',
                        g->text + 16 + i * (FAKE_TEXT - 4096) / g->o.fillers);
    }
}

void fake_kallsyms(struct fake *g)
{
    struct tables t = {.g = g, .base = g->text};
    add_fillers(g);
    qsort(g->syms, g->n_syms, sizeof *g->syms, by_value);
    make_tokens(&t);
    make_names(&t);
    if (!g->o.new_sections) {
        put_offsets(&t);
        put_names(&t);
        if (g->o.sorted)
            put_order(&t);
    } else
        put_names(&t);
    put(&t, "kallsyms_token_table", &t.strings);
    put(&t, "kallsyms_token_index", &t.index);
    if (g->o.new_sections) {
        put_offsets(&t);
        if (g->o.sorted)
            put_order(&t);
    }
    ax_buf_free(&t.names);
    ax_buf_free(&t.strings);
    ax_buf_free(&t.index);
    ax_buf_free(&t.markers);
}
