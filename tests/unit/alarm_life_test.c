// SPDX-License-Identifier: Apache-2.0
/* Alarms over time: pending, firing, resolved; kept over a restart; told to intake and registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alarm/alarm.h"
#include "intake/intake.h"

#define START 1795314600000ll
#define S     1000ll

/* A source with one sample, at any time asked for, of each of two series. */
static struct {
    double value[2];
    bool there[2];
    bool broken;
} world;

static int last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                struct ax_series_set *out, struct ax_err *err)
{
    if (world.broken)
        return ax_fail(err, -5, "the disk is on fire");
    out->v = AX_NEWS(a, struct ax_series, 2);
    out->n = 0;
    for (int i = 0; i < 2; i++) {
        struct ax_labels_builder b = {0};
        ax_labels_add(&b, AX_STR("__name__"), AX_STR("used"));
        ax_labels_add(&b, AX_STR("handle"), i ? AX_STR("vm:b") : AX_STR("vm:a"));
        struct ax_labels labels;
        assert_int_equal(ax_labels_finish(&b, a, &labels, NULL), 0);
        if (!world.there[i] || !ax_matcher_labels(sel->matchers, sel->nmatchers, labels))
            continue;
        int64_t *t = AX_NEW(a, int64_t);
        double *v = AX_NEW(a, double);
        *t = sel->maxt;
        *v = world.value[i];
        out->v[out->n++] = (struct ax_series){labels, t, v, 1};
    }
    out->warning = AX_STR_NULL;
    return 0;
}

/* What came out of the intake, one line per sample. */
static struct ax_buf written;

static int append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    for (size_t i = 0; i < b->n; i++) {
        ax_labels_print(b->v[i].labels, &written);
        for (size_t k = 0; k < b->v[i].n; k++) {
            double v = b->v[i].samples[k].v;
            ax_buf_cstr(&written, ax_is_stale(v) ? " end" : " ");
            if (!ax_is_stale(v))
                ax_buf_double(&written, v);
        }
        ax_buf_byte(&written, '\n');
    }
    return 0;
}

static const char *out(void)
{
    ax_buf_byte(&written, 0);
    return written.p;
}

struct house {
    char path[64];
    struct ax_intake *intake;
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_alarms *alarms;
};

static void open_house(struct house *h, const char *rules)
{
    struct ax_err err = {0};
    struct ax_rules *r = NULL;
    struct ax_source source = {.tenant = AX_STR("t"), .select = last, .last = last};
    if (ax_rules_parse(ax_str(rules), "r.yml", &r, &err) < 0 ||
        ax_sql_open(&h->sql, h->path, &err) < 0 || ax_registry_open(&h->registry, h->sql, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_alarms_options o = {source, h->registry, h->intake, AX_STR("t"), 0};
    if (ax_alarms_new(&h->alarms, r, &o, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_house(struct house *h)
{
    ax_alarms_free(h->alarms);
    ax_registry_close(h->registry);
    ax_sql_close(h->sql);
}

static int set_up(void **state)
{
    static struct house h;
    h = (struct house){.path = "/tmp/alarm-test-XXXXXX"};
    close(mkstemp(h.path));
    h.intake = ax_intake_new(&(struct ax_intake_options){0});
    ax_intake_subscribe(h.intake, &(struct ax_subscriber){.name = "test", .append = append});
    memset(&world, 0, sizeof world);
    *state = &h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    ax_intake_free(h->intake);
    ax_buf_free(&written);
    written = (struct ax_buf)AX_BUF_INIT;
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < AX_ARRAY_LEN(ends); i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", h->path, ends[i]);
        unlink(path);
    }
    return 0;
}

static void shows(struct house *h, const char *want, bool there)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_alarms_alerts_json(h->alarms, &b);
    ax_alarms_rules_json(h->alarms, AX_STR_NULL, &b);
    ax_buf_byte(&b, 0);
    if ((strstr(b.p, want) != NULL) != there)
        fail_msg("%s is %s in %s", want, there ? "not" : "", b.p);
    ax_buf_free(&b);
}

static size_t events(struct house *h, const char *handle, struct ax_event *newest)
{
    static struct ax_arena a;
    struct ax_event *e;
    size_t n;
    ax_arena_reset(&a);
    assert_int_equal(
        ax_registry_events(h->registry, AX_STR("t"), ax_str(handle), 0, 0, 50, &a, &e, &n, NULL),
        0);
    if (n > 0 && newest)
        *newest = e[0];
    return n;
}

#define HEAD "groups:\n- name: g\n  interval: 5s\n  rules:\n"
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
