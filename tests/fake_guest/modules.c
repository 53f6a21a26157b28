// SPDX-License-Identifier: Apache-2.0
/* Modules: in the list, in the set of /sys/module, and in the tree of their addresses. One that
 * hides takes itself out of the list and leaves the others. */
#include "inner.h"

#include <stdio.h>

static uint64_t module_node(struct fake *g, uint64_t m, const char *area)
{
    char path[64];
    snprintf(path, sizeof path, "module.%s.mtn", area);
    return m + fake_offset(g, path);
}

/* A tree that leans to one side: each is the right child of the one before. */
static void into_tree(struct fake *g, uint64_t node, uint64_t m, uint64_t *last)
{
    uint64_t rb = node + fake_offset(g, "mod_tree_node.node.node[0]");
    uint64_t root = fake_symbol(g, "mod_tree") + fake_offset(g, "mod_tree_root.root.tree[0]");
    fake_put(g, node, "mod_tree_node.mod", m);
    fake_put(g, rb, "rb_node.__rb_parent_color", *last | 1);
    if (*last)
        fake_put(g, *last, "rb_node.rb_right", rb);
    else
        fake_put(g, root, "rb_root.rb_node", rb);
    *last = rb;
}

static void put_memory(struct fake *g, uint64_t m, unsigned n, uint64_t *last)
{
    uint64_t base = UINT64_C(0xffffffffc0000000) + n * UINT64_C(0x10000);
    if (g->o.new_modules) {
        fake_put(g, m, "module.mem[0].base", base);
        fake_put(g, m, "module.mem[0].size", 0x3000);
        fake_put(g, m, "module.mem[1].base", base + 0x4000);
        fake_put(g, m, "module.mem[1].size", 0x1000);
        into_tree(g, module_node(g, m, "mem[0]"), m, last);
        into_tree(g, module_node(g, m, "mem[1]"), m, last);
    } else {
        fake_put(g, m, "module.core_layout.base", base);
        fake_put(g, m, "module.core_layout.size", 0x4000);
        fake_put(g, m, "module.core_layout.text_size", 0x3000);
        into_tree(g, module_node(g, m, "core_layout"), m, last);
    }
}

static void add_module(struct fake *g, const char *name, unsigned n, bool hidden, uint64_t *last)
{
    uint64_t m = fake_vmalloc(g, fake_size(g, "module"));
    fake_put_text(g, m, "module.name", name);
    fake_put(g, m, "module.state", fake_constant(g, "MODULE_STATE_LIVE"));
    fake_put(g, m, "module.refcnt", n + 1); /* one for being there */
    fake_put(g, m, "module.taints", n == 1 ? 1 << 12 : 0);
    put_memory(g, m, n, last);
    uint64_t kset;
    memcpy(&kset, fake_at(g, fake_symbol(g, "module_kset")), 8);
    fake_put(g, m, "module.mkobj.mod", m);
    fake_put(g, m, "module.mkobj.kobj.name", m + fake_offset(g, "module.name"));
    fake_put(g, m, "module.mkobj.kobj.kset", kset);
    fake_list_add_tail(g, kset + fake_offset(g, "kset.list"),
                       m + fake_offset(g, "module.mkobj.kobj.entry"));
    if (!hidden)
        fake_list_add_tail(g, fake_symbol(g, "modules"), m + fake_offset(g, "module.list"));
}

/* Built-in code has an entry in /sys/module too, but no module. */
static void add_built_in(struct fake *g, uint64_t kset)
{
    uint64_t k = fake_heap_alloc(g, fake_size(g, "module_kobject"));
    fake_put(g, k, "module_kobject.kobj.kset", kset);
    fake_list_add_tail(g, kset + fake_offset(g, "kset.list"),
                       k + fake_offset(g, "module_kobject.kobj.entry"));
}

void fake_modules(struct fake *g)
{
    static const char *const names[] = {"virtio_net", "ext4_ish", "xfs"};
    uint64_t last = 0, kset = fake_heap_alloc(g, fake_size(g, "kset"));
    fake_list_init(g, kset + fake_offset(g, "kset.list"));
    fake_u64(g, fake_data(g, "module_kset", 8), kset);
    fake_list_init(g, fake_data_of(g, "modules", "list_head"));
    fake_data_of(g, "mod_tree", "mod_tree_root");
    add_built_in(g, kset);
    for (unsigned i = 0; i < AX_ARRAY_LEN(names); i++)
        add_module(g, names[i], i, false, &last);
    if (g->o.hidden_module)
        add_module(g, g->o.hidden_module, 3, true, &last);
}

/* --- Tables of code addresses --------------------------------------------------------------- */

#define CALLS 64u
void fake_tables(struct fake *g)
{
    uint64_t calls = fake_data(g, "sys_call_table", 8 * CALLS);
    uint64_t idt = fake_image_alloc(g, AX_PAGE, AX_PAGE);
    fake_add_symbol(g, "idt_table", 'b', idt);
    for (uint64_t i = 0; i < CALLS; i++)
        fake_u64(g, calls + 8 * i, g->text + 0x1000 + 64 * i);
    fake_add_symbol(g, "__x64_sys_read", 'T', g->text + 0x1000);
    for (uint64_t i = 0; i < 256; i++) {
        bool hooked = g->o.hooked_vector && i == 14;
        uint64_t to = hooked ? UINT64_C(0xffffffffc0666000) : g->text + 0x8000 + 16 * i;
        uint64_t gate = idt + i * fake_size(g, "gate_struct");
        fake_put(g, gate, "gate_struct.offset_low", to & 0xffff);
        fake_put(g, gate, "gate_struct.offset_middle", to >> 16 & 0xffff);
        fake_put(g, gate, "gate_struct.offset_high", to >> 32);
        fake_put(g, gate, "gate_struct.segment", 0x10);
        fake_put(g, gate, "gate_struct.bits", 0x8e00); /* present, an interrupt gate */
    }
    if (g->o.hooked_call)
        fake_u64(g, calls + 8 * 5, UINT64_C(0xffffffffc0666000));
}
