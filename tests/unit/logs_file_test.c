// SPDX-License-Identifier: Apache-2.0
/* What is reported as written is in the tenant's file, as whole lines, whatever the disk does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "logs/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ax-logs-XXXXXX";
static struct ax_logs *logs;
static _Atomic int done_count, sync_errno, syncs;
static _Atomic bool sync_waits;

static int test_sync(int fd)
{
    while (sync_waits)
        usleep(1000);
    syncs++;
    errno = sync_errno;
    return sync_errno ? -1 : fdatasync(fd);
}

static int try_open(struct ax_logs **out, uint64_t keep, struct ax_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct ax_logs_options o = {.dirfd = fd, .keep_bytes = keep, .sync = test_sync};
    return ax_logs_open(out, &o, err);
}

static void reopen(uint64_t keep)
{
    struct ax_err err;
    ax_logs_close(logs);
    logs = NULL;
    if (try_open(&logs, keep, &err) < 0)
        fail_msg("%s", err.text);
}

static int begin(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    done_count = sync_errno = syncs = 0;
    sync_waits = false;
    logs = NULL;
    reopen(1 << 20);
    return 0;
}

static int end(void **state)
{
    ax_logs_close(logs);
    return ax_remove_tree(dir, NULL);
}

static void on_done(void *ctx)
{
    done_count++;
}

static struct ax_logs_append made(const char *tenant, const char *lines)
{
    return (struct ax_logs_append){
        .tenant = ax_str(tenant), .lines = ax_str(lines), .n = 1, .done = on_done};
}

/* Appends and waits: how it went. */
static int add(const char *tenant, const char *lines)
{
    struct ax_logs_append a = made(tenant, lines);
    int before = done_count;
    assert_int_equal(ax_logs_append(logs, &a, NULL), 0);
    ax_logs_flush(logs);
    assert_int_equal(done_count, before + 1);
    return a.err.code;
}

static struct ax_str path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return ax_str(path);
}

static bool is_there(const char *name)
{
    return access(path_of(name).p, F_OK) == 0;
}

static void holds(const char *name, const char *wanted)
{
    struct ax_buf b = AX_BUF_INIT;
    assert_int_equal(ax_file_read(AT_FDCWD, path_of(name).p, 1 << 20, &b, NULL), 0);
    ax_buf_byte(&b, '\0');
    assert_string_equal(b.p, wanted);
    ax_buf_free(&b);
}

static void put(const char *name, const char *bytes, size_t n)
{
    FILE *f = fopen(path_of(name).p, "a");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void each_tenant_has_a_file_of_its_own(void **state)
{
    struct stat st;
    assert_int_equal(add("a", "{1}\n"), 0);
    assert_int_equal(add("b@x", "{2}\n"), 0);
    assert_int_equal(add("a", "{3}\n{4}\n"), 0);
    holds("a.jsonl", "{1}\n{3}\n{4}\n");
    holds("b@x.jsonl", "{2}\n");
    assert_int_equal(stat(path_of("a.jsonl").p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    reopen(1 << 20);
    assert_int_equal(add("a", "{5}\n"), 0);
    holds("a.jsonl", "{1}\n{3}\n{4}\n{5}\n");
}

static void a_name_is_never_a_path(void **state)
{
    static const char *const bad[] = {"",    ".",  "..",  ".a",  "../a",
                                      "a/b", "/a", "a b", "a\n", "\xc3\xa4"};
    static const char *const good[] = {"a", "a.b", "a..", "-a", "_", "A@b.c", "0"};
    char name[152];
    struct ax_err err;
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_logs_append a = made(bad[i], "{}\n");
        assert_int_equal(ax_logs_append(logs, &a, &err), -EINVAL);
    }
    assert_false(ax_logs_tenant_ok((struct ax_str){"a\0b", 3}));
    for (size_t i = 0; i < AX_ARRAY_LEN(good); i++)
        assert_int_equal(add(good[i], "{}\n"), 0);
    memset(name, 'x', sizeof name);
    name[150] = '\0';
    assert_int_equal(add(name, "{}\n"), 0);
    name[150] = 'x';
    name[151] = '\0';
    assert_false(ax_logs_tenant_ok(ax_str(name)));
    assert_int_equal(done_count, 1 + AX_ARRAY_LEN(good));
}

static void no_link_is_followed(void **state)
{
    put("elsewhere", "x", 1);
    assert_int_equal(symlink("elsewhere", path_of("a.jsonl").p), 0);
    assert_int_equal(add("a", "{}\n"), -EIO);
    holds("elsewhere", "x");
}

static void an_unfinished_line_is_cut_off_at_the_start(void **state)
{
    assert_int_equal(add("a", "{1}\n{2}\n"), 0);
    assert_int_equal(add("b", "{1}\n"), 0);
    put("a.jsonl", "{\"log\":{\"mess", 13);
    put("c.jsonl", "{\"log\"", 6);
    put("other.txt", "{\"log\"", 6);
    reopen(1 << 20);
    holds("a.jsonl", "{1}\n{2}\n");
    holds("b.jsonl", "{1}\n");
    holds("c.jsonl", "");
    holds("other.txt", "{\"log\"");
    assert_int_equal(add("a", "{3}\n"), 0);
    holds("a.jsonl", "{1}\n{2}\n{3}\n");
}

/* As a failed write leaves it that could not be undone at once. */
static void an_unfinished_line_is_cut_off_before_the_next(void **state)
{
    assert_int_equal(add("a", "{1}\n"), 0);
    put("a.jsonl", "{torn", 5);
    assert_int_equal(add("a", "{2}\n"), 0);
    holds("a.jsonl", "{1}\n{2}\n");
}

static void an_unfinished_line_may_be_long(void **state)
{
    size_t n = 3 << 20;
    char *line = malloc(n);
    memset(line, 'x', n);
    assert_int_equal(add("a", "{1}\n"), 0);
    put("a.jsonl", line, n);
    free(line);
    reopen(1 << 20);
    holds("a.jsonl", "{1}\n");
}

static void holes_of_a_power_cut_are_no_lines(void **state)
{
    assert_int_equal(add("a", "{1}\n{2}\n"), 0);
    put("a.jsonl", "{3}\n{\0\0\0\0}\n{5}\n", 15);
    reopen(1 << 20);
    holds("a.jsonl", "{1}\n{2}\n{3}\n");
}

static void a_file_that_is_full_makes_room(void **state)
{
    char name[32], line[16];
    reopen(AX_LOGS_FILES * 10); /* two lines a file */
    for (int i = 0; i < 40; i++) {
        snprintf(line, sizeof line, "{%02d}\n", i);
        assert_int_equal(add("a", line), 0);
    }
    holds("a.jsonl", "{38}\n{39}\n");
    holds("a.jsonl.1", "{36}\n{37}\n");
    holds("a.jsonl.7", "{24}\n{25}\n");
    for (int i = AX_LOGS_FILES; i < 20; i++) {
        snprintf(name, sizeof name, "a.jsonl.%d", i);
        assert_false(is_there(name));
    }
    assert_int_equal(add("a", "{a request that is longer than that}\n"), 0);
    holds("a.jsonl", "{a request that is longer than that}\n");
    holds("a.jsonl.1", "{38}\n{39}\n");
}

static void what_is_too_large_is_refused(void **state)
{
    size_t n = AX_LOGS_APPEND_MAX + 1;
    char *lines = malloc(n);
    memset(lines, '\n', n);
    struct ax_logs_append a = made("a", "");
    a.lines = (struct ax_str){lines, n};
    assert_int_equal(ax_logs_append(logs, &a, NULL), -EFBIG);
    free(lines);
    assert_false(is_there("a.jsonl"));
}

/* The limit lets a part of the lines through before it fails. */
static void a_disk_that_takes_a_part_keeps_none_of_it(void **state)
{
    struct rlimit was, low;
    assert_int_equal(add("a", "{1}\n"), 0);
    getrlimit(RLIMIT_FSIZE, &was);
    low = was;
    low.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &low);
    assert_int_equal(add("a", "{2}\n{3}\n{4}\n"), -EIO);
    setrlimit(RLIMIT_FSIZE, &was);
    holds("a.jsonl", "{1}\n");
    assert_int_equal(add("a", "{5}\n"), 0);
    holds("a.jsonl", "{1}\n{5}\n");
}

static void a_failed_sync_is_told_and_taken_back(void **state)
{
    struct ax_logs_stats st;
    assert_int_equal(add("a", "{1}\n"), 0);
    sync_errno = EIO;
    assert_int_equal(add("a", "{2}\n"), -EIO);
    sync_errno = ENOSPC;
    assert_int_equal(add("a", "{3}\n"), -ENOSPC);
    sync_errno = 0;
    holds("a.jsonl", "{1}\n");
    assert_int_equal(add("a", "{4}\n"), 0);
    holds("a.jsonl", "{1}\n{4}\n");
    ax_logs_stats(logs, &st);
    assert_int_equal(st.received, 2);
    assert_int_equal(st.bytes, 8);
}

static void who_waits_together_is_synced_once(void **state)
{
    struct ax_logs_append v[50], other = made("b", "{b}\n");
    sync_waits = true; /* the writer is kept in the first, the others gather */
    struct ax_logs_append first = made("a", "{first}\n");
    assert_int_equal(ax_logs_append(logs, &first, NULL), 0);
    usleep(50000);
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++) {
        v[i] = made("a", "{a}\n");
        assert_int_equal(ax_logs_append(logs, &v[i], NULL), 0);
    }
    assert_int_equal(ax_logs_append(logs, &other, NULL), 0);
    assert_int_equal(done_count, 0); /* nobody is told before it is so */
    sync_waits = false;
    ax_logs_flush(logs);
    assert_int_equal(done_count, 52);
    assert_in_range(syncs, 2, 5); /* of two files; the first group may have had some more */
}

static void a_failure_is_its_own_tenants(void **state)
{
    assert_int_equal(mkdir(path_of("bad.jsonl").p, 0700), 0);
    struct ax_logs_append bad = made("bad", "{}\n"), good = made("good", "{}\n");
    sync_waits = true;
    assert_int_equal(ax_logs_append(logs, &bad, NULL), 0);
    assert_int_equal(ax_logs_append(logs, &good, NULL), 0);
    sync_waits = false;
    ax_logs_flush(logs);
    assert_int_equal(bad.err.code, -EIO);
    assert_non_null(strstr(bad.err.text, "bad.jsonl"));
    assert_int_equal(good.err.code, 0);
    holds("good.jsonl", "{}\n");
}

static void closing_writes_what_waits(void **state)
{
    struct ax_logs_append a = made("a", "{a}\n");
    assert_int_equal(ax_logs_append(logs, &a, NULL), 0);
    ax_logs_close(logs);
    logs = NULL;
    assert_int_equal(done_count, 1);
    holds("a.jsonl", "{a}\n");
}

static void a_directory_is_one_servers(void **state)
{
    struct ax_logs *second;
    struct ax_err err;
    assert_int_equal(try_open(&second, 1 << 20, &err), -EBUSY);
    assert_non_null(strstr(err.text, "another server"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_tenant_has_a_file_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_never_a_path, begin, end),
        cmocka_unit_test_setup_teardown(no_link_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(an_unfinished_line_is_cut_off_at_the_start, begin, end),
        cmocka_unit_test_setup_teardown(an_unfinished_line_is_cut_off_before_the_next, begin, end),
        cmocka_unit_test_setup_teardown(an_unfinished_line_may_be_long, begin, end),
        cmocka_unit_test_setup_teardown(holes_of_a_power_cut_are_no_lines, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_full_makes_room, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_disk_that_takes_a_part_keeps_none_of_it, begin, end),
        cmocka_unit_test_setup_teardown(a_failed_sync_is_told_and_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_together_is_synced_once, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_is_its_own_tenants, begin, end),
        cmocka_unit_test_setup_teardown(closing_writes_what_waits, begin, end),
        cmocka_unit_test_setup_teardown(a_directory_is_one_servers, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
