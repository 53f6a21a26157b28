// SPDX-License-Identifier: Apache-2.0
/* Alarms over time: pending, firing, resolved; kept over a restart; told to intake and registry. */
#include "alarm_kit.h"

static const char waits[] =
    HEAD "  - alert: Full\n    expr: used > 90\n    for: 10s\n    labels: {severity: bad}\n"
         "    annotations: {summary: '{{ $labels.handle }} at {{ $value }}'}\n";

static void an_alarm_waits_fires_and_resolves(void **state)
{
    struct house *h = *state;
    struct ax_event e;
    open_house(h, waits);
    world.there[0] = true, world.value[0] = 50;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 0);
    shows(h, "\"alerts\":[]", true);
    shows(h, "\"state\":\"inactive\"", true);
    world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 2 * S), 0); /* not due */
    shows(h, "pending", false);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    shows(h,
          "\"state\":\"pending\",\"activeAt\":\"2026-11-22T02:30:05.000Z\",\"value\":\"9.5e+01\"",
          true);
    shows(h, "\"summary\":\"vm:a at 95\"", true);
    assert_int_equal(events(h, "", NULL), 0);
    ax_alarms_tick(h->alarms, START + 10 * S);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 15 * S), 1);
    shows(h, "\"state\":\"firing\"", true);
    assert_int_equal(events(h, "vm:a", &e), 1);
    assert_true(ax_str_eq(e.type, AX_STR("alarm")) && ax_str_eq(e.what, AX_STR("firing")));
    assert_true(ax_str_eq(e.text, AX_STR("vm:a at 95")));
    world.value[0] = 10;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 20 * S), 1);
    shows(h, "\"alerts\":[]", true);
    assert_int_equal(events(h, "vm:a", &e), 2);
    assert_true(ax_str_eq(e.what, AX_STR("resolved")));
#define ALERTS(state)                                                                              \
    "ALERTS{alertname=\"Full\",alertstate=\"" state "\",handle=\"vm:a\",severity=\"bad\"}"
    assert_string_equal(out(), ALERTS("pending") " 1\n" ALERTS("pending") " 1\n" //
                        ALERTS("firing") " 1\n" ALERTS("pending") " end\n"       //
                        ALERTS("firing") " end\n");
    close_house(h);
}

static void a_condition_that_passes_never_fires(void **state)
{
    struct house *h = *state;
    open_house(h, waits);
    world.there[0] = true;
    for (int i = 0; i < 20; i++) {
        world.value[0] = i % 2 ? 50 : 95;
        assert_int_equal(ax_alarms_tick(h->alarms, START + i * 5 * S), 0);
    }
    assert_int_equal(events(h, "", NULL), 0);
    close_house(h);
}

static void each_label_set_has_its_own_alarm(void **state)
{
    struct house *h = *state;
    open_house(h, HEAD "  - {alert: Full, expr: used > 90}\n");
    world.there[0] = world.there[1] = true;
    world.value[0] = world.value[1] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 2);
    assert_int_equal(events(h, "vm:a", NULL), 1);
    assert_int_equal(events(h, "vm:b", NULL), 1);
    world.there[1] = false; /* its series ended */
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 1);
    shows(h, "vm:a", true);
    shows(h, "vm:b", false);
    close_house(h);
}

static void keep_firing_for_bridges_a_gap(void **state)
{
    struct house *h = *state;
    open_house(h, HEAD "  - {alert: Full, expr: used > 90, keep_firing_for: 12s}\n");
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 1);
    world.value[0] = 50;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    shows(h, "keepFiringSince", true);
    world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 10 * S), 0);
    shows(h, "keepFiringSince", false);
    world.value[0] = 50;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 15 * S), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 25 * S), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 30 * S), 1);
    close_house(h);
}

static void a_restart_forgets_nothing(void **state)
{
    struct house *h = *state;
    open_house(h, waits);
    world.there[0] = world.there[1] = true;
    world.value[0] = 95, world.value[1] = 50;
    for (int i = 0; i <= 2; i++)
        ax_alarms_tick(h->alarms, START + i * 5 * S); /* a fires at 10 s */
    world.value[1] = 99;
    ax_alarms_tick(h->alarms, START + 15 * S); /* b is pending */
    close_house(h);
    open_house(h, waits);
    shows(h, "\"state\":\"firing\"", true);
    shows(h, "\"state\":\"pending\",\"activeAt\":\"2026-11-22T02:30:15.000Z\"", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 20 * S), 0); /* a is not told again */
    assert_int_equal(ax_alarms_tick(h->alarms, START + 25 * S), 1); /* b's `for` went on */
    assert_int_equal(events(h, "vm:a", NULL), 1);
    assert_int_equal(events(h, "vm:b", NULL), 1);
    close_house(h);
    world.there[0] = world.there[1] = false;
    open_house(h, waits);
    ax_buf_clear(&written);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 30 * S), 2);
    assert_non_null(strstr(out(), ALERTS("firing") " end\n"));
    close_house(h);
    open_house(h, waits);
    shows(h, "\"alerts\":[]", true);
    close_house(h);
}

static void one_failing_rule_leaves_the_others_alone(void **state)
{
    struct house *h = *state;
    open_house(h, HEAD "  - {alert: Full, expr: used > 90}\n"
                       "  - {alert: Always, expr: vector(1)}\n"
                       "  - {record: 'used:count', expr: count(used), labels: {by: rule}}\n");
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 2);
    assert_non_null(strstr(out(), "used:count{by=\"rule\"} 1\n"));
    world.broken = true;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    shows(h, "\"health\":\"err\",\"lastError\":\"", true);
    shows(h, "on fire", true);
    shows(h, "\"alertname\":\"Full\"", true); /* not knowing is not the end of an alarm */
    shows(h, "\"health\":\"ok\"", true);
    close_house(h);
}

static void a_group_limit_is_an_error_not_a_flood(void **state)
{
    struct house *h = *state;
    open_house(h, "groups:\n- name: g\n  limit: 1\n  rules:\n"
                  "  - {alert: Full, expr: used > 90}\n");
    world.there[0] = world.there[1] = true;
    world.value[0] = world.value[1] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 0);
    shows(h, "more than the group's limit of 1", true);
    close_house(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(an_alarm_waits_fires_and_resolves),
        T(a_condition_that_passes_never_fires),
        T(each_label_set_has_its_own_alarm),
        T(keep_firing_for_bridges_a_gap),
        T(a_restart_forgets_nothing),
        T(one_failing_rule_leaves_the_others_alone),
        T(a_group_limit_is_an_error_not_a_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
