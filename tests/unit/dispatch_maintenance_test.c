// SPDX-License-Identifier: Apache-2.0
/* Maintenance: what is down on purpose raises nothing. */
#include "dispatch_kit.h"

static int add_rc(const char *resource, int64_t from, int64_t to, char id[AX_UUID_TEXT + 1],
                  struct ax_err *err)
{
    struct ax_maintenance m = {
        .resource = ax_str(resource), .comment = AX_STR("new disk"), .starts = from, .ends = to};
    return ax_maintenance_add(dispatch, TENANT, &m, id, err);
}

/* From now on; the id lives until the next. */
static struct ax_str add(const char *resource, int64_t ms)
{
    static char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    kit_ok(add_rc(resource, kit_now, kit_now + ms, id, &err), &err);
    return ax_str(id);
}

static size_t events(struct ax_event **out)
{
    struct ax_err err = {0};
    struct ax_event *v;
    size_t n, kept = 0;
    kit_ok(ax_registry_events(registry, TENANT, AX_STR(""), 0, 0, 100, &arena, &v, &n, &err), &err);
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(v[i].type, AX_STR("maintenance")))
            v[kept++] = v[i];
    *out = v;
    return kept;
}

static void a_resource_in_maintenance_raises_nothing(void **state)
{
    kit_host(2);
    add("vm:vm0", MIN);
    kit_vm(0, "OK", "ALARM");
    kit_vm(1, "OK", "ALARM");
    assert_string_equal(kit_told(), "a1 ALARM ops");
    assert_int_equal(kit_held(AX_HOLD_MAINTENANCE), 1);
    kit_restart();
    kit_pass(MIN);
    assert_string_equal(kit_told(), "a0 ALARM ops");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void what_is_well_at_its_end_says_nothing(void **state)
{
    kit_host(1);
    add("vm:vm0", MIN);
    kit_vm(0, "OK", "ALARM");
    kit_vm(0, "ALARM", "OK");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void that_of_a_host_is_for_all_that_is_on_it(void **state)
{
    kit_host(2);
    struct ax_err err = {0};
    struct ax_str id = add("host:h1", 10 * MIN);
    kit_resource("host", "h1", "down");
    kit_transition("host", "OK", "ALARM", "host:h1", &OPS, 1);
    kit_vm(0, "OK", "ALARM");
    kit_goes("web1", "OK", "ALARM"); /* is on no host */
    assert_string_equal(kit_told(), "web1 ALARM ops");
    assert_int_equal(kit_held(AX_HOLD_MAINTENANCE), 2);
    kit_ok(ax_maintenance_end(dispatch, TENANT, id, &err), &err);
    kit_tick();
    const char *told = kit_told(); /* the host is still down: an incident */
    if (strcmp(told, "host ALARM ops") != 0)
        assert_string_equal(told, "a0 ALARM ops");
    assert_int_equal(kit_held(AX_HOLD_INCIDENT), 1);
}

static void one_that_is_to_come_holds_nothing_yet(void **state)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    kit_host(1);
    kit_ok(add_rc("vm:vm0", kit_now + MIN, kit_now + 2 * MIN, id, &err), &err);
    kit_vm(0, "OK", "ALARM");
    assert_string_equal(kit_told(), "a0 ALARM ops");
    kit_pass(MIN);
    kit_vm(0, "ALARM", "OK");
    assert_string_equal(kit_told(), "");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "a0 OK ops");
}

static void beginning_and_end_are_events(void **state)
{
    struct ax_event *v;
    kit_host(1);
    add("vm:vm0", MIN);
    kit_tick();
    assert_int_equal(events(&v), 1);
    assert_true(ax_str_eq(v[0].handle, AX_STR("vm:vm0")));
    assert_true(ax_str_eq(v[0].what, AX_STR("began")));
    assert_true(ax_str_starts(v[0].text, AX_STR("maintenance of vm0 began, until 2026-")));
    assert_true(ax_str_ends(v[0].text, AX_STR(": new disk")));
    kit_restart();
    kit_pass(MIN);
    kit_tick();
    assert_int_equal(events(&v), 2);
    assert_true(ax_str_eq(v[0].what, AX_STR("ended")));
    assert_int_equal(v[0].time, T0 + MIN);
}

static void one_that_is_called_off_before_it_begins_has_none(void **state)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    struct ax_event *v;
    kit_ok(add_rc("vm:vm0", kit_now + MIN, kit_now + 2 * MIN, id, &err), &err);
    kit_ok(ax_maintenance_end(dispatch, TENANT, ax_str(id), &err), &err);
    kit_pass(3 * MIN);
    assert_int_equal(events(&v), 0);
    assert_int_equal(ax_maintenance_end(dispatch, TENANT, ax_str(id), &err), -EALREADY);
}

/* Who owns a virtual machine may know nothing of its host. */
static void machines_of_a_host_hear_of_what_is_planned_begins_and_ends(void **state)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    struct ax_event *v;
    kit_host(2);
    kit_ok(add_rc("host:h1", kit_now + MIN, kit_now + 2 * MIN, id, &err), &err);
    kit_tick();
    kit_tick();
    assert_int_equal(events(&v), 3);
    for (int i = 0; i < 3; i++)
        assert_true(ax_str_eq(v[i].what, AX_STR("planned")));
    assert_non_null(memmem(v[0].text.p, v[0].text.n, " is planned from 2026-", 22));
    kit_restart();
    kit_pass(MIN);
    kit_tick();
    assert_int_equal(events(&v), 6);
    assert_true(ax_str_eq(v[0].what, AX_STR("began")) && ax_str_eq(v[2].what, AX_STR("began")));
    kit_pass(MIN);
    kit_tick();
    assert_int_equal(events(&v), 9);
    assert_true(ax_str_eq(v[0].what, AX_STR("ended")) && ax_str_eq(v[2].what, AX_STR("ended")));
}

static void what_was_planned_and_is_called_off_is_told(void **state)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    struct ax_event *v;
    kit_ok(add_rc("vm:vm0", kit_now + MIN, kit_now + 2 * MIN, id, &err), &err);
    kit_tick();
    kit_ok(ax_maintenance_end(dispatch, TENANT, ax_str(id), &err), &err);
    kit_tick();
    kit_pass(3 * MIN);
    kit_tick();
    assert_int_equal(events(&v), 2);
    assert_true(ax_str_eq(v[0].what, AX_STR("cancelled")));
    assert_true(ax_str_eq(v[1].what, AX_STR("planned")));
}

static void what_is_none_is_refused(void **state)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    assert_int_equal(add_rc("vm0", kit_now, kit_now + MIN, id, &err), -EINVAL);
    assert_int_equal(add_rc("vm:vm0", kit_now + MIN, kit_now + MIN, id, &err), -EINVAL);
    assert_int_equal(add_rc("vm:vm0", kit_now - MIN, kit_now - 1, id, &err), -EINVAL);
    assert_int_equal(ax_maintenance_end(dispatch, TENANT, AX_STR("x"), &err), -ENOENT);
    struct ax_str mine = add("vm:vm0", MIN);
    assert_int_equal(ax_maintenance_end(dispatch, AX_STR("t2"), mine, &err), -ENOENT);
}

static void the_list_has_what_is_not_over_or_all(void **state)
{
    struct ax_err err = {0};
    struct ax_maintenance *v;
    size_t n;
    add("vm:vm0", MIN);
    add("vm:vm1", 3 * MIN);
    kit_pass(2 * MIN);
    kit_ok(ax_maintenance_list(dispatch, TENANT, false, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(v[0].resource, AX_STR("vm:vm1")));
    kit_ok(ax_maintenance_list(dispatch, TENANT, true, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 2);
    kit_ok(ax_maintenance_list(dispatch, AX_STR("t2"), true, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_resource_in_maintenance_raises_nothing),
        TEST(what_is_well_at_its_end_says_nothing),
        TEST(that_of_a_host_is_for_all_that_is_on_it),
        TEST(one_that_is_to_come_holds_nothing_yet),
        TEST(beginning_and_end_are_events),
        TEST(one_that_is_called_off_before_it_begins_has_none),
        TEST(machines_of_a_host_hear_of_what_is_planned_begins_and_ends),
        TEST(what_was_planned_and_is_called_off_is_told),
        TEST(what_is_none_is_refused),
        TEST(the_list_has_what_is_not_over_or_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
