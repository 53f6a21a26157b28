// SPDX-License-Identifier: Apache-2.0
/* Alarm expressions: what is understood prints, and reads back as the same. */
#include "kit.h"

#include "alarm/stream/expression.h"

static void check_again(struct ax_str text, const struct ax_expression *first, struct ax_arena *a)
{
    struct ax_expression again;
    struct ax_buf out = AX_BUF_INIT;
    if (text.n > AX_EXPRESSION_BYTES)
        return;
    AX_ASSERT(ax_expression_parse(text, a, &again, NULL) == 0);
    AX_ASSERT(again.nsubs == first->nsubs && again.nsteps == first->nsteps);
    AX_ASSERT(memcmp(again.steps, first->steps, first->nsteps) == 0);
    for (size_t i = 0; i < first->nsubs; i++)
        AX_ASSERT(ax_sub_same(&again.subs[i], &first->subs[i]));
    ax_expression_print(&again, &out);
    AX_ASSERT(ax_str_eq(ax_buf_view(&out), text));
    ax_buf_free(&out);
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression e;
    struct ax_err err = {0};
    struct ax_buf out = AX_BUF_INIT;
    if (ax_expression_parse(fuzz_str(p, n), &a, &e, &err) < 0) {
        AX_ASSERT(err.text[0]);
    } else {
        AX_ASSERT(e.nsubs > 0 && e.nsteps == 2 * e.nsubs - 1);
        AX_ASSERT(!ax_expression_holds(&e, 0) && ax_expression_holds(&e, UINT64_MAX));
        ax_expression_print(&e, &out);
        check_again(ax_buf_view(&out), &e, &a);
    }
    ax_buf_free(&out);
    ax_arena_free(&a);
    return 0;
}
