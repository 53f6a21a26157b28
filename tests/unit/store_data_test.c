// SPDX-License-Identifier: Apache-2.0
/* What is written is read again: from memory, from the log after a restart, from blocks, and from
 * all of them at once. */
#include "store_kit.h"

#include <math.h>

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

static void check_nasty(struct kit *k, const struct ax_sample *want, size_t n)
{
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got.t[i], want[i].t);
        assert_memory_equal(&got.v[i], &want[i].v, 8);
    }
}

static void values_are_bit_exact_everywhere(void **state)
{
    struct kit *k = *state;
    struct ax_sample s[8] = {{T0, 1.5},
                             {T0 + 1, -0.0},
                             {T0 + 2, from_bits(AX_STALE_BITS)},
                             {T0 + 3, from_bits(0xfff8dead0000beef)},
                             {T0 + 4, HUGE_VAL},
                             {T0 + 5, -HUGE_VAL},
                             {T0 + 6, 5e-324},
                             {T0 + 7, 0.1}};
    kit_write(k, TENANT, "m", "a", s, 8);
    check_nasty(k, s, 8);
    kit_close(k);
    kit_open(k);
    check_nasty(k, s, 8);
    kit_now = T0 + 3 * HOUR;
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).blocks, 1);
    assert_int_equal(kit_stats(k).head_samples, 0);
    check_nasty(k, s, 8);
    kit_close(k);
    kit_open(k);
    check_nasty(k, s, 8);
}

static void any_order_and_duplicates(void **state)
{
    struct kit *k = *state;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 500; i++) {
            int at = i * 7919 % 500;
            kit_write1(k, "m", "a", T0 + at * 15000, at + round * 1000);
        }
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, 500);
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(got.t[i], T0 + (int64_t)i * 15000);
        assert_true(got.v[i] == (double)i + 2000);
    }
}

/* The last written wins wherever the versions lie: block, merged block, frozen, head. */
static void overwriting_across_blocks_and_head(void **state)
{
    struct kit *k = *state;
    for (int version = 0; version < 6; version++) {
        for (int i = 0; i < 100; i++)
            if (i >= version * 10)
                kit_write1(k, "m", "a", T0 + i * 60000, version);
        if (version < 5) {
            kit_now += 3 * HOUR;
            kit_tick(k, 3);
        }
        struct ax_series got = kit_read(k, "m", "a");
        assert_int_equal(got.n, 100);
        for (int i = 0; i < 100; i++) {
            int want = i / 10 < version ? i / 10 : version;
            assert_int_equal(got.t[i], T0 + i * 60000);
            assert_true(got.v[i] == want);
        }
    }
    assert_true(kit_stats(k).blocks >= 1);
}

static void partitions_become_blocks_and_blocks_merge(void **state)
{
    struct kit *k = *state;
    for (int h = 0; h < 48; h++) {
        kit_now = T0 + h * HOUR;
        for (int i = 0; i < 60; i++)
            kit_write1(k, "m", "a", T0 + h * HOUR + i * 60000, h * 60 + i);
        kit_tick(k, 3);
    }
    kit_now = T0 + 100 * HOUR;
    kit_tick(k, 40);
    struct ax_store_stats st = kit_stats(k);
    assert_int_equal(st.blocks, 2); /* two days */
    assert_int_equal(st.block_samples, 48 * 60);
    assert_int_equal(st.head_samples, 0);
    assert_int_equal(st.oldest, T0);
    assert_int_equal(st.newest, T0 + 48 * HOUR - 60000);
    kit_now = T0 + 40 * DAY;
    kit_tick(k, 3);
    assert_int_equal(kit_stats(k).blocks, 1);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, 48 * 60);
    for (size_t i = 0; i < got.n; i++)
        assert_true(got.t[i] == T0 + (int64_t)i * 60000 && got.v[i] == (double)i);
}

static void samples_of_the_year_2000(void **state)
{
    struct kit *k = *state;
    int64_t y2000 = 946684800000;
    for (int i = 0; i < 100; i++)
        kit_write1(k, "m", "a", y2000 + i * 40 * DAY, i);
    kit_write1(k, "m", "a", -5000, -1);
    kit_now += HOUR;
    kit_tick(k, 2);
    assert_int_equal(kit_stats(k).head_samples, 0);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, 101);
    assert_true(got.v[0] == -1 && got.v[100] == 99);
    kit_close(k);
    kit_open(k);
    assert_int_equal(kit_read(k, "m", "a").n, 101);
}

/* The clock is there, and has been for long enough to be believed. */
static void settle_at(struct kit *k, int64_t now)
{
    kit_now = now - HOUR;
    kit_tick(k, 2);
    kit_now = now;
    kit_tick(k, 2);
}

static void retention_deletes_what_has_ended(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    assert_int_equal(kit_try_open(k, 7 * DAY, NULL), 0);
    kit_write1(k, "m", "a", T0, 1);
    kit_write1(k, "m", "a", T0 + 5 * DAY, 2);
    kit_now = T0 + 5 * DAY + 6 * HOUR;
    kit_tick(k, 2);
    assert_int_equal(kit_read(k, "m", "a").n, 2);
    settle_at(k, T0 + 8 * DAY);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, 1);
    assert_true(got.v[0] == 2);
    settle_at(k, T0 + 13 * DAY);
    assert_int_equal(kit_read(k, "m", "a").n, 0);
    assert_int_equal(kit_stats(k).blocks, 0);
}

/* By a bad clock chip at boot, or somebody's typing error. */
static void a_clock_that_leaps_ahead_and_back_deletes_nothing(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    assert_int_equal(kit_try_open(k, 7 * DAY, NULL), 0);
    for (int day = 0; day < 3; day++) {
        kit_now = T0 + day * DAY;
        kit_write1(k, "m", "a", kit_now, day);
        kit_now += 5 * HOUR;
        kit_tick(k, 2);
    }
    int64_t right = kit_now;
    for (int minute = 0; minute < 50; minute++) {
        kit_now = right + 400 * DAY + minute * 60000;
        kit_tick(k, 2);
    }
    kit_close(k); /* and so at start */
    assert_int_equal(kit_try_open(k, 7 * DAY, NULL), 0);
    kit_tick(k, 2);
    kit_now = right + HOUR;
    kit_tick(k, 2);
    assert_int_equal(kit_read(k, "m", "a").n, 3);
    settle_at(k, T0 + 12 * DAY);
    assert_int_equal(kit_read(k, "m", "a").n, 0); /* when its time has come it goes */
}

static struct ax_series last_of(struct kit *k, int64_t mint, int64_t maxt)
{
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = AX_STR("a")};
    struct ax_store_select sel = kit_all(&m, 1);
    struct ax_series_set set;
    sel.mint = mint;
    sel.maxt = maxt;
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n <= 1);
    return set.n ? set.v[0] : (struct ax_series){0};
}

static void last_is_the_newest_in_the_window(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 300; i++)
        kit_write1(k, "m", "a", T0 + i * 1000, i);
    for (int round = 0; round < 3; round++) {
        assert_true(last_of(k, T0, T0 + HOUR).v[0] == 299);
        assert_true(last_of(k, T0, T0 + 150500).v[0] == 150);
        assert_int_equal(last_of(k, T0, T0 + 150500).t[0], T0 + 150000);
        assert_int_equal(last_of(k, T0 - HOUR, T0 - 1).n, 0);
        assert_int_equal(last_of(k, T0 + 299001, T0 + HOUR).n, 0);
        if (round == 0) {
            kit_now += 3 * HOUR;
            kit_tick(k, 1);
            assert_int_equal(kit_stats(k).blocks, 1);
        } else {
            kit_close(k);
            kit_open(k);
        }
    }
    kit_write1(k, "m", "a", T0 + 299000, 7); /* the same time again */
    assert_true(last_of(k, T0, T0 + HOUR).v[0] == 7);
}

static void too_much_is_refused(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 100; i++)
        kit_write1(k, "m", "a", T0 + i, i);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    sel.max_samples = 100;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    sel.max_samples = 99;
    struct ax_err err = {0};
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, &err), -E2BIG);
    assert_non_null(strstr(err.text, "99 samples"));
}

/* Random writes, restarts and flushes against a plain array. */
static void agrees_with_a_plain_model(void **state)
{
    enum { SERIES = 5, TIMES = 400 };
    struct kit *k = *state;
    static double model[SERIES][TIMES];
    static bool have[SERIES][TIMES];
    memset(have, 0, sizeof have);
    unsigned seed = 7;
    for (int step = 0; step < 1500; step++) {
        int s = rand_r(&seed) % SERIES, at = rand_r(&seed) % TIMES;
        char vm[8];
        snprintf(vm, sizeof vm, "vm%d", s);
        double v =
            rand_r(&seed) % 4 ? rand_r(&seed) % 100 : from_bits((uint64_t)rand_r(&seed) << 33);
        kit_write1(k, "m", vm, T0 + at * 10 * 60000, v);
        model[s][at] = v;
        have[s][at] = true;
        int chance = rand_r(&seed) % 100;
        if (chance == 0) {
            kit_close(k);
            kit_open(k);
        } else if (chance < 8) {
            kit_now += HOUR;
            kit_tick(k, 2);
        }
    }
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "vm%d", s);
        struct ax_series got = kit_read(k, "m", vm);
        size_t n = 0;
        for (int at = 0; at < TIMES; at++) {
            if (!have[s][at])
                continue;
            assert_true(n < got.n);
            assert_int_equal(got.t[n], T0 + at * 10 * 60000);
            assert_memory_equal(&got.v[n], &model[s][at], 8);
            n++;
        }
        assert_int_equal(got.n, n);
    }
    assert_true(kit_stats(k).blocks > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_bit_exact_everywhere, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(any_order_and_duplicates, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(overwriting_across_blocks_and_head, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(partitions_become_blocks_and_blocks_merge, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(samples_of_the_year_2000, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(retention_deletes_what_has_ended, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_clock_that_leaps_ahead_and_back_deletes_nothing, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(last_is_the_newest_in_the_window, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(too_much_is_refused, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(agrees_with_a_plain_model, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
