// SPDX-License-Identifier: Apache-2.0
/* Series that are over leave the memory: the VM is gone, its labels shall be too. What is in blocks
 * stays and is found there; the blocks have their own labels.
 *
 * A series is over when a whole memtable was filled without it, and its newest sample is an hour
 * old. It goes in two steps:
 *
 *   retire   when a memtable is frozen: out of the index, so that no query finds it any more
 *   forget   when no query is left that began before: its labels are freed, its id is free
 *
 * Queries are counted by age, so that the second step need not wait for those that began later:
 * there are two counts, and they change places when series retire. */
#include "store/inner.h"

#include <stdlib.h>

#define OVER_MS (60 * 60000)

unsigned ax_store_enter(struct ax_store *s)
{
    unsigned age = s->age;
    __atomic_add_fetch(&s->readers[age], 1, __ATOMIC_ACQUIRE);
    return age;
}

void ax_store_leave(struct ax_store *s, unsigned age)
{
    __atomic_sub_fetch(&s->readers[age], 1, __ATOMIC_RELEASE);
}

/* One that is not in the index never got a sample in: the disk was full. */
static bool is_over(const struct ax_store *s, uint32_t id, int64_t now)
{
    return ax_intake_alive(s->intake, id) && !ax_mem_series(s->active, id) &&
           (!ax_index_has(s->index, id) || id >= s->nlast || s->last[id].t < now - OVER_MS);
}

static void retire(struct ax_store *s, uint32_t id)
{
    if (ax_index_has(s->index, id))
        ax_index_remove(s->index, id);
    ax_intake_retire(s->intake, id);
    if (id < s->nlast) {
        s->doubt = s->last[id].t > s->doubt ? s->last[id].t : s->doubt;
        s->last[id].t = INT64_MIN;
    }
    if (s->nretired == s->retired_cap) {
        s->retired_cap = s->retired_cap ? s->retired_cap * 2 : 256;
        s->retired = ax_realloc(s->retired, s->retired_cap * sizeof *s->retired);
    }
    s->retired[s->nretired++] = id;
}

void ax_store_retire(struct ax_store *s)
{
    if (s->nretired || s->frozen)
        return; /* those of the last time are still being read */
    int64_t now = ax_store_now(s);
    uint32_t n = ax_intake_count(s->intake);
    for (uint32_t id = 0; id < n; id++)
        if (is_over(s, id, now))
            retire(s, id);
    if (s->nretired)
        s->age ^= 1;
}

void ax_store_forget(struct ax_store *s)
{
    if (!s->nretired || __atomic_load_n(&s->readers[s->age ^ 1], __ATOMIC_ACQUIRE))
        return;
    ax_intake_hold(s->intake);
    for (size_t i = 0; i < s->nretired; i++)
        ax_intake_forget(s->intake, s->retired[i]);
    ax_intake_release(s->intake);
    s->nretired = 0;
}
