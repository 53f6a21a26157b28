// SPDX-License-Identifier: Apache-2.0
#include "collect/collect.h"

#include <stdlib.h>
#include <string.h>

struct line {
    struct ax_str name;
    const struct ax_batch_series *series;
};

static int by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int c = ax_str_cmp(x->name, y->name);
    return c ? c : (x->series > y->series) - (x->series < y->series);
}

/* What the kernel's files do not say the kind of is untyped, as the node exporter has it. */
static const char *type_of(struct ax_str name)
{
    static const char *const untyped[] = {"node_netstat_", "node_vmstat_"};
    for (size_t i = 0; i < AX_ARRAY_LEN(untyped); i++)
        if (ax_str_starts(name, ax_str(untyped[i])))
            return "untyped";
    return ax_str_ends(name, AX_STR("_total")) ? "counter" : "gauge";
}

static void put_line(const struct line *l, bool first_of_name, struct ax_buf *out)
{
    if (first_of_name)
        ax_buf_printf(out, "# TYPE %.*s %s\n", AX_STR_ARG(l->name), type_of(l->name));
    ax_labels_print(l->series->labels, out);
    ax_buf_byte(out, ' ');
    ax_buf_double(out, l->series->samples[l->series->n - 1].v);
    ax_buf_byte(out, '\n');
}

void ax_round_text(const struct ax_round *r, struct ax_buf *out)
{
    AX_CLEANUP(ax_free_ptr) struct line *lines = ax_calloc(r->batch.n + 1, sizeof *lines);
    size_t n = 0;
    for (size_t i = 0; i < r->batch.n; i++) {
        const struct ax_batch_series *s = &r->batch.v[i];
        if (s->n && !ax_is_stale(s->samples[s->n - 1].v))
            lines[n++] = (struct line){ax_labels_get(s->labels, AX_STR("__name__")), s};
    }
    if (n)
        qsort(lines, n, sizeof *lines, by_name);
    for (size_t i = 0; i < n; i++)
        put_line(&lines[i], !i || !ax_str_eq(lines[i].name, lines[i - 1].name), out);
}
