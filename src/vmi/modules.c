// SPDX-License-Identifier: Apache-2.0
/* Modules, with the meaning of /proc/modules. A module's code and data were one piece (core, and
 * init until it has run) up to kernel 6.3, and lie in several ranges since. */
#include "vmi/modules.h"
#include "vmi/walk.h"

#include <errno.h>

#define MAX_MODULES 4096u
#define MAX_BYTES   (UINT64_C(1) << 30)
#define UNFORMED    3u

static const enum ax_plan_member needed[] = {AX_OFF_module_state, AX_OFF_module_list,
                                             AX_OFF_module_name, AX_OFF_module_taints,
                                             AX_OFF_module_refcnt};

static void add_range(struct ax_loaded *m, uint64_t from, uint64_t size)
{
    if (from && size && size <= MAX_BYTES && m->n_ranges < AX_MODULE_RANGES) {
        m->ranges[m->n_ranges].from = from;
        m->ranges[m->n_ranges++].size = size;
    }
}

static bool read_layout(struct ax_vmi *v, uint64_t va, enum ax_plan_member base,
                        enum ax_plan_member size, struct ax_loaded *m)
{
    uint64_t from;
    uint32_t bytes;
    if (!ax_walk_u64(v, va, base, &from) || !ax_walk_u32(v, va, size, &bytes))
        return false;
    add_range(m, from, bytes);
    return true;
}

static bool read_ranges(struct ax_vmi *v, uint64_t va, struct ax_loaded *m)
{
    int32_t types = ax_const(v, AX_CONST_MOD_MEM_NUM_TYPES), at = ax_off(v, AX_OFF_module_mem);
    int32_t size = v->plan.size[AX_SIZE_module_memory];
    if (ax_off(v, AX_OFF_core_layout_base) >= 0)
        return read_layout(v, va, AX_OFF_core_layout_base, AX_OFF_core_layout_size, m) &&
               read_layout(v, va, AX_OFF_init_layout_base, AX_OFF_init_layout_size, m);
    if (at < 0 || size < 1 || types < 1 || types > (int32_t)AX_MODULE_RANGES)
        return false;
    for (int32_t i = 0; i < types; i++) {
        uint64_t memory = va + (uint64_t)at + (uint64_t)i * (uint64_t)size;
        if (!read_layout(v, memory, AX_OFF_module_memory_base, AX_OFF_module_memory_size, m))
            return false;
    }
    return true;
}

bool ax_module_load(struct ax_vmi *v, uint64_t va, struct ax_loaded *out)
{
    uint32_t references;
    *out = (struct ax_loaded){.va = va};
    if (!ax_walk_u32(v, va, AX_OFF_module_state, &out->state) ||
        !ax_walk_u32(v, va, AX_OFF_module_refcnt, &references) ||
        !ax_walk_u64(v, va, AX_OFF_module_taints, &out->taints) ||
        ax_off(v, AX_OFF_module_name) < 0 ||
        !ax_guest_text(&v->guest, va + (uint64_t)ax_off(v, AX_OFF_module_name), out->name,
                       AX_MODULE_NAME) ||
        out->state > UNFORMED || !read_ranges(v, va, out))
        return false;
    out->references = (int32_t)(references - 1u); /* one is the kernel's own */
    return true;
}

/* --- The list ------------------------------------------------------------------------------- */

struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_loaded_list *list;
    size_t cap;
};

static bool take(void *self, uint64_t node)
{
    struct walk *w = self;
    struct ax_loaded_list *l = w->list;
    if (l->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        l->items = ax_arena_grow(w->a, l->items, w->cap * sizeof *l->items, cap * sizeof *l->items);
        w->cap = cap;
    }
    return ax_module_load(w->v, node - (uint64_t)ax_off(w->v, AX_OFF_module_list),
                          &l->items[l->n++]);
}

static bool walk_once(void *self)
{
    struct walk *w = self;
    w->list->n = 0;
    return ax_walk_list(w->v, ax_sym(w->v, AX_SYM_modules), MAX_MODULES, take, w);
}

int ax_modules_loaded(struct ax_vmi *v, struct ax_arena *a, struct ax_loaded_list *out,
                      struct ax_err *err)
{
    static const enum ax_plan_symbol head = AX_SYM_modules;
    struct walk w = {.v = v, .a = a, .list = out};
    *out = (struct ax_loaded_list){0};
    int rc = ax_need_symbols(v, &head, 1, err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    return rc < 0 ? rc : ax_walk_again(v, walk_once, &w, "modules", err);
}

const struct ax_loaded *ax_modules_at(const struct ax_loaded_list *list, uint64_t va)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t r = 0; r < list->items[i].n_ranges; r++)
            if (va - list->items[i].ranges[r].from < list->items[i].ranges[r].size)
                return &list->items[i];
    return NULL;
}

const struct ax_loaded *ax_modules_named(const struct ax_loaded_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

/* --- The part of the reading ---------------------------------------------------------------- */

/* The kernel's letters by number of the taint. */
static struct ax_str taint_letters(struct ax_arena *a, uint64_t mask)
{
    static const char letters[] = "PFSRMBUDAWCIOELKXTNJ";
    char text[sizeof letters];
    size_t n = 0;
    for (size_t i = 0; i < sizeof letters - 1; i++)
        if (mask >> i & 1)
            text[n++] = letters[i];
    return ax_arena_str(a, (struct ax_str){text, n});
}

int ax_read_modules(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    static const char *const states[] = {"live", "coming", "going"};
    struct ax_loaded_list list;
    int rc = ax_modules_loaded(v, a, &list, err);
    if (rc < 0)
        return rc;
    r->modules = AX_NEWS(a, struct ax_module, list.n ? list.n : 1);
    for (size_t i = 0; i < list.n; i++) {
        const struct ax_loaded *m = &list.items[i];
        uint64_t size = 0;
        if (m->state == UNFORMED)
            continue; /* as /proc/modules: it has only its name yet */
        for (size_t k = 0; k < m->n_ranges; k++)
            size += m->ranges[k].size;
        r->modules[r->n_modules++] = (struct ax_module){.name = ax_arena_str(a, ax_str(m->name)),
                                                        .size = (int64_t)size,
                                                        .references = m->references,
                                                        .state = states[m->state],
                                                        .taints = taint_letters(a, m->taints)};
    }
    return 0;
}
