// SPDX-License-Identifier: Apache-2.0
/* Lists and trees of a guest that runs on while we walk them. Inner header of the readers.
 *
 * A walk counts only when it came back to where it began and every node pointed back to the one
 * that led to it. Else it is torn, and is done again as a whole by ax_walk_again(). */
#ifndef AX_VMI_WALK_H
#define AX_VMI_WALK_H

#include "vmi/kernel.h"

/* What to do with one node; false: it is not what it should be, the walk is torn. */
typedef bool ax_walk_node(void *self, uint64_t node);

/* struct list_head, circular, without its head. False: torn, or longer than max. */
bool ax_walk_list(struct ax_vmi *v, uint64_t head, unsigned max, ax_walk_node *each, void *self);

/* An xarray (also: radix tree, IDR) by the address of its xa_head: every pointer in it that is no
 * node and no number. At most `max` of them. */
bool ax_walk_xarray(struct ax_vmi *v, uint64_t xa_head, unsigned max, ax_walk_node *each,
                    void *self);

/* A red-black tree by the address of its root pointer, in order. */
bool ax_walk_tree(struct ax_vmi *v, uint64_t root, unsigned max, ax_walk_node *each, void *self);

/* Looks up to three times; -EAGAIN when each look was torn. `once` begins anew each time. */
int ax_walk_again(struct ax_vmi *v, bool (*once)(void *self), void *self, const char *what,
                  struct ax_err *err);

/* A pointer or number at va + the offset of a member; false: unknown member or no memory. */
bool ax_walk_u64(struct ax_vmi *v, uint64_t va, enum ax_plan_member m, uint64_t *out);
bool ax_walk_u32(struct ax_vmi *v, uint64_t va, enum ax_plan_member m, uint32_t *out);

/* A text of the guest, at most `max` (<= 255) bytes, copied into the arena. Empty: not there. */
struct ax_str ax_walk_text(struct ax_vmi *v, struct ax_arena *a, uint64_t va, size_t max);

#endif
