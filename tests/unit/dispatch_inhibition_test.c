// SPDX-License-Identifier: Apache-2.0
/* Inhibition: while a source fires, its targets are held. The kit's alarms have their own name as
 * hostname, "cpu high" as alertname and severity high. */
#include "dispatch_kit.h"

static struct ax_str kit_rule(const char *source, const char *target, const char *equal)
{
    static char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    struct ax_matcher s, t;
    struct ax_str label = ax_str(equal);
    kit_ok(ax_matcher_parse(ax_str(source), &arena, &s, &err), &err);
    kit_ok(ax_matcher_parse(ax_str(target), &arena, &t, &err), &err);
    struct ax_inhibition x = {.source = &s,
                              .nsource = 1,
                              .target = &t,
                              .ntarget = 1,
                              .equal = &label,
                              .nequal = label.n > 0};
    kit_ok(ax_inhibition_add(dispatch, TENANT, &x, id, &err), &err);
    return ax_str(id);
}

static void a_target_is_held_while_its_source_fires(void **state)
{
    kit_rule("hostname=switch", "hostname=~\"web.*\"", "alertname");
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web2", "OK", "ALARM");
    kit_goes("db1", "OK", "ALARM");
    assert_string_equal(kit_told(), "db1 ALARM ops, switch ALARM ops");
    assert_int_equal(kit_held(AX_HOLD_INHIBITION), 1);
    kit_restart();
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    kit_goes("switch", "ALARM", "OK");
    kit_tick();
    assert_string_equal(kit_told(), "web2 ALARM ops, switch OK ops");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void only_with_the_same_values(void **state)
{
    kit_rule("hostname=switch", "hostname=web1", "hostname");
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "switch ALARM ops, web1 ALARM ops");
    kit_rule("hostname=switch", "hostname=web2", "that_neither_has");
    kit_goes("web2", "OK", "ALARM");
    assert_string_equal(kit_told(), "");
}

static void what_fires_when_the_rule_is_made_is_a_source(void **state)
{
    kit_goes("switch", "OK", "ALARM");
    kit_told();
    kit_rule("hostname=switch", "hostname=web1", "");
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "");
}

static void a_source_that_is_held_itself_counts(void **state)
{
    kit_rule("hostname=switch", "hostname=web1", "");
    kit_silence("hostname=switch", MIN);
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "");
}

static void another_source_goes_on(void **state)
{
    kit_rule("hostname=~\"switch.*\"", "hostname=web1", "");
    kit_goes("switch1", "OK", "ALARM");
    kit_goes("switch2", "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_goes("switch1", "ALARM", "OK");
    kit_tick();
    assert_string_equal(kit_told(), "switch1 OK ops");
    assert_int_equal(kit_held(AX_HOLD_INHIBITION), 1);
    kit_goes("switch2", "ALARM", "UNDETERMINED");
    kit_tick();
    assert_string_equal(kit_told(), "switch2 UNDETERMINED ops, web1 ALARM ops");
}

/* As Alertmanager: who is both is held by a source that is no target, and by no other. */
static void an_alarm_holds_neither_itself_nor_its_like(void **state)
{
    kit_rule("alertname=\"cpu high\"", "alertname=\"cpu high\"", "");
    kit_goes("web1", "OK", "ALARM");
    kit_goes("web2", "OK", "ALARM");
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "web1 ALARM ops, web1 OK ops, web2 ALARM ops");
    kit_rule("hostname=~\"switch|web3\"", "hostname=~\"web.*\"", "");
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web3", "OK", "ALARM");
    assert_string_equal(kit_told(), "switch ALARM ops");
}

static void a_deleted_rule_holds_nothing(void **state)
{
    struct ax_err err = {0};
    struct ax_inhibition *v;
    size_t n;
    struct ax_str id = kit_rule("hostname=switch", "hostname=web1", "alertname");
    kit_ok(ax_inhibition_list(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(v[0].id, id));
    assert_true(ax_str_eq(v[0].source[0].value, AX_STR("switch")));
    assert_true(ax_str_eq(v[0].target[0].value, AX_STR("web1")));
    assert_true(ax_str_eq(v[0].equal[0], AX_STR("alertname")));
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    assert_int_equal(ax_inhibition_delete(dispatch, AX_STR("t2"), id, &err), -ENOENT);
    kit_ok(ax_inhibition_delete(dispatch, TENANT, id, &err), &err);
    assert_int_equal(ax_inhibition_delete(dispatch, TENANT, id, &err), -ENOENT);
    kit_tick();
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void a_source_that_is_deleted_holds_nothing(void **state)
{
    struct ax_err err = {0};
    kit_rule("hostname=switch", "hostname=web1", "");
    kit_goes("switch", "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_ok(ax_sql_begin(sql, &err), &err);
    int rc = ax_dispatch_ended(dispatch, TENANT, AX_STR("switch"), &err);
    kit_ok(ax_sql_end(sql, rc, &err), &err);
    kit_tick();
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void alerts_tell_what_inhibits_them(void **state)
{
    struct ax_err err = {0};
    struct ax_alert *v;
    size_t n;
    kit_rule("hostname=switch", "hostname=web1", "");
    kit_goes("switch", "OK", "ALARM");
    kit_now++;
    kit_goes("web1", "OK", "ALARM");
    kit_ok(ax_dispatch_alerts(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].ninhibited, 1);
    assert_true(ax_str_ends(v[0].inhibited_by[0], AX_STR(" by alarm switch")));
    assert_int_equal(v[1].ninhibited, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_is_held_while_its_source_fires),
        TEST(only_with_the_same_values),
        TEST(what_fires_when_the_rule_is_made_is_a_source),
        TEST(a_source_that_is_held_itself_counts),
        TEST(another_source_goes_on),
        TEST(an_alarm_holds_neither_itself_nor_its_like),
        TEST(a_deleted_rule_holds_nothing),
        TEST(a_source_that_is_deleted_holds_nothing),
        TEST(alerts_tell_what_inhibits_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
