// SPDX-License-Identifier: Apache-2.0
/* Parts of label sets. Canonical bytes are sorted by name, so leaving labels out is copying the
 * rest: no sorting, no checking. What two series share for grouping or matching is itself such a
 * set, and its bytes are the key. */
#include "query/eval.h"

#include <string.h>

static bool listed(const struct ax_names *names, struct ax_str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (ax_str_eq(names->v[i], name))
            return true;
    return false;
}

static bool is_name(struct ax_str name)
{
    return ax_str_eq(name, AX_STR("__name__"));
}

struct ax_labels ax_labels_part(struct ax_labels set, const struct ax_names *names, bool keep,
                                bool drop_name, char *room)
{
    size_t n = 0;
    const char *from = set.bytes.p;
    struct ax_label l;
    AX_LABELS_EACH (set, l) {
        const char *to = l.value.p + l.value.n;
        if (listed(names, l.name) == keep && !(drop_name && is_name(l.name))) {
            memcpy(room + n, from, (size_t)(to - from));
            n += (size_t)(to - from);
        }
        from = to;
    }
    return (struct ax_labels){{room, n}};
}

static struct ax_labels filter(struct ax_arena *a, struct ax_labels set,
                               const struct ax_names *names, bool keep, bool drop_name)
{
    return ax_labels_part(set, names, keep, drop_name, ax_arena_room(a, set.bytes.n));
}

struct ax_labels ax_labels_keep(struct ax_arena *a, struct ax_labels set,
                                const struct ax_names *names)
{
    return filter(a, set, names, true, false);
}

struct ax_labels ax_labels_drop(struct ax_arena *a, struct ax_labels set,
                                const struct ax_names *names, bool name_too)
{
    return filter(a, set, names, false, name_too);
}

/* The name mostly stands in front. */
struct ax_labels ax_labels_nameless(struct ax_arena *a, struct ax_labels set)
{
    struct ax_str rest = set.bytes;
    struct ax_label first;
    if (ax_labels_next(&rest, &first) && is_name(first.name))
        return (struct ax_labels){rest};
    return filter(a, set, &(struct ax_names){0}, false, true);
}

int ax_labels_with(struct ax_arena *a, struct ax_labels set, struct ax_str name,
                   struct ax_str value, struct ax_labels *out, struct ax_err *err)
{
    struct ax_labels rest = filter(a, set, &(struct ax_names){&name, 1}, false, false);
    if (!value.n) {
        *out = rest;
        return 0;
    }
    struct ax_labels_builder b = {.n = 0};
    ax_labels_add_all(&b, rest);
    ax_labels_add(&b, name, value);
    return ax_labels_finish(&b, a, out, err);
}
