// SPDX-License-Identifier: Apache-2.0
/* Modules that took themselves out of the list. The kernel knows each module in two more places:
 * the kobjects of /sys/module, and the tree by which it finds the module of an address.
 *
 * A module that is being loaded or removed is in these places at other moments than in the list,
 * but then it is "unformed"; and who is missing must be missing in three looks. */
#include "vmi/integrity.h"
#include "vmi/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_MODULES    8192u
#define MAX_CANDIDATES 64u
#define UNFORMED       3u
#define RB_NODE_BYTES  24u

struct search {
    struct ax_vmi *v;
    struct ax_loaded_list listed;
    uint64_t missing[MAX_CANDIDATES]; /* struct module */
    size_t n;
    unsigned tree; /* which of the two is not being changed */
};

static int compare(const void *a, const void *b)
{
    const struct ax_loaded *x = a, *y = b;
    return (x->va > y->va) - (x->va < y->va);
}

/* The list of modules, by address: each of tens of thousands of tree nodes is looked for in it. */
static int list_modules(struct ax_findings *f, struct ax_loaded_list *out, struct ax_err *err)
{
    int rc = ax_modules_loaded(f->v, f->a, out, err);
    if (rc == 0 && out->n > 0)
        qsort(out->items, out->n, sizeof *out->items, compare);
    return rc;
}

static bool is_listed(const struct ax_loaded_list *list, uint64_t module)
{
    struct ax_loaded wanted = {.va = module};
    return list->n > 0 && bsearch(&wanted, list->items, list->n, sizeof wanted, compare);
}

static void consider(struct search *s, uint64_t module)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->missing[i] == module)
            return;
    if (s->n < MAX_CANDIDATES && !is_listed(&s->listed, module))
        s->missing[s->n++] = module;
}

static bool take_kobject(void *self, uint64_t node)
{
    struct search *s = self;
    uint64_t module, kobject = node - (uint64_t)ax_off(s->v, AX_OFF_module_kobject_entry);
    if (!ax_walk_u64(s->v, kobject, AX_OFF_module_kobject_mod, &module))
        return false;
    if (module) /* 0: built in */
        consider(s, module);
    return true;
}

static bool take_tree_node(void *self, uint64_t node)
{
    struct search *s = self;
    uint64_t module, at = node - (uint64_t)ax_off(s->v, AX_OFF_mod_node_node) -
                          (uint64_t)s->tree * RB_NODE_BYTES;
    if (!ax_walk_u64(s->v, at, AX_OFF_mod_node_mod, &module))
        return false;
    consider(s, module);
    return true;
}

static bool look_at_kobjects(struct search *s)
{
    static const enum ax_plan_member used[] = {AX_OFF_kset_list, AX_OFF_module_kobject_entry,
                                               AX_OFF_module_kobject_mod};
    struct ax_vmi *v = s->v;
    uint64_t kset;
    if (!ax_sym(v, AX_SYM_module_kset) || !ax_span(v, used, AX_ARRAY_LEN(used)))
        return true;
    return ax_guest_u64(&v->guest, ax_sym(v, AX_SYM_module_kset), &kset) &&
           ax_walk_list(v, kset + (uint64_t)ax_off(v, AX_OFF_kset_list), MAX_MODULES, take_kobject,
                        s);
}

static bool look_at_tree(struct search *s)
{
    static const enum ax_plan_member used[] = {AX_OFF_mod_tree_seq, AX_OFF_mod_tree_tree,
                                               AX_OFF_mod_node_mod, AX_OFF_mod_node_node};
    struct ax_vmi *v = s->v;
    uint64_t tree = ax_sym(v, AX_SYM_mod_tree);
    uint32_t sequence;
    if (!tree || !ax_span(v, used, AX_ARRAY_LEN(used)))
        return true;
    if (!ax_walk_u32(v, tree, AX_OFF_mod_tree_seq, &sequence))
        return false;
    s->tree = sequence & 1;
    return ax_walk_tree(v, tree + (uint64_t)ax_off(v, AX_OFF_mod_tree_tree) + 8 * (uint64_t)s->tree,
                        MAX_MODULES * AX_MODULE_RANGES, take_tree_node, s);
}

static bool look(void *self)
{
    struct search *s = self;
    s->n = 0;
    return look_at_kobjects(s) && look_at_tree(s);
}

/* Who is in the list by now was only being loaded. */
static int look_again(struct ax_findings *f, struct search *s, struct ax_err *err)
{
    struct ax_loaded_list now;
    int rc = list_modules(f, &now, err);
    size_t n = 0;
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        struct ax_loaded m;
        if (!is_listed(&now, s->missing[i]) && ax_module_load(f->v, s->missing[i], &m) &&
            m.state != UNFORMED)
            s->missing[n++] = s->missing[i];
    }
    s->n = n;
    return rc;
}

int ax_hidden_modules(struct ax_findings *f, struct ax_err *err)
{
    struct search s = {.v = f->v};
    struct ax_loaded m;
    char text[160];
    int rc = list_modules(f, &s.listed, err);
    if (rc == 0)
        rc = ax_walk_again(f->v, look, &s, "modules", err);
    for (unsigned looks = 0; rc == 0 && s.n > 0 && looks < 2; looks++)
        rc = look_again(f, &s, err);
    for (size_t i = 0; rc == 0 && i < s.n; i++) {
        if (!ax_module_load(f->v, s.missing[i], &m))
            continue;
        snprintf(text, sizeof text, "module %s is loaded, but not in the list of modules", m.name);
        ax_finding(f, "hidden_module", m.name, text);
    }
    return rc;
}
