// SPDX-License-Identifier: Apache-2.0
/* From metrics to alarms: which there are, and which metrics they have. */
#include "alarm_stream_kit.h"

static size_t alarms(struct kit *k)
{
    size_t n;
    kit_alarms(k, &(struct ax_alarm_filter){0}, &n);
    return n;
}

static const char *metrics(struct kit *k, size_t i)
{
    size_t n;
    struct ax_alarm_row *v =
        kit_alarms(k, &(struct ax_alarm_filter){.sort_by = AX_STR("created_timestamp")}, &n);
    assert_in_range(i, 0, n - 1);
    return kit_text(k, v[i].metrics);
}

static void without_match_by_one_alarm_collects_all(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10");
    kit_send(k, "m", "h=a", 1);
    kit_send(k, "m", "h=b", 1);
    kit_send(k, "x", "h=b", 1);
    assert_int_equal(alarms(k), 1);
    assert_string_equal(metrics(k, 0), "[{\"name\":\"m\",\"dimensions\":{\"h\":\"a\"}},"
                                       "{\"name\":\"m\",\"dimensions\":{\"h\":\"b\"}}]");
}

static void with_match_by_one_for_each_combination(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "d", "max(m) > 10", "h,d");
    kit_send(k, "m", "h=a,d=1", 1);
    kit_send(k, "m", "h=a,d=2", 1);
    kit_send(k, "m", "h=a,d=2,x=1", 1);
    kit_send(k, "m", "x=1", 1); /* has none of them */
    assert_int_equal(alarms(k), 2);
    kit_send(k, "m", "h=b,d=1", 20);
    assert_int_equal(alarms(k), 3);
    kit_expect(k, "t/d ALARM@6");
}

static void dimensions_must_be_among_the_metrics(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m{h=a,x=1}) > 10");
    kit_send(k, "m", "h=a", 1);
    kit_send(k, "m", "h=a,x=2", 1);
    assert_int_equal(alarms(k), 0);
    kit_send(k, "m", "h=a,x=1,y=2", 1);
    assert_int_equal(alarms(k), 1);
}

/* A series is compared only with definitions that share a dimension with it; whichever that is, it
 * finds all that it belongs to, and of those that are gone none. */
static void a_series_finds_its_own_among_many_definitions(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    struct ax_definition d[40];
    for (int i = 0; i < 40; i++) {
        char name[20], text[80];
        snprintf(name, sizeof name, "d%d", i);
        snprintf(text, sizeof text,
                 i % 4 ? "max(m{cluster=c,h=%d}) > 10" : "max(m{cluster=c,rack=%d}) > 10", i / 2);
        d[i] = kit_define_of(k, "t", name, text, "");
    }
    kit_define_of(k, "t", "all", "max(m) > 10 and max(m{cluster=c}) > 10", "");
    kit_send(k, "m", "cluster=c,h=3", 20);
    kit_expect(k, "t/d6 ALARM@6, t/d7 ALARM@6, t/all ALARM@6");
    kit_send(k, "m", "cluster=c,h=5,rack=4", 20);
    kit_expect(k, "t/d8 ALARM@6, t/d10 ALARM@6, t/d11 ALARM@6");
    kit_send(k, "m", "cluster=b,h=9", 20);
    kit_send(k, "m", "h=9", 20);
    kit_expect(k, "");
    assert_int_equal(alarms(k), 6);
    for (int i = 0; i < 40; i++)
        if (i != 23)
            assert_int_equal(ax_definition_delete(k->stream, AX_STR("t"), d[i].id, &err), 0);
    kit_send(k, "m", "cluster=c,h=11,rack=10", 20);
    kit_expect(k, "t/d23 ALARM@6");
    kit_define_of(k, "t", "later", "max(m{cluster=c,rack=10}) > 10", "");
    kit_go(k, 7);
    kit_send(k, "m", "cluster=c,h=11,rack=10", 20);
    kit_expect(k, "t/later ALARM@7");
    assert_int_equal(alarms(k), 3);
}

static void an_alarm_appears_when_every_sub_expression_has_a_metric(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "d", "max(a) > 10 and max(b) > 10", "h");
    kit_send(k, "a", "h=1", 20);
    kit_send(k, "b", "h=2", 20);
    assert_int_equal(alarms(k), 0);
    kit_send(k, "b", "h=1", 20);
    assert_int_equal(alarms(k), 1);
    kit_expect(k, "t/d ALARM@6"); /* what came before it appeared counts */
}

static void a_metric_of_fewer_dimensions_joins_all_that_agree(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "d", "max(cpu) > 10 and max(disk) > 10", "h,dev");
    kit_send(k, "disk", "h=1,dev=a", 20);
    kit_send(k, "cpu", "h=1", 20);
    kit_send(k, "cpu", "h=2", 20);
    assert_int_equal(alarms(k), 1);
    kit_send(k, "disk", "h=1,dev=b", 1);
    assert_int_equal(alarms(k), 2);
    kit_send(k, "disk", "h=2,dev=a", 20);
    assert_int_equal(alarms(k), 3);
    kit_expect(k, "t/d ALARM@6");
    kit_go(k, 70);
    kit_expect(k, "");
    kit_send(k, "cpu", "h=1", 20);
    kit_send(k, "cpu", "h=2", 20);
    kit_expect(k, "t/d OK@70, t/d ALARM@70");
}

static void definitions_watch_series_that_are_there_already(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "one", "max(m) > 10", "");
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "n", "h=a", 20);
    kit_define_of(k, "t", "two", "max(m) > 15", "");
    kit_define_of(k, "t", "three", "max(n) > 15", "");
    kit_go(k, 7);
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "n", "h=a", 20);
    kit_expect(k, "t/one ALARM@6, t/two ALARM@7, t/three ALARM@7");
}

static void one_series_in_two_sub_expressions(void **state)
{
    struct kit *k = *state;
    kit_define(k, "max(m) > 10 and min(m) < 2");
    kit_send(k, "m", "", 20);
    kit_go(k, 7);
    kit_send(k, "m", "", 1);
    kit_expect(k, "t/d ALARM@7");
}

static void tenants_are_apart(void **state)
{
    struct kit *k = *state;
    size_t n;
    struct ax_alarm_row *v;
    kit_define_of(k, "t", "d", "max(m) > 10", "");
    kit_define_of(k, "u", "d", "max(m) > 10", "");
    kit_send_of(k, "u", "m", "", kit_now, 20);
    kit_expect(k, "u/d ALARM@6");
    assert_int_equal(alarms(k), 0);
    assert_int_equal(ax_alarm_list(k->stream, AX_STR("u"), &(struct ax_alarm_filter){0}, &k->arena,
                                   &v, &n, NULL),
                     0);
    assert_int_equal(n, 1);
    struct ax_alarm_row row;
    struct ax_definition d;
    struct ax_str ok = AX_STR("OK");
    struct ax_err err;
    assert_int_equal(ax_alarm_get(k->stream, AX_STR("t"), v->id, &k->arena, &row, &err), -ENOENT);
    assert_int_equal(ax_alarm_update(k->stream, AX_STR("t"), v->id,
                                     &(struct ax_alarm_edit){.state = &ok}, kit_now, &k->arena,
                                     &row, &err),
                     -ENOENT);
    assert_int_equal(ax_alarm_delete(k->stream, AX_STR("t"), v->id, &err), -ENOENT);
    assert_int_equal(ax_definition_get(k->stream, AX_STR("t"), v->definition, &k->arena, &d, &err),
                     -ENOENT);
    assert_int_equal(ax_definition_delete(k->stream, AX_STR("t"), v->definition, &err), -ENOENT);
    struct ax_history_row *h;
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"),
                                      &(struct ax_history_filter){.alarm = v->id}, &k->arena, &h,
                                      &n, &err),
                     0);
    assert_int_equal(n, 0);
}

static void a_deleted_alarm_appears_again(void **state)
{
    struct kit *k = *state;
    size_t n;
    struct ax_err err;
    kit_define_of(k, "t", "d", "max(m) > 10", "h");
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "m", "h=b", 20);
    kit_expect(k, "t/d ALARM@6, t/d ALARM@6");
    struct ax_alarm_row *v = kit_alarms(k, &(struct ax_alarm_filter){0}, &n);
    struct ax_str first = v[0].id;
    assert_int_equal(ax_alarm_delete(k->stream, AX_STR("t"), first, &err), 0);
    assert_int_equal(alarms(k), 1);
    kit_go(k, 10);
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "m", "h=b", 20);
    kit_expect(k, "t/d ALARM@10");
    v = kit_alarms(k, &(struct ax_alarm_filter){0}, &n);
    assert_int_equal(n, 2);
    assert_false(ax_str_eq(v[0].id, first) || ax_str_eq(v[1].id, first));
}

/* The intake gives the id of a series that is over to another. */
static void an_id_that_is_given_anew_is_another_series(void **state)
{
    struct kit *k = *state;
    kit_define_of(k, "t", "d", "max(m) > 10", "h");
    kit_send(k, "m", "h=a", 1);
    kit_send(k, "other", "h=a", 1);
    uint32_t n = ax_intake_count(k->intake);
    ax_intake_hold(k->intake);
    for (uint32_t id = 0; id < n; id++) {
        ax_intake_retire(k->intake, id);
        ax_intake_forget(k->intake, id);
    }
    ax_intake_release(k->intake);
    kit_go(k, 7);
    kit_send(k, "m", "h=c", 20);
    kit_send(k, "other", "h=c", 20);
    kit_send(k, "m", "h=a", 30);
    assert_int_equal(ax_intake_count(k->intake), n + 1);
    kit_expect(k, "t/d ALARM@7, t/d ALARM@7");
    assert_int_equal(alarms(k), 2);
}

static void a_tenants_alarms_are_limited(void **state)
{
    struct kit *k = *state;
    struct ax_stream_stats st;
    kit_close(k);
    k->o.max_alarms = 2;
    kit_open(k);
    kit_define_of(k, "t", "d", "max(m) > 10", "h");
    kit_send(k, "m", "h=a", 1);
    kit_send(k, "m", "h=b", 1);
    kit_send(k, "m", "h=c", 1);
    assert_int_equal(alarms(k), 2);
    ax_stream_stats(k->stream, &st);
    assert_int_equal(st.refused, 1);
}

static void dotted_label(struct ax_str name, bool metric, struct ax_buf *out)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.')
            ax_buf_cstr(out, "_dot_");
        else
            ax_buf_byte(out, (uint8_t)name.p[i]);
}

static bool dotted_name(struct ax_str label, bool metric, struct ax_buf *out)
{
    if (ax_str_starts(label, AX_STR("hidden")))
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (ax_str_starts((struct ax_str){label.p + i, label.n - i}, AX_STR("_dot_"))) {
            ax_buf_byte(out, '.');
            i += 4;
        } else {
            ax_buf_byte(out, (uint8_t)label.p[i]);
        }
    return true;
}

static void names_go_through_the_naming(void **state)
{
    struct kit *k = *state;
    static const struct ax_naming naming = {dotted_label, dotted_name};
    kit_close(k);
    k->o.naming = &naming;
    kit_open(k);
    kit_define_of(k, "t", "d", "max(cpu.load{a.b=x.y}) > 10", "c.d");
    kit_send(k, "cpu_dot_load", "a_dot_b=x.y,c_dot_d=1,hidden=2", 20);
    kit_expect(k, "t/d ALARM@6");
    assert_string_equal(metrics(k, 0), "[{\"name\":\"cpu.load\",\"dimensions\":"
                                       "{\"a.b\":\"x.y\",\"c.d\":\"1\"}}]");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(without_match_by_one_alarm_collects_all),
        TEST(with_match_by_one_for_each_combination),
        TEST(dimensions_must_be_among_the_metrics),
        TEST(a_series_finds_its_own_among_many_definitions),
        TEST(an_alarm_appears_when_every_sub_expression_has_a_metric),
        TEST(a_metric_of_fewer_dimensions_joins_all_that_agree),
        TEST(definitions_watch_series_that_are_there_already),
        TEST(one_series_in_two_sub_expressions),
        TEST(tenants_are_apart),
        TEST(a_deleted_alarm_appears_again),
        TEST(an_id_that_is_given_anew_is_another_series),
        TEST(a_tenants_alarms_are_limited),
        TEST(names_go_through_the_naming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
