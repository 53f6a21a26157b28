// SPDX-License-Identifier: Apache-2.0
#include "intake/inner.h"

#include "base/map.h"

#include <stdlib.h>

void ax_series_table_init(struct ax_series_table *t, uint32_t max)
{
    *t = (struct ax_series_table){.max = max};
    if (max > AX_SERIES_PAGE * AX_SERIES_PAGES)
        t->max = AX_SERIES_PAGE * AX_SERIES_PAGES;
    pthread_rwlock_init(&t->lock, NULL);
}

void ax_series_table_free(struct ax_series_table *t)
{
    for (size_t i = 0; i < AX_SERIES_PAGES; i++)
        free(t->pages[i]);
    free(t->slots);
    ax_arena_free(&t->bytes);
    pthread_rwlock_destroy(&t->lock);
}

struct ax_labels ax_series_table_get(struct ax_series_table *t, uint32_t id)
{
    struct ax_labels *page = t->pages[id / AX_SERIES_PAGE];
    AX_ASSERT(page != NULL);
    return page[id % AX_SERIES_PAGE];
}

/* The slot of the set, or the free one where it belongs. */
static struct ax_series_slot *probe(struct ax_series_table *t, struct ax_labels l, uint64_t hash)
{
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct ax_series_slot *s = &t->slots[i];
        if (s->id == AX_SERIES_NONE ||
            (s->hash == hash && ax_str_eq(ax_series_table_get(t, s->id).bytes, l.bytes)))
            return s;
    }
}

static void grow(struct ax_series_table *t)
{
    struct ax_series_slot *old = t->slots;
    size_t old_cap = t->cap;
    t->cap = old_cap ? old_cap * 2 : 1024;
    t->slots = ax_malloc(t->cap * sizeof *t->slots);
    for (size_t i = 0; i < t->cap; i++)
        t->slots[i] = (struct ax_series_slot){0, AX_SERIES_NONE};
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].id == AX_SERIES_NONE)
            continue;
        size_t at = old[i].hash & (t->cap - 1);
        while (t->slots[at].id != AX_SERIES_NONE)
            at = (at + 1) & (t->cap - 1);
        t->slots[at] = old[i];
    }
    free(old);
}

bool ax_series_table_find(struct ax_series_table *t, struct ax_labels l, uint32_t *id)
{
    uint64_t hash = ax_hash(l.bytes.p, l.bytes.n);
    pthread_rwlock_rdlock(&t->lock);
    uint32_t found = t->n ? probe(t, l, hash)->id : AX_SERIES_NONE;
    pthread_rwlock_unlock(&t->lock);
    if (found == AX_SERIES_NONE)
        return false;
    *id = found;
    return true;
}

static uint32_t add(struct ax_series_table *t, struct ax_labels l, uint64_t hash)
{
    if (t->n == t->max)
        return AX_SERIES_NONE;
    if ((size_t)t->n * 4 >= t->cap * 3)
        grow(t);
    struct ax_series_slot *s = probe(t, l, hash);
    if (s->id != AX_SERIES_NONE)
        return s->id; /* another thread was first */
    uint32_t id = t->n;
    struct ax_labels **page = &t->pages[id / AX_SERIES_PAGE];
    if (!*page)
        *page = ax_calloc(AX_SERIES_PAGE, sizeof **page);
    (*page)[id % AX_SERIES_PAGE].bytes = ax_arena_str(&t->bytes, l.bytes);
    *s = (struct ax_series_slot){hash, id};
    t->n++;
    return id;
}

uint32_t ax_series_table_define(struct ax_series_table *t, struct ax_labels l)
{
    uint32_t id;
    if (ax_series_table_find(t, l, &id))
        return id;
    uint64_t hash = ax_hash(l.bytes.p, l.bytes.n);
    pthread_rwlock_wrlock(&t->lock);
    id = add(t, l, hash);
    pthread_rwlock_unlock(&t->lock);
    return id;
}

uint32_t ax_series_table_count(struct ax_series_table *t)
{
    pthread_rwlock_rdlock(&t->lock);
    uint32_t n = t->n;
    pthread_rwlock_unlock(&t->lock);
    return n;
}
