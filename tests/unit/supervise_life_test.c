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

/* Supervises two shell scripts in a process of their own; returns its pid. */
static pid_t supervise(char *first, char *second)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char *const a[] = {shell, dash_c, first, NULL}, *const b[] = {shell, dash_c, second, NULL};
    const struct ax_child children[] = {{"first", a, true}, {"second", b, false}};
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

static void a_hang_up_goes_on_to_who_wants_it(void **state)
{
    char first[] = "trap 'printf x >>again' HUP; printf x >>ready; while :; do sleep 0.05; done";
    char second[] = "printf x >>steady; exec sleep 60"; /* it would die of it */
    pid_t pid = supervise(first, second);
    assert_true(within(10, "ready", 1) && within(10, "steady", 1));
    kill(pid, SIGHUP);
    assert_true(within(10, "again", 1));
    kill(pid, SIGTERM);
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(size_of("ready") + size_of("steady"), 2);
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
    const char *files[] = {"deaths", "births", "up1",   "up2",   "order",
                           "pid",    "again",  "ready", "steady"};
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
        cmocka_unit_test(all_end_when_told_in_reverse_order),
        cmocka_unit_test(a_hang_up_goes_on_to_who_wants_it),
        cmocka_unit_test(a_set_up_that_cannot_work_ends_all),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
