// SPDX-License-Identifier: Apache-2.0
/* Which blocks are merged, and when: not sooner than is worth it, and never too many of them. */
#include "store_kit.h"

#include "store/merge_rule.h"

#define LIST(...)                                                                                  \
    (const uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static void what_is_over_becomes_one(void **state)
{
    assert_int_equal(ax_merge_count(LIST(5), false), 0);
    assert_int_equal(ax_merge_count(LIST(5, 5), false), 2);
    assert_int_equal(ax_merge_count(LIST(7, 5, 6, 1), false), 4);
}

static void what_is_being_filled_waits(void **state)
{
    assert_int_equal(ax_merge_count(LIST(5, 5, 5, 5, 5, 5, 5, 5), true), 0);
    assert_int_equal(ax_merge_count(LIST(5, 5, 5, 5, 5, 5, 5, 5, 5), true), 9);
    assert_int_equal(ax_merge_count(LIST(90, 5, 5, 5, 5, 5, 5, 5, 5), true), 8);
}

/* Late samples of a day that has long been large. */
static void a_little_does_not_move_a_lot(void **state)
{
    assert_int_equal(ax_merge_count(LIST(1000, 1), false), 0);
    assert_int_equal(ax_merge_count(LIST(1000, 1, 1, 1), false), 0);
    assert_int_equal(ax_merge_count(LIST(1000, 1, 1, 1, 1), false), 4);
    assert_int_equal(ax_merge_count(LIST(1, 1000, 1, 1, 1), false), 3);
    assert_int_equal(ax_merge_count(LIST(81000, 9000, 1000, 100, 10), false), 2);
}

/* So many blocks of one size: how often each sample is written again, times 100. */
static uint64_t rewritten(unsigned blocks, size_t *most, size_t *left)
{
    uint64_t size[AX_MERGE_FILLING + 2], written = 0;
    size_t n = 0;
    *most = 0;
    for (unsigned i = 0; i <= blocks; i++) {
        if (i < blocks)
            size[n++] = 1;
        for (size_t k; (k = ax_merge_count(size, n, i < blocks)) > 0;) {
            for (n -= k - 1; k > 1; k--)
                size[n - 1] += size[n - 2 + k];
            written += size[n - 1];
        }
        *most = n > *most ? n : *most;
    }
    *left = n;
    return written * 100 / blocks;
}

static void a_load_is_written_again_seldom(void **state)
{
    size_t most, left;
    assert_int_equal(rewritten(4, &most, &left), 100);
    assert_int_equal(left, 1);
    for (unsigned blocks = 2; blocks <= 512; blocks++) {
        unsigned doublings = 0;
        while (AX_MERGE_FILLING * 1u << doublings < blocks)
            doublings++;
        assert_true(rewritten(blocks, &most, &left) <= 100 * (1 + doublings));
        assert_true(most <= AX_MERGE_FILLING && left <= AX_MERGE_SETTLED);
    }
}

/* Samples of one hour, flushed: whoever deletes, and be it nothing, finds the head empty. */
static void load_some(struct kit *k, int64_t from)
{
    static unsigned seed = 3;
    struct ax_sample v[240];
    uint64_t deleted;
    for (int i = 0; i < 240; i++)
        v[i] = (struct ax_sample){from + i * 15000, rand_r(&seed) / 7.0};
    kit_write(k, TENANT, "m", "a", v, 240);
    struct ax_store_select nothing = {.tenant = AX_STR("nobody"), .maxt = 1};
    assert_int_equal(ax_store_delete(k->store, &nothing, 1, &deleted, NULL), 0);
    kit_tick(k, 3);
}

static void a_former_day_is_merged_once(void **state)
{
    struct kit *k = *state;
    kit_now = T0 + 3 * DAY;
    for (int i = 0; i < 6; i++) {
        kit_now += 60000;
        load_some(k, T0 + i * HOUR);
        assert_int_equal(kit_stats(k).blocks, i + 1);
    }
    kit_now += 4 * 60000;
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).rewritten_bytes, 0);
    kit_now += 2 * 60000;
    kit_tick(k, 3);
    struct ax_store_stats st = kit_stats(k);
    assert_int_equal(st.blocks, 1);
    assert_int_equal(st.rewritten_bytes, st.block_bytes);
    assert_int_equal(kit_read(k, "m", "a").n, 6 * 240);
}

static void the_hour_at_hand_waits_until_it_is_over(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 3; i++) {
        kit_now = T0 + HOUR + i * 20 * 60000; /* longer than a load is waited for */
        load_some(k, T0 + i);
        assert_int_equal(kit_stats(k).blocks, i + 1);
    }
    kit_now = T0 + 2 * HOUR + 30 * 60000;
    kit_tick(k, 3);
    assert_int_equal(kit_stats(k).blocks, 1);
}

static void too_many_blocks_do_not_wait(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 20; i++) {
        load_some(k, T0 + i);
        assert_true(kit_stats(k).blocks <= AX_MERGE_FILLING);
    }
    struct ax_store_stats st = kit_stats(k);
    assert_true(st.rewritten_bytes > 0 && st.rewritten_bytes <= 3 * st.flushed_bytes);
    assert_int_equal(kit_read(k, "m", "a").n, 20 * 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_becomes_one),
        cmocka_unit_test(what_is_being_filled_waits),
        cmocka_unit_test(a_little_does_not_move_a_lot),
        cmocka_unit_test(a_load_is_written_again_seldom),
        cmocka_unit_test_setup_teardown(a_former_day_is_merged_once, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(the_hour_at_hand_waits_until_it_is_over, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(too_many_blocks_do_not_wait, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
