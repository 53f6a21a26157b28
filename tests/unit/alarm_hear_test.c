// SPDX-License-Identifier: Apache-2.0
/* Rules that samples decide: told when the sample comes, on time, over restarts and reloads. */
#include "alarm_stream_kit.h"

#include <pthread.h>

static struct ax_alarms *alarms;

static void load(struct kit *k, const char *rules)
{
    struct ax_err err = {0};
    struct ax_rules *r = ax_rules_read(ax_str(rules), AX_STR("t"), "r.yml");
    if (ax_rules_faults(r))
        fail_msg("%s", ax_rules_fault(r, 0));
    if (ax_alarms_load(alarms, &r, 1, kit_now, &err) < 0)
        fail_msg("%s", err.text);
}

static void begin(struct kit *k, const char *rules)
{
    struct ax_alarms_options o = {.source = ax_source_of_store(k->store, AX_STR("?")),
                                  .sql = k->sql,
                                  .registry = k->registry,
                                  .intake = k->intake,
                                  .stream = k->stream};
    alarms = ax_alarms_new(&o);
    load(k, rules);
}

static void restart(struct kit *k, const char *rules)
{
    ax_alarms_free(alarms);
    kit_close(k);
    kit_open(k);
    begin(k, rules);
}

/* Time goes on, and what is due is done; returns the changes of state. */
static int go_on(struct kit *k, int64_t ms)
{
    kit_now += ms;
    ax_stream_tick(k->stream, kit_now);
    return ax_alarms_hear(alarms, kit_now);
}

static const char *alerts(struct kit *k)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_alarms_alerts_json(alarms, AX_STR("t"), &b);
    return kit_text(k, ax_buf_view(&b));
}

static void shows(struct kit *k, const char *want, bool there)
{
    const char *text = alerts(k);
    if ((strstr(text, want) != NULL) != there)
        fail_msg("%s is %s in %s", want, there ? "not" : "", text);
}

static size_t events(struct kit *k, int64_t *newest)
{
    struct ax_event *e;
    size_t n;
    assert_int_equal(ax_registry_events(k->registry, AX_STR("t"), AX_STR_NULL, 0, 0, 50, &k->arena,
                                        &e, &n, NULL),
                     0);
    if (n && newest)
        *newest = e[0].time;
    return n;
}

/* The value that ALERTS of that state has now; -1: none. */
static double published(struct kit *k, const char *state)
{
    struct ax_arena *a = &k->arena;
    struct ax_expr *e;
    struct ax_query_result r;
    struct ax_source source = ax_source_of_store(k->store, AX_STR("t"));
    struct ax_query_options o = {.start = kit_now, .end = kit_now};
    struct ax_str text = ax_arena_printf(a, "ALERTS{alertstate=\"%s\"}", state);
    assert_int_equal(ax_expr_parse(text, a, &e, NULL), 0);
    assert_int_equal(ax_query_eval(e, &source, &o, a, &r, NULL), 0);
    double v = r.n ? r.series[0].v[0].v : -1;
    ax_expr_free(e);
    return v;
}

#define GROUP "groups:\n- name: g\n  interval: 1m\n  rules:\n"
static const char at_once[] =
    GROUP "  - {alert: Hot, expr: heat > 9, annotations: {summary: 'at {{ $value }}'}}\n";
static const char waiting[] = GROUP "  - {alert: Hot, expr: heat > 9, for: 30s}\n";
static const char keeping[] = GROUP "  - {alert: Hot, expr: heat > 9, keep_firing_for: 20s}\n";

static void an_alert_fires_with_its_sample(void **state)
{
    struct kit *k = *state;
    int64_t when = 0;
    begin(k, at_once);
    go_on(k, 1);
    kit_now += 3 * SEC; /* in the middle of the interval */
    kit_send(k, "heat", "room=attic", 10);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 1);
    shows(k, "\"state\":\"firing\"", true);
    shows(k, "\"summary\":\"at 10\"", true);
    assert_int_equal(events(k, &when), 1);
    assert_true(when == kit_now);
    assert_true(published(k, "firing") == 1);
    kit_now += SEC;
    kit_send(k, "heat", "room=attic", 1);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 1);
    shows(k, "firing", false);
    assert_true(published(k, "firing") < 0);
    ax_alarms_free(alarms);
}

static void a_value_is_told_anew_every_interval(void **state)
{
    struct kit *k = *state;
    begin(k, at_once);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 10);
    assert_int_equal(go_on(k, 1), 1);
    kit_now += SEC;
    kit_send(k, "heat", "room=attic", 12);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 0);
    shows(k, "at 10", true);
    kit_now += 30 * SEC;
    kit_send(k, "heat", "room=cellar", 11); /* the other's words stay */
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 1);
    shows(k, "at 11", true);
    shows(k, "at 10", true);
    assert_int_equal(go_on(k, 30 * SEC), 0);
    shows(k, "at 12", true);
    assert_true(published(k, "firing") == 1);
    ax_alarms_free(alarms);
}

static void silence_and_markers_resolve(void **state)
{
    struct kit *k = *state;
    begin(k, at_once);
    go_on(k, 1);
    int64_t sent = kit_now;
    kit_send(k, "heat", "room=attic", 10);
    kit_send(k, "heat", "room=cellar", 10);
    assert_int_equal(go_on(k, 1), 2);
    kit_send(k, "heat", "room=cellar", ax_stale());
    assert_int_equal(go_on(k, 1), 1);
    int changes = 0;
    while (kit_now < sent + 299 * SEC)
        changes += go_on(k, SEC);
    assert_int_equal(changes, 0);
    assert_int_equal(go_on(k, sent + 300 * SEC - kit_now), 1);
    ax_alarms_free(alarms);
}

static void for_is_over_on_time(void **state)
{
    struct kit *k = *state;
    begin(k, waiting);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 10);
    assert_int_equal(go_on(k, 0), 0);
    shows(k, "pending", true);
    int64_t began = kit_now;
    kit_now += 10 * SEC;
    kit_send(k, "heat", "room=attic", 1); /* for a moment only: it begins anew */
    kit_now += 1;
    kit_send(k, "heat", "room=attic", 10);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 0);
    assert_int_equal(go_on(k, 1), 0);
    shows(k, "pending", true);
    began += 10 * SEC + 2;
    assert_int_equal(go_on(k, began + 30 * SEC - 1 - kit_now), 0);
    assert_int_equal(go_on(k, 1), 1);
    shows(k, "firing", true);
    ax_alarms_free(alarms);
}

static void keep_firing_for_is_over_on_time(void **state)
{
    struct kit *k = *state;
    begin(k, keeping);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 10);
    assert_int_equal(go_on(k, 1), 1);
    kit_send(k, "heat", "room=attic", 1);
    assert_int_equal(go_on(k, 1), 0);
    shows(k, "keepFiringSince", true);
    assert_int_equal(go_on(k, 20 * SEC - 1), 0);
    assert_int_equal(go_on(k, 1), 1);
    shows(k, "Hot", false);
    ax_alarms_free(alarms);
}

static void what_was_for_a_moment_fires_and_ends(void **state)
{
    struct kit *k = *state;
    begin(k, at_once);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 17);
    kit_now += 1;
    kit_send(k, "heat", "room=attic", 1);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 1);
    shows(k, "at 17", true);
    assert_int_equal(ax_alarms_hear(alarms, kit_now), 1);
    shows(k, "at 17", false);
    assert_int_equal(events(k, NULL), 2);
    ax_alarms_free(alarms);
}

static void a_restart_goes_on(void **state)
{
    struct kit *k = *state;
    begin(k, waiting);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 10);
    kit_send(k, "heat", "room=cellar", 1);
    assert_int_equal(go_on(k, 0), 0);
    kit_now += 20 * SEC;
    restart(k, waiting);
    shows(k, "pending", true);
    assert_int_equal(go_on(k, 1), 0);
    assert_int_equal(go_on(k, 10 * SEC), 1);
    shows(k, "firing", true);
    restart(k, waiting);
    assert_int_equal(go_on(k, SEC), 0); /* not told again */
    shows(k, "firing", true);
    kit_send(k, "heat", "room=attic", 1);
    kit_now += SEC;
    restart(k, waiting); /* between the sample and its consequence */
    assert_int_equal(go_on(k, 1), 1);
    shows(k, "attic", false);
    assert_int_equal(events(k, NULL), 2);
    ax_alarms_free(alarms);
}

static void a_reload_goes_on_with_the_alarms(void **state)
{
    struct kit *k = *state;
    begin(k, at_once);
    go_on(k, 1);
    kit_send(k, "heat", "room=attic", 10);
    kit_send(k, "heat", "room=cellar", 20);
    assert_int_equal(go_on(k, 1), 2);
    load(k, GROUP "  - {alert: Hot, expr: heat > 15}\n");
    assert_int_equal(go_on(k, 1), 1); /* the attic is not hot by these words */
    shows(k, "cellar", true);
    load(k, GROUP "  - {alert: Hot, expr: sum by (room) (heat) > 15}\n");
    assert_int_equal(go_on(k, 1) + ax_alarms_tick(alarms, kit_now), 0);
    shows(k, "cellar", true);
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_alarms_rules_json(alarms, AX_STR("t"), AX_STR_NULL, &b);
    ax_buf_byte(&b, 0);
    assert_non_null(strstr(b.p, "\"evaluation\":\"interval\",\"evaluationReason\":"
                                "\"sum over several series\""));
    load(k, at_once);
    assert_int_equal(go_on(k, 1), 1);
    shows(k, "attic", true);
    load(k, "groups: []\n");
    assert_int_equal(events(k, NULL), 6);
    kit_send(k, "heat", "room=attic", 30);
    assert_int_equal(go_on(k, 1), 0);
    ax_alarms_free(alarms);
}

static void rules_of_two_tenants_see_their_own(void **state)
{
    struct kit *k = *state;
    begin(k, at_once);
    go_on(k, 1);
    kit_send_of(k, "other", "heat", "room=attic", kit_now, 50);
    assert_int_equal(go_on(k, 1), 0);
    assert_string_equal(alerts(k), "{\"alerts\":[]}");
    ax_alarms_free(alarms);
}

/* ---- all at once ---- */

static _Atomic bool over;

static int64_t wall(void)
{
    return kit_now++;
}

static void *pushing(void *arg)
{
    for (unsigned i = 0; i < 3000; i++)
        kit_send(arg, "heat", i % 3 ? "room=attic" : "room=cellar", i % 20);
    over = true;
    return NULL;
}

static void *loading(void *arg)
{
    for (unsigned i = 0; !over; i++)
        load(arg, i % 2 ? at_once : waiting);
    return NULL;
}

static void *ticking(void *arg)
{
    struct kit *k = arg;
    while (!over) {
        ax_stream_tick(k->stream, wall());
        ax_alarms_tick(alarms, wall());
        alerts(k);
        ax_arena_reset(&k->arena);
    }
    return NULL;
}

static void samples_evaluation_and_reloads_go_on_together(void **state)
{
    struct kit *k = *state;
    void *(*const work[])(void *) = {pushing, loading, ticking};
    pthread_t threads[3];
    over = false;
    begin(k, at_once);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work[i], k);
    while (!over) {
        ax_alarms_hear(alarms, wall());
        ax_alarms_wait(alarms, 1);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    load(k, at_once);
    kit_send(k, "heat", "room=attic", 99);
    go_on(k, 1);
    go_on(k, 60 * SEC);
    shows(k, "at 99", true);
    ax_alarms_free(alarms);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_new_stored, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(an_alert_fires_with_its_sample),
        TEST(a_value_is_told_anew_every_interval),
        TEST(silence_and_markers_resolve),
        TEST(for_is_over_on_time),
        TEST(keep_firing_for_is_over_on_time),
        TEST(what_was_for_a_moment_fires_and_ends),
        TEST(a_restart_goes_on),
        TEST(a_reload_goes_on_with_the_alarms),
        TEST(rules_of_two_tenants_see_their_own),
        TEST(samples_evaluation_and_reloads_go_on_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
