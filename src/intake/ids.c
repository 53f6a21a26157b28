// SPDX-License-Identifier: Apache-2.0
#include "intake/inner.h"

#include <stdlib.h>

struct ax_id_slot {
    uint32_t hash, id; /* AX_SERIES_NONE: free */
};

static size_t place(const struct ax_ids *t, uint32_t hash)
{
    return hash & (t->cap - 1);
}

uint32_t ax_ids_first(const struct ax_ids *t, uint32_t hash, size_t *at)
{
    if (!t->cap)
        return AX_SERIES_NONE;
    *at = place(t, hash) - 1;
    return ax_ids_next(t, hash, at);
}

uint32_t ax_ids_next(const struct ax_ids *t, uint32_t hash, size_t *at)
{
    for (;;) {
        *at = (*at + 1) & (t->cap - 1);
        const struct ax_id_slot *s = &t->slots[*at];
        if (s->id == AX_SERIES_NONE || s->hash == hash)
            return s->id;
    }
}

static void put(struct ax_ids *t, struct ax_id_slot s)
{
    size_t at = place(t, s.hash);
    while (t->slots[at].id != AX_SERIES_NONE)
        at = (at + 1) & (t->cap - 1);
    t->slots[at] = s;
}

static void grow(struct ax_ids *t)
{
    struct ax_ids old = *t;
    t->cap = old.cap ? old.cap * 2 : 256;
    t->slots = ax_malloc(t->cap * sizeof *t->slots);
    for (size_t i = 0; i < t->cap; i++)
        t->slots[i] = (struct ax_id_slot){0, AX_SERIES_NONE};
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].id != AX_SERIES_NONE)
            put(t, old.slots[i]);
    free(old.slots);
}

void ax_ids_add(struct ax_ids *t, uint32_t hash, uint32_t id)
{
    if (t->n * 4 >= t->cap * 3)
        grow(t);
    put(t, (struct ax_id_slot){hash, id});
    t->n++;
}

/* What stands behind the gap moves up when its place is not between the gap and itself, so that
 * every probe still finds its way without a mark of what was there. */
void ax_ids_remove(struct ax_ids *t, uint32_t hash, uint32_t id)
{
    size_t gap = place(t, hash);
    while (t->slots[gap].id != id) {
        AX_ASSERT(t->slots[gap].id != AX_SERIES_NONE);
        gap = (gap + 1) & (t->cap - 1);
    }
    for (size_t i = (gap + 1) & (t->cap - 1); t->slots[i].id != AX_SERIES_NONE;
         i = (i + 1) & (t->cap - 1)) {
        size_t home = place(t, t->slots[i].hash);
        if (((i - home) & (t->cap - 1)) < ((i - gap) & (t->cap - 1)))
            continue;
        t->slots[gap] = t->slots[i];
        gap = i;
    }
    t->slots[gap].id = AX_SERIES_NONE;
    t->n--;
}

void ax_ids_free(struct ax_ids *t)
{
    free(t->slots);
    *t = (struct ax_ids){0};
}
