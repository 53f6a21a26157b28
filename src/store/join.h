// SPDX-License-Identifier: Apache-2.0
/* Brings together the series of several places (blocks, the head) that have the same labels.
 *
 *   group ─> member ─> member ─> ...   in the order in which they were added
 *
 * Groups come in the order of their first members, so that who goes through them reads each block
 * from front to back. Labels are not kept: a member's are read again where hashes are the same. */
#ifndef AX_STORE_JOIN_H
#define AX_STORE_JOIN_H

#include "model/labels.h"

#define AX_JOIN_NONE UINT32_MAX

struct ax_member {
    uint32_t place, series; /* mean what the caller likes */
    uint32_t next;          /* AX_JOIN_NONE: it is the last */
};

struct ax_group {
    uint32_t first, last; /* members */
};

struct ax_join_slot;
struct ax_join {
    /* Does the member have these labels? */
    bool (*same)(void *ctx, const struct ax_member *m, struct ax_labels labels);
    void *ctx;

    struct ax_group *groups;
    struct ax_member *members;
    uint32_t ngroups, nmembers;

    struct ax_join_slot *slots;
    size_t cap, groups_cap, members_cap;
};

/* Start from {.same, .ctx}. With `make` labels that are new make a group; else they are passed
 * over. */
void ax_join_add(struct ax_join *j, uint32_t place, uint32_t series, struct ax_labels labels,
                 bool make);
void ax_join_free(struct ax_join *j);

#endif
