// SPDX-License-Identifier: Apache-2.0
/* What is remembered of a poll of another process's memory, and that it stays small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmi/replay.h"

/* Reads with gaps between them, which the next poll fetches along: three times as much. */
static void gaps_do_not_lift_the_limit(void **state)
{
    struct ax_replay r = {0};
    const uint64_t apart = AX_REPLAY_GRAIN * 3;
    uint64_t at = 0;
    for (; at / apart * AX_REPLAY_GRAIN < AX_REPLAY_MAX / 2; at += apart)
        assert_non_null(ax_replay_add(&r, at, AX_REPLAY_GRAIN));
    ax_replay_next(&r);
    assert_true(r.bytes > AX_REPLAY_MAX / 2 && r.bytes <= AX_REPLAY_MAX);
    while (at < 8 * (uint64_t)AX_REPLAY_MAX && ax_replay_add(&r, at, AX_REPLAY_BIG))
        at += AX_REPLAY_BIG;
    assert_true(r.bytes <= AX_REPLAY_MAX);
    ax_replay_free(&r);
}

/* What did not fit any more is fetched when it is wanted. */
static void what_is_left_out_is_not_found(void **state)
{
    struct ax_replay r = {0};
    const uint64_t apart = AX_REPLAY_GRAIN * 3, n = AX_REPLAY_MAX / AX_REPLAY_GRAIN / 2;
    for (uint64_t i = 0; i < n; i++)
        assert_non_null(ax_replay_add(&r, i * apart, AX_REPLAY_GRAIN));
    ax_replay_next(&r);
    assert_non_null(ax_replay_find(&r, 0, AX_REPLAY_GRAIN));
    assert_null(ax_replay_find(&r, (n - 1) * apart, AX_REPLAY_GRAIN));
    ax_replay_next(&r);
    assert_int_equal(r.n, 1);
    assert_non_null(ax_replay_add(&r, (n - 1) * apart, AX_REPLAY_GRAIN));
    assert_non_null(ax_replay_find(&r, (n - 1) * apart, AX_REPLAY_GRAIN));
    ax_replay_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_do_not_lift_the_limit),
        cmocka_unit_test(what_is_left_out_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
