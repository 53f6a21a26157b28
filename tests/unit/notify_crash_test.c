// SPDX-License-Identifier: Apache-2.0
/* kill -9 at any moment: what was committed is received at least once, what was not never, a
 * duplicate has the key of the first, and no alarm is told of something older after something
 * newer. The program runs itself as the one that is killed. */
#include "notify_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 100
#define ALARMS 32

static const char *const steps[] = {"CREATE TABLE transition(n INTEGER PRIMARY KEY);"};

static int64_t number(const char *query)
{
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, query);
    int64_t n = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    ax_stmt_end(&q, "reading", NULL);
    ax_sql_unlock(sql);
    return n;
}

/* One transition with its notification, as the alarms do it. */
static int transition(struct ax_str method, int64_t n)
{
    char alarm[8];
    struct ax_stmt q;
    snprintf(alarm, sizeof alarm, "a%d", (int)(n % ALARMS));
    struct ax_notice x = kit_notice(alarm, n / ALARMS % 2 ? "OK" : "ALARM", 1000 * n);
    int rc = ax_sql_begin(sql, NULL);
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, sql, "INSERT INTO transition(n) VALUES(?)");
    ax_stmt_int(&q, n);
    rc = ax_stmt_run(&q, "writing", NULL);
    if (rc == 0)
        rc = ax_notify_queue(notify, &method, 1, &x, NULL);
    return ax_sql_end(sql, rc, NULL);
}

static void open_all(const char *path, int64_t max_ms)
{
    struct ax_err err = {0};
    struct ax_notify_options o = {
        .rate = 1e6, .burst = 1000000, .retry_max_ms = max_ms, .retry_min_ms = 10};
    if (ax_sql_open(&sql, path, &err) < 0 || ax_sql_schema(sql, "test", steps, 1, &err) < 0 ||
        ax_notify_open(&notify, sql, &o, &err) < 0) {
        fprintf(stderr, "child: %s\n", err.text);
        _exit(1);
    }
}

/* The one that is killed: transitions as fast as they go, each told on stdout once committed. */
static int child(const char *path, const char *method)
{
    open_all(path, 100);
    for (int64_t n = number("SELECT coalesce(max(n), 0) FROM transition") + 1;; n++) {
        if (transition(ax_str(method), n) < 0)
            return 1;
        ax_notify_wake(notify);
        if (write(1, &n, sizeof n) != sizeof n)
            return 1;
        if (n % 4 == 0)
            ax_sleep_ms(5);
    }
}

/* Runs the child until a moment by chance; gives the last transition that it told of. */
static int64_t round_of(const char *method, unsigned *chance)
{
    int pipes[2], status;
    int64_t last = 0, n;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipes[1], 1);
        execl("/proc/self/exe", "notify_crash_test", "child", kit_path, method, NULL);
        _exit(127);
    }
    close(pipes[1]);
    ax_sleep_ms(40 + rand_r(chance) % 160);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(pipes[0], &n, sizeof n) == sizeof n)
        last = n;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    return last;
}

static int64_t number_of(struct receiver *r, int i)
{
    json_t *o = receiver_json(r, i);
    int64_t n = (int64_t)(json_number_value(json_object_get(o, "alarm_timestamp")) + 0.5);
    json_decref(o);
    return n;
}

/* Each of 1..max came, in order per alarm, with one key. */
static int duplicates(struct receiver *r, int64_t max)
{
    const char **keys = ax_calloc((size_t)max + 1, sizeof *keys);
    int64_t newest[ALARMS] = {0};
    int twice = 0;
    for (int i = 0; i < r->n; i++) {
        int64_t n = number_of(r, i);
        assert_true(n >= 1 && n <= max);
        if (keys[n])
            assert_string_equal(keys[n], r->got[i].key);
        twice += keys[n] != NULL;
        keys[n] = r->got[i].key;
        if (n < newest[n % ALARMS])
            fail_msg("%lld came after %lld", (long long)n, (long long)newest[n % ALARMS]);
        newest[n % ALARMS] = n;
    }
    for (int64_t n = 1; n <= max; n++)
        if (!keys[n])
            fail_msg("%lld of %lld was never received", (long long)n, (long long)max);
    for (int64_t n = 2; n <= max; n++)
        assert_string_not_equal(keys[n], keys[n - 1]);
    free(keys);
    return twice;
}

static void nothing_is_lost_when_it_is_killed(void **state)
{
    unsigned chance = (unsigned)ax_mono_ns();
    struct receiver *r = receiver_new(200);
    int64_t told = 0, later;
    ax_sql_close(sql);
    open_all(kit_path, 100);
    struct ax_str method = kit_webhook(r, 0);
    ax_notify_close(notify);
    ax_sql_close(sql);
    for (int i = 0; i < ROUNDS; i++)
        if ((later = round_of(method.p, &chance)) > 0)
            told = later;
    open_all(kit_path, 100); /* what is left */
    assert_true(kit_rows_become(0, 60000));
    int64_t max = number("SELECT max(n) FROM transition");
    assert_true(told <= max);
    int twice = duplicates(r, max);
    print_message("# %d rounds: %lld transitions, %d received, %d duplicates\n", ROUNDS,
                  (long long)max, r->n, twice);
    receiver_free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_when_it_is_killed, kit_begin, kit_end),
    };
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return child(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
