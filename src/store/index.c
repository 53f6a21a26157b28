// SPDX-License-Identifier: Apache-2.0
#include "store/index.h"

#include "base/map.h"

#include <stdlib.h>

struct values {
    struct ax_map by_value; /* value -> roaring_bitmap_t * */
};

struct ax_index {
    struct ax_map names; /* name -> struct values * */
    roaring_bitmap_t *known;
};

struct ax_index *ax_index_new(void)
{
    struct ax_index *ix = ax_calloc(1, sizeof *ix);
    ix->known = roaring_bitmap_create();
    return ix;
}

void ax_index_free(struct ax_index *ix)
{
    if (!ix)
        return;
    struct ax_str key;
    uint64_t v, b;
    for (size_t at = 0; ax_map_next(&ix->names, &at, &key, &v);) {
        struct values *values = (struct values *)(uintptr_t)v;
        for (size_t i = 0; ax_map_next(&values->by_value, &i, &key, &b);)
            roaring_bitmap_free((roaring_bitmap_t *)(uintptr_t)b);
        ax_map_free(&values->by_value);
        free(values);
    }
    ax_map_free(&ix->names);
    roaring_bitmap_free(ix->known);
    free(ix);
}

static struct values *values_of(const struct ax_index *ix, struct ax_str name)
{
    uint64_t v;
    return ax_map_get(&ix->names, name, &v) ? (struct values *)(uintptr_t)v : NULL;
}

static void add_label(struct ax_index *ix, uint32_t id, const struct ax_label *l)
{
    struct values *values = values_of(ix, l->name);
    if (!values) {
        values = ax_calloc(1, sizeof *values);
        ax_map_put(&ix->names, l->name, (uintptr_t)values);
    }
    uint64_t b;
    if (!ax_map_get(&values->by_value, l->value, &b)) {
        b = (uintptr_t)roaring_bitmap_create();
        ax_map_put(&values->by_value, l->value, b);
    }
    roaring_bitmap_add((roaring_bitmap_t *)(uintptr_t)b, id);
}

void ax_index_add(struct ax_index *ix, uint32_t id, struct ax_labels labels)
{
    if (!roaring_bitmap_add_checked(ix->known, id))
        return;
    struct ax_label l;
    AX_LABELS_EACH (labels, l)
        add_label(ix, id, &l);
}

bool ax_index_has(const struct ax_index *ix, uint32_t id)
{
    return roaring_bitmap_contains(ix->known, id);
}

static roaring_bitmap_t *get(const void *self, uint64_t handle)
{
    (void)self;
    return roaring_bitmap_copy((const roaring_bitmap_t *)(uintptr_t)handle);
}

static roaring_bitmap_t *find(const void *self, struct ax_str name, struct ax_str value)
{
    const struct values *values = values_of(self, name);
    uint64_t b;
    return values && ax_map_get(&values->by_value, value, &b) ? get(self, b) : NULL;
}

static void each_value(const void *self, struct ax_str name,
                       void (*fn)(void *ctx, struct ax_str value, uint64_t handle), void *ctx)
{
    const struct values *values = values_of(self, name);
    struct ax_str value;
    uint64_t b;
    for (size_t i = 0; values && ax_map_next(&values->by_value, &i, &value, &b);)
        fn(ctx, value, b);
}

struct ax_index_view ax_index_view(const struct ax_index *ix)
{
    return (struct ax_index_view){ix, get, find, each_value};
}
