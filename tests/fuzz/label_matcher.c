// SPDX-License-Identifier: Apache-2.0
/* Matchers of labels as people write them, one a line: what is one prints and reads back as the
 * same, and keeps as JSON. */
#include "kit.h"

#include "dispatch/inner.h"

static void check_one(struct ax_arena *a, const struct ax_matcher *out)
{
    struct ax_err err = {0};
    struct ax_buf text = AX_BUF_INIT;
    struct ax_matcher again;
    ax_matcher_print(out, &text);
    AX_ASSERT(ax_matcher_parse(ax_buf_view(&text), a, &again, &err) == 0);
    AX_ASSERT(again.op == out->op && ax_str_eq(again.name, out->name));
    AX_ASSERT(ax_str_eq(again.value, out->value));
    ax_buf_free(&text);
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    struct ax_buf json = AX_BUF_INIT;
    struct ax_matcher v[8];
    struct ax_str rest = fuzz_str(p, n), line;
    struct ax_matchers m = {v, 0};
    const struct ax_tag tag = {AX_STR("a"), AX_STR("b")};
    const struct ax_tags tags = {&tag, 1};
    while (m.n < AX_ARRAY_LEN(v) && ax_str_cut(&rest, '\n', &line)) {
        if (ax_matcher_parse(line, &a, &v[m.n], &err) == 0)
            check_one(&a, &v[m.n++]);
        else
            AX_ASSERT(err.text[0]);
    }
    if (ax_matchers_begin(&m, &err) == 0) {
        ax_matchers_match(&m, &tags);
        ax_matchers_write(m.v, m.n, &json);
        struct ax_matchers read = ax_matchers_read(ax_buf_view(&json), &a);
        AX_ASSERT(read.n == m.n);
        for (size_t i = 0; i < m.n; i++)
            AX_ASSERT(read.v[i].op == v[i].op && ax_str_eq(read.v[i].value, v[i].value));
        ax_matchers_end(&m);
    }
    ax_buf_free(&json);
    ax_arena_free(&a);
    return 0;
}
