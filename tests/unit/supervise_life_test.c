// SPDX-License-Identifier: Apache-2.0
/* Processes that die are started again; what a restart cannot mend ends all; all end together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "supervise/supervise.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/auspex-supervise-XXXXXX";
static char shell[] = "/bin/sh", dash_c[] = "-c";

static long size_of(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

static bool hangup; /* is for the first */

/* Supervises two shell scripts in a process of their own; returns its pid. */
static pid_t supervise(char *first, char *second)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char *const a[] = {shell, dash_c, first, NULL}, *const b[] = {shell, dash_c, second, NULL};
    const struct ax_child children[] = {{.name = "first", .argv = a, .hangup = hangup},
                                        {.name = "second", .argv = b}};
    if (!freopen("/dev/null", "w", stderr))
        _exit(98);
    if (chdir(dir) < 0)
        _exit(99);
    _exit(ax_supervise(children, 2, NULL));
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool within(int seconds, const char *name, long bytes)
{
    for (int i = 0; i < seconds * 50; i++) {
        if (size_of(name) >= bytes)
            return true;
        ax_sleep_ms(20);
    }
    return false;
}

static void the_dead_are_started_again_and_the_living_left_alone(void **state)
{
    char dies[] = "printf x >>deaths; kill -9 $$", lives[] = "printf x >>births; exec sleep 60";
    pid_t pid = supervise(dies, lives);
    assert_true(within(15, "deaths", 3)); /* after 0.5 s, then after 1 s */
    assert_int_equal(size_of("births"), 1);
    kill(pid, SIGTERM);
    assert_int_equal(status_of(pid), 0);
}

static void hangup_goes_to_who_wants_it(void **state)
{
    char first[] = "trap 'printf x >>hups' HUP; printf x >>hup1; while :; do sleep 0.05; done";
    char second[] = "printf x >>hup2; exec sleep 60";
    hangup = true;
    pid_t pid = supervise(first, second);
    hangup = false;
    assert_true(within(10, "hup1", 1) && within(10, "hup2", 1));
    kill(pid, SIGHUP);
    assert_true(within(10, "hups", 1));
    ax_sleep_ms(700); /* what died would have been started again */
    assert_int_equal(size_of("hup1"), 1);
    assert_int_equal(size_of("hup2"), 1);
    kill(pid, SIGTERM);
    assert_int_equal(status_of(pid), 0);
}

static void without_one_hangup_is_the_end(void **state)
{
    char lives[] = "printf x >>end1; exec sleep 60", also[] = "printf x >>end2; exec sleep 60";
    pid_t pid = supervise(lives, also);
    assert_true(within(10, "end1", 1) && within(10, "end2", 1));
    kill(pid, SIGHUP);
    assert_int_equal(status_of(pid), 1000 + SIGHUP);
}

static void all_end_when_told_in_reverse_order(void **state)
{
    char first[] =
        "trap 'printf 1 >>order; exit 0' TERM; printf x >>up1; while :; do sleep 0.05; done";
    char second[] =
        "trap 'printf 2 >>order; exit 0' TERM; printf x >>up2; while :; do sleep 0.05; done";
    pid_t pid = supervise(first, second);
    assert_true(within(10, "up1", 1) && within(10, "up2", 1));
    kill(pid, SIGINT);
    assert_int_equal(status_of(pid), 0);
    char path[128], got[8] = "";
    snprintf(path, sizeof path, "%s/order", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(got, sizeof got, f));
    fclose(f);
    assert_string_equal(got, "21");
}

static void a_set_up_that_cannot_work_ends_all(void **state)
{
    char bad[] = "exit 2", lives[] = "printf $$ >pid; exec sleep 60";
    pid_t pid = supervise(lives, bad);
    assert_int_equal(status_of(pid), 2);
}

static int make_dir(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    const char *files[] = {"deaths", "births", "up1",  "up2",  "order", "pid",
                           "hup1",   "hup2",   "hups", "end1", "end2"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dead_are_started_again_and_the_living_left_alone),
        cmocka_unit_test(hangup_goes_to_who_wants_it),
        cmocka_unit_test(without_one_hangup_is_the_end),
        cmocka_unit_test(all_end_when_told_in_reverse_order),
        cmocka_unit_test(a_set_up_that_cannot_work_ends_all),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
