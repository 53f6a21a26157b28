// SPDX-License-Identifier: Apache-2.0
/* What is asked about alarms, what may be changed, and that nothing is lost on the way to disk. */
#include "alarm_stream_kit.h"

#include <jansson.h>

/* Three alarms: h=a in ALARM, h=b OK, h=c UNDETERMINED. */
static void three(struct kit *k)
{
    struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION | AX_SET_SEVERITY,
                                   .name = AX_STR("other"),
                                   .expression = AX_STR("avg(n{h=c}) > 10"),
                                   .severity = AX_STR("HIGH")};
    struct ax_definition d;
    struct ax_err err;
    kit_define_of(k, "t", "d", "last(m) > 10", "h");
    assert_int_equal(ax_definition_create(k->stream, AX_STR("t"), &e, kit_now, &k->arena, &d, &err),
                     0);
    kit_go(k, 10);
    kit_send(k, "m", "h=a,x=1", 20);
    kit_go(k, 11);
    kit_send(k, "m", "h=b", 1);
    kit_go(k, 12);
    kit_send(k, "n", "h=c", 1);
    kit_expect(k, "t/d ALARM@10, t/d OK@11");
}

static const char *list(struct kit *k, struct ax_alarm_filter f)
{
    struct ax_alarm_row *v;
    size_t n;
    struct ax_err err;
    struct ax_buf out = AX_BUF_INIT;
    if (ax_alarm_list(k->stream, AX_STR("t"), &f, &k->arena, &v, &n, &err) < 0)
        return ax_arena_cstr(&k->arena, ax_str(err.text));
    for (size_t i = 0; i < n; i++)
        ax_buf_printf(&out, "%s ", ax_state_name(v[i].state));
    char *s = ax_arena_cstr(&k->arena, ax_buf_view(&out));
    ax_buf_free(&out);
    return s;
}

static struct ax_dimensions dims(struct kit *k, const char *text)
{
    struct ax_dimensions d;
    assert_int_equal(ax_dimensions_parse(ax_str(text), &k->arena, &d, NULL), 0);
    return d;
}

static void lists_filter_sort_and_page(void **state)
{
    struct kit *k = *state;
    three(k);
#define LIST(...) list(k, (struct ax_alarm_filter){__VA_ARGS__})
#define BY        .sort_by = AX_STR("state")
    assert_string_equal(LIST(BY), "OK UNDETERMINED ALARM ");
    assert_string_equal(LIST(.sort_by = AX_STR("created_timestamp desc")),
                        "UNDETERMINED OK ALARM ");
    assert_string_equal(LIST(.sort_by = AX_STR("severity desc, state desc")),
                        "UNDETERMINED ALARM OK ");
    assert_string_equal(LIST(BY, .offset = 1, .limit = 1), "UNDETERMINED ");
    assert_string_equal(LIST(.state = AX_STR("alarm")), "ALARM ");
    assert_string_equal(LIST(.severity = AX_STR("HIGH|CRITICAL")), "UNDETERMINED ");
    assert_string_equal(LIST(BY, .severity = AX_STR("HIGH|low")), "OK UNDETERMINED ALARM ");
    assert_string_equal(LIST(.metric_name = AX_STR("n")), "UNDETERMINED ");
    assert_string_equal(LIST(BY, .dimensions = dims(k, "h:a|c")), "UNDETERMINED ALARM ");
    assert_string_equal(LIST(.dimensions = dims(k, "h,x")), "ALARM ");
    assert_string_equal(LIST(.dimensions = dims(k, "h:.")), "");
    assert_string_equal(LIST(.dimensions = dims(k, "name:m")), "");
    assert_string_equal(LIST(.metric_name = AX_STR("m"), .dimensions = dims(k, "h:c")), "");
    assert_string_equal(LIST(BY, .state_updated_start = T0 + 11 * SEC), "OK UNDETERMINED ");
    assert_string_equal(LIST(.lifecycle_state = AX_STR("OPEN")), "");
    assert_string_equal(LIST(.state = AX_STR("bad")),
                        "state \"bad\" is none of OK, ALARM, UNDETERMINED");
    assert_string_equal(LIST(.sort_by = AX_STR("state up")),
                        "sort_by: \"state up\" is no column that can be sorted by");
}

static const char *count(struct kit *k, const char *group_by, struct ax_alarm_filter f)
{
    struct ax_strs columns;
    struct ax_alarm_count *v;
    size_t n;
    struct ax_err err;
    struct ax_buf out = AX_BUF_INIT;
    if (ax_alarm_count(k->stream, AX_STR("t"), &f, ax_str(group_by), &k->arena, &columns, &v, &n,
                       &err) < 0)
        return ax_arena_cstr(&k->arena, ax_str(err.text));
    for (size_t i = 0; i < n; i++) {
        ax_buf_printf(&out, "%llu", (unsigned long long)v[i].n);
        for (size_t c = 1; c < columns.n; c++)
            ax_buf_printf(&out, ",%.*s", v[i].values[c - 1].p ? (int)v[i].values[c - 1].n : 4,
                          v[i].values[c - 1].p ? v[i].values[c - 1].p : "null");
        ax_buf_byte(&out, ' ');
    }
    char *s = ax_arena_cstr(&k->arena, ax_buf_view(&out));
    ax_buf_free(&out);
    return s;
}

static void counts_group(void **state)
{
    struct kit *k = *state;
    three(k);
    struct ax_alarm_filter none = {0}, nothing = {.metric_name = AX_STR("zzz")};
    assert_string_equal(count(k, "", none), "3 ");
    assert_string_equal(count(k, "state", none), "1,OK 1,UNDETERMINED 1,ALARM ");
    assert_string_equal(count(k, "severity,name", none), "2,LOW,d 1,HIGH,other ");
    assert_string_equal(count(k, "metric_name", none), "2,m 1,n ");
    assert_string_equal(count(k, "dimension_name", none), "3,h 1,x ");
    assert_string_equal(count(k, "dimension_name,dimension_value", none),
                        "1,h,a 1,h,b 1,h,c 1,x,1 ");
    assert_string_equal(count(k, "state", (struct ax_alarm_filter){.offset = 1, .limit = 1}),
                        "1,UNDETERMINED ");
    assert_string_equal(count(k, "state,link", nothing), "0,null,null ");
    assert_string_equal(count(k, "color", none),
                        "group_by: \"color\" is no column that can be grouped by");
}

static void a_state_set_by_hand_is_history(void **state)
{
    struct kit *k = *state;
    size_t n;
    struct ax_alarm_row row;
    struct ax_history_row *h;
    struct ax_str ok = AX_STR("ok"), bad = AX_STR("bad"), life = AX_STR("OPEN"),
                  link = AX_STR("http://x/");
    struct ax_err err;
    three(k);
    struct ax_alarm_row *v = kit_alarms(k, &(struct ax_alarm_filter){.state = AX_STR("ALARM")}, &n);
    kit_go(k, 20);
#define UPDATE(...)                                                                                \
    ax_alarm_update(k->stream, AX_STR("t"), v->id, &(struct ax_alarm_edit){__VA_ARGS__}, kit_now,  \
                    &k->arena, &row, &err)
    assert_int_equal(UPDATE(.state = &bad), -EINVAL);
    assert_int_equal(UPDATE(.state = &ok, .lifecycle_state = &life, .link = &link), 0);
    assert_true(row.state == AX_OK && ax_str_eq(row.lifecycle_state, life) &&
                ax_str_eq(row.link, link));
    assert_int_equal(row.state_updated, kit_now);
    kit_expect(k, "t/d OK@20");
    struct ax_str empty = AX_STR("");
    assert_int_equal(UPDATE(.lifecycle_state = &empty), 0);
    assert_true(row.lifecycle_state.n == 0 && ax_str_eq(row.link, link));
    kit_expect(k, "");
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"),
                                      &(struct ax_history_filter){.alarm = v->id}, &k->arena, &h,
                                      &n, &err),
                     0);
    assert_int_equal(n, 2);
    assert_true(ax_str_eq(h[1].reason, AX_STR("Alarm state updated via API")));
    assert_true(ax_str_eq(h[1].sub_alarms, AX_STR("[]")));
    assert_int_equal(h[1].old, AX_ALARM);
    /* the next outcome that changes counts again */
    kit_send(k, "m", "h=a,x=1", 1);
    kit_send_of(k, "t", "m", "h=a,x=1", kit_now + 1, 20);
    kit_expect(k, "t/d ALARM@20");
    char long_text[600];
    memset(long_text, 'x', sizeof long_text);
    struct ax_str too_long = {long_text, 51};
    assert_int_equal(UPDATE(.lifecycle_state = &too_long), -EINVAL);
    too_long.n = 513;
    assert_int_equal(UPDATE(.link = &too_long), -EINVAL);
}

static void history_says_what_and_why(void **state)
{
    struct kit *k = *state;
    size_t n;
    struct ax_history_row *h;
    struct ax_err err;
    kit_define_of(k, "t", "d", "avg(m{h=a}) > 10 and max(n) >= 2", "");
    kit_go(k, 10);
    kit_send(k, "m", "h=a", 20);
    kit_send(k, "n", "", 2.5);
    kit_go(k, 65);
    kit_expect(k, "t/d ALARM@65");
#define HISTORY(...)                                                                               \
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"),                                      \
                                      &(struct ax_history_filter){__VA_ARGS__}, &k->arena, &h, &n, \
                                      &err),                                                       \
                     0)
    HISTORY(0);
    assert_int_equal(n, 1);
    assert_string_equal(kit_text(k, h->reason),
                        "Thresholds were exceeded for the sub-alarms: avg(m{h=a},60) > 10 with the "
                        "values: [20], max(n,60) >= 2 with the values: [2.5]");
    json_t *subs = json_loadb(h->sub_alarms.p, h->sub_alarms.n, 0, NULL);
    assert_int_equal(json_array_size(subs), 2);
    json_t *first = json_array_get(subs, 0), *e = json_object_get(first, "sub_alarm_expression");
    assert_string_equal(json_string_value(json_object_get(e, "function")), "AVG");
    assert_string_equal(json_string_value(json_object_get(e, "operator")), "GT");
    assert_int_equal(json_object_size(e), 8);
    assert_string_equal(json_string_value(json_object_get(first, "sub_alarm_state")), "ALARM");
    assert_int_equal(json_array_size(json_object_get(first, "current_values")), 1);
    json_decref(subs);
    HISTORY(.dimensions = dims(k, "h:a"));
    assert_int_equal(n, 1);
    HISTORY(.dimensions = dims(k, "name"));
    assert_int_equal(n, 0);
    HISTORY(.dimensions = dims(k, "h:b"));
    assert_int_equal(n, 0);
    kit_go(k, 300);
    kit_expect(k, "t/d UNDETERMINED@130");
    HISTORY(.start = T0 + 66 * SEC);
    assert_int_equal(n, 1);
    assert_string_equal(kit_text(k, h->reason),
                        "No data was present for the sub-alarms: avg(m{h=a},60) > 10");
    HISTORY(.end = T0 + 66 * SEC);
    assert_int_equal(n, 1);
    int64_t id = h->id;
    HISTORY(.limit = 1);
    assert_int_equal(h->id, id);
    HISTORY(.after = id);
    assert_int_equal(n, 1);
    assert_int_equal(ax_stream_prune(k->stream, T0 + 66 * SEC, &err), 0);
    HISTORY(0);
    assert_int_equal(n, 1);
}

static void transitions_of_one_millisecond_are_all_kept(void **state)
{
    struct kit *k = *state;
    struct ax_history_row *h;
    size_t n;
    struct ax_err err;
    kit_define_of(k, "t", "d", "last(m) > 10", "h");
    for (int i = 0; i < 1500; i++) {
        char d[20];
        snprintf(d, sizeof d, "h=%d", i);
        kit_send(k, "m", d, 20);
    }
    assert_int_equal(ax_stream_flush(k->stream, &err), 0);
    HISTORY(0);
    assert_int_equal(n, 1500);
    for (size_t i = 1; i < n; i++)
        assert_true(h[i].id > h[i - 1].id && h[i].at == kit_now);
    assert_int_equal(k->transitions, 1500);
    assert_in_range(k->commits, 2, 10);
}

static void what_fails_is_written_later_in_order(void **state)
{
    struct kit *k = *state;
    struct ax_err err = {0};
    struct ax_history_row *h;
    size_t n;
    kit_define(k, "last(m) > 10");
    k->fail = -ENOSPC;
    kit_send(k, "m", "", 20);
    assert_int_equal(ax_stream_flush(k->stream, &err), -ENOSPC);
    kit_go(k, 7);
    kit_send(k, "m", "", 1);
    assert_int_equal(ax_stream_flush(k->stream, &err), -ENOSPC);
    HISTORY(0);
    assert_int_equal(n, 0);
    k->fail = 0;
    kit_go(k, 8);
    kit_send(k, "m", "", 20);
    kit_expect(k, "t/d ALARM@6, t/d OK@7, t/d ALARM@8");
    HISTORY(0);
    assert_int_equal(n, 3);
    struct ax_stream_stats st;
    ax_stream_stats(k->stream, &st);
    assert_int_equal(st.failures, 2);
    assert_int_equal(st.queued, 0);
}

static void resources_get_events(void **state)
{
    struct kit *k = *state;
    struct ax_event *e;
    size_t n;
    struct ax_err err;
    kit_define_of(k, "t", "d", "last(m) > 10", "resource_id");
    kit_define_of(k, "t", "all", "last(n) > 10", "");
    kit_send(k, "m", "resource_id=abc,hostname=h1", 20);
    kit_send(k, "n", "hostname=h1", 20);
    kit_send(k, "n", "hostname=h2", 20); /* from now on it is about no single one */
    kit_send_of(k, "t", "n", "hostname=h2", kit_now + 1, 1);
    kit_expect(k, "t/d ALARM@6, t/all ALARM@6, t/all OK@6");
    assert_int_equal(ax_registry_events(k->registry, AX_STR("t"), AX_STR("vm:abc"), 0, 0, 10,
                                        &k->arena, &e, &n, &err),
                     0);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(e->what, AX_STR("firing")) && ax_str_eq(e->detail, AX_STR("d")));
    assert_int_equal(ax_registry_events(k->registry, AX_STR("t"), AX_STR("host:h2"), 0, 0, 10,
                                        &k->arena, &e, &n, &err),
                     0);
    assert_int_equal(n, 0);
}

static void check_fields(struct kit *k, const struct ax_transition *t)
{
    assert_true(ax_str_eq(t->description, AX_STR("text")) && t->severity == AX_HIGH);
    assert_true(t->old == AX_UNDETERMINED && t->state == AX_ALARM && t->actions_enabled);
    assert_int_equal(t->actions.n, 1);
    assert_true(ax_str_eq(t->actions.v[0], AX_STR("m3")));
    assert_string_equal(kit_text(k, t->metrics),
                        "[{\"name\": \"m\",\"dimensions\":{\"h\":\"a\"}}]");
    assert_int_equal(t->history, t->at);
    k->looked++;
}

static void the_callback_has_what_a_notification_needs(void **state)
{
    struct kit *k = *state;
    struct ax_str v[] = {AX_STR("m1"), AX_STR("m2"), AX_STR("m3")};
    struct ax_definition d;
    struct ax_err err;
    k->look = check_fields;
    struct ax_definition_edit e = {.set = AX_SET_ALL,
                                   .name = AX_STR("d"),
                                   .description = AX_STR("text"),
                                   .expression = AX_STR("last(m) > 1"),
                                   .severity = AX_STR("HIGH"),
                                   .actions_enabled = true,
                                   .actions = {{v, 1}, {v + 1, 1}, {v + 2, 1}}};
    assert_int_equal(ax_definition_create(k->stream, AX_STR("t"), &e, kit_now, &k->arena, &d, &err),
                     0);
    kit_send(k, "m", "h=a", 20);
    kit_expect(k, "t/d ALARM@6");
    assert_int_equal(k->looked, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(lists_filter_sort_and_page),
        TEST(counts_group),
        TEST(a_state_set_by_hand_is_history),
        TEST(history_says_what_and_why),
        TEST(transitions_of_one_millisecond_are_all_kept),
        TEST(what_fails_is_written_later_in_order),
        TEST(resources_get_events),
        TEST(the_callback_has_what_a_notification_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
