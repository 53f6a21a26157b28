// SPDX-License-Identifier: Apache-2.0
/* A restart: windows are refilled, nothing is told twice, time away is not silence. */
#include "alarm_stream_kit.h"

/* Away until T0 + s. */
static void restart(struct kit *k, int64_t s)
{
    kit_close(k);
    kit_now = T0 + s * SEC;
    kit_open(k);
}

static void windows_go_on(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10");
    kit_go(k, 10);
    kit_send(k, "m", "", 30);
    kit_go(k, 20);
    restart(k, 25);
    kit_send(k, "m", "", 1);
    kit_go(k, 65);
    kit_expect(k, "t/d ALARM@65"); /* 15.5 on average */
}

static void states_stay_and_are_not_told_again(void **state)
{
    struct kit *k = *state;
    size_t n;
    kit_define_of(k, "t", "last", "last(m) > 10", "");
    kit_go(k, 7); /* in the order in which they were made */
    kit_define_of(k, "t", "max", "max(m) > 10 times 2", "");
    kit_go(k, 8);
    kit_define_of(k, "t", "min", "min(m) < 10", "");
    kit_go(k, 10);
    kit_send(k, "m", "", 20);
    kit_go(k, 70);
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/last ALARM@10, t/min OK@65, t/max ALARM@70");
    for (int i = 0; i < 3; i++) {
        restart(k, 80 + i);
        kit_go(k, 82 + i);
    }
    kit_expect(k, "");
    kit_alarms(k, &(struct ax_alarm_filter){.state = AX_STR("ALARM")}, &n);
    assert_int_equal(n, 2);
    kit_send(k, "m", "", 1);
    kit_expect(k, "t/last OK@84, t/min ALARM@84");
}

static void a_period_that_ended_meanwhile_is_judged_after_the_hold(void **state)
{
    struct kit *k = *state;
    kit_define(k, "avg(m) > 10");
    kit_go(k, 50);
    kit_send(k, "m", "", 20);
    restart(k, 100);
    kit_go(k, 104);
    kit_expect(k, "");
    kit_go(k, 105);
    kit_expect(k, "t/d ALARM@105");
}

static void what_senders_kept_is_in_time_during_the_hold(void **state)
{
    struct kit *k = *state;
    kit_define(k, "sum(m) > 10");
    kit_go(k, 50);
    kit_send(k, "m", "", 6);
    restart(k, 100);
    kit_go(k, 103);
    kit_send_of(k, "t", "m", "", T0 + 55 * SEC, 6);
    kit_go(k, 106);
    kit_expect(k, "t/d ALARM@105");
}

static void time_away_is_not_silence(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10");
    kit_go(k, 10);
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/d ALARM@10");
    restart(k, 4000);
    kit_go(k, 4119);
    kit_expect(k, "");
    kit_go(k, 4120);
    kit_expect(k, "t/d UNDETERMINED@4120");
}

static void series_of_before_join_the_alarm_that_they_had(void **state)
{
    struct kit *k = *state;
    size_t n;
    kit_define_of(k, "t", "d", "max(m) > 10", "h");
    kit_send(k, "m", "h=a", 20);
    kit_expect(k, "t/d ALARM@6");
    struct ax_str id = kit_alarms(k, &(struct ax_alarm_filter){0}, &n)->id;
    restart(k, 10);
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "m", "h=b", 1);
    struct ax_alarm_row *v =
        kit_alarms(k, &(struct ax_alarm_filter){.sort_by = AX_STR("created_timestamp")}, &n);
    assert_int_equal(n, 2);
    assert_true(ax_str_eq(v->id, id));
    assert_string_equal(kit_text(k, v->metrics), "[{\"name\":\"m\",\"dimensions\":{\"h\":\"a\"}}]");
    kit_expect(k, "");
}

static void a_sub_expressions_outcome_is_kept(void **state)
{
    struct kit *k = *state;
    kit_define(k, "last(a) > 10 and last(b) > 10");
    kit_send(k, "a", "", 20);
    kit_send(k, "b", "", 1);
    kit_expect(k, "t/d OK@6");
    kit_go(k, 50);
    kit_send(k, "b", "", 2);
    restart(k, 5000);
    kit_send(k, "b", "", 20);
    kit_expect(k, "t/d ALARM@5000");
}

static void one_that_never_wrote_begins_as_new(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    kit_open(k);
    kit_define(k, "max(m) > 10");
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/d ALARM@6");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new_stored, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(windows_go_on),
        TEST(states_stay_and_are_not_told_again),
        TEST(a_period_that_ended_meanwhile_is_judged_after_the_hold),
        TEST(what_senders_kept_is_in_time_during_the_hold),
        TEST(time_away_is_not_silence),
        TEST(series_of_before_join_the_alarm_that_they_had),
        TEST(a_sub_expressions_outcome_is_kept),
        TEST(one_that_never_wrote_begins_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
