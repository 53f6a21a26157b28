// SPDX-License-Identifier: Apache-2.0
/* Definitions: rules, changes, lists, limits. */
#include "alarm_stream_kit.h"

static int make(struct kit *k, const struct ax_definition_edit *e, struct ax_err *err)
{
    struct ax_definition d;
    return ax_definition_create(k->stream, AX_STR("t"), e, kit_now, &k->arena, &d, err);
}

static void refuses(struct kit *k, struct ax_definition_edit e, const char *why)
{
    struct ax_err err = {0};
    if (!(e.set & AX_SET_NAME) && !ax_str_eq(ax_str(why), AX_STR("name is missing"))) {
        e.set |= AX_SET_NAME;
        e.name = AX_STR("n");
    }
    if (!(e.set & AX_SET_EXPRESSION) && !ax_str_eq(ax_str(why), AX_STR("expression is missing"))) {
        e.set |= AX_SET_EXPRESSION;
        e.expression = AX_STR("max(a) > 1");
    }
    assert_int_equal(make(k, &e, &err), -EINVAL);
    assert_string_equal(err.text, why);
}

static bool known(void *ctx, struct ax_str tenant, struct ax_str id)
{
    return ax_str_eq(tenant, AX_STR("t")) && id.n < 3;
}

static void each_rule_has_its_sentence(void **state)
{
    struct kit *k = *state;
    struct ax_str long_text = {memset(ax_arena_alloc(&k->arena, 300), 'x', 300), 256};
    struct ax_str twice[] = {AX_STR("a"), AX_STR("a")}, foreign[] = {AX_STR("other")};
    char why[200];
    refuses(k, (struct ax_definition_edit){0}, "name is missing");
    refuses(k, (struct ax_definition_edit){0}, "expression is missing");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_NAME},
            "name is empty, expected 1 to 255 characters");
    snprintf(why, sizeof why, "name has 256 characters, at most 255 are allowed");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_NAME, .name = long_text}, why);
    refuses(k, (struct ax_definition_edit){.set = AX_SET_DESCRIPTION, .description = long_text},
            "description has 256 characters, at most 255 are allowed");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_SEVERITY, .severity = AX_STR("BAD")},
            "severity \"BAD\" is none of LOW, MEDIUM, HIGH, CRITICAL");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_MATCH_BY, .match_by = {twice, 2}},
            "match_by has \"a\" twice");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_EXPRESSION, .expression = AX_STR("a")},
            "expression: at character 2: the expression ends, expected one of < > <= >= lt gt lte "
            "gte");
    refuses(k, (struct ax_definition_edit){.set = AX_SET_OK, .actions[0] = {twice, 2}},
            "ok_actions has \"a\" twice");
    kit_close(k);
    k->o.known_action = known;
    kit_open(k);
    refuses(k, (struct ax_definition_edit){.set = AX_SET_ALARM, .actions[2] = {foreign, 1}},
            "alarm_actions: there is no notification method other");
    foreign[0].n = 0;
    refuses(k, (struct ax_definition_edit){.set = AX_SET_ALARM, .actions[2] = {foreign, 1}},
            "alarm_actions is empty, expected 1 to 50 characters");
    foreign[0] = (struct ax_str){long_text.p, 51};
    refuses(k, (struct ax_definition_edit){.set = AX_SET_UNDETERMINED, .actions[1] = {foreign, 1}},
            "undetermined_actions has 51 characters, at most 50 are allowed");
}

static void defaults_and_all_fields_come_back(void **state)
{
    struct kit *k = *state;
    struct ax_definition d = kit_define(k, "max(a,deterministic) > 1"), again;
    struct ax_str by[] = {AX_STR("h")}, actions[] = {AX_STR("m1"), AX_STR("m2")};
    struct ax_err err;
    assert_int_equal(d.id.n, 36);
    assert_true(d.deterministic && d.actions_enabled && d.severity == AX_LOW && !d.description.n);
    struct ax_definition_edit e = {.set = AX_SET_ALL,
                                   .name = AX_STR("full"),
                                   .description = AX_STR("text"),
                                   .expression = AX_STR("CPU > 3"),
                                   .severity = AX_STR("critical"),
                                   .match_by = {by, 1},
                                   .actions = {{actions, 1}, {actions, 2}, {actions + 1, 1}}};
    assert_int_equal(ax_definition_create(k->stream, AX_STR("t"), &e, kit_now, &k->arena, &d, &err),
                     0);
    kit_close(k); /* also after a restart */
    kit_open(k);
    assert_int_equal(ax_definition_get(k->stream, AX_STR("t"), d.id, &k->arena, &again, &err), 0);
    assert_true(ax_str_eq(again.expression, AX_STR("CPU > 3"))); /* as it was written */
    assert_true(ax_str_eq(again.description, AX_STR("text")) && again.severity == AX_CRITICAL);
    assert_false(again.actions_enabled || again.deterministic);
    assert_int_equal(again.match_by.n, 1);
    assert_int_equal(again.actions[1].n, 2);
    assert_true(ax_str_eq(again.actions[2].v[0], AX_STR("m2")));
    assert_int_equal(again.created, d.created);
}

static void names_are_unique_in_a_tenant(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    kit_define(k, "max(a) > 1");
    kit_define_of(k, "u", "d", "max(a) > 1", "");
    struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION,
                                   .name = AX_STR("d"),
                                   .expression = AX_STR("max(a) > 2")};
    assert_int_equal(make(k, &e, &err), -EEXIST);
    assert_string_equal(err.text, "there is an alarm definition named \"d\" already");
    struct ax_definition other = kit_define_of(k, "t", "e", "max(a) > 1", ""), d;
    e.set = AX_SET_NAME;
    assert_int_equal(
        ax_definition_update(k->stream, AX_STR("t"), other.id, &e, kit_now, &k->arena, &d, &err),
        -EEXIST);
    assert_int_equal(ax_definition_get(k->stream, AX_STR("t"), other.id, &k->arena, &d, &err), 0);
    assert_true(ax_str_eq(d.name, AX_STR("e")));
}

static int change(struct kit *k, struct ax_str id, const char *expression, struct ax_err *err)
{
    struct ax_definition d;
    struct ax_definition_edit e = {.set = AX_SET_EXPRESSION, .expression = ax_str(expression)};
    return ax_definition_update(k->stream, AX_STR("t"), id, &e, kit_now, &k->arena, &d, err);
}

static void metrics_and_match_by_may_not_change(void **state)
{
    struct kit *k = *state;
    struct ax_definition d = kit_define(k, "max(a{x=1}) > 1 and b > 2");
    struct ax_str by[] = {AX_STR("h")};
    struct ax_err err;
    assert_int_equal(change(k, d.id, "max(a{x=2}) > 1 and b > 2", &err), -EINVAL);
    assert_string_equal(err.text, "expression: the metrics, their dimensions and the number of "
                                  "sub-expressions may not change; make another definition");
    assert_int_equal(change(k, d.id, "max(a{x=1}) > 1", &err), -EINVAL);
    assert_int_equal(change(k, d.id, "max(a{x=1}) > 1 and max(c) > 1", &err), -EINVAL);
    assert_int_equal(change(k, d.id, "avg(b,120) < 7 times 3 or a{x=1} < 1", &err), 0);
    struct ax_definition_edit e = {.set = AX_SET_MATCH_BY, .match_by = {by, 1}};
    assert_int_equal(
        ax_definition_update(k->stream, AX_STR("t"), d.id, &e, kit_now, &k->arena, &d, &err),
        -EINVAL);
    assert_string_equal(err.text, "match_by may not change; make another definition");
    assert_int_equal(change(k, AX_STR("nothing"), "a > 1", &err), -ENOENT);
}

static void a_new_threshold_keeps_the_window(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    struct ax_definition d = kit_define(k, "avg(m) > 10");
    kit_go(k, 10);
    kit_send(k, "m", "", 7);
    assert_int_equal(change(k, d.id, "avg(m) > 5", &err), 0);
    kit_go(k, 65);
    kit_expect(k, "t/d ALARM@65");
}

static void a_new_function_drops_the_window(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    struct ax_definition d = kit_define(k, "avg(m) > 10");
    kit_go(k, 10);
    kit_send(k, "m", "", 20);
    assert_int_equal(change(k, d.id, "sum(m) > 10", &err), 0);
    kit_go(k, 20);
    kit_send(k, "m", "", 5);
    kit_go(k, 65);
    kit_expect(k, "t/d OK@65");
}

static void changed_order_keeps_windows_with_their_metrics(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    struct ax_definition d = kit_define(k, "avg(a) > 10 and avg(b,120) > 1");
    kit_go(k, 10);
    kit_send(k, "a", "", 7);
    kit_send(k, "b", "", 2);
    assert_int_equal(change(k, d.id, "avg(b,120) > 1 and avg(a) > 5", &err), 0);
    kit_go(k, 70);
    kit_send(k, "a", "", 8); /* goes on to its own window */
    kit_go(k, 125);
    kit_expect(k, "t/d ALARM@125");
}

static void deleting_takes_the_alarms_along(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    size_t n;
    struct ax_stream_stats st;
    struct ax_history_row *h;
    struct ax_definition d = kit_define_of(k, "t", "d", "max(m) > 10", "h");
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "m", "h=b", 20);
    kit_expect(k, "t/d ALARM@6, t/d ALARM@6");
    assert_int_equal(ax_definition_delete(k->stream, AX_STR("t"), d.id, &err), 0);
    kit_go(k, 10);
    kit_send(k, "m", "h=a", 20);
    kit_alarms(k, &(struct ax_alarm_filter){0}, &n);
    assert_int_equal(n, 0);
    ax_stream_stats(k->stream, &st);
    assert_int_equal(st.alarms, 0);
    assert_int_equal(st.watched, 0);
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"), &(struct ax_history_filter){0},
                                      &k->arena, &h, &n, &err),
                     0);
    assert_int_equal(n, 2);
    assert_int_equal(ax_definition_delete(k->stream, AX_STR("t"), d.id, &err), -ENOENT);
}

static const char *names(struct kit *k, struct ax_definition_filter f)
{
    struct ax_definition *v;
    size_t n;
    struct ax_err err;
    struct ax_buf out = AX_BUF_INIT;
    if (ax_definition_list(k->stream, AX_STR("t"), &f, &k->arena, &v, &n, &err) < 0)
        return ax_arena_cstr(&k->arena, ax_str(err.text));
    for (size_t i = 0; i < n; i++)
        ax_buf_printf(&out, "%.*s ", AX_STR_ARG(v[i].name));
    char *s = ax_arena_cstr(&k->arena, ax_buf_view(&out));
    ax_buf_free(&out);
    return s;
}

static struct ax_dimensions dims(struct kit *k, const char *text)
{
    struct ax_dimensions d;
    struct ax_err err;
    if (ax_dimensions_parse(ax_str(text), &k->arena, &d, &err) < 0)
        fail_msg("%s", err.text);
    return d;
}

static void lists_filter_sort_and_page(void **state)
{
    struct kit *k = *state;
    static const char *const severities[] = {"LOW", "HIGH", "MEDIUM"};
    static const char *const expressions[] = {"max(a{h=x,d=1}) > 1", "b{h=y} > 1 or c{e=2} > 1",
                                              "max(a{h=x.y}) > 1"};
    struct ax_err err;
    for (size_t i = 0; i < 3; i++) {
        const char *name[] = {"c", "a", "b"};
        kit_now += 1000;
        struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION | AX_SET_SEVERITY,
                                       .name = ax_str(name[i]),
                                       .expression = ax_str(expressions[i]),
                                       .severity = ax_str(severities[i])};
        assert_int_equal(make(k, &e, &err), 0);
    }
    kit_define_of(k, "u", "foreign", "max(a) > 1", "");
#define LIST(...) names(k, (struct ax_definition_filter){__VA_ARGS__})
    assert_string_equal(LIST(0), "c a b ");
    assert_string_equal(LIST(.sort_by = AX_STR("name")), "a b c ");
    assert_string_equal(LIST(.sort_by = AX_STR("severity desc,name")), "a b c ");
    assert_string_equal(LIST(.sort_by = AX_STR("created_at desc")), "b a c ");
    assert_string_equal(LIST(.sort_by = AX_STR("name"), .offset = 1, .limit = 1), "b ");
    assert_string_equal(LIST(.offset = 7), "");
    assert_string_equal(LIST(.name = AX_STR("a")), "a ");
    assert_string_equal(LIST(.severity = AX_STR("low|high")), "c a ");
    assert_string_equal(LIST(.dimensions = dims(k, "h:x")), "c ");
    assert_string_equal(LIST(.dimensions = dims(k, "h%3Ax|y")), "c a ");
    assert_string_equal(LIST(.dimensions = dims(k, "h,e:2")), "a ");
    assert_string_equal(LIST(.dimensions = dims(k, "h")), "c a b ");
    assert_string_equal(LIST(.dimensions = dims(k, "h:x.y")), "b ");
    assert_string_equal(LIST(.sort_by = AX_STR("color")),
                        "sort_by: \"color\" is no column that can be sorted by");
    assert_string_equal(LIST(.severity = AX_STR("x")),
                        "severity \"x\" is none of LOW, MEDIUM, HIGH, CRITICAL");
}

static void a_tenants_definitions_are_limited(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    kit_close(k);
    k->o.max_definitions = 1;
    kit_open(k);
    struct ax_definition d = kit_define(k, "a > 1");
    struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION,
                                   .name = AX_STR("two"),
                                   .expression = AX_STR("a > 1")};
    assert_int_equal(make(k, &e, &err), -EDQUOT);
    assert_string_equal(err.text, "the limit of 1 alarm definitions of a tenant is reached");
    assert_int_equal(ax_definition_delete(k->stream, AX_STR("t"), d.id, &err), 0);
    assert_int_equal(make(k, &e, &err), 0);
}

static void a_method_that_goes_leaves_the_actions(void **state)
{
    struct kit *k = *state;
    struct ax_str v[] = {AX_STR("m1"), AX_STR("m2")};
    struct ax_definition d;
    struct ax_err err;
    struct ax_definition_edit e = {.set =
                                       AX_SET_NAME | AX_SET_EXPRESSION | AX_SET_OK | AX_SET_ALARM,
                                   .name = AX_STR("d"),
                                   .expression = AX_STR("a > 1"),
                                   .actions = {{v, 2}, {0}, {v, 1}}};
    struct ax_definition other, *v_all;
    size_t n;
    assert_int_equal(ax_definition_create(k->stream, AX_STR("t"), &e, kit_now, &k->arena, &d, &err),
                     0);
    assert_int_equal(
        ax_definition_create(k->stream, AX_STR("u"), &e, kit_now, &k->arena, &other, &err), 0);
    assert_int_equal(ax_sql_exec(k->sql, "PRAGMA query_only=1", &err), 0);
    assert_int_equal(ax_definition_drop_action(k->stream, AX_STR("t"), AX_STR("m1"), kit_now, &err),
                     -EROFS);
    assert_int_equal(ax_definition_get(k->stream, AX_STR("t"), d.id, &k->arena, &d, &err), 0);
    assert_int_equal(d.actions[0].n, 2);
    assert_int_equal(ax_sql_exec(k->sql, "PRAGMA query_only=0", &err), 0);
    assert_int_equal(ax_definition_drop_action(k->stream, AX_STR("t"), AX_STR("m1"), kit_now, &err),
                     0);
    kit_close(k);
    kit_open(k);
    assert_int_equal(ax_definition_get(k->stream, AX_STR("u"), other.id, &k->arena, &d, &err), 0);
    assert_int_equal(d.actions[0].n, 2);
    assert_int_equal(ax_definition_list(k->stream, AX_STR("t"), &(struct ax_definition_filter){0},
                                        &k->arena, &v_all, &n, &err),
                     0);
    d = v_all[0];
    assert_int_equal(d.actions[0].n, 1);
    assert_true(ax_str_eq(d.actions[0].v[0], AX_STR("m2")));
    assert_int_equal(d.actions[2].n, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(each_rule_has_its_sentence),
        TEST(defaults_and_all_fields_come_back),
        TEST(names_are_unique_in_a_tenant),
        TEST(metrics_and_match_by_may_not_change),
        TEST(a_new_threshold_keeps_the_window),
        TEST(a_new_function_drops_the_window),
        TEST(changed_order_keeps_windows_with_their_metrics),
        TEST(deleting_takes_the_alarms_along),
        TEST(lists_filter_sort_and_page),
        TEST(a_tenants_definitions_are_limited),
        TEST(a_method_that_goes_leaves_the_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
