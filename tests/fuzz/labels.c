// SPDX-License-Identifier: Apache-2.0
/* Label bytes from disk: what counts as canonical is what the builder makes of the same labels. */
#include "kit.h"

#include "model/labels.h"

static void check_canonical(struct ax_labels set)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_labels_builder b = {0};
    struct ax_labels again;
    struct ax_label l;
    AX_LABELS_EACH (set, l)
        AX_ASSERT(ax_str_eq(ax_labels_get(set, l.name), l.value));
    AX_ASSERT(ax_labels_cmp(set, set) == 0);
    ax_labels_print(set, &text);
    ax_labels_add_all(&b, set);
    AX_ASSERT(ax_labels_finish(&b, &a, &again, NULL) == 0);
    AX_ASSERT(ax_str_eq(set.bytes, again.bytes));
    ax_buf_free(&text);
    ax_arena_free(&a);
}

FUZZ_TARGET(p, n)
{
    if (ax_labels_valid(fuzz_str(p, n)))
        check_canonical((struct ax_labels){fuzz_str(p, n)});
    return 0;
}
