// SPDX-License-Identifier: Apache-2.0
/* Flapping: an alarm that cannot decide says so once. */
#include "dispatch_kit.h"

#define WINDOW (10 * MIN)

static int begin(void **state)
{
    int rc = kit_begin(state);
    kit_options.flap_changes = 6;
    kit_options.flap_window_ms = WINDOW;
    kit_restart();
    return rc;
}

/* So many changes, a minute apart, of which the first is to ALARM. */
static void change(int n)
{
    for (int i = 0; i < n; i++) {
        bool up = i % 2 == 0;
        kit_goes("web1", up ? "OK" : "ALARM", up ? "ALARM" : "OK");
        if (i + 1 < n)
            kit_pass(MIN);
    }
}

static void six_changes_are_none_seven_are(void **state)
{
    change(6);
    assert_string_equal(kit_told(), "web1 ALARM ops, web1 OK ops, web1 ALARM ops, web1 OK ops, "
                                    "web1 ALARM ops, web1 OK ops");
    kit_pass(MIN);
    change(1);
    assert_true(ax_str_eq(kit_reason(),
                          AX_STR("flapping: 7 changes in 10 min; further ones are held until it "
                                 "has been steady for 10 min. why")));
    assert_string_equal(kit_told(), "web1 ALARM ops");
    for (int i = 0; i < 30; i++) {
        kit_pass(MIN);
        kit_goes("web1", i % 2 ? "OK" : "ALARM", i % 2 ? "ALARM" : "OK");
    }
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_FLAPPING), 1);
}

static void its_state_is_told_when_it_has_been_steady(void **state)
{
    change(8); /* told ALARM as flapping, then OK, held */
    kit_told();
    kit_restart();
    kit_pass(WINDOW - 1);
    assert_string_equal(kit_told(), "");
    kit_pass(1);
    assert_string_equal(kit_told(), "web1 OK ops");
    kit_pass(WINDOW);
    assert_string_equal(kit_told(), "");
    kit_goes("web1", "OK", "ALARM"); /* counts from the beginning */
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "web1 ALARM ops, web1 OK ops");
}

static void the_state_that_was_told_is_not_told_again(void **state)
{
    change(9);
    kit_told();
    kit_pass(WINDOW);
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_FLAPPING), 0);
}

static void slow_changes_are_none(void **state)
{
    for (int i = 0; i < 20; i++) {
        kit_goes("web1", i % 2 ? "ALARM" : "OK", i % 2 ? "OK" : "ALARM");
        kit_pass(2 * MIN);
    }
    assert_int_equal(kit_held(AX_HOLD_FLAPPING), 0);
    kit_told();
}

static void a_restart_forgets_no_change(void **state)
{
    change(5);
    kit_restart();
    kit_goes("web1", "ALARM", "OK");
    kit_told();
    kit_restart();
    kit_goes("web1", "OK", "ALARM");
    assert_true(ax_str_starts(kit_reason(), AX_STR("flapping: ")));
    kit_told();
    kit_restart();
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "");
}

static void each_method_is_told_of_it_once(void **state)
{
    for (int i = 0; i < 9; i++)
        kit_transition("web1", i % 2 ? "ALARM" : "OK", i % 2 ? "OK" : "ALARM", "", kit_methods,
                       i < 7 ? 1 : 2);
    kit_told();
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "");
    kit_transition("web1", "OK", "ALARM", "", kit_methods, 2);
    assert_string_equal(kit_told(), "");
}

static void without_a_number_nothing_flaps(void **state)
{
    kit_options.flap_changes = 0;
    kit_restart();
    change(20);
    assert_int_equal(kit_held(AX_HOLD_FLAPPING), 0);
    kit_told();
}

static void switched_off_it_lets_go(void **state)
{
    change(8);
    kit_told();
    kit_options.flap_changes = 0;
    kit_restart();
    kit_tick();
    assert_string_equal(kit_told(), "web1 OK ops");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, kit_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(six_changes_are_none_seven_are),
        TEST(its_state_is_told_when_it_has_been_steady),
        TEST(the_state_that_was_told_is_not_told_again),
        TEST(slow_changes_are_none),
        TEST(a_restart_forgets_no_change),
        TEST(each_method_is_told_of_it_once),
        TEST(without_a_number_nothing_flaps),
        TEST(switched_off_it_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
