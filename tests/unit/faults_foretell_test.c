// SPDX-License-Identifier: Apache-2.0
/* Predictions become faults that are to come, once; what stands is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "faults/faults.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define T0 1795314600000

struct kit {
    char dir[64], path[96];
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_notify *notify;
    struct ax_faults *faults;
    struct ax_foretelling *foretelling;
    struct ax_arena arena;
    int64_t clock, last;
};

static void must(int rc, const struct ax_err *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

static void open_rooms(struct kit *k)
{
    struct ax_err err = {0};
    must(ax_sql_open(&k->sql, k->path, &err), &err);
    must(ax_registry_open(&k->registry, k->sql, &err), &err);
    must(ax_notify_open(&k->notify, k->sql, &(struct ax_notify_options){0}, &err), &err);
    struct ax_faults_options o = {.sql = k->sql, .registry = k->registry, .notify = k->notify};
    must(ax_faults_open(&k->faults, &o, &err), &err);
    must(ax_foretelling_open(&k->foretelling, k->sql, k->registry, &err), &err);
}

static void close_rooms(struct kit *k)
{
    ax_foretelling_close(k->foretelling);
    ax_faults_end(k->faults);
    ax_faults_close(k->faults);
    ax_notify_close(k->notify);
    ax_registry_close(k->registry);
    ax_sql_close(k->sql);
}

static int set_up(void **state)
{
    struct kit *k = ax_calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-foretell-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->path, sizeof k->path, "%s/registry.db", k->dir);
    k->clock = T0;
    open_rooms(k);
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    struct kit *k = *state;
    close_rooms(k);
    ax_remove_tree(k->dir, NULL);
    ax_arena_free(&k->arena);
    free(k);
    return 0;
}

/* A round: minutes until web1's memory runs out (0: steady), and of another thing that is steady.
 * Negative: web1 is not judged at all. */
static void round_of(struct kit *k, double minutes)
{
    struct ax_err err = {0};
    k->clock += 10000;
    struct ax_prediction v[] = {{.handle = AX_STR("host:h"),
                                 .name = AX_STR("h"),
                                 .resource = AX_STR("filesystem"),
                                 .part = AX_STR("/a b"),
                                 .made_at = k->clock,
                                 .verdict = AX_PREDICT_STEADY},
                                {.handle = AX_STR("vm:1"),
                                 .name = AX_STR("web1"),
                                 .resource = AX_STR("memory"),
                                 .made_at = k->clock,
                                 .verdict = minutes > 0 ? AX_PREDICT_EXHAUST : AX_PREDICT_ABSTAIN,
                                 .seconds = {minutes * 48, minutes * 60, INFINITY}}};
    for (int twice = 0; twice < 2; twice++) /* a round that is looked at twice counts once */
        must(ax_foretell(k->foretelling, AX_STR("default"), v, minutes < 0 ? 1 : 2, k->clock, &err),
             &err);
}

/* What happened since the last call, oldest first: "what severity detail;...". */
static const char *happened(struct kit *k)
{
    static char text[1000];
    struct ax_told *v;
    struct ax_err err = {0};
    size_t n, at = 0;
    must(ax_registry_events_after(k->registry, k->last, 100, &k->arena, &v, &n, &err), &err);
    text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ax_event *e = &v[i].event;
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s %.*s %.*s;", AX_STR_ARG(e->what),
                               AX_STR_ARG(e->severity), AX_STR_ARG(e->detail));
        k->last = e->id;
    }
    return text;
}

/* How many faults stand, once the teller has come to it. */
static size_t standing(struct kit *k, const char *type, enum ax_fault_severity severity,
                       size_t wanted)
{
    struct ax_fault_filter f = {.type = ax_str(type), .severity = severity};
    struct ax_open_faults found = {0};
    struct ax_err err = {0};
    for (int i = 0; i < 500; i++) {
        must(ax_faults_open_list(k->faults, &f, 10, 0, &k->arena, &found, &err), &err);
        if (found.n == wanted)
            break;
        ax_sleep_ms(10);
    }
    return found.n;
}

static void what_runs_out_is_expected_once_and_averted_once(void **state)
{
    struct kit *k = *state;
    round_of(k, 90);
    assert_string_equal(happened(k), "");
    round_of(k, 89);
    assert_string_equal(happened(k), "expected warning memory;");
    assert_int_equal(standing(k, "forecast", AX_FAULT_WARNING, 1), 1);
    for (int i = 0; i < 10; i++)
        round_of(k, 80);
    assert_string_equal(happened(k), "");
    round_of(k, 29);
    assert_string_equal(happened(k), "expected critical memory;");
    assert_int_equal(standing(k, "forecast", AX_FAULT_CRITICAL, 1), 1);
    assert_int_equal(standing(k, "", AX_FAULT_INFO, 1), 1); /* it took the other's place */
    for (int i = 0; i < 5; i++)
        round_of(k, 0);
    round_of(k, 20); /* it was but a pause */
    for (int i = 0; i < 5; i++)
        round_of(k, 0);
    assert_string_equal(happened(k), "");
    round_of(k, 0);
    assert_string_equal(happened(k), "averted critical memory;");
    assert_int_equal(standing(k, "", AX_FAULT_INFO, 0), 0);
    for (int i = 0; i < 10; i++)
        round_of(k, 0);
    assert_string_equal(happened(k), "");
}

static void a_restart_tells_nothing_twice(void **state)
{
    struct kit *k = *state;
    round_of(k, 90);
    round_of(k, 90);
    assert_string_equal(happened(k), "expected warning memory;");
    close_rooms(k);
    open_rooms(k);
    assert_int_equal(standing(k, "forecast", AX_FAULT_WARNING, 1), 1);
    round_of(k, 80);
    round_of(k, 80);
    assert_string_equal(happened(k), "");
    close_rooms(k);
    open_rooms(k);
    for (int i = 0; i < 6; i++)
        round_of(k, 0);
    assert_string_equal(happened(k), "averted warning memory;");
    close_rooms(k);
    open_rooms(k);
    for (int i = 0; i < 7; i++)
        round_of(k, 0);
    assert_string_equal(happened(k), "");
}

static void what_nobody_judges_any_more_is_averted(void **state)
{
    struct kit *k = *state;
    round_of(k, 90);
    round_of(k, 90);
    assert_string_equal(happened(k), "expected warning memory;");
    for (int i = 0; i < 3; i++) /* each is two looks */
        round_of(k, -1);
    assert_string_equal(happened(k), "averted warning memory;");
}

static void the_sentence_has_the_range(void **state)
{
    struct kit *k = *state;
    struct ax_told *v;
    struct ax_err err = {0};
    size_t n;
    round_of(k, 90);
    round_of(k, 90);
    must(ax_registry_events_after(k->registry, 0, 10, &k->arena, &v, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(v[0].event.handle, AX_STR("vm:1")));
    assert_true(ax_str_eq(v[0].event.text, AX_STR("web1 will probably run out of memory in 90 min "
                                                  "(not before 72 min)")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_runs_out_is_expected_once_and_averted_once),
        TEST(a_restart_tells_nothing_twice),
        TEST(what_nobody_judges_any_more_is_averted),
        TEST(the_sentence_has_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
