// SPDX-License-Identifier: Apache-2.0
/* What a worker answers is taken in when a guest may be like that, however large, and refused when
 * only somebody who has taken the worker over would write it. */
#include "base/clock.h"
#include "collect/vmi/sight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ANSWER (32u << 20) /* the longest that an inspector takes */

static struct ax_buf json;
static struct ax_arena a;
static struct ax_reading r;
static struct ax_err err;

static int teardown(void **state)
{
    ax_buf_free(&json);
    ax_arena_free(&a);
    json = (struct ax_buf)AX_BUF_INIT;
    return 0;
}

static int parse(void)
{
    return ax_sight_parse(ax_buf_view(&json), &a, &r, &err);
}

/* As much of it as an answer holds. */
static int parse_all_of(const char *begin, const char *piece, const char *end)
{
    size_t n = strlen(piece);
    ax_buf_clear(&json);
    ax_buf_cstr(&json, begin);
    while (json.n + n + strlen(end) < ANSWER)
        ax_buf_add(&json, piece, n);
    ax_buf_cstr(&json, end);
    return parse();
}

static void test_tiny_values_by_the_million_are_refused(void **state)
{
    static const struct {
        const char *begin, *piece, *end, *said;
    } hostile[] = {
        {"{\"disks\":[[]", ",[]", "]}", "lists"},
        {"{\"disks\":[{}", ",{}", "]}", "lists"},
        {"{\"disks\":[[[],[]]", ",[[],[]]", "]}", "lists"},
        {"{\"disks\":[0", ",0", "]}", "values"},
        {"{\"disks\":[\"\\\"\"", ",\"\"", "]}", "values"},
        {"{\"disks\":", "[", "", "deep"},
        {"{\"disks\":", "{\"\":", "", "deep"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(hostile); i++) {
        assert_int_equal(parse_all_of(hostile[i].begin, hostile[i].piece, hostile[i].end), -EFBIG);
        assert_non_null(strstr(err.text, hostile[i].said));
    }
}

static void test_text_is_no_structure(void **state)
{
    assert_int_equal(parse_all_of("{\"kernel\":\"\\\"\\\\", "[{,", "\"}"), 0);
    assert_int_equal(r.kernel.n, json.n - strlen("{\"kernel\":\"\"}") - 2);
    ax_buf_clear(&json);
    ax_buf_cstr(&json, "{\"kernel\":\"\\"); /* and may end anywhere */
    assert_int_equal(parse(), -EPROTO);
}

/* What a guest's kernel has cut is longer in JSON, where the half character is a whole one. */
static void test_names_are_cut_between_characters(void **state)
{
    struct ax_process p = {.name = "abr\xc3\xbc"
                                   "cke-pr\xc3\xbc\xc3",
                           .state = 'S'};
    struct ax_reading one = {.parts = AX_PART_PROCESSES, .processes = &p, .n_processes = 1};
    ax_reading_json(&(struct ax_json){.out = &json}, &one);
    assert_int_equal(parse(), 0);
    assert_string_equal(r.processes[0].name, "abr\xc3\xbc"
                                             "cke-pr\xc3\xbc");
}

static void test_lists_are_no_longer_than_a_sound_workers(void **state)
{
    ax_buf_cstr(&json, "{\"disks\":[{}");
    for (int i = 0; i < 70000; i++)
        ax_buf_cstr(&json, ",{}");
    ax_buf_cstr(&json, "]}");
    assert_int_equal(parse(), 0);
    assert_int_equal(r.n_disks, 1024);
}

/* ---- as large as guests may be ---- */

#define PROCESSES 65536
#define MESSAGES  65536
#define MODULES   4096
#define DEVICES   1024
#define STACKS    64
#define FRAMES    32

static struct ax_process processes[PROCESSES];
static struct ax_message messages[MESSAGES];
static struct ax_module modules[MODULES];
static struct ax_netdev netdevs[DEVICES];
static struct ax_disk disks[DEVICES];
static struct ax_filesystem filesystems[MODULES];
static struct ax_stack stacks[STACKS];
static struct ax_str frames[FRAMES];

static void populate(void)
{
    for (int i = 0; i < PROCESSES; i++)
        processes[i] = (struct ax_process){.pid = i + 1,
                                           .ppid = i,
                                           .name = "kworker/12:3-ev",
                                           .state = 'D',
                                           .rss = 123456,
                                           .user_us = 1250000,
                                           .start_us = 1000,
                                           .blocked_us = 1};
    for (int i = 0; i < MESSAGES; i++)
        messages[i] = (struct ax_message){.text = AX_STR("a line")};
    for (int i = 0; i < MODULES; i++) {
        modules[i] = (struct ax_module){.name = AX_STR("ext4"), .state = "live"};
        filesystems[i] = (struct ax_filesystem){
            .device = AX_STR("vda1"), .type = AX_STR("ext4"), .mountpoint = AX_STR("/")};
    }
    for (int i = 0; i < DEVICES; i++) {
        netdevs[i].name = AX_STR("eth0");
        disks[i].name = AX_STR("vda");
    }
    for (int i = 0; i < FRAMES; i++)
        frames[i] = AX_STR("io_schedule+0x46");
    for (int i = 0; i < STACKS; i++)
        stacks[i] = (struct ax_stack){1, "dd", 1, frames, FRAMES};
}

static void test_the_biggest_reading_of_a_sound_worker_is_taken(void **state)
{
    populate();
    struct ax_reading big = {.parts = AX_PART_ALL & ~AX_PART_INTEGRITY,
                             .system = {.uptime = 1e6},
                             .processes = processes,
                             .n_processes = PROCESSES,
                             .messages = messages,
                             .n_messages = MESSAGES,
                             .modules = modules,
                             .n_modules = MODULES,
                             .netdevs = netdevs,
                             .n_netdevs = DEVICES,
                             .disks = disks,
                             .n_disks = DEVICES,
                             .filesystems = filesystems,
                             .n_filesystems = MODULES,
                             .stacks = stacks,
                             .n_stacks = STACKS};
    ax_reading_json(&(struct ax_json){.out = &json}, &big);
    assert_true(json.n < ANSWER);
    assert_int_equal(parse(), 0);
    assert_int_equal(r.n_processes, PROCESSES);
    assert_int_equal(r.n_messages, MESSAGES);
    assert_int_equal(r.stacks[STACKS - 1].n_frames, FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_tiny_values_by_the_million_are_refused, teardown),
        cmocka_unit_test_teardown(test_text_is_no_structure, teardown),
        cmocka_unit_test_teardown(test_names_are_cut_between_characters, teardown),
        cmocka_unit_test_teardown(test_lists_are_no_longer_than_a_sound_workers, teardown),
        cmocka_unit_test_teardown(test_the_biggest_reading_of_a_sound_worker_is_taken, teardown),
    };
    return cmocka_run_group_tests_name("What a worker answers is taken in within bounds", tests,
                                       NULL, NULL);
}
