// SPDX-License-Identifier: Apache-2.0
/* The rules of time, one by one. The delay is 5 s, periods are 60 s unless said. */
#include "alarm_stream_kit.h"

/* One sample each 10 s from now on, up to T0 + until. */
static void run(struct kit *k, int64_t until, double v)
{
    while (kit_now + 10 * SEC <= T0 + until * SEC) {
        kit_go(k, (kit_now - T0) / SEC + 10);
        kit_send(k, "m", "", v);
    }
}

static void a_period_is_judged_at_its_end_and_the_delay(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10");
    kit_send(k, "m", "", 20);
    kit_go(k, 64);
    kit_expect(k, "");
    kit_go(k, 65);
    kit_expect(k, "t/d ALARM@65");
    kit_send_of(k, "t", "m", "", T0 + 61 * SEC, 1);
    kit_go(k, 130);
    kit_expect(k, "t/d OK@125");
}

static void a_late_tick_judges_in_order_and_at_the_right_time(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10");
    kit_send_of(k, "t", "m", "", T0 + 10 * SEC, 20);
    kit_send_of(k, "t", "m", "", T0 + 70 * SEC, 1);
    kit_now = T0 + 1000 * SEC;
    ax_stream_tick(k->stream, kit_now);
    kit_expect(k, "t/d ALARM@65, t/d OK@125, t/d UNDETERMINED@190");
}

static void samples_within_the_delay_count_later_ones_do_not(void **state)
{
    struct kit *k = *state;
    struct ax_stream_stats st;
    kit_define(k, "sum(m) > 10");
    kit_go(k, 20);
    kit_send(k, "m", "", 6);
    kit_go(k, 64);
    kit_send_of(k, "t", "m", "", T0 + 59 * SEC, 6); /* 12 with it */
    kit_go(k, 66);
    kit_expect(k, "t/d ALARM@65");
    kit_send_of(k, "t", "m", "", T0 + 58 * SEC, -100);
    kit_go(k, 178);
    kit_expect(k, "");
    ax_stream_stats(k->stream, &st);
    assert_int_equal(st.left_out, 1);
}

static void times_needs_as_many_periods_in_a_row(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10 times 3");
    run(k, 120, 20);
    run(k, 180, 20);
    kit_expect(k, "");
    kit_go(k, 185);
    kit_expect(k, "t/d ALARM@185");
    run(k, 230, 1); /* one slot that is not above is enough for OK */
    kit_go(k, 245);
    kit_expect(k, "t/d OK@245");
}

static void an_empty_slot_in_the_view_decides_nothing(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10 times 2");
    kit_go(k, 10);
    kit_send(k, "m", "", 20);
    kit_go(k, 130);
    kit_send(k, "m", "", 20);
    kit_go(k, 190);
    kit_expect(k, "");
    kit_send(k, "m", "", 20);
    kit_go(k, 245);
    kit_expect(k, "t/d ALARM@245");
}

static void max_above_alarms_at_once(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10");
    kit_go(k, 20);
    kit_send(k, "m", "", 11);
    kit_expect(k, "t/d ALARM@20");
    kit_send_of(k, "t", "m", "", kit_now + 1, 1); /* OK not before the end of a period below */
    run(k, 100, 1);
    kit_expect(k, "");
    kit_go(k, 125);
    kit_expect(k, "t/d OK@125");
}

static void max_above_with_times_alarms_at_once_in_the_last_period(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) >= 10 times 2");
    kit_go(k, 20);
    kit_send(k, "m", "", 10);
    kit_go(k, 70);
    kit_send(k, "m", "", 9);
    kit_expect(k, "");
    kit_go(k, 71);
    kit_send(k, "m", "", 10);
    kit_expect(k, "t/d ALARM@71");
}

static void min_below_alarms_at_once(void **state)
{
    struct kit *k = *state;
    kit_define(k, "min(m) <= 10");
    kit_go(k, 20);
    kit_send(k, "m", "", 11);
    kit_expect(k, "");
    kit_go(k, 21);
    kit_send(k, "m", "", 10);
    kit_expect(k, "t/d ALARM@21");
}

static void count_above_alarms_at_once(void **state)
{
    struct kit *k = *state;
    kit_define(k, "count(m) > 2");
    kit_go(k, 10);
    kit_send(k, "m", "", 0);
    kit_send_of(k, "t", "m", "", kit_now + 1, 0);
    kit_expect(k, "");
    kit_send_of(k, "t", "m", "", kit_now + 2, 0);
    kit_expect(k, "t/d ALARM@10");
}

static void the_opposite_operators_are_ok_at_once(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "max", "max(m) < 10", "");
    kit_define_of(k, "t", "min", "min(m) > 10", "");
    kit_define_of(k, "t", "count", "count(m) <= 1", "");
    kit_go(k, 20);
    kit_send(k, "m", "", 5);
    kit_expect(k, "t/min OK@20");
    kit_send_of(k, "t", "m", "", kit_now + 1, 15);
    kit_expect(k, "t/max OK@20, t/count OK@20");
    kit_go(k, 70);
    kit_send(k, "m", "", 9);
    kit_expect(k, "");
    kit_go(k, 125);
    kit_expect(k, "t/max ALARM@125, t/count ALARM@125");
    kit_send(k, "m", "", 12);
    kit_expect(k, "t/max OK@125");
}

static void avg_and_sum_only_at_the_end(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "avg", "avg(m) > 10", "");
    kit_define_of(k, "t", "sum", "sum(m) > 10", "");
    kit_go(k, 10);
    kit_send(k, "m", "", 1000);
    kit_go(k, 64);
    kit_expect(k, "");
}

static void last_is_immediate_and_ignores_what_is_older(void **state)
{
    struct kit *k = *state;
    kit_define(k, "last(m) > 10 times 5");
    kit_go(k, 10);
    kit_send(k, "m", "", 11);
    kit_expect(k, "t/d ALARM@10");
    kit_send_of(k, "t", "m", "", T0 + 9 * SEC, 1);
    kit_expect(k, "");
    kit_send_of(k, "t", "m", "", T0 + 11 * SEC, 1);
    kit_expect(k, "t/d OK@10");
    kit_go(k, 2000); /* silence changes nothing */
    kit_expect(k, "");
}

static void undetermined_after_exactly_twice_period_times_of_silence(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m,120) > 10 times 2");
    kit_go(k, 7);
    kit_send(k, "m", "", 1);
    kit_go(k, 7 + 479);
    kit_expect(k, "t/d OK@125");
    kit_go(k, 7 + 480);
    kit_expect(k, "t/d UNDETERMINED@487");
}

static void silence_is_counted_from_the_newest_sample(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10");
    kit_go(k, 50);
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/d ALARM@50");
    kit_go(k, 169);
    kit_expect(k, "");
    kit_go(k, 170);
    kit_expect(k, "t/d UNDETERMINED@170");
    kit_go(k, 1000);
    kit_expect(k, "");
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/d ALARM@1000");
}

static void deterministic_starts_ok_and_falls_back_to_it(void **state)
{
    struct kit *k = *state;
    size_t n;
    kit_define(k, "count(m,deterministic) > 1");
    kit_go(k, 10);
    kit_send(k, "m", "", 0);
    assert_int_equal(kit_alarms(k, &(struct ax_alarm_filter){0}, &n)->state, AX_OK);
    kit_send_of(k, "t", "m", "", kit_now + 1, 0);
    kit_expect(k, "t/d ALARM@10");
    kit_go(k, 1000);
    kit_expect(k, "t/d OK@130");
}

static void a_new_alarm_is_undetermined(void **state)
{
    struct kit *k = *state;
    size_t n;
    kit_define(k, "avg(m) > 1 and max(m,deterministic) > 2");
    kit_send(k, "m", "", 0);
    assert_int_equal(kit_alarms(k, &(struct ax_alarm_filter){0}, &n)->state, AX_UNDETERMINED);
    kit_expect(k, "");
}

static void nothing_is_decided_before_each_sub_expression_has_an_outcome(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(a) > 1 or avg(b) > 1");
    kit_go(k, 10);
    kit_send(k, "b", "", 0);
    kit_send(k, "a", "", 5);
    kit_expect(k, "");
    kit_go(k, 65);
    kit_expect(k, "t/d ALARM@65");
}

static void one_undetermined_sub_expression_makes_it_so(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(a) > 1 or max(b) > 1");
    kit_go(k, 10);
    kit_send(k, "a", "", 5);
    kit_send(k, "b", "", 5);
    kit_expect(k, "t/d ALARM@10");
    for (int64_t s = 20; s <= 300; s += 10) {
        kit_go(k, s);
        kit_send(k, "a", "", 5);
    }
    kit_expect(k, "t/d UNDETERMINED@130");
}

static void what_is_far_ahead_is_left_out(void **state)
{
    struct kit *k = *state;
    struct ax_stream_stats st;
    kit_define(k, "max(m) > 10");
    kit_send_of(k, "t", "m", "", T0 + 119 * SEC, 20); /* the next period is near enough */
    kit_expect(k, "t/d ALARM@6");
    kit_send_of(k, "t", "m", "", T0 + 125 * SEC, 20);
    ax_stream_stats(k->stream, &st);
    assert_int_equal(st.left_out, 1);
    assert_int_equal(st.evaluations, 2);
}

static void old_samples_do_not_alarm(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10");
    kit_go(k, 600);
    kit_send_of(k, "t", "m", "", T0, 20);
    kit_send_of(k, "t", "m", "", T0 - 86400 * SEC, 20);
    kit_expect(k, "");
}

static void a_sample_that_comes_twice_counts_once(void **state)
{
    struct kit *k = *state;
    kit_define(k, "count(m) > 1");
    kit_go(k, 10);
    kit_send(k, "m", "", 0);
    kit_send(k, "m", "", 0);
    kit_expect(k, "");
}

static void nan_and_staleness_are_no_values(void **state)
{
    struct kit *k = *state;
    kit_define(k, "count(m) > 1");
    kit_go(k, 10);
    kit_send(k, "m", "", 1);
    kit_send_of(k, "t", "m", "", kit_now + 1, ax_stale());
    kit_send_of(k, "t", "m", "", kit_now + 2, 0.0 / 0.0);
    kit_expect(k, "");
}

static void a_sub_expression_aggregates_over_all_its_metrics(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10");
    kit_go(k, 10);
    kit_send(k, "m", "h=a", 25);
    kit_send(k, "m", "h=b", 1);
    kit_send(k, "m", "h=c", 1);
    kit_go(k, 65);
    kit_expect(k, "t/d OK@65");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(a_period_is_judged_at_its_end_and_the_delay),
        TEST(a_late_tick_judges_in_order_and_at_the_right_time),
        TEST(samples_within_the_delay_count_later_ones_do_not),
        TEST(times_needs_as_many_periods_in_a_row),
        TEST(an_empty_slot_in_the_view_decides_nothing),
        TEST(max_above_alarms_at_once),
        TEST(max_above_with_times_alarms_at_once_in_the_last_period),
        TEST(min_below_alarms_at_once),
        TEST(count_above_alarms_at_once),
        TEST(the_opposite_operators_are_ok_at_once),
        TEST(avg_and_sum_only_at_the_end),
        TEST(last_is_immediate_and_ignores_what_is_older),
        TEST(undetermined_after_exactly_twice_period_times_of_silence),
        TEST(silence_is_counted_from_the_newest_sample),
        TEST(deterministic_starts_ok_and_falls_back_to_it),
        TEST(a_new_alarm_is_undetermined),
        TEST(nothing_is_decided_before_each_sub_expression_has_an_outcome),
        TEST(one_undetermined_sub_expression_makes_it_so),
        TEST(what_is_far_ahead_is_left_out),
        TEST(old_samples_do_not_alarm),
        TEST(a_sample_that_comes_twice_counts_once),
        TEST(nan_and_staleness_are_no_values),
        TEST(a_sub_expression_aggregates_over_all_its_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
