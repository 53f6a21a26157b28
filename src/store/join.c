// SPDX-License-Identifier: Apache-2.0
#include "store/join.h"

#include "base/map.h"

#include <stdlib.h>

struct ax_join_slot {
    uint64_t hash;
    uint32_t group; /* AX_JOIN_NONE: free */
};

static void grow(struct ax_join *j)
{
    struct ax_join_slot *old = j->slots;
    size_t cap = j->cap;
    j->cap = cap ? cap * 2 : 256;
    j->slots = ax_malloc(j->cap * sizeof *j->slots);
    for (size_t i = 0; i < j->cap; i++)
        j->slots[i] = (struct ax_join_slot){0, AX_JOIN_NONE};
    for (size_t i = 0; i < cap; i++) {
        if (old[i].group == AX_JOIN_NONE)
            continue;
        size_t at = old[i].hash & (j->cap - 1);
        while (j->slots[at].group != AX_JOIN_NONE)
            at = (at + 1) & (j->cap - 1);
        j->slots[at] = old[i];
    }
    free(old);
}

/* The slot of the labels' group, or the free one where it belongs. */
static struct ax_join_slot *probe(const struct ax_join *j, uint64_t hash, struct ax_labels labels)
{
    for (size_t i = hash & (j->cap - 1);; i = (i + 1) & (j->cap - 1)) {
        struct ax_join_slot *s = &j->slots[i];
        if (s->group == AX_JOIN_NONE ||
            (s->hash == hash && j->same(j->ctx, &j->members[j->groups[s->group].first], labels)))
            return s;
    }
}

static uint32_t new_member(struct ax_join *j, uint32_t place, uint32_t series)
{
    if (j->nmembers == j->members_cap) {
        j->members_cap = j->members_cap ? j->members_cap * 2 : 256;
        j->members = ax_realloc(j->members, j->members_cap * sizeof *j->members);
    }
    j->members[j->nmembers] = (struct ax_member){place, series, AX_JOIN_NONE};
    return j->nmembers++;
}

static uint32_t new_group(struct ax_join *j, uint32_t member)
{
    if (j->ngroups == j->groups_cap) {
        j->groups_cap = j->groups_cap ? j->groups_cap * 2 : 256;
        j->groups = ax_realloc(j->groups, j->groups_cap * sizeof *j->groups);
    }
    j->groups[j->ngroups] = (struct ax_group){member, member};
    return j->ngroups++;
}

void ax_join_add(struct ax_join *j, uint32_t place, uint32_t series, struct ax_labels labels,
                 bool make)
{
    if (make && (size_t)j->ngroups * 4 >= j->cap * 3)
        grow(j);
    if (!j->cap)
        return;
    uint64_t hash = ax_hash(labels.bytes.p, labels.bytes.n);
    struct ax_join_slot *s = probe(j, hash, labels);
    if (s->group == AX_JOIN_NONE) {
        if (make)
            *s = (struct ax_join_slot){hash, new_group(j, new_member(j, place, series))};
        return;
    }
    struct ax_group *g = &j->groups[s->group];
    uint32_t member = new_member(j, place, series);
    j->members[g->last].next = member;
    g->last = member;
}

void ax_join_free(struct ax_join *j)
{
    free(j->slots);
    free(j->groups);
    free(j->members);
    *j = (struct ax_join){0};
}
