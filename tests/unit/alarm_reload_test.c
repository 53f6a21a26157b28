// SPDX-License-Identifier: Apache-2.0
/* Rule files read again: what goes on, what ends, what stays although it is not what the file says;
 * and who is told. */
#include "alarm_kit.h"

#define A  "  - {alert: A, expr: used > 90, for: 10s}\n"
#define B  "  - {alert: B, expr: used > 10}\n"
#define B2 "  - {alert: B, expr: used > 90}\n"

static const char both[] = HEAD A B;

static void begin(struct house *h)
{
    open_house(h, both);
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 1); /* B fires, A waits */
}

static void what_did_not_change_goes_on(void **state)
{
    struct house *h = *state;
    begin(h);
    assert_int_equal(load(h, both, START + 2 * S), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 3 * S), 0); /* not even due */
    assert_int_equal(load(h,
                          HEAD "  - {alert: A, expr: used > 90, for: 10s, annotations: {x: y}}\n" B,
                          START + 4 * S),
                     0);
    shows(h, "\"state\":\"pending\",\"activeAt\":\"2026-11-22T02:30:00.000Z\"", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    shows(h, "{\"x\":\"y\"}", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 10 * S), 1); /* the `for` went on */
    assert_int_equal(events(h, "vm:a", NULL), 2);
    close_house(h);
}

static void what_is_no_more_resolves(void **state)
{
    struct house *h = *state;
    struct ax_event e;
    begin(h);
    ax_buf_clear(&written);
    assert_int_equal(load(h, HEAD A, START + 2 * S), 0);
    assert_int_equal(events(h, "vm:a", &e), 2);
    assert_true(ax_str_eq(e.what, AX_STR("resolved")) && ax_str_eq(e.detail, AX_STR("B")));
    assert_string_equal(out(),
                        "ALERTS{alertname=\"B\",alertstate=\"firing\",handle=\"vm:a\"} end\n");
    shows(h, "\"alertname\":\"B\"", false);
    shows(h, "\"alertname\":\"A\"", true);
    close_house(h);
    open_house(h, both);
    shows(h, "\"alertname\":\"B\"", false); /* nor is it kept */
    close_house(h);
}

static void what_changed_ends_when_it_no_longer_holds(void **state)
{
    struct house *h = *state;
    begin(h);
    world.value[0] = 50;
    assert_int_equal(load(h, HEAD A B2, START + 2 * S), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 3 * S), 1);
    shows(h, "\"alerts\":[]", true);
    assert_int_equal(events(h, "vm:a", NULL), 2);
    close_house(h);
}

/* Other labels make it another alarm, which ends at once. */
static void other_labels_are_another_rule(void **state)
{
    struct house *h = *state;
    begin(h);
    load(h, HEAD A "  - {alert: B, expr: used > 10, labels: {severity: page}}\n", START + 2 * S);
    assert_int_equal(events(h, "vm:a", NULL), 2);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 3 * S), 1);
    shows(h, "\"severity\":\"page\"", true);
    close_house(h);
}

static void a_fault_leaves_the_old_version_in_force(void **state)
{
    struct house *h = *state;
    begin(h);
    assert_int_equal(load(h, HEAD A "  - {alert: B, expr: used >}\n", START + 2 * S), 1);
    shows(h, "\"query\":\"used > 10\"", true);
    shows(h, "\"lastError\":\"r.yml:6:", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    assert_int_equal(events(h, "vm:a", NULL), 1);
    assert_int_equal(load(h, "groups: [\n", START + 6 * S), 1); /* no file at all */
    shows(h, "\"query\":\"used > 10\"", true);
    shows(h, "broken YAML", true);
    assert_int_equal(load(h, "groups:\n- nme: g\n", START + 7 * S), 1); /* could be anyone */
    shows(h, "\"query\":\"used > 10\"", true);
    assert_int_equal(load(h, HEAD B, START + 8 * S), 0);
    shows(h, "lastError", false);
    close_house(h);
}

static void the_other_groups_come_into_force(void **state)
{
    struct house *h = *state;
    begin(h);
    load(h,
         "groups:\n- {name: new, rules: [{alert: N, expr: used > 1}]}\n"
         "- {name: g, rules: [{alert: A}]}\n- {name: never, rules: [{alert: A}]}\n",
         START + 2 * S);
    shows(h, "\"query\":\"used > 10\"", true);
    shows(h, "{\"name\":\"never\",\"file\":\"r.yml\",\"rules\":[]", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 3 * S), 1);
    shows(h, "\"alertname\":\"N\"", true);
    close_house(h);
}

/* A start finds in force what a fault would have left in force. */
static void a_faulty_start_has_the_version_before(void **state)
{
    struct house *h = *state;
    begin(h);
    close_house(h);
    open_house_at(h, "groups: [\n", START + 4 * S);
    shows(h, "\"state\":\"pending\",\"activeAt\":\"2026-11-22T02:30:00.000Z\"", true);
    shows(h, "broken YAML", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0); /* B is not told again */
    close_house(h);
    open_house_at(h, "groups:\n- {name: g, rules: [{alert: A}]}\n- {name: h}\n", START + 6 * S);
    shows(h, "\"query\":\"used > 10\"", true);
    shows(h, "\"name\":\"h\"", true);
    close_house(h);
    open_house_at(h, HEAD A, START + 7 * S);
    assert_int_equal(events(h, "vm:a", NULL), 2);
    close_house(h);
}

/* Without one, what is kept of a group that cannot be read waits for the day that it can. */
static void a_faulty_start_loses_no_state(void **state)
{
    struct house *h = *state;
    struct ax_err err;
    begin(h);
    assert_int_equal(ax_sql_exec(h->sql, "DELETE FROM kept WHERE key LIKE 'rules/%'", &err), 0);
    close_house(h);
    open_house_at(h, HEAD A "  - {alert: B}\n", START + 4 * S);
    assert_int_equal(events(h, "vm:a", NULL), 1);
    load(h, both, START + 5 * S);
    shows(h, "\"state\":\"pending\",\"activeAt\":\"2026-11-22T02:30:00.000Z\"", true);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 6 * S), 0); /* B is not told again */
    close_house(h);
}

static void a_start_with_other_rules_tells_the_end(void **state)
{
    struct house *h = *state;
    struct ax_event e;
    begin(h);
    close_house(h);
    open_house_at(h, HEAD A, START + 4 * S);
    assert_int_equal(events(h, "vm:a", &e), 2);
    assert_true(ax_str_eq(e.what, AX_STR("resolved")));
    close_house(h);
    begin(h);
    close_house(h);
    open_house_at(h, "groups: []\n", START + 9 * S); /* the group is gone, too */
    assert_int_equal(events(h, "vm:a", NULL), 3);    /* the second firing is the first one again */
    close_house(h);
}

static void tenants_see_their_own(void **state)
{
    struct house *h = *state;
    struct ax_err err;
    open_house(h, both);
    struct ax_rules *two[] = {ax_rules_read(ax_str(both), AX_STR("t"), "r.yml"),
                              ax_rules_read(ax_str(both), AX_STR("u"), "r.yml")};
    assert_int_equal(ax_alarms_load(h->alarms, two, 2, START - 1, &err), 0);
    world.there[0] = true, world.value[0] = 50;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 2);
    struct ax_rules *one = ax_rules_read(ax_str(both), AX_STR("u"), "r.yml");
    assert_int_equal(ax_alarms_load(h->alarms, &one, 1, START + S, &err), 0);
    shows(h, "\"alerts\":[]", true);
    shows(h, "\"groups\":[]", true);
    struct ax_buf b = AX_BUF_INIT;
    ax_alarms_alerts_json(h->alarms, AX_STR("u"), &b);
    ax_buf_byte(&b, 0);
    assert_non_null(strstr(b.p, "\"alertname\":\"B\""));
    ax_buf_free(&b);
    close_house(h);
}

/* ---- notifications ---- */

static int64_t count(struct house *h, const char *statement)
{
    struct ax_stmt q;
    ax_sql_lock(h->sql);
    ax_stmt_begin(&q, h->sql, statement);
    assert_true(ax_stmt_row(&q));
    int64_t n = ax_stmt_col_int(&q, 0);
    assert_int_equal(ax_stmt_end(&q, "counting", NULL), 0);
    ax_sql_unlock(h->sql);
    return n;
}

static void who_is_named_is_told(void **state)
{
    struct house *h = *state;
    struct ax_err err;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m;
    const char *am[] = {"http://127.0.0.1:9"};
    h->notifies = true;
    open_house(h, HEAD "  - alert: N\n    expr: used > 90\n"
                       "    labels: {to: '{{ if gt $value 96.0 }}nobody{{ else }}ops{{ end }}'}\n"
                       "    annotations: {auspex_notify: 'ops, unknown', summary: s}\n");
    assert_int_equal(ax_notify_alertmanagers(h->notify, am, 1, &err), 0);
    struct ax_notify_fields f = {AX_STR("ops"), AX_STR("WEBHOOK"), AX_STR("http://127.0.0.1:9/"),
                                 0};
    assert_int_equal(ax_notify_create(h->notify, AX_STR("t"), &f, &a, &m, &err), 0);
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 1);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE state = 'ALARM'"), 2);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE link LIKE 'http://auspex.example:"
                              "8070/graph?g0.expr=used+%3E+90&g0.tab=1'"),
                     2);
    struct ax_notify_stats st;
    ax_notify_stats(h->notify, &st);
    assert_int_equal(st.unknown, 1);
    world.value[0] = 5;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 1);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE state = 'OK' AND since > 0"), 2);
    assert_int_equal(ax_notify_alertmanagers(h->notify, NULL, 0, &err), 0);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE state = 'OK'"), 1);
    ax_arena_free(&a);
    close_house(h);
}

/* Repeats have today's words, and an Alertmanager that is new hears of what fires already. */
static void alertmanagers_hear_what_goes_on(void **state)
{
    struct house *h = *state;
    struct ax_err err;
    const char *am[] = {"http://127.0.0.1:9", "http://127.0.0.1:10"};
    static const char rules[] =
        HEAD "  - {alert: N, expr: used > 90, annotations: {summary: 'at {{ $value }}'}}\n";
    h->notifies = true;
    open_house(h, rules);
    assert_int_equal(ax_notify_alertmanagers(h->notify, am, 1, &err), 0);
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_alarms_tick(h->alarms, START), 1);
    assert_int_equal(ax_sql_exec(h->sql, "UPDATE outbox SET repeat = 1", &err), 0);
    world.value[0] = 99;
    for (int i = 1; i < 6; i++)
        ax_alarms_tick(h->alarms, START + i * 5 * S);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE annotations LIKE '%at 95%'"), 1);
    ax_alarms_tick(h->alarms, START + 30 * S);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE annotations LIKE '%at 99%'"), 1);
    assert_int_equal(ax_notify_alertmanagers(h->notify, am, 2, &err), 0);
    ax_alarms_free(h->alarms);
    struct ax_alarms_options o = {.source = {.select = last, .last = last},
                                  .sql = h->sql,
                                  .registry = h->registry,
                                  .notify = h->notify,
                                  .intake = h->intake};
    h->alarms = ax_alarms_new(&o);
    load(h, rules, START + 65 * S);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox"), 2);
    assert_int_equal(count(h, "SELECT count(*) FROM outbox WHERE repeat = 1"), 1);
    close_house(h);
}

/* While the database takes nothing a rule stands still; nothing is lost, and nothing told twice. */
static void what_could_not_be_written_is_written_later(void **state)
{
    struct house *h = *state;
    struct ax_err err;
    open_house(h, HEAD B);
    world.there[0] = true, world.value[0] = 95;
    assert_int_equal(ax_sql_exec(h->sql, "ALTER TABLE event RENAME TO away", &err), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START), 0);
    assert_int_equal(count(h, "SELECT count(*) FROM kept WHERE key LIKE 'alarm%'"), 0);
    world.value[0] = 5;
    assert_int_equal(ax_alarms_tick(h->alarms, START + 5 * S), 0);
    assert_int_equal(ax_sql_exec(h->sql, "ALTER TABLE away RENAME TO event", &err), 0);
    assert_int_equal(ax_alarms_tick(h->alarms, START + 10 * S), 2); /* fired, resolved */
    assert_int_equal(events(h, "vm:a", NULL), 2);
    close_house(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(what_did_not_change_goes_on),
        T(what_is_no_more_resolves),
        T(what_changed_ends_when_it_no_longer_holds),
        T(other_labels_are_another_rule),
        T(a_fault_leaves_the_old_version_in_force),
        T(the_other_groups_come_into_force),
        T(a_faulty_start_has_the_version_before),
        T(a_faulty_start_loses_no_state),
        T(a_start_with_other_rules_tells_the_end),
        T(tenants_see_their_own),
        T(who_is_named_is_told),
        T(alertmanagers_hear_what_goes_on),
        T(what_could_not_be_written_is_written_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
