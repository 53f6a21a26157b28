// SPDX-License-Identifier: Apache-2.0
/* Silences: which alarms they hold, what is told when they end, and what may change in one. */
#include "dispatch_kit.h"

#include <time.h>

/* ---- holding ---- */

static void what_no_silence_matches_goes_at_once(void **state)
{
    kit_silence("hostname=web2", MIN);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "web1 OK ops");
    kit_pass(2 * MIN);
    assert_string_equal(kit_told(), "");
}

static void each_label_can_be_matched(void **state)
{
    static const char *const matchers[][3] = {{"alertname=\"cpu high\""},
                                              {"severity=high"},
                                              {"alarm_id=web1"},
                                              {"tenant=t1"},
                                              {"hostname=web1"},
                                              {"hostname=~\"we.*|db\""},
                                              {"disk=sda", "hostname!=web2"},
                                              {"disk=sda", "disk!~\"sd[bc]\"", "absent="}};
    for (size_t i = 0; i < AX_ARRAY_LEN(matchers); i++) {
        const char *const all[] = {matchers[i][0], matchers[i][1], matchers[i][2], NULL};
        char id[AX_UUID_TEXT + 1];
        struct ax_err err = {0};
        kit_ok(kit_silence_rc("", all, kit_now, kit_now + MIN, id, &err), &err);
        kit_goes("web1", "OK", "ALARM");
        assert_string_equal(kit_told(), "");
        kit_goes("web1", "ALARM", "OK");
        kit_ok(ax_silence_expire(dispatch, TENANT, ax_str(id), &err), &err);
        kit_tick();
        assert_string_equal(kit_told(), "");
    }
}

static void a_regex_is_anchored(void **state)
{
    kit_silence("hostname=~eb1", MIN);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

/* With the database locked: each would take 5 ms for each alarm, if it were let. */
static void a_regex_that_takes_long_holds_nothing_and_nobody_up(void **state)
{
    static const char *const ways[][3] = {{"hostname=~\"([a-z]+)*\\d\""},
                                          {"severity=high", "hostname!~\"([a-z]+)*\\d\""}};
    char alarm[200] = "a", want[220], id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    memset(alarm, 'a', 120);
    for (int i = 0; i < 200; i++)
        kit_ok(kit_silence_rc("", ways[i % 2], kit_now, kit_now + MIN, id, &err), &err);
    clock_t begun = clock();
    kit_goes(alarm, "OK", "ALARM");
    snprintf(want, sizeof want, "%s ALARM ops", alarm);
    assert_string_equal(kit_told(), want);
    kit_goes(alarm, "ALARM", "OK");
    snprintf(want, sizeof want, "%s OK ops", alarm);
    assert_string_equal(kit_told(), want);
    if (clock() - begun > CLOCKS_PER_SEC / 4)
        fail_msg("took %ld ms of CPU", (long)(clock() - begun) * 1000 / CLOCKS_PER_SEC);
    kit_silence("hostname=~\"a+\"", MIN); /* others go on */
    kit_goes(alarm, "OK", "ALARM");
    assert_string_equal(kit_told(), "");
}

static void one_that_is_still_in_alarm_is_told_once_when_it_ends(void **state)
{
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "OK", "ALARM");
    kit_goes("web1", "ALARM", "OK");
    kit_goes("web1", "OK", "ALARM");
    assert_int_equal(kit_held(AX_HOLD_SILENCE), 1);
    kit_pass(MIN - 1);
    assert_string_equal(kit_told(), "");
    kit_pass(1);
    assert_true(ax_str_starts(kit_reason(), AX_STR("why (held since 2026-09-21T")));
    assert_string_equal(kit_told(), "web1 ALARM ops");
    kit_pass(MIN);
    kit_tick();
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_SILENCE), 0);
}

static void one_that_is_back_to_ok_says_nothing(void **state)
{
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "OK", "ALARM");
    kit_goes("web1", "ALARM", "OK");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_SILENCE), 0);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void an_ok_of_an_alarm_that_was_told_is_told_later(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "");
    kit_restart();
    assert_string_equal(kit_told(), "");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "web1 OK ops");
}

static void what_is_as_it_was_told_says_nothing(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "ALARM", "OK");
    kit_goes("web1", "OK", "ALARM");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

/* Told ALARM; its OK is not for OPS, the next ALARM is another one. */
static void another_alarm_is_not_the_one_that_was_told(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_silence("hostname=web1", MIN);
    kit_transition("web1", "ALARM", "OK", "", NULL, 0);
    kit_goes("web1", "OK", "ALARM");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void a_state_that_a_method_does_not_want_ends_what_is_held_for_it(void **state)
{
    kit_silence("hostname=web1", MIN);
    kit_transition("web1", "OK", "ALARM", "", kit_methods, 2);
    kit_transition("web1", "ALARM", "UNDETERMINED", "", &TEAM, 1);
    kit_pass(MIN);
    assert_string_equal(kit_told(), "web1 UNDETERMINED team");
}

static void a_kill_between_holding_and_telling_loses_and_repeats_nothing(void **state)
{
    kit_silence("hostname=web1", MIN);
    kit_transition("web1", "OK", "ALARM", "", kit_methods, 2);
    kit_restart();
    assert_int_equal(kit_held(AX_HOLD_SILENCE), 2);
    kit_pass(MIN);
    assert_string_equal(kit_told(), "web1 ALARM ops, web1 ALARM team");
    kit_restart();
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void a_transaction_that_is_rolled_back_and_tried_again_counts_once(void **state)
{
    struct ax_err err = {0};
    kit_ok(ax_sql_begin(sql, &err), &err);
    kit_ok(kit_transition_rc("web1", "OK", "ALARM", "", &OPS, 1, &err), &err);
    assert_int_equal(ax_sql_end(sql, -EIO, &err), -EIO);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void a_second_silence_goes_on_where_the_first_ends(void **state)
{
    kit_silence("hostname=web1", MIN);
    kit_silence("alertname=\"cpu high\"", 3 * MIN);
    kit_goes("web1", "OK", "ALARM");
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
    assert_int_equal(kit_held(AX_HOLD_SILENCE), 1);
    kit_pass(2 * MIN);
    assert_string_equal(kit_told(), "web1 ALARM ops");
}

static void what_comes_after_the_end_but_before_the_tick_is_told_once(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    kit_told();
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "ALARM", "OK");
    kit_now += 2 * MIN;
    kit_goes("web1", "OK", "ALARM"); /* it knows that */
    kit_tick();
    assert_string_equal(kit_told(), "");
    kit_goes("web1", "ALARM", "OK");
    kit_tick();
    assert_string_equal(kit_told(), "web1 OK ops");
}

static void a_deleted_alarm_has_nothing_to_tell(void **state)
{
    struct ax_err err = {0};
    kit_silence("hostname=web1", MIN);
    kit_goes("web1", "OK", "ALARM");
    kit_ok(ax_sql_begin(sql, &err), &err);
    int rc = ax_dispatch_ended(dispatch, TENANT, AX_STR("web1"), &err);
    kit_ok(ax_sql_end(sql, rc, &err), &err);
    kit_pass(MIN);
    assert_string_equal(kit_told(), "");
}

static void another_tenants_silence_holds_nothing(void **state)
{
    struct ax_err err = {0};
    struct ax_matcher m;
    char id[AX_UUID_TEXT + 1];
    kit_ok(ax_matcher_parse(AX_STR("hostname=web1"), &arena, &m, &err), &err);
    struct ax_silence s = {
        .matchers = &m, .nmatchers = 1, .starts = kit_now, .ends = kit_now + MIN};
    kit_ok(ax_silence_set(dispatch, AX_STR("t2"), &s, id, &err), &err);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
    assert_int_equal(ax_silence_expire(dispatch, TENANT, ax_str(id), &err), -ENOENT);
}

static void many_are_released_in_parts(void **state)
{
    struct ax_err err = {0};
    struct ax_stmt q;
    kit_silence("alertname=\"cpu high\"", MIN);
    kit_ok(ax_sql_begin(sql, &err), &err);
    for (int i = 0; i < 1200; i++) {
        char name[16];
        snprintf(name, sizeof name, "vm%d", i);
        kit_ok(kit_transition_rc(name, "OK", "ALARM", "", &OPS, 1, &err), &err);
    }
    kit_ok(ax_sql_end(sql, 0, &err), &err);
    kit_now += MIN;
    assert_int_equal(ax_dispatch_tick(dispatch, &err), 1);
    kit_tick();
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT count(*), count(DISTINCT alarm) FROM outbox");
    assert_true(ax_stmt_row(&q));
    assert_int_equal(ax_stmt_col_int(&q, 0), 1200);
    assert_int_equal(ax_stmt_col_int(&q, 1), 1200);
    ax_stmt_end(&q, "reading", NULL);
    ax_sql_unlock(sql);
}

static bool quiet(const char *alarm)
{
    ax_sql_lock(sql);
    bool yes = ax_dispatch_quiet(dispatch, TENANT, ax_str(alarm));
    ax_sql_unlock(sql);
    return yes;
}

static void repeats_are_quiet_under_a_silence(void **state)
{
    kit_goes("web1", "OK", "ALARM");
    assert_false(quiet("web1"));
    kit_silence("hostname=web1", MIN);
    assert_true(quiet("web1"));
    assert_false(quiet("web2"));
    kit_pass(MIN);
    assert_false(quiet("web1"));
}

/* ---- what fires ---- */

static void alerts_tell_what_silences_them(void **state)
{
    struct ax_err err = {0};
    struct ax_alert *v;
    size_t n;
    const char *id = kit_silence("hostname=web1", MIN);
    kit_goes("web1", "OK", "ALARM");
    kit_now++;
    kit_goes("web2", "OK", "ALARM");
    kit_goes("web3", "ALARM", "OK");
    kit_ok(ax_dispatch_alerts(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].nsilenced, 0);
    assert_int_equal(v[1].nsilenced, 1);
    assert_true(ax_str_eq(v[1].silenced_by[0], ax_str(id)));
    assert_true(ax_str_eq(ax_alert_label(&v[1], AX_STR("hostname")), AX_STR("web1")));
}

static void alerts_of_several_pages_are_each_there_once(void **state)
{
    struct ax_err err = {0};
    struct ax_alert *v;
    size_t n;
    kit_ok(ax_sql_begin(sql, &err), &err);
    for (int i = 0; i < 601; i++) {
        char name[16];
        snprintf(name, sizeof name, "vm%03d", i);
        kit_now = T0 + i / 150; /* many at the same time */
        kit_ok(kit_transition_rc(name, "OK", "ALARM", "", NULL, 0, &err), &err);
    }
    kit_ok(ax_sql_end(sql, 0, &err), &err);
    kit_ok(ax_dispatch_alerts(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 601);
    for (size_t i = 1; i < n; i++)
        assert_true(
            v[i].x.time < v[i - 1].x.time ||
            (v[i].x.time == v[i - 1].x.time && ax_str_cmp(v[i - 1].x.alarm, v[i].x.alarm) < 0));
}

/* ---- rules of silences ---- */

static void refuse(const char *const *matchers, int64_t from, int64_t to, const char *text)
{
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    assert_int_equal(kit_silence_rc("", matchers, from, to, id, &err), -EINVAL);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in '%s'", text, err.text);
}

static void what_is_no_silence_is_refused(void **state)
{
    const char *const good[] = {"a=b", NULL}, *const none[] = {NULL}, *const empty[] = {"a=", NULL};
    const char *const any[] = {"a=~\".*\"", NULL}, *const bad[] = {"a=~\"(\"", NULL};
    const char *const back[] = {"a=~\"(b)\\1\"", NULL}, *const name[] = {"9a=b", NULL};
    const char *const two[] = {"a=b", "c=", NULL};
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    refuse(good, kit_now + MIN, kit_now + MIN, "start time must be before end time");
    refuse(good, kit_now - 2 * MIN, kit_now - MIN, "end time can't be in the past");
    refuse(none, kit_now, kit_now + MIN, "at least one matcher required");
    refuse(empty, kit_now, kit_now + MIN, "must not match the empty string");
    refuse(any, kit_now, kit_now + MIN, "must not match the empty string");
    refuse(bad, kit_now, kit_now + MIN, "invalid label matcher 0: invalid regular expression");
    refuse(back, kit_now, kit_now + MIN, "not supported");
    refuse(name, kit_now, kit_now + MIN, "bad matcher format");
    kit_ok(kit_silence_rc("", two, kit_now, kit_now + MIN, id, &err), &err);
    assert_int_equal(kit_silence_rc("9b9c1a2e-1111-4222-8333-444455556666", good, kit_now,
                                    kit_now + MIN, id, &err),
                     -ENOENT);
}

static void get(const char *id, struct ax_silence *s)
{
    struct ax_err err = {0};
    kit_ok(ax_silence_get(dispatch, TENANT, ax_str(id), &arena, s, &err), &err);
}

static void an_active_one_is_changed_or_replaced(void **state)
{
    const char *const matchers[] = {"a=b", NULL}, *const others[] = {"a=c", NULL};
    char first[AX_UUID_TEXT + 1], id[AX_UUID_TEXT + 1];
    struct ax_silence s;
    struct ax_err err = {0};
    kit_ok(kit_silence_rc("", matchers, kit_now - 5, kit_now + MIN, first, &err), &err);
    get(first, &s);
    assert_int_equal(s.starts, T0); /* what begins in the past begins now */
    kit_now += 1000;
    kit_ok(kit_silence_rc(first, matchers, s.starts, kit_now + 2 * MIN, id, &err), &err);
    assert_string_equal(id, first);
    kit_ok(kit_silence_rc(first, others, s.starts, kit_now + 2 * MIN, id, &err), &err);
    assert_string_not_equal(id, first);
    get(first, &s);
    assert_int_equal(ax_silence_state(&s, kit_now), AX_SILENCE_EXPIRED);
    get(id, &s);
    assert_int_equal(ax_silence_state(&s, kit_now), AX_SILENCE_ACTIVE);
    assert_int_equal(s.starts, kit_now);
    kit_ok(kit_silence_rc(first, matchers, kit_now, kit_now + MIN, id, &err), &err); /* again */
    assert_string_not_equal(id, first);
}

static void a_pending_one_begins_when_it_is_time(void **state)
{
    const char *const matchers[] = {"hostname=web1", NULL};
    char id[AX_UUID_TEXT + 1];
    struct ax_silence s;
    struct ax_err err = {0};
    kit_ok(kit_silence_rc("", matchers, kit_now + MIN, kit_now + 2 * MIN, id, &err), &err);
    get(id, &s);
    assert_int_equal(ax_silence_state(&s, kit_now), AX_SILENCE_PENDING);
    kit_goes("web1", "OK", "ALARM");
    assert_string_equal(kit_told(), "web1 ALARM ops");
    kit_pass(MIN);
    kit_goes("web1", "ALARM", "OK");
    assert_string_equal(kit_told(), "");
    kit_ok(ax_silence_expire(dispatch, TENANT, ax_str(id), &err), &err);
    assert_int_equal(ax_silence_expire(dispatch, TENANT, ax_str(id), &err), -EALREADY);
    kit_tick();
    assert_string_equal(kit_told(), "web1 OK ops");
}

static void expired_ones_are_kept_for_five_days(void **state)
{
    struct ax_err err = {0};
    struct ax_silence s, *v;
    size_t n;
    const char *id = kit_silence("a=b", MIN);
    kit_now += 5 * 86400000ll;
    kit_ok(ax_dispatch_prune(dispatch, T0, &err), &err);
    get(id, &s);
    kit_now += 2 * MIN;
    kit_ok(ax_dispatch_prune(dispatch, T0, &err), &err);
    kit_ok(ax_silence_list(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, 0);
}

static void the_list_has_active_pending_and_expired_ones_in_this_order(void **state)
{
    const char *const matchers[] = {"a=b", NULL};
    const struct {
        int64_t from, to;
    } spans[] = {{10, 20}, {0, 2}, {0, 1}, {5, 20}, {0, 30}, {0, 25}};
    const int64_t ends[] = {25, 30, 20, 20, 2, 1};
    char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    struct ax_silence *v;
    size_t n;
    for (size_t i = 0; i < AX_ARRAY_LEN(spans); i++)
        kit_ok(kit_silence_rc("", matchers, T0 + spans[i].from * MIN, T0 + spans[i].to * MIN, id,
                              &err),
               &err);
    kit_now = T0 + 3 * MIN;
    kit_ok(ax_silence_list(dispatch, TENANT, &arena, &v, &n, &err), &err);
    assert_int_equal(n, AX_ARRAY_LEN(spans));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v[i].ends, T0 + ends[i] * MIN);
    assert_int_equal(v[2].starts, T0 + 5 * MIN);
}

static void matchers_are_read_as_alertmanager_reads_them(void **state)
{
    const struct {
        const char *text, *name, *value;
        enum ax_match_op op;
    } good[] = {{"a=b", "a", "b", AX_MATCH_EQ},
                {" a != \"b c\" ", "a", "b c", AX_MATCH_NE},
                {"_x1=~\"a|b\"", "_x1", "a|b", AX_MATCH_RE},
                {"a!~b=c", "a", "b=c", AX_MATCH_NRE},
                {"a=", "a", "", AX_MATCH_EQ},
                {"a=\"q\\\"u\\\\o\\n\\d\"", "a", "q\"u\\o\n\\d", AX_MATCH_EQ}};
    static const char *const bad[] = {"", "a", "=b", "a b=c", "a=\"b", "a=\"b\"c", "1a=b", "a!b"};
    struct ax_matcher m;
    struct ax_err err = {0};
    for (size_t i = 0; i < AX_ARRAY_LEN(good); i++) {
        kit_ok(ax_matcher_parse(ax_str(good[i].text), &arena, &m, &err), &err);
        assert_true(ax_str_eq(m.name, ax_str(good[i].name)));
        assert_true(ax_str_eq(m.value, ax_str(good[i].value)));
        assert_int_equal(m.op, good[i].op);
        struct ax_buf text = AX_BUF_INIT;
        struct ax_matcher again;
        ax_matcher_print(&m, &text);
        kit_ok(ax_matcher_parse(ax_buf_view(&text), &arena, &again, &err), &err);
        assert_true(ax_str_eq(again.value, m.value));
        ax_buf_free(&text);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_int_equal(ax_matcher_parse(ax_str(bad[i]), &arena, &m, &err), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_silence_matches_goes_at_once),
        TEST(each_label_can_be_matched),
        TEST(a_regex_is_anchored),
        TEST(a_regex_that_takes_long_holds_nothing_and_nobody_up),
        TEST(one_that_is_still_in_alarm_is_told_once_when_it_ends),
        TEST(one_that_is_back_to_ok_says_nothing),
        TEST(an_ok_of_an_alarm_that_was_told_is_told_later),
        TEST(what_is_as_it_was_told_says_nothing),
        TEST(another_alarm_is_not_the_one_that_was_told),
        TEST(a_state_that_a_method_does_not_want_ends_what_is_held_for_it),
        TEST(a_kill_between_holding_and_telling_loses_and_repeats_nothing),
        TEST(a_transaction_that_is_rolled_back_and_tried_again_counts_once),
        TEST(a_second_silence_goes_on_where_the_first_ends),
        TEST(what_comes_after_the_end_but_before_the_tick_is_told_once),
        TEST(a_deleted_alarm_has_nothing_to_tell),
        TEST(another_tenants_silence_holds_nothing),
        TEST(many_are_released_in_parts),
        TEST(repeats_are_quiet_under_a_silence),
        TEST(alerts_tell_what_silences_them),
        TEST(alerts_of_several_pages_are_each_there_once),
        TEST(what_is_no_silence_is_refused),
        TEST(an_active_one_is_changed_or_replaced),
        TEST(a_pending_one_begins_when_it_is_time),
        TEST(expired_ones_are_kept_for_five_days),
        TEST(the_list_has_active_pending_and_expired_ones_in_this_order),
        TEST(matchers_are_read_as_alertmanager_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
