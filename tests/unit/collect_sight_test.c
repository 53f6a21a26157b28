// SPDX-License-Identifier: Apache-2.0
/* Nothing of a VM is read without a grant, and nothing any more when it has ended, by whatever end.
 */
#include "base/clock.h"
#include "collect/vmi/sight.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HANDLE "vm:00000000-0000-4000-8000-000000000001"

static struct {
    _Atomic int opened, closed, asked, storage; /* asked, and for what */
    _Atomic unsigned parts;                     /* all that were ever asked for */
    _Atomic int scope;
    _Atomic bool panicked;
    _Atomic int fails;      /* code */
    _Atomic int blocked_ms; /* for how long a task has waited when it is first seen; 0: none does */
    _Atomic int64_t first_ms; /* when that was */
} eye;
static _Atomic int events;
static char told[512];
static struct ax_sight *s;
static struct ax_emitter emitter;

static int open_eye(void *ctx, const struct ax_sight_vm *vm, enum ax_scope scope, void **out,
                    struct ax_err *err)
{
    assert_true(ax_str_eq(vm->uuid, AX_STR("00000000-0000-4000-8000-000000000001")));
    eye.opened++;
    eye.scope = (int)scope;
    *out = &eye;
    return 0;
}

static int ask(void *handle, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    int n = ++eye.asked;
    eye.parts |= parts;
    eye.storage += (parts & AX_PART_STORAGE) != 0;
    if (eye.fails)
        return ax_fail(err, eye.fails, "no");
    int64_t now_ms = ax_mono_ns() / 1000000;
    if (eye.blocked_ms && !eye.first_ms)
        eye.first_ms = now_ms;
    ax_buf_printf(json,
                  "{\"processes\":[{\"pid\":77,\"name\":\"dd\",\"state\":\"%s\","
                  "\"blocked_seconds\":%.3f}],",
                  eye.blocked_ms ? "D" : "S",
                  (double)(eye.blocked_ms + now_ms - eye.first_ms) / 1e3);
    ax_buf_printf(
        json,
        "\"kernel\":\"6.1\",\"system\":{\"state\":\"%s\",\"uptime_seconds\":%d,"
        "\"jiffies\":%d,\"panic_cpu\":0,\"uninterruptible\":%d},\"memory\":{\"total_bytes\":1000},"
        "\"messages\":[{\"text\":\"Kernel panic - not syncing: test\"}]}",
        eye.panicked ? "panicked" : "running", 100 + n, 1000 + n, eye.blocked_ms != 0);
    return 0;
}

static void close_eye(void *handle)
{
    eye.closed++;
}

static int open_extract(void *ctx, const struct ax_sight_vm *vm, void **out, struct ax_err *err)
{
    return open_eye(ctx, vm, AX_SCOPE_FORENSIC, out, err);
}

static int map(void *handle, struct ax_memory_map *out, struct ax_err *err)
{
    *out = (struct ax_memory_map){.n = 1, .blocks = {{.size = 4096}}};
    return eye.fails ? ax_fail(err, eye.fails, "no") : 0;
}

static int piece(void *handle, uint64_t gpa, uint64_t bytes, struct ax_buf *out, struct ax_err *err)
{
    eye.asked++;
    ax_buf_printf(out, "%d from %d", (int)bytes, (int)gpa);
    return eye.fails ? ax_fail(err, eye.fails, "no") : 0;
}

static void on_event(void *self, const struct ax_event *e)
{
    snprintf(told, sizeof told, "%.*s %.*s %.*s", AX_STR_ARG(e->type), AX_STR_ARG(e->what),
             AX_STR_ARG(e->text));
    events++;
}

static int setup(void **state)
{
    memset(&eye, 0, sizeof eye);
    events = 0;
    const struct ax_sight_options o = {
        .eye = {open_eye, ask, close_eye, NULL, open_extract, map, piece},
        .on_event = on_event,
        .tick_ms = 20};
    return ax_sight_new(&s, &o, NULL);
}

static int teardown(void **state)
{
    ax_sight_free(s);
    ax_emitter_free(&emitter);
    return 0;
}

/* One round, with the VM as the hypervisor has it; the value of a series, or NAN. */
static double round_of(bool runs, const char *vm_name, const char *name)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch batch = {.arena = &a};
    struct ax_vm_brief vm = {.uuid = ax_str(HANDLE + 3), .name = ax_str(vm_name), .runs = runs};
    double v = NAN;
    ax_emit_begin(&emitter, &batch, 1000);
    ax_sight_round(s, AX_STR("h1"), &vm, 1, &emitter);
    ax_emit_end(&emitter);
    for (size_t i = 0; i < batch.n; i++)
        if (ax_str_eq(ax_labels_get(batch.v[i].labels, AX_STR("__name__")), ax_str(name)))
            v = batch.v[i].samples[0].v;
    ax_arena_free(&a);
    return v;
}

static double round_with(bool runs, const char *name)
{
    return round_of(runs, "web1", name);
}

static double round_named(const char *vm_name, const char *name)
{
    return round_of(true, vm_name, name);
}

static void grant(enum ax_scope scope, const char *standing, int64_t expires, int64_t lease_ms)
{
    struct ax_sight_grant g = {AX_STR(HANDLE), scope, ax_str(standing), expires};
    ax_sight_grant(s, &g, 1, ax_mono_ns() + lease_ms * 1000000);
}

static bool soon(bool (*is)(void))
{
    for (int i = 0; i < 200; i++) {
        if (is())
            return true;
        ax_sleep_ms(10);
    }
    return false;
}

static bool is_reading(void)
{
    return eye.asked >= 3;
}

static bool is_closed(void)
{
    return eye.opened && eye.closed == eye.opened;
}

static bool was_told(void)
{
    return events > 0;
}

static void assert_silence(void)
{
    int before = eye.asked;
    ax_sleep_ms(100);
    assert_int_equal(eye.asked, before);
}

/* The end of `standing` as it is counted. */
static void assert_ended(const char *standing, const char *why)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_sight_count *v;
    size_t n;
    ax_sight_counts(s, &a, &v, &n);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(v[0].standing, ax_str(standing)));
    assert_non_null(strstr(v[0].ended.p, why));
    assert_true(v[0].polls >= 1);
    ax_sight_counts(s, &a, &v, &n);
    assert_int_equal(n, 0); /* told once */
    ax_arena_free(&a);
}

static void test_without_a_grant_nothing_is_read(void **state)
{
    round_with(true, "");
    ax_sleep_ms(100);
    assert_int_equal(eye.opened, 0);
    assert_true(isnan(round_with(true, "auspex_vmi_up")));
}

static void test_a_grant_begins_and_its_end_ends(void **state)
{
    round_with(true, "");
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    assert_true(soon(is_reading));
    assert_true(round_with(true, "auspex_vmi_up") == 1);
    assert_true(round_with(true, "auspex_vmi_memory_total_bytes") == 1000);
    assert_int_equal(eye.parts & (AX_PART_PROCESSES | AX_PART_LOG | AX_PART_STACKS), 0);
    ax_sight_grant(s, NULL, 0, ax_mono_ns() + 60000000000ll);
    assert_true(soon(is_closed));
    assert_silence();
    assert_ended("s1", "grant has ended");
    assert_true(ax_is_stale(round_with(true, "auspex_vmi_up")));
    assert_true(isnan(round_with(true, "auspex_vmi_up")));
}

static void test_a_server_that_is_away_ends_it(void **state)
{
    round_with(true, "");
    grant(AX_SCOPE_STATISTICS, "s1", 0, 150);
    assert_true(soon(is_reading));
    assert_true(soon(is_closed));
    assert_silence();
    assert_ended("s1", "could not be reached");
}

static void test_its_date_ends_it(void **state)
{
    round_with(true, "");
    grant(AX_SCOPE_STATISTICS, "s1", ax_now_ms() + 150, 60000);
    assert_true(soon(is_reading));
    assert_true(soon(is_closed));
    assert_silence();
    assert_ended("s1", "expired");
}

static void test_a_vm_that_is_off_or_elsewhere_is_left_alone(void **state)
{
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    ax_sleep_ms(100);
    assert_int_equal(eye.opened, 0);
    round_with(false, "");
    ax_sleep_ms(100);
    assert_int_equal(eye.opened, 0);
    round_with(true, "");
    assert_true(soon(is_reading));
    round_with(false, "");
    assert_true(soon(is_closed));
    assert_silence();
}

static bool is_processes(void)
{
    return eye.scope == AX_SCOPE_PROCESSES && (eye.parts & AX_PART_PROCESSES);
}

static void test_another_grant_takes_the_place_of_the_first(void **state)
{
    round_with(true, "");
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    assert_true(soon(is_reading));
    grant(AX_SCOPE_PROCESSES, "s2", 0, 60000);
    assert_true(soon(is_processes));
    assert_true(round_with(true, "auspex_vmi_scope") == AX_SCOPE_PROCESSES);
    assert_true(eye.closed >= 1); /* a worker of the first scope reads no further */
}

static void test_a_sign_is_an_event_with_what_the_scope_allows(void **state)
{
    round_with(true, "");
    grant(AX_SCOPE_DIAGNOSIS, "s1", 0, 60000);
    assert_true(soon(is_reading));
    eye.panicked = true;
    assert_true(soon(was_told));
    assert_non_null(strstr(told, "guest panicked web1 panicked"));
    assert_non_null(strstr(told, "not syncing: test"));
    assert_true(round_with(true, "auspex_vmi_panicked") == 1);
}

static void test_a_vm_that_panicked_and_was_started_again_is_told_of_anew(void **state)
{
    eye.panicked = true;
    round_with(true, "");
    grant(AX_SCOPE_DIAGNOSIS, "s1", 0, 60000);
    assert_true(soon(was_told));
    round_with(false, "");
    assert_true(soon(is_closed));
    eye.panicked = false;
    events = 0;
    round_with(true, "");
    eye.asked = 0;
    assert_true(soon(is_reading));
    assert_true(round_with(true, "auspex_vmi_panicked") == 0);
    eye.panicked = true;
    assert_true(soon(was_told));
}

static bool was_asked_often(void)
{
    return eye.asked >= 20;
}

static void test_while_tasks_wait_storage_is_read_each_time(void **state)
{
    eye.blocked_ms = 10;
    round_with(true, "");
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    assert_true(soon(was_asked_often));
    assert_true(eye.storage >= 5); /* else once in 30 s */
}

/* The next look of itself would be four seconds later. */
static void test_what_is_nearly_stuck_is_looked_at_before_its_time(void **state)
{
    const struct ax_sight_options o = {.eye = {.open = open_eye, .ask = ask, .close = close_eye},
                                       .on_event = on_event,
                                       .tick_ms = 4000};
    ax_sight_free(s);
    assert_int_equal(ax_sight_new(&s, &o, NULL), 0);
    eye.blocked_ms = 7600;
    round_with(true, "");
    grant(AX_SCOPE_PROCESSES, "s1", 0, 60000);
    for (int i = 0; !events && i < 1500; i++)
        ax_sleep_ms(10);
    int64_t after = ax_mono_ns() / 1000000 - eye.first_ms;
    assert_non_null(strstr(told, "stuck"));
    assert_in_range(after, 100, 2500);
}

static char long_name[131]; /* the 127th byte is the first half of a character */

static bool has_label(void)
{
    return round_named(long_name, "auspex_vmi_up") == 1;
}

static void test_a_long_name_is_cut_between_characters(void **state)
{
    for (size_t i = 0; i < 130; i += 2)
        memcpy(long_name + i, "\xc3\xbc", 2);
    round_named(long_name, "");
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    assert_true(soon(has_label)); /* no series has a label that is not UTF-8 */
}

static void test_what_cannot_be_read_is_down(void **state)
{
    round_with(true, "");
    eye.fails = -ENOTSUP;
    grant(AX_SCOPE_STATISTICS, "s1", 0, 60000);
    assert_true(soon(is_closed));
    assert_true(round_with(true, "auspex_vmi_up") == 0);
    assert_true(isnan(round_with(true, "auspex_vmi_uptime_seconds")));
    assert_silence(); /* tried again later, not at once */
}

static void test_a_look_is_for_vms_that_run_here(void **state)
{
    struct ax_buf json = AX_BUF_INIT;
    struct ax_err err;
    assert_int_equal(
        ax_sight_look(s, AX_STR(HANDLE), AX_SCOPE_STATISTICS, AX_PART_MEMORY, &json, &err), -ESRCH);
    round_with(false, "");
    assert_int_equal(
        ax_sight_look(s, AX_STR(HANDLE), AX_SCOPE_STATISTICS, AX_PART_MEMORY, &json, &err), -ESRCH);
    assert_int_equal(eye.opened, 0);
    round_with(true, "");
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            ax_sight_look(s, AX_STR(HANDLE), AX_SCOPE_STATISTICS, AX_PART_MEMORY, &json, &err), 0);
    assert_int_equal(eye.opened, 1); /* kept */
    assert_int_equal(
        ax_sight_look(s, AX_STR(HANDLE), AX_SCOPE_PROCESSES, AX_PART_PROCESSES, &json, &err), 0);
    assert_int_equal(eye.opened, 2); /* not for another scope */
    ax_sight_rest(s, ax_mono_ns() + 60000000000ll);
    assert_int_equal(eye.closed, 2);
    ax_buf_free(&json);
}

static struct ax_sight_extract extract_of(int n, uint64_t bytes)
{
    static char id[40];
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", n);
    return (struct ax_sight_extract){ax_str(id), AX_STR(HANDLE), 8192, bytes};
}

static void test_an_extract_is_what_was_begun(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_memory_map m;
    struct ax_err err;
    struct ax_sight_extract x = extract_of(0, 4096);
    assert_int_equal(ax_sight_extract_map(s, &x, &m, &err), -ESRCH); /* the VM is not here */
    round_with(true, "");
    assert_int_equal(ax_sight_extract_piece(s, &x, &b, &err), -ESRCH); /* not begun */
    assert_int_equal(eye.opened, 0);
    assert_int_equal(ax_sight_extract_map(s, &x, &m, &err), 0);
    assert_int_equal(eye.scope, AX_SCOPE_FORENSIC);
    assert_int_equal(ax_sight_extract_piece(s, &x, &b, &err), 0);
    assert_true(ax_str_eq(ax_buf_view(&b), AX_STR("4096 from 8192")));
    x.handle = AX_STR("vm:00000000-0000-4000-8000-000000000002");
    assert_int_equal(ax_sight_extract_piece(s, &x, &b, &err), -ESRCH); /* of another VM */
    x = extract_of(0, 4096);
    eye.fails = -EIO;
    assert_int_equal(ax_sight_extract_piece(s, &x, &b, &err), -EIO);
    assert_int_equal(eye.closed, 1);
    eye.fails = 0;
    assert_int_equal(ax_sight_extract_piece(s, &x, &b, &err), -ESRCH); /* it has ended */
    assert_int_equal(eye.opened, 1);
    ax_buf_free(&b);
}

static void test_extracts_end(void **state)
{
    struct ax_memory_map m;
    struct ax_buf b = AX_BUF_INIT;
    struct ax_err err;
    round_with(true, "");
    for (int i = 0; i < AX_SIGHT_EXTRACTS; i++) {
        struct ax_sight_extract x = extract_of(i, 4096);
        assert_int_equal(ax_sight_extract_map(s, &x, &m, &err), 0);
    }
    struct ax_sight_extract one_more = extract_of(AX_SIGHT_EXTRACTS, 4096);
    assert_int_equal(ax_sight_extract_map(s, &one_more, &m, &err), -EAGAIN);
    ax_sight_extract_end(s, extract_of(1, 0).id);
    assert_int_equal(eye.closed, 1);
    one_more = extract_of(AX_SIGHT_EXTRACTS, 4096);
    assert_int_equal(ax_sight_extract_map(s, &one_more, &m, &err), 0);
    round_with(false, ""); /* the VM has ended */
    assert_int_equal(ax_sight_extract_piece(s, &one_more, &b, &err), -ESRCH);
    assert_int_equal(eye.closed, 2);
    ax_sight_rest(s, ax_mono_ns() + 61000000000ll);
    assert_int_equal(eye.closed, AX_SIGHT_EXTRACTS + 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_grant_nothing_is_read),
        TEST(test_a_grant_begins_and_its_end_ends),
        TEST(test_a_server_that_is_away_ends_it),
        TEST(test_its_date_ends_it),
        TEST(test_a_vm_that_is_off_or_elsewhere_is_left_alone),
        TEST(test_another_grant_takes_the_place_of_the_first),
        TEST(test_a_sign_is_an_event_with_what_the_scope_allows),
        TEST(test_a_vm_that_panicked_and_was_started_again_is_told_of_anew),
        TEST(test_while_tasks_wait_storage_is_read_each_time),
        TEST(test_what_is_nearly_stuck_is_looked_at_before_its_time),
        TEST(test_a_long_name_is_cut_between_characters),
        TEST(test_what_cannot_be_read_is_down),
        TEST(test_a_look_is_for_vms_that_run_here),
        TEST(test_an_extract_is_what_was_begun),
        TEST(test_extracts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
