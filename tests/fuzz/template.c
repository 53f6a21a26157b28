// SPDX-License-Identifier: Apache-2.0
/* Templates: those that are good are rendered, and their text is what was read. */
#include "kit.h"

#include "alarm/template.h"

static int query(void *ctx, struct ax_str expression, struct ax_arena *a,
                 struct ax_query_result *out, struct ax_err *err)
{
    if (expression.n % 3 == 0)
        return ax_fail(err, -22, "no such thing");
    *out = (struct ax_query_result){.type = expression.n % 3 == 1 ? AX_VECTOR : AX_SCALAR};
    if (out->type == AX_SCALAR)
        return 0;
    out->n = 2;
    out->series = AX_NEWS(a, struct ax_result_series, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->series[i].labels = fuzz_labels(a, NULL, "job", i ? "b" : "a", "vm", "web1:80", NULL);
        out->series[i].v = AX_NEW(a, struct ax_point);
        out->series[i].v->v = 0.25 + (double)i;
        out->series[i].n = 1;
    }
    return 0;
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_template *t;
    struct ax_err err = {0};
    size_t at = 0;
    if (ax_template_parse(fuzz_str(p, n), &a, &t, &at, &err) < 0) {
        AX_ASSERT(at <= n && err.text[0]);
    } else {
        struct ax_template_world w = {.labels = fuzz_labels(&a, NULL, "job", "\xc3\xa9", NULL),
                                      .value = 1234.5,
                                      .url = AX_STR("http://host/path"),
                                      .query = query};
        AX_ASSERT(ax_str_eq(ax_template_text(t), fuzz_str(p, n)));
        AX_ASSERT(ax_template_render(t, &w, &a).n <= AX_LABEL_VALUE_MAX + 1000);
    }
    ax_arena_free(&a);
    return 0;
}
