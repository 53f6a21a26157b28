// SPDX-License-Identifier: Apache-2.0
/* Incidents: a dead host is one, and nobody is left without word. */
#include "dispatch_kit.h"

static struct ax_incident *incidents(bool open, size_t n)
{
    struct ax_err err = {0};
    struct ax_incident *v;
    size_t got;
    uint64_t total;
    kit_ok(ax_incident_list(dispatch, TENANT, open, 0, 0, &arena, &v, &got, &total, &err), &err);
    assert_int_equal(got, n);
    assert_int_equal(total, n);
    return v;
}

static void a_dead_host_is_told_once(void **state)
{
    kit_host(3);
    kit_resource("host", "h1", "down");
    for (int i = 0; i < 3; i++)
        kit_vm(i, "OK", "ALARM");
    struct ax_incident *x = incidents(true, 1);
    struct ax_str reason = kit_reason();
    assert_true(ax_str_starts(reason, AX_STR("Host h1 is down; further alarms of things on it are "
                                             "held in incident ")));
    assert_true(memmem(reason.p, reason.n, x->id.p, x->id.n));
    assert_true(ax_str_ends(reason, AX_STR(" why")));
    assert_string_equal(kit_told(), "a0 ALARM ops");
    assert_true(ax_str_eq(x->root, AX_STR("host:h1")));
    assert_true(ax_str_eq(x->name, AX_STR("h1")));
    assert_true(ax_str_eq(x->state, AX_STR("down")));
    assert_int_equal(x->total, 3);
    assert_int_equal(x->held, 2);
    assert_int_equal(x->nalarms, 3);
    assert_true(ax_str_eq(x->alarms[2].id, AX_STR("a2")));
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void what_still_fires_when_the_host_is_up_is_told_then(void **state)
{
    kit_host(4);
    kit_resource("host", "h1", "down");
    for (int i = 0; i < 4; i++)
        kit_vm(i, "OK", "ALARM");
    kit_told();
    kit_vm(1, "ALARM", "OK"); /* was never told */
    kit_vm(0, "ALARM", "OK"); /* was told */
    kit_restart();
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_INCIDENT), 4);
    kit_now++;
    kit_resource("host", "h1", "up");
    kit_tick();
    assert_string_equal(kit_told(), "a0 OK ops, a2 ALARM ops, a3 ALARM ops");
    assert_int_equal(kit_held(AX_HOLD_INCIDENT), 0);
    struct ax_incident *v = incidents(false, 3); /* that of the host, and those of two VMs */
    assert_int_equal(v[2].ended, kit_now);
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    kit_vm(2, "ALARM", "OK");
    kit_vm(3, "ALARM", "OK");
    kit_tick();
    incidents(true, 0);
}

static void each_method_is_told_of_it(void **state)
{
    kit_host(3);
    kit_resource("host", "h1", "down");
    kit_transition("a0", "OK", "ALARM", "vm:vm0", &OPS, 1);
    kit_transition("a1", "OK", "ALARM", "vm:vm1", kit_methods, 2);
    kit_transition("a2", "OK", "ALARM", "vm:vm2", &TEAM, 1);
    assert_string_equal(kit_told(), "a0 ALARM ops, a1 ALARM team");
}

static void the_host_itself_belongs_to_it(void **state)
{
    kit_host(1);
    kit_resource("host", "h1", "down");
    kit_transition("up", "OK", "ALARM", "host:h1", &OPS, 1);
    kit_vm(0, "OK", "ALARM");
    assert_string_equal(kit_told(), "up ALARM ops");
}

/* Agents know hosts by name, collectors by the machine's id. */
static void a_host_is_known_by_its_name_too(void **state)
{
    struct ax_err err = {0};
    struct ax_resource x = {.handle = AX_STR("host:9f86d081"),
                            .kind = AX_KIND_HOST,
                            .name = AX_STR("compute1"),
                            .state = AX_STR("down")};
    struct ax_observation o = {.time = kit_now, .host = x.handle, .resources = &x, .nresources = 1};
    kit_ok(ax_registry_observe(registry, TENANT, &o, &err), &err);
    kit_transition("up", "OK", "ALARM", "host:compute1", &OPS, 1);
    kit_transition("load", "OK", "ALARM", "host:9f86d081", &OPS, 1);
    kit_transition("other", "OK", "ALARM", "host:compute2", &OPS, 1);
    assert_string_equal(kit_told(), "other ALARM ops, up ALARM ops");
    struct ax_incident *v = incidents(true, 2);
    size_t at = ax_str_eq(v[0].root, AX_STR("host:9f86d081")) ? 0 : 1;
    assert_true(ax_str_eq(v[at].root, AX_STR("host:9f86d081")));
    assert_int_equal(v[at].total, 2);
}

static void a_silenced_alarm_does_not_use_up_the_word(void **state)
{
    kit_host(2);
    kit_resource("host", "h1", "down");
    kit_silence("alarm_id=a0", MIN);
    kit_vm(0, "OK", "ALARM");
    kit_vm(1, "OK", "ALARM");
    assert_string_equal(kit_told(), "a1 ALARM ops");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_INCIDENT), 1);
}

static void unknown_states_of_a_dead_hosts_vms_are_one_word_too(void **state)
{
    kit_host(3);
    kit_resource("host", "h1", "down");
    for (int i = 0; i < 3; i++)
        kit_vm(i, "OK", "UNDETERMINED");
    assert_string_equal(kit_told(), "a0 UNDETERMINED ops");
}

static void an_ok_before_the_first_alarm_is_told_as_ever(void **state)
{
    kit_host(2);
    kit_vm(0, "OK", "ALARM");
    kit_told();
    kit_resource("host", "h1", "down");
    kit_vm(0, "ALARM", "OK");
    assert_string_equal(kit_told(), "a0 OK ops");
    kit_vm(1, "OK", "ALARM");
    assert_string_equal(kit_told(), "a1 ALARM ops");
}

static void alarms_of_a_host_that_is_up_are_told_each(void **state)
{
    kit_host(2);
    kit_vm(0, "OK", "ALARM");
    kit_vm(1, "OK", "ALARM");
    assert_string_equal(kit_told(), "a0 ALARM ops, a1 ALARM ops");
    struct ax_incident *v = incidents(true, 2);
    assert_int_equal(v[0].total, 1);
    kit_vm(0, "ALARM", "OK");
    kit_vm(1, "ALARM", "OK");
    assert_string_equal(kit_told(), "a0 OK ops, a1 OK ops");
    kit_tick();
    incidents(true, 0);
    incidents(false, 2);
}

static void a_host_that_had_alarms_and_goes_down_has_one_incident(void **state)
{
    kit_host(1);
    kit_transition("load", "OK", "ALARM", "host:h1", &OPS, 1);
    kit_resource("host", "h1", "down");
    kit_vm(0, "OK", "ALARM");
    incidents(true, 1);
    kit_transition("load", "ALARM", "OK", "host:h1", &OPS, 1);
    kit_tick();
    incidents(true, 1); /* until it is up */
    assert_string_equal(kit_told(), "a0 ALARM ops, load ALARM ops");
}

static void alarms_of_no_resource_have_none(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    kit_transition("several", "OK", "ALARM", "-", &OPS, 1);
    incidents(false, 0);
    assert_string_equal(kit_told(), "several ALARM ops, web1 ALARM ops");
}

static void what_ended_long_ago_is_forgotten(void **state)
{
    struct ax_err err = {0};
    kit_host(2);
    kit_vm(0, "OK", "ALARM");
    kit_vm(1, "OK", "ALARM");
    kit_vm(0, "ALARM", "OK");
    kit_tick();
    kit_ok(ax_dispatch_prune(dispatch, kit_now, &err), &err);
    incidents(false, 2);
    kit_ok(ax_dispatch_prune(dispatch, kit_now + 1, &err), &err);
    incidents(false, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dead_host_is_told_once),
        TEST(what_still_fires_when_the_host_is_up_is_told_then),
        TEST(each_method_is_told_of_it),
        TEST(the_host_itself_belongs_to_it),
        TEST(a_host_is_known_by_its_name_too),
        TEST(a_silenced_alarm_does_not_use_up_the_word),
        TEST(unknown_states_of_a_dead_hosts_vms_are_one_word_too),
        TEST(an_ok_before_the_first_alarm_is_told_as_ever),
        TEST(alarms_of_a_host_that_is_up_are_told_each),
        TEST(a_host_that_had_alarms_and_goes_down_has_one_incident),
        TEST(alarms_of_no_resource_have_none),
        TEST(what_ended_long_ago_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
