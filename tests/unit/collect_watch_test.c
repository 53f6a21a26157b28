// SPDX-License-Identifier: Apache-2.0
/* Signs: what looks into a guest say of its health, and that a sound guest gives none. */
#include "collect/vmi/watch.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct ax_arena a;
static struct ax_watch w;
static struct ax_sign signs[AX_SIGNS];
static struct ax_reading vital[2], tasks[2], storage[2];
static struct ax_process processes[2][2];
static struct ax_disk disks[2];
static struct ax_looks l;
static int64_t clock_ms;

/* A guest with one CPU that does a little. */
static int setup(void **state)
{
    w = (struct ax_watch){0};
    clock_ms = 1000000;
    for (int i = 0; i < 2; i++) {
        vital[i] = (struct ax_reading){.parts = AX_PART_SYSTEM};
        vital[i].system = (struct ax_system){.panic_cpu = AX_UNKNOWN,
                                             .jiffies = 5000,
                                             .uptime = 20,
                                             .cpus_online = 1,
                                             .switches = 1000};
        tasks[i] = (struct ax_reading){
            .parts = AX_PART_PROCESSES, .processes = processes[i], .n_processes = 2};
        processes[i][0] = (struct ax_process){.pid = 1, .name = "init", .state = 'S'};
        processes[i][1] = (struct ax_process){.pid = 77, .name = "spinner", .state = 'R'};
        storage[i] =
            (struct ax_reading){.parts = AX_PART_STORAGE, .disks = &disks[i], .n_disks = 1};
        disks[i] = (struct ax_disk){.name = AX_STR("vda"), .reads = 10, .writes = 10};
    }
    l = (struct ax_looks){.running = true, .vital.now = &vital[0]};
    return 0;
}

static int teardown(void **state)
{
    ax_arena_free(&a);
    return 0;
}

static size_t step(void)
{
    l.vital.now_ms = clock_ms;
    return ax_watch_step(&w, &l, &a, signs);
}

/* A second of which the guest's clock knows. */
static size_t tick(int64_t switches)
{
    struct ax_system *s = &vital[0].system;
    clock_ms += 1000;
    s->jiffies += 250;
    s->uptime += 1;
    s->switches += switches;
    return step();
}

static bool says(const char *words)
{
    char text[1024];
    snprintf(text, sizeof text, "%.*s", AX_STR_ARG(signs[0].text));
    bool found = strstr(text, words);
    if (!found)
        print_message("said: %s\n", text);
    return found;
}

static void look_at_tasks(int64_t span_ms)
{
    l.tasks = (struct ax_look){&tasks[0], &tasks[1], clock_ms, clock_ms - span_ms, true};
}

static void look_at_storage(int64_t span_ms)
{
    l.storage = (struct ax_look){&storage[0], &storage[1], clock_ms, clock_ms - span_ms, true};
}

static void test_a_sound_guest_gives_no_sign(void **state)
{
    for (int i = 0; i < 60; i++)
        assert_int_equal(tick(80), 0);
}

static void test_a_panic_is_told_once_and_with_its_text(void **state)
{
    struct ax_message line = {.text = AX_STR("Kernel panic - not syncing: sysrq triggered crash")};
    tick(80);
    vital[0].system.state = AX_GUEST_PANICKED;
    vital[0].system.panic_cpu = 0;
    l.vital.now_ms = clock_ms + 1000;
    assert_true(ax_watch_wants_all(&w, &l.vital));
    tasks[0].parts |= AX_PART_LOG;
    tasks[0].messages = &line;
    tasks[0].n_messages = 1;
    look_at_tasks(1000);
    clock_ms += 1000;
    assert_int_equal(step(), 1);
    assert_string_equal(signs[0].what, "panicked");
    assert_true(says("Kernel panic - not syncing: sysrq"));
    clock_ms += 10000;
    assert_int_equal(step(), 0); /* nor is it a hang */
    assert_false(ax_watch_wants_all(&w, &l.vital));
}

static void test_a_clock_that_stands_still_is_a_hang(void **state)
{
    tick(80);
    for (int i = 0; i < 4; i++) {
        clock_ms += 1000;
        assert_int_equal(step(), 0);
    }
    clock_ms += 1000;
    assert_int_equal(step(), 1);
    assert_string_equal(signs[0].what, "hung");
    clock_ms += 1000;
    assert_int_equal(step(), 0);
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "recovered");
    assert_string_equal(signs[0].detail, "hung");
}

static void test_a_paused_guest_does_not_hang(void **state)
{
    tick(80);
    l.running = false;
    for (int i = 0; i < 20; i++) {
        clock_ms += 1000;
        assert_int_equal(step(), 0);
    }
    ax_watch_paused(&w);
    l.running = true;
    for (int i = 0; i < 5; i++) {
        clock_ms += 1000;
        assert_int_equal(step(), 0);
    }
    clock_ms += 1000;
    assert_int_equal(step(), 1);
}

static void test_starvation_has_its_culprit_within_ten_seconds(void **state)
{
    tick(80);
    int64_t began = clock_ms;
    size_t n = 0;
    vital[0].system.runnable = 8;
    while (!n && clock_ms - began < 10000) {
        processes[1][1].user_us = processes[0][1].user_us;
        processes[0][1].user_us += 950000;
        look_at_tasks(1000);
        l.tasks.now_ms = clock_ms + 1000;
        l.tasks.before_ms = clock_ms;
        n = tick(0);
    }
    assert_int_equal(n, 1);
    assert_string_equal(signs[0].what, "starved");
    assert_true(says("spinner (pid 77) takes 95 % of a CPU"));
    assert_true(clock_ms - began <= 10000);
    vital[0].system.runnable = 1;
    for (n = 0; !n && clock_ms - began < 20000;)
        n = tick(500);
    assert_string_equal(signs[0].what, "recovered");
}

/* Ready tasks alone are load. */
static void test_load_is_no_starvation(void **state)
{
    vital[0].system.runnable = 30;
    for (int i = 0; i < 30; i++)
        assert_int_equal(tick(300), 0);
}

static void test_a_stuck_task_has_its_disk_and_its_stack(void **state)
{
    struct ax_str frames[] = {AX_STR("io_schedule+0x12"), AX_STR("jbd2_log_wait_commit+0xe1")};
    struct ax_stack stack = {.pid = 77, .frames = frames, .n_frames = 2};
    tick(80);
    vital[0].system.uninterruptible = 1;
    tick(80);
    clock_ms += 2000;
    l.vital.now_ms = clock_ms;
    vital[0].system.jiffies++;
    assert_true(ax_watch_wants_all(&w, &l.vital));
    processes[0][1].state = 'D';
    processes[0][1].blocked_us = 7000000;
    look_at_tasks(1000);
    assert_int_equal(tick(80), 0); /* not yet eight seconds */
    processes[0][1].blocked_us = 9000000;
    disks[0].in_flight = disks[1].in_flight = 2;
    tasks[0].parts |= AX_PART_STACKS;
    tasks[0].stacks = &stack;
    tasks[0].n_stacks = 1;
    look_at_tasks(1000);
    look_at_storage(1000);
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "stuck");
    assert_string_equal(signs[0].detail, "storage");
    assert_true(says("spinner (pid 77) has not moved for 9 s, in io_schedule+0x12 < jbd2_log"));
    assert_true(says("vda has 2 requests under way"));
    processes[0][1].state = 'S';
    disks[0].in_flight = 0;
    disks[0].writes++;
    look_at_tasks(1000);
    look_at_storage(1000);
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "recovered");
}

static void block(int64_t seen_ms)
{
    vital[0].system.uninterruptible = 1;
    processes[0][1].state = 'D';
    processes[0][1].blocked_us = seen_ms * 1000;
    look_at_tasks(1000);
}

/* Nothing runs in it that would move its clock on. */
static void test_an_idle_guest_is_told_of_when_its_task_has_waited_long_enough(void **state)
{
    tick(80);
    block(1500);
    assert_int_equal(tick(80), 0);
    assert_int_equal(w.due_ms, clock_ms - 1000 + 6500);
    for (int i = 0; i < 5; i++) {
        block(1600 + 900 * i);
        assert_int_equal(tick(80), 0);
    }
    clock_ms = w.due_ms - 1000;
    l.vital.now_ms = w.due_ms;
    assert_true(ax_watch_wants_all(&w, &l.vital));
    clock_ms += 1000;
    block(6100);
    clock_ms -= 1000;
    assert_int_equal(tick(80), 1);
    assert_true(says("spinner (pid 77) has not moved for 8 s"));
    assert_int_equal(w.due_ms, 0);
}

/* However long we have seen it wait: the guest may have stood still meanwhile. */
static void test_a_guests_own_clock_is_not_left_behind(void **state)
{
    tick(80);
    for (int i = 0; i < 30; i++) {
        block(5900);
        assert_int_equal(tick(80), 0);
    }
    block(6000);
    assert_int_equal(tick(80), 1);
}

static void test_who_was_switched_to_waits_anew(void **state)
{
    tick(80);
    for (int i = 0; i < 30; i++) {
        block(7000);
        processes[0][1].switches++;
        assert_int_equal(tick(80), 0);
    }
}

static void test_a_pause_is_no_waiting(void **state)
{
    tick(80);
    block(4000);
    tick(80);
    ax_watch_paused(&w);
    assert_int_equal(w.due_ms, 0);
    clock_ms += 30000;
    block(6000);
    assert_int_equal(tick(80), 0);
    block(6900);
    assert_int_equal(tick(80), 0);
}

/* Numbers are enough to see a disk that does not answer. */
static void test_a_frozen_disk_is_seen_without_processes(void **state)
{
    tick(80);
    disks[0].in_flight = disks[1].in_flight = 1;
    look_at_storage(1000);
    assert_int_equal(tick(80), 0);
    l.storage.fresh = false;
    for (int i = 0; i < 5; i++) {
        look_at_storage(1000);
        assert_int_equal(tick(80), 0);
    }
    size_t n = 0;
    for (int i = 0; !n && i < 4; i++) {
        look_at_storage(1000);
        n = tick(80);
    }
    assert_int_equal(n, 1);
    assert_true(says("vda has 1 requests under way and completes none"));
}

static void test_what_happens_once(void **state)
{
    struct ax_filesystem fs = {.device = AX_STR("vda"), .errors = 0};
    storage[0].filesystems = &fs;
    storage[0].n_filesystems = 1;
    look_at_storage(30000);
    vital[0].system.tainted = 1 << 12; /* was so before we came: nothing new */
    assert_int_equal(tick(80), 0);
    vital[0].system.tainted |= 1 << 9;
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "tainted");
    assert_string_equal(signs[0].severity, "warning");
    vital[0].system.oom_kills = 2;
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "oom-kill");
    assert_true(says("killed 2 processes"));
    fs.errors = 3;
    look_at_storage(30000);
    assert_int_equal(tick(80), 1);
    assert_string_equal(signs[0].what, "filesystem-error");
    assert_int_equal(tick(80), 0);
    vital[0].system.uptime = 3;
    vital[0].system.oom_kills = 0;
    vital[0].system.jiffies = 17;
    l.storage.fresh = false;
    assert_int_equal(tick(10), 1);
    assert_string_equal(signs[0].what, "rebooted");
}

#define MANY 65536u /* as many as a look has at most */

/* Each of them is looked for among those of the look before, and is not there. */
static void test_a_guest_that_starves_among_many_processes_takes_no_time(void **state)
{
    for (int i = 0; i < 2; i++) {
        tasks[i].processes = AX_NEWS(&a, struct ax_process, MANY);
        tasks[i].n_processes = MANY;
        for (size_t k = 0; k < MANY; k++)
            tasks[i].processes[k] = (struct ax_process){.pid = 7, .start_us = i + 1};
    }
    vital[0].system.runnable = 5;
    look_at_tasks(4000);
    int64_t from = ax_cpu_ns();
    for (int i = 0; i < 12; i++)
        tick(0);
    assert_true(w.starved);
    assert_in_range((ax_cpu_ns() - from) / 1000000, 0, 2000);
}

/* None of them is frozen, and each has a name of its own. */
static void test_a_guest_with_many_disks_takes_no_time(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        storage[i].disks = AX_NEWS(&a, struct ax_disk, MANY);
        storage[i].n_disks = MANY;
        for (size_t k = 0; k < MANY; k++)
            storage[i].disks[k] = (struct ax_disk){.name = ax_arena_printf(&a, "disk%05zu", k),
                                                   .in_flight = 1,
                                                   .reads = (int64_t)i,
                                                   .writes = 7};
    }
    look_at_storage(1000);
    int64_t from = ax_cpu_ns();
    tick(80);
    assert_int_equal(w.frozen_ms, 0);
    assert_in_range((ax_cpu_ns() - from) / 1000000, 0, 2000);
    storage[1].disks[MANY / 2].reads = 0;
    look_at_storage(1000);
    tick(80);
    assert_int_not_equal(w.frozen_ms, 0);
}

/* Counts that go from one end of what a number can be to the other. */
static void test_numbers_that_no_guest_has(void **state)
{
    struct ax_filesystem fs[2] = {{.errors = INT64_MAX}, {.errors = INT64_MAX}};
    storage[0].filesystems = fs;
    storage[0].n_filesystems = 2;
    for (int i = 0; i < 2; i++)
        disks[i].in_flight = 1;
    disks[0].reads = disks[0].writes = disks[1].reads = disks[1].writes = AX_UNKNOWN;
    look_at_storage(30000);
    vital[0].system.switches = vital[0].system.oom_kills = INT64_MIN + 1;
    (void)step();
    assert_int_equal(w.frozen_ms, 0); /* what it completes is not known */
    vital[0].system.switches = vital[0].system.oom_kills = INT64_MAX;
    clock_ms += 4000;
    (void)step();
    disks[0].reads = disks[0].writes = INT64_MAX;
    assert_true(step() <= AX_SIGNS);
}

/* A worker that was taken over tells of one task's stack as often as it likes. */
static void test_a_text_is_short_whatever_there_is_to_tell(void **state)
{
    static char name[100001];
    static struct ax_str frames[4];
    static struct ax_stack stacks[64];
    for (size_t i = 0; i < sizeof name; i++) /* and a character is not cut in two */
        name[i] = i == 0 ? 'x' : i % 2 ? '\xc3' : '\xbc';
    for (size_t i = 0; i < AX_ARRAY_LEN(frames); i++)
        frames[i] = (struct ax_str){name, sizeof name};
    for (size_t i = 0; i < AX_ARRAY_LEN(stacks); i++)
        stacks[i] = (struct ax_stack){.pid = 77, .frames = frames, .n_frames = 4};
    processes[0][1].state = 'D';
    processes[0][1].blocked_us = 9000000;
    tasks[0].parts |= AX_PART_STACKS;
    tasks[0].stacks = stacks;
    tasks[0].n_stacks = AX_ARRAY_LEN(stacks);
    disks[0].in_flight = disks[1].in_flight = 1;
    disks[0].name = disks[1].name = frames[0];
    look_at_tasks(4000);
    look_at_storage(30000);
    assert_int_equal(step(), 1);
    assert_string_equal(signs[0].what, "stuck");
    assert_true(says("spinner"));
    assert_in_range(signs[0].text.n, 1, 2000);
    assert_true(ax_str_utf8(signs[0].text));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_guest_gives_no_sign),
        TEST(test_a_panic_is_told_once_and_with_its_text),
        TEST(test_a_clock_that_stands_still_is_a_hang),
        TEST(test_a_paused_guest_does_not_hang),
        TEST(test_starvation_has_its_culprit_within_ten_seconds),
        TEST(test_load_is_no_starvation),
        TEST(test_a_stuck_task_has_its_disk_and_its_stack),
        TEST(test_an_idle_guest_is_told_of_when_its_task_has_waited_long_enough),
        TEST(test_a_guests_own_clock_is_not_left_behind),
        TEST(test_who_was_switched_to_waits_anew),
        TEST(test_a_pause_is_no_waiting),
        TEST(test_a_frozen_disk_is_seen_without_processes),
        TEST(test_what_happens_once),
        TEST(test_a_guest_that_starves_among_many_processes_takes_no_time),
        TEST(test_a_guest_with_many_disks_takes_no_time),
        TEST(test_numbers_that_no_guest_has),
        TEST(test_a_text_is_short_whatever_there_is_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
