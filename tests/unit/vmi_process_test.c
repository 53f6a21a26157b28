// SPDX-License-Identifier: Apache-2.0
/* Guest RAM in another process: what is read is what is there now, a second poll costs a call or
 * two, and a process that dies leaves nothing to read. The "guest" is a child of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "vmi/kernel.h"
#include "vmi/ram.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (UINT64_C(64) << 20)

static struct guest {
    uint8_t *memory; /* where it lies in the child: as in us */
    pid_t pid;
    int orders; /* a byte written here makes the child do one thing */
    int done;
} guest;

/* Word i of a page is page * 512 + i, until the child is told to add one to all. */
static void fill(uint64_t from, uint64_t to, uint64_t plus)
{
    for (uint64_t at = from; at < to; at += 8)
        memcpy(guest.memory + at, &(uint64_t){at / 8 + plus}, 8);
}

static void obey(int orders, int done)
{
    char order;
    for (uint64_t plus = 0; read(orders, &order, 1) == 1;) {
        if (order == '+')
            fill(0, SIZE / 2, ++plus);
        else if (order == 'u')
            munmap(guest.memory + (1 << 20), 1 << 20);
        if (write(done, &order, 1) != 1)
            break;
    }
    _exit(0);
}

static void tell(char order)
{
    assert_int_equal(write(guest.orders, &order, 1), 1);
    assert_int_equal(read(guest.done, &order, 1), 1);
}

/* The lower half of the child's memory is written, the upper was never touched. */
static int start(void **state)
{
    int orders[2], done[2];
    guest.memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (guest.memory == MAP_FAILED || pipe(orders) < 0 || pipe(done) < 0)
        return -1;
    guest.pid = fork();
    if (guest.pid == 0) {
        close(orders[1]);
        close(done[0]);
        fill(0, SIZE / 2, 0);
        if (write(done[1], "", 1) == 1)
            obey(orders[0], done[1]);
        _exit(1);
    }
    close(orders[0]);
    close(done[1]);
    guest.orders = orders[1];
    guest.done = done[0];
    char ready;
    return read(guest.done, &ready, 1) == 1 ? 0 : -1;
}

static int stop(void **state)
{
    close(guest.orders);
    close(guest.done);
    if (guest.pid > 0)
        waitpid(guest.pid, NULL, 0);
    munmap(guest.memory, SIZE);
    return 0;
}

/* Two blocks, as below and above the hole: guest-physical 0 and 4 GiB. */
static struct ax_ram *open_guest(void)
{
    struct ax_err err;
    struct ax_ram *r = NULL;
    uint64_t at = (uint64_t)(uintptr_t)guest.memory;
    struct ax_ram_block blocks[2] = {{0, SIZE / 4, at},
                                     {UINT64_C(1) << 32, SIZE - SIZE / 4, at + SIZE / 4}};
    assert_int_equal(ax_ram_open_process(&r, guest.pid, blocks, 2, &err), 0);
    assert_false(ax_ram_contiguous(r));
    return r;
}

static uint64_t word(struct ax_ram *r, uint64_t gpa)
{
    uint64_t v;
    assert_true(ax_ram_read(r, gpa, &v, 8));
    return v;
}

static void reads_what_is_there(void **state)
{
    struct ax_ram *r = open_guest();
    assert_int_equal(word(r, 0), 0);
    assert_int_equal(word(r, 8 * 1000), 1000);
    assert_int_equal(word(r, (UINT64_C(1) << 32) + 8 * 5), SIZE / 4 / 8 + 5);
    assert_int_equal(word(r, SIZE / 4 - 8), SIZE / 4 / 8 - 1);
    assert_null(ax_ram_at(r, SIZE / 4 - 4, 8)); /* across the end of a block */
    assert_null(ax_ram_at(r, SIZE / 4, 8));     /* in the hole */
    assert_null(ax_ram_at(r, UINT64_MAX - 3, 8));
    ax_ram_close(r);
}

static void a_poll_sees_what_changed(void **state)
{
    struct ax_ram *r = open_guest();
    assert_int_equal(word(r, 4096), 512);
    tell('+');
    ax_ram_begin(r);
    assert_int_equal(word(r, 4096), 513); /* fetched with the poll */
    assert_int_equal(word(r, 8192), 1025);
    ax_ram_close(r);
}

static void large_reads(void **state)
{
    struct ax_ram *r = open_guest();
    const uint8_t *p = ax_ram_at(r, 4104, (15u << 20) + 1);
    assert_non_null(p);
    for (uint64_t i = 0; i < (15u << 20) / 8; i += 77)
        assert_memory_equal(p + i * 8, &(uint64_t){513 + i}, 8);
    assert_null(ax_ram_at(r, 0, AX_RAM_SPAN + 1));
    ax_ram_close(r);
}

/* Each at another place, so that none is within one before it. */
static void many_large_reads_are_no_more_than_can_be_kept(void **state)
{
    struct ax_ram *r = open_guest();
    uint64_t bytes = 0;
    for (uint64_t at = 0; at < 100 * 4096 && ax_ram_at(r, at, 15u << 20); at += 4096)
        bytes += 15u << 20;
    assert_in_range(bytes, 128u << 20, 256u << 20);
    ax_ram_begin(r);
    assert_non_null(ax_ram_at(r, 99 * 4096, 15u << 20));
    ax_ram_close(r);
}

/* Who looks at all that there is does not keep it. */
static void a_look_at_everything_keeps_nothing(void **state)
{
    struct ax_ram *r = open_guest();
    struct ax_err err;
    assert_int_equal(ax_say_what_else(r, &err), -ENOENT);
    uint64_t calls = ax_ram_counts(r).calls;
    (void)word(r, 4096);
    assert_int_equal(ax_ram_counts(r).calls, calls + 1);
    ax_ram_close(r);
}

/* Each of `n` tasks: three members of a structure of 9 KiB, and one of another. */
static void walk(struct ax_ram *r, uint64_t n, uint64_t plus)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t task = i * 37 % n * 12288 % (SIZE / 4 - 16384);
        uint64_t at[] = {task + 24, task + 2488, task + 3032, task + 2488 + 16, task + 9000};
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(word(r, at[k] / 8 * 8), at[k] / 8 + plus);
    }
}

static void a_second_poll_is_one_call(void **state)
{
    struct ax_ram *r = open_guest();
    walk(r, 60, 0);
    ax_ram_begin(r);
    walk(r, 60, 0);
    uint64_t calls = ax_ram_counts(r).calls;
    for (int i = 0; i < 10; i++) {
        ax_ram_begin(r);
        walk(r, 60, 0);
    }
    assert_int_equal(ax_ram_counts(r).calls - calls, 10);
    tell('+');
    ax_ram_begin(r);
    walk(r, 60, 1);
    assert_int_equal(ax_ram_counts(r).calls - calls, 11);
    ax_ram_close(r);
}

static void many_spans_take_several_calls(void **state)
{
    struct ax_ram *r = open_guest();
    for (int i = 0; i < 3; i++) {
        ax_ram_begin(r);
        walk(r, 1300, 0);
    }
    uint64_t calls = ax_ram_counts(r).calls;
    ax_ram_begin(r);
    walk(r, 1300, 0);
    calls = ax_ram_counts(r).calls - calls;
    assert_in_range(calls, 2, 8);
    ax_ram_close(r);
}

static void what_is_not_used_is_forgotten(void **state)
{
    struct ax_ram *r = open_guest();
    walk(r, 500, 0);
    ax_ram_begin(r);
    word(r, 64);
    ax_ram_begin(r); /* now one span is left */
    uint64_t bytes = ax_ram_counts(r).bytes;
    ax_ram_begin(r);
    assert_in_range(ax_ram_counts(r).bytes - bytes, 0, 8192);
    ax_ram_close(r);
}

/* Reads of any length anywhere, some of them poll after poll: each gives what is there. */
static void any_reads(void **state)
{
    struct ax_ram *r = open_guest();
    unsigned seed = 7;
    uint64_t at[300], n[300], plus = 0;
    for (int poll = 0; poll < 60; poll++) {
        if (poll % 20 == 19) {
            tell('+');
            plus++;
        }
        ax_ram_begin(r);
        for (size_t i = 0; i < 300; i++) {
            if (poll == 0 || rand_r(&seed) % 8 == 0) {
                n[i] = 1 + (unsigned)rand_r(&seed) % (rand_r(&seed) % 9 ? 300 : 90000);
                at[i] = (unsigned)rand_r(&seed) % (SIZE / 4 - n[i]) % (i % 2 ? SIZE : 200000);
            }
            const uint8_t *p = ax_ram_at(r, at[i], n[i]);
            assert_non_null(p);
            for (uint64_t k = 0; k < n[i]; k++)
                if (p[k] != (uint8_t)(((at[i] + k) / 8 + plus) >> (at[i] + k) % 8 * 8))
                    fail_msg("poll %d: byte %llu of %llu is wrong", poll,
                             (unsigned long long)(at[i] + k), (unsigned long long)n[i]);
        }
    }
    ax_ram_close(r);
}

/* What was read once and is unmapped now (a DIMM pulled out) spoils nothing else. */
static void a_lost_page_spoils_only_itself(void **state)
{
    struct ax_ram *r = open_guest();
    for (uint64_t at = 0; at < UINT64_C(3) << 20; at += 65536)
        word(r, at);
    ax_ram_begin(r);
    for (uint64_t at = 0; at < UINT64_C(3) << 20; at += 65536)
        assert_int_equal(word(r, at), at / 8);
    tell('u');
    ax_ram_begin(r);
    for (uint64_t at = 0; at < UINT64_C(3) << 20; at += 65536) {
        bool lost = at >> 20 == 1;
        assert_int_equal(ax_ram_at(r, at, 8) == NULL, lost);
        if (!lost)
            assert_int_equal(word(r, at), at / 8);
    }
    ax_ram_close(r);
}

static void a_dead_process_has_no_memory(void **state)
{
    struct ax_err err;
    struct ax_ram *r = open_guest();
    walk(r, 60, 0);
    ax_ram_begin(r);
    kill(guest.pid, SIGKILL);
    waitpid(guest.pid, NULL, 0);
    ax_ram_begin(r);
    assert_null(ax_ram_at(r, 24, 8));
    assert_null(ax_ram_at(r, 4096, 8));
    ax_ram_begin(r);
    assert_null(ax_ram_at(r, 24, 8));
    ax_ram_close(r);
    struct ax_ram_block block = {0, SIZE, (uint64_t)(uintptr_t)guest.memory};
    assert_int_equal(ax_ram_open_process(&r, guest.pid, &block, 1, &err), -ESRCH);
    guest.pid = 0;
}

static void a_search_leaves_out_what_was_never_touched(void **state)
{
    struct ax_ram *r = open_guest();
    uint64_t gpa = 0, end = 0, found = 0, pages = 0;
    uint64_t calls = ax_ram_counts(r).calls;
    for (; ax_ram_data(r, &gpa, &end); gpa = end) {
        for (uint64_t at = gpa; at < end; at += 4096) {
            uint64_t block = at >> 32 ? at - (UINT64_C(1) << 32) + SIZE / 4 : at;
            const uint8_t *p = ax_ram_at(r, at, 10);
            assert_non_null(p);
            found += memcmp(p, &(uint64_t){block / 8}, 8) == 0;
            pages++;
        }
        ax_ram_drop(r, gpa, end);
    }
    assert_int_equal(found, SIZE / 2 / 4096);
    assert_in_range(pages, found, found + 512); /* a huge page may be there as a whole */
    assert_in_range(ax_ram_counts(r).calls - calls, 1, 200);
    ax_ram_close(r);
}

static void what_cannot_be_opened(void **state)
{
    struct ax_err err;
    struct ax_ram *r = NULL;
    struct ax_ram_block nothing = {0, 4096, 4096}, odd = {0, 100, 4096};
    assert_int_equal(ax_ram_open_process(&r, guest.pid, &nothing, 1, &err), -EINVAL);
    assert_int_equal(ax_ram_open_process(&r, guest.pid, &odd, 1, &err), -EINVAL);
    assert_int_equal(ax_ram_open_process(&r, guest.pid, &nothing, 0, &err), -EINVAL);
    assert_null(r);
}

/* Figures for whoever wants them: VMI_FIGURES=1 prints what a poll costs. */
static void figures(void **state)
{
    static const uint64_t tasks[] = {60, 1300};
    for (size_t k = 0; k < 2 && getenv("VMI_FIGURES"); k++) {
        struct ax_ram *r = open_guest();
        walk(r, tasks[k], 0);
        ax_ram_begin(r);
        walk(r, tasks[k], 0);
        uint64_t calls = ax_ram_counts(r).calls;
        int64_t from = ax_cpu_ns();
        for (int i = 0; i < 100; i++) {
            ax_ram_begin(r);
            walk(r, tasks[k], 0);
        }
        printf("# %d tasks: %.1f us, %.1f calls\n", (int)tasks[k],
               (double)(ax_cpu_ns() - from) / 1e5, (double)(ax_ram_counts(r).calls - calls) / 100);
        ax_ram_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_is_there, start, stop),
        cmocka_unit_test_setup_teardown(a_poll_sees_what_changed, start, stop),
        cmocka_unit_test_setup_teardown(a_look_at_everything_keeps_nothing, start, stop),
        cmocka_unit_test_setup_teardown(large_reads, start, stop),
        cmocka_unit_test_setup_teardown(many_large_reads_are_no_more_than_can_be_kept, start, stop),
        cmocka_unit_test_setup_teardown(a_second_poll_is_one_call, start, stop),
        cmocka_unit_test_setup_teardown(many_spans_take_several_calls, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_used_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(any_reads, start, stop),
        cmocka_unit_test_setup_teardown(a_lost_page_spoils_only_itself, start, stop),
        cmocka_unit_test_setup_teardown(a_dead_process_has_no_memory, start, stop),
        cmocka_unit_test_setup_teardown(a_search_leaves_out_what_was_never_touched, start, stop),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened, start, stop),
        cmocka_unit_test_setup_teardown(figures, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
