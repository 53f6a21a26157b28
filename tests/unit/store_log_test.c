// SPDX-License-Identifier: Apache-2.0
/* The log: what was acknowledged survives a torn write, a kill and a full disk; what was not is
 * never taken for the truth. */
#include "store_kit.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void read_file(const char *path, struct ax_buf *out)
{
    assert_int_equal(ax_file_read(AT_FDCWD, path, 1 << 20, out, NULL), 0);
}

static void write_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Cuts the segment at every byte of its last record: the records before stay whole. */
static void torn_at_every_byte(void **state)
{
    struct kit *k = *state;
    char path[96];
    struct stat before;
    snprintf(path, sizeof path, "%s/wal/0000000001.wal", k->dir);
    kit_write1(k, "m", "a", T0, 1);
    kit_write1(k, "m", "a", T0 + 1000, 2);
    assert_int_equal(stat(path, &before), 0);
    kit_write1(k, "m", "b", T0 + 2000, 3);
    kit_close(k);
    AX_CLEANUP(ax_buf_free) struct ax_buf whole = AX_BUF_INIT;
    read_file(path, &whole);
    assert_true(whole.n > (size_t)before.st_size + 20);
    for (size_t cut = (size_t)before.st_size; cut <= whole.n; cut++) {
        write_file(path, whole.p, cut);
        kit_warnings = 0;
        kit_open(k);
        assert_int_equal(kit_read(k, "m", "a").n, 2);
        assert_int_equal(kit_read(k, "m", "b").n, cut == whole.n ? 1 : 0);
        assert_int_equal(kit_stats(k).damaged, 0);
        assert_int_equal(kit_warnings, cut > (size_t)before.st_size && cut < whole.n ? 1 : 0);
        kit_close(k);
    }
    kit_open(k);
}

/* Flips each byte of the middle record in turn: it alone is missing, and that is told. */
static void damage_in_the_middle(void **state)
{
    struct kit *k = *state;
    char path[96];
    struct stat one, two;
    snprintf(path, sizeof path, "%s/wal/0000000001.wal", k->dir);
    kit_write1(k, "m", "a", T0, 1);
    assert_int_equal(stat(path, &one), 0);
    kit_write1(k, "m", "a", T0 + 1000, 2);
    assert_int_equal(stat(path, &two), 0);
    kit_write1(k, "m", "a", T0 + 2000, 3);
    kit_close(k);
    AX_CLEANUP(ax_buf_free) struct ax_buf whole = AX_BUF_INIT;
    read_file(path, &whole);
    for (off_t at = one.st_size; at < two.st_size; at++) {
        whole.p[at] = (char)(whole.p[at] ^ 0x41);
        write_file(path, whole.p, whole.n);
        kit_open(k);
        struct ax_series got = kit_read(k, "m", "a");
        assert_int_equal(got.n, 2);
        assert_true(got.v[0] == 1 && got.v[1] == 3);
        assert_int_equal(kit_stats(k).damaged, 1);
        kit_close(k);
        whole.p[at] = (char)(whole.p[at] ^ 0x41);
    }
    kit_open(k);
}

/* Noise for a log: never a crash, never a start refused. */
/* The intake lets none in; on disk they would overflow what reckons with times. */
static void times_that_cannot_be_are_damage(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "a", "early", T0, 1);
    kit_write1(k, "a", "never", INT64_MAX, 2);
    kit_write1(k, "a", "late", T0, 3);
    kit_close(k);
    kit_open(k);
    assert_int_equal(kit_stats(k).damaged, 1);
    assert_int_equal(kit_read(k, "a", "early").n, 1);
    assert_int_equal(kit_read(k, "a", "never").n, 0);
    assert_int_equal(kit_read(k, "a", "late").n, 1);
}

static void noise_is_survived(void **state)
{
    struct kit *k = *state;
    char path[96];
    unsigned seed = 11;
    snprintf(path, sizeof path, "%s/wal/0000000001.wal", k->dir);
    for (int i = 0; i < 50; i++)
        kit_write1(k, "m", "a", T0 + i * 1000, i);
    kit_close(k);
    AX_CLEANUP(ax_buf_free) struct ax_buf whole = AX_BUF_INIT;
    read_file(path, &whole);
    for (int round = 0; round < 200; round++) {
        AX_CLEANUP(ax_buf_free) struct ax_buf hurt = AX_BUF_INIT;
        ax_buf_add(&hurt, whole.p, whole.n);
        for (int f = 0; f < 1 + round % 8; f++)
            hurt.p[(size_t)rand_r(&seed) % hurt.n] = (char)rand_r(&seed);
        write_file(path, hurt.p, hurt.n - (round % 2 ? (size_t)rand_r(&seed) % hurt.n : 0));
        kit_open(k);
        struct ax_series got = kit_read(k, "m", "a");
        for (size_t i = 0; i < got.n; i++)
            assert_true(got.v[i] == (double)((got.t[i] - T0) / 1000));
        kit_close(k);
    }
    kit_open(k);
}

/* The child writes on and on and tells of each sample that was acknowledged, until it is killed. */
static void write_until_killed(struct kit *k, int fd, uint32_t from)
{
    kit_open(k);
    for (uint32_t i = from;; i++) {
        if (i % 50 == 0)
            kit_now += HOUR;
        kit_write1(k, "m", i % 2 ? "odd" : "even", T0 + (int64_t)i * 60000, i);
        if (write(fd, &i, sizeof i) != sizeof i)
            _exit(1);
        if (i % 10 == 0 && ax_store_tick(k->store, NULL) < 0)
            _exit(2);
    }
}

static uint32_t last_acknowledged(int fd, uint32_t from)
{
    uint32_t i, last = from;
    while (read(fd, &i, sizeof i) == sizeof i)
        last = i + 1;
    return last;
}

static void check_all_there(struct kit *k, uint32_t acknowledged)
{
    struct ax_series even = kit_read(k, "m", "even"), odd = kit_read(k, "m", "odd");
    /* One more may be there: written, and killed before it could be told. */
    assert_in_range(even.n + odd.n, acknowledged, acknowledged + 1);
    for (size_t i = 0; i < even.n; i++)
        assert_true(even.v[i] == (double)(2 * i) && even.t[i] == T0 + (int64_t)i * 120000);
    for (size_t i = 0; i < odd.n; i++)
        assert_true(odd.v[i] == (double)(2 * i + 1));
}

static void nothing_acknowledged_is_lost_by_kill_9(void **state)
{
    struct kit *k = *state;
    uint32_t acknowledged = 0;
    unsigned seed = 5;
    kit_close(k);
    for (int round = 0; round < 25; round++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            write_until_killed(k, fds[1], acknowledged);
        }
        close(fds[1]);
        usleep(20000 + (useconds_t)rand_r(&seed) % 60000);
        assert_int_equal(kill(child, SIGKILL), 0);
        acknowledged = last_acknowledged(fds[0], acknowledged);
        close(fds[0]);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        kit_now = T0 + (int64_t)(acknowledged + 2) * 60000;
        kit_open(k);
        check_all_there(k, acknowledged);
        assert_int_equal(kit_stats(k).damaged, 0);
        kit_close(k);
    }
    assert_true(acknowledged > 100);
    kit_open(k);
}

static int write_plain(struct kit *k, int64_t t, double v, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample s = {t, v};
    kit_add(k, &b, TENANT, "m", "a", &s, 1);
    int rc = kit_send(k, &b, err);
    ax_arena_free(&a);
    return rc;
}

/* A limit on the size of files stands for the full disk where nothing can be mounted: the write
 * fails in the middle of a record all the same. */
static void child_with_small_files(struct kit *k)
{
    struct rlimit whole, small;
    struct ax_err err = {0};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &whole);
    small = whole;
    small.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &small);
    int ok = 0, failed = 0;
    int64_t good[2000];
    for (int i = 0; i < 2000 && failed < 3; i++) {
        if (write_plain(k, T0 + i * 1000, i, &err) == 0)
            good[ok++] = i;
        else
            failed++;
    }
    setrlimit(RLIMIT_FSIZE, &whole);
    assert_true(ok > 10 && failed > 0);
    assert_true(kit_read(k, "m", "a").n >= (size_t)ok); /* reads go on */
    assert_int_equal(write_plain(k, T0 + 3000000, 3000, &err), 0);
    kit_close(k);
    kit_open(k);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, ok + 1);
    for (int i = 0; i < ok; i++)
        assert_true(got.v[i] == (double)good[i]);
    assert_int_equal(kit_stats(k).damaged, 0);
}

static void a_write_that_fails_is_cut_off(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    pid_t child = fork();
    if (child == 0) {
        kit_open(k);
        child_with_small_files(k);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    kit_open(k);
    assert_true(kit_read(k, "m", "a").n > 10);
}

static void fill_disk(const char *dir, char *path, size_t size)
{
    static const char zeros[4096];
    snprintf(path, size, "%s/ballast", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    close(fd);
}

static void full_disk_and_space_again(void **state)
{
    struct kit *k = *state;
    char ballast[128];
    struct ax_err err = {0};
    kit_close(k);
    if (mount("none", k->dir, "tmpfs", 0, "size=1m") < 0) {
        kit_open(k);
        skip();
    }
    kit_open(k);
    assert_int_equal(write_plain(k, T0, 1, &err), 0);
    fill_disk(k->dir, ballast, sizeof ballast);
    int rc = 0, i;
    for (i = 1; rc == 0 && i < 10000; i++)
        rc = write_plain(k, T0 + i * 1000, i, &err);
    assert_int_equal(rc, -ENOSPC);
    assert_non_null(strstr(err.text, "no space left"));
    uint64_t held = kit_stats(k).head_samples;
    assert_int_equal(write_plain(k, T0 + 20000000, 0, &err), -ENOSPC);
    assert_int_equal(kit_stats(k).head_samples, held); /* memory does not fill with the refused */
    assert_true(kit_read(k, "m", "a").n >= (size_t)i - 1);
    kit_now += 5 * HOUR;
    assert_int_equal(ax_store_tick(k->store, &err), -ENOSPC); /* nor can a block be written */
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(write_plain(k, T0 + 30000000, 7, &err), 0);
    kit_tick(k, 1);
    kit_close(k);
    kit_open(k);
    assert_true(kit_read(k, "m", "a").n >= (size_t)i);
    assert_int_equal(kit_stats(k).blocks, 1);
    kit_close(k);
    assert_int_equal(umount2(k->dir, MNT_DETACH), 0);
    kit_open(k);
}

struct sender {
    struct kit *k;
    char vm[8];
    unsigned n;
};

static void *send_many(void *arg)
{
    struct sender *s = arg;
    for (unsigned i = 0; i < s->n; i++)
        kit_write1(s->k, "m", s->vm, T0 + (int64_t)i * 1000, i);
    return NULL;
}

/* Senders, queries and background work at once; and far fewer syncs than commits. */
static void threads_share_syncs(void **state)
{
    enum { SENDERS = 8, EACH = 300 };
    struct kit *k = *state;
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.k = k, .n = EACH};
        snprintf(senders[i].vm, sizeof senders[i].vm, "vm%d", i);
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    for (int i = 0; i < 100; i++) {
        if (i == 50)
            kit_now += 5 * HOUR; /* a flush in the middle of it */
        kit_tick(k, 1);
        struct ax_series got = kit_read(k, "m", "vm3");
        for (size_t j = 0; j < got.n; j++)
            assert_true(got.v[j] == (double)j);
        ax_arena_reset(&k->arena);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(kit_read(k, "m", senders[i].vm).n, EACH);
    assert_true(kit_stats(k).syncs < SENDERS * EACH / 2);
    kit_close(k);
    kit_open(k);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(kit_read(k, "m", senders[i].vm).n, EACH);
}

static void the_log_shrinks_when_blocks_are_written(void **state)
{
    struct kit *k = *state;
    for (int i = 0; i < 1000; i++)
        kit_write1(k, "m", "a", T0 + i * 1000, i + 0.123456789);
    uint64_t before = kit_stats(k).wal_bytes;
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    assert_true(kit_stats(k).wal_bytes < before / 10);
    char path[96];
    snprintf(path, sizeof path, "%s/wal/0000000001.wal", k->dir);
    assert_int_equal(access(path, F_OK), -1);
}

/* Which blocks count is then not known: all are taken, none is deleted. */
static void a_lost_manifest_costs_nothing(void **state)
{
    struct kit *k = *state;
    char path[96];
    kit_write1(k, "m", "a", T0, 1);
    kit_now += 3 * HOUR;
    kit_tick(k, 2);
    assert_int_equal(kit_stats(k).blocks, 1);
    kit_close(k);
    snprintf(path, sizeof path, "%s/MANIFEST", k->dir);
    assert_int_equal(unlink(path), 0);
    kit_open(k);
    assert_int_equal(kit_stats(k).damaged, 1);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
    kit_close(k);
    kit_open(k); /* there is one again */
    assert_int_equal(kit_stats(k).damaged, 0);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
}

static ssize_t fails_from_half(int fd, void *p, size_t n, off_t at)
{
    if (at >= 1 << 20) {
        errno = EIO;
        return -1;
    }
    return pread(fd, p, n, at);
}

/* Of a log of which the second MiB cannot be read the first is served, and the file is kept. */
static void a_log_that_cannot_be_read_ends_no_start(void **state)
{
    struct kit *k = *state;
    struct ax_disk disk = ax_disk_real;
    char path[96];
    struct ax_sample s[1000];
    size_t n = 0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 1000; i++, n++)
            s[i] = (struct ax_sample){T0 + (int64_t)n, sqrt((double)n)};
        kit_write(k, TENANT, "m", "a", s, 1000);
    }
    kit_close(k);
    disk.pread = fails_from_half;
    ax_disk = &disk;
    kit_open(k);
    ax_disk = &ax_disk_real;
    struct ax_series got = kit_read(k, "m", "a");
    assert_true(got.n >= 100000 && got.n < n);
    assert_int_equal(kit_stats(k).damaged >= 1, 1);
    snprintf(path, sizeof path, "%s/wal/0000000001.wal.damaged", k->dir);
    assert_int_equal(access(path, F_OK), 0);
    kit_now += 3 * HOUR;
    kit_tick(k, 3);
    assert_int_equal(access(path, F_OK), 0);
}

static void *write_patiently(void *arg)
{
    kit_write1(arg, "m", "patient", T0, 1);
    return NULL;
}

/* A batch that is not to wait takes along those that do. */
static void an_urgent_batch_does_not_wait(void **state)
{
    struct kit *k = *state;
    struct ax_sample s = {T0, 2};
    pthread_t patient;
    kit_close(k);
    kit_commit_us = 20000000;
    kit_open(k);
    kit_commit_us = 200;
    int64_t began = ax_mono_ns();
    assert_int_equal(pthread_create(&patient, NULL, write_patiently, k), 0);
    while (kit_stats(k).head_samples == 0)
        sched_yield();
    kit_write_batch(k, (struct ax_batch){.now = true}, TENANT, "m", "urgent", &s, 1);
    pthread_join(patient, NULL);
    assert_true(ax_mono_ns() - began < 10000000000);
    assert_int_equal(kit_stats(k).syncs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(torn_at_every_byte, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(damage_in_the_middle, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(times_that_cannot_be_are_damage, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(noise_is_survived, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_by_kill_9, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_write_that_fails_is_cut_off, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(full_disk_and_space_again, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(an_urgent_batch_does_not_wait, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(threads_share_syncs, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(the_log_shrinks_when_blocks_are_written, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_lost_manifest_costs_nothing, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_read_ends_no_start, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
