// SPDX-License-Identifier: Apache-2.0
#include "vmi/walk.h"

#include <errno.h>

#define TREE_DEPTH   96u /* a red-black tree of 2^48 nodes is not deeper */
#define XARRAY_SLOTS 64u
#define XARRAY_DEPTH 11u

bool ax_walk_list(struct ax_vmi *v, uint64_t head, unsigned max, ax_walk_node *each, void *self)
{
    struct ax_guest *g = &v->guest;
    uint64_t before = head, links[2];
    if (!ax_guest_read(g, head, links, sizeof links))
        return false;
    uint64_t node = links[0];
    for (unsigned n = 0; node != head; n++) {
        if (n == max || !ax_guest_read(g, node, links, sizeof links) || links[1] != before ||
            !each(self, node) || !ax_guest_read(g, node, links, sizeof links) || links[1] != before)
            return false;
        before = node;
        node = links[0];
    }
    return ax_guest_read(g, head, links, sizeof links) && links[1] == before;
}

/* --- xarray --------------------------------------------------------------------------------- */

struct xarray {
    struct ax_vmi *v;
    unsigned left;
    ax_walk_node *each;
    void *self;
};

/* A node's address carries a 2 in its low bits, a number a 1; small ones are the array's own. */
static bool is_node(uint64_t entry)
{
    return (entry & 3) == 2 && entry > AX_PAGE;
}

/* Recursion: each level must have a smaller shift than the one above, so it ends. */
static bool walk_entry(struct xarray *x, uint64_t entry, unsigned above)
{
    const enum ax_plan_member used[] = {AX_OFF_xa_node_shift, AX_OFF_xa_node_slots};
    uint64_t slots[XARRAY_SLOTS], node = entry - 2;
    uint8_t shift;
    if (entry == 0 || (entry & 1) || ((entry & 3) == 2 && !is_node(entry)))
        return true;
    if (!is_node(entry)) {
        if (x->left-- == 0 || !x->each(x->self, entry)) {
            x->left = 0;
            return false;
        }
        return true;
    }
    if (!ax_span(x->v, used, AX_ARRAY_LEN(used)) ||
        !ax_guest_read(&x->v->guest, node + (uint64_t)ax_off(x->v, used[0]), &shift, 1) ||
        shift >= above ||
        !ax_guest_read(&x->v->guest, node + (uint64_t)ax_off(x->v, used[1]), slots, sizeof slots))
        return false;
    for (unsigned i = 0; i < XARRAY_SLOTS; i++)
        if (!walk_entry(x, slots[i], shift))
            return false;
    return true;
}

bool ax_walk_xarray(struct ax_vmi *v, uint64_t xa_head, unsigned max, ax_walk_node *each,
                    void *self)
{
    struct xarray x = {v, max, each, self};
    uint64_t entry;
    return ax_guest_u64(&v->guest, xa_head, &entry) && walk_entry(&x, entry, 6 * XARRAY_DEPTH);
}

/* --- Red-black tree: struct rb_node {parent and colour, right, left} ------------------------- */

struct rb {
    uint64_t parent, right, left;
};

static bool load_node(struct ax_vmi *v, uint64_t va, uint64_t parent, struct rb *out)
{
    return ax_guest_read(&v->guest, va, out, sizeof *out) && (out->parent & ~UINT64_C(3)) == parent;
}

/* Down the left edge from `node`; pushes what it passes. */
static bool descend(struct ax_vmi *v, uint64_t node, uint64_t parent, uint64_t *stack,
                    unsigned *depth)
{
    struct rb rb;
    while (node) {
        if (*depth == TREE_DEPTH || !load_node(v, node, parent, &rb))
            return false;
        stack[(*depth)++] = node;
        parent = node;
        node = rb.left;
    }
    return true;
}

bool ax_walk_tree(struct ax_vmi *v, uint64_t root, unsigned max, ax_walk_node *each, void *self)
{
    uint64_t stack[TREE_DEPTH], node;
    unsigned depth = 0;
    if (!ax_guest_u64(&v->guest, root, &node) || !descend(v, node, 0, stack, &depth))
        return false;
    for (unsigned n = 0; depth > 0; n++) {
        struct rb rb;
        node = stack[--depth];
        if (n == max || !each(self, node) || !ax_guest_read(&v->guest, node, &rb, sizeof rb) ||
            !descend(v, rb.right, node, stack, &depth))
            return false;
    }
    return true;
}

/* --- Small things --------------------------------------------------------------------------- */

int ax_walk_again(struct ax_vmi *v, bool (*once)(void *self), void *self, const char *what,
                  struct ax_err *err)
{
    for (unsigned tries = 0; tries < 3 && !v->guest.exhausted; tries++) {
        if (once(self))
            return 0;
        v->torn++;
    }
    return ax_fail(err, -EAGAIN,
                   v->guest.exhausted ? "the %s do not end within this poll's budget"
                                      : "the %s changed under each of three looks",
                   what);
}

bool ax_walk_u64(struct ax_vmi *v, uint64_t va, enum ax_plan_member m, uint64_t *out)
{
    return ax_off(v, m) >= 0 && ax_guest_u64(&v->guest, va + (uint64_t)ax_off(v, m), out);
}

bool ax_walk_u32(struct ax_vmi *v, uint64_t va, enum ax_plan_member m, uint32_t *out)
{
    return ax_off(v, m) >= 0 && ax_guest_u32(&v->guest, va + (uint64_t)ax_off(v, m), out);
}

struct ax_str ax_walk_text(struct ax_vmi *v, struct ax_arena *a, uint64_t va, size_t max)
{
    char text[256];
    if (max > 255)
        max = 255;
    return ax_guest_text(&v->guest, va, text, max) ? ax_arena_str(a, ax_str(text)) : AX_STR_NULL;
}
