// SPDX-License-Identifier: Apache-2.0
/* Files that cannot be opened or made: no descriptors left, no space, no right, a file system that
 * turned read-only. What was acknowledged stays, what is not taken is answered so, and when the
 * trouble is over the store goes on by itself. */
#include "store_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

enum { DAYS = 150 };

/* The opening with the number fail_at fails; while read_only all that could change a file. */
static _Atomic unsigned opened, fail_at;
static _Atomic int fail_code;
static _Atomic bool read_only, tripped;

/* Before the C library's, for the store's code in this program. */
int openat(int dirfd, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    bool changes = flags & (O_CREAT | O_WRONLY | O_RDWR);
    if (++opened == fail_at || (read_only && changes)) {
        errno = read_only && changes ? EROFS : fail_code;
        tripped = true;
        return -1;
    }
    return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

static bool turned(void)
{
    errno = EROFS;
    return read_only;
}

static ssize_t ro_write(int fd, const void *p, size_t n)
{
    return turned() ? -1 : write(fd, p, n);
}

static int ro_rename(int dirfd, const char *from, const char *to)
{
    return turned() ? -1 : renameat(dirfd, from, dirfd, to);
}

static int ro_unlink(int dirfd, const char *name)
{
    return turned() ? -1 : unlinkat(dirfd, name, 0);
}

static int try_write(struct kit *k, const char *vm, int64_t t, double v)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample s = {t, v};
    struct ax_err err = {0};
    kit_add(k, &b, TENANT, "m", vm, &s, 1);
    int rc = kit_send(k, &b, &err);
    assert_true(rc == 0 || err.text[0]);
    ax_arena_free(&a);
    return rc;
}

/* What was acknowledged, by day; a refused one may have reached the disk all the same. */
static bool acknowledged[DAYS];

static void expect_acknowledged(struct kit *k, int days)
{
    struct ax_series x = kit_read(k, "m", "a");
    size_t at = 0;
    for (int i = 0; i < days; i++) {
        bool there = at < x.n && x.t[at] == T0 + i * DAY + HOUR;
        assert_true(there || !acknowledged[i]);
        assert_true(!there || x.v[at] == i);
        at += there;
    }
    assert_int_equal(at, x.n);
    assert_int_equal(kit_stats(k).damaged, 0);
    ax_arena_reset(&k->arena);
}

static unsigned files_in(struct kit *k, const char *dir)
{
    char path[128];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/%s", k->dir, dir);
    DIR *d = opendir(path);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Each opening in appending, flushing, merging and starting fails in turn. */
static void a_file_that_cannot_be_opened_costs_nothing_acknowledged(void **state)
{
    static const int codes[] = {EMFILE, ENOSPC, EACCES, EROFS};
    struct kit *k = *state;
    unsigned failed = 0;
    for (int day = 0; day < DAYS; day++) {
        struct ax_err err = {0};
        kit_now = T0 + day * DAY + HOUR;
        fail_code = codes[day % 4];
        tripped = false;
        fail_at = day % 3 == 0 ? opened + 1 + (unsigned)day / 3 % 3 : 0;
        acknowledged[day] = try_write(k, "a", kit_now, day) == 0;
        kit_now += 5 * HOUR;
        if (day % 3 == 1)
            fail_at = opened + 1 + (unsigned)day / 3 % 16;
        for (int i = 0; i < 4; i++)
            ax_store_tick(k->store, &err);
        expect_acknowledged(k, day + 1);
        kit_close(k);
        if (day % 3 == 2)
            fail_at = opened + 1 + (unsigned)day / 3 % 20;
        int rc = kit_try_open(k, 100 * 365 * DAY, &err);
        assert_true(rc == 0 || (tripped && err.text[0]));
        failed += tripped;
        fail_at = 0;
        if (rc < 0)
            kit_open(k);
        kit_tick(k, 3);
        expect_acknowledged(k, day + 1);
    }
    assert_true(failed > DAYS / 2);
}

/* As ext4 does with errors=remount-ro, and somebody mounts it anew. */
static void a_read_only_file_system_is_said_and_read_from(void **state)
{
    struct kit *k = *state;
    struct ax_disk disk = ax_disk_real;
    struct ax_err err = {0};
    disk.write = ro_write;
    disk.rename = ro_rename;
    disk.unlink = ro_unlink;
    kit_close(k);
    ax_disk = &disk;
    kit_open(k);
    for (int day = 0; day < 20; day++) {
        kit_now = T0 + day * DAY + HOUR;
        read_only = day % 4 >= 2;
        int rc = try_write(k, "a", kit_now, day);
        assert_int_equal(rc, read_only ? -EROFS : 0);
        acknowledged[day] = rc == 0;
        kit_now += 5 * HOUR;
        for (int i = 0; i < 6; i++)
            ax_store_tick(k->store, &err);
        expect_acknowledged(k, day + 1);
    }
    read_only = true;
    kit_close(k);
    assert_int_equal(kit_try_open(k, DAY, &err), -EROFS);
    read_only = false;
    kit_open(k);
    kit_tick(k, 3);
    expect_acknowledged(k, 20);
    ax_disk = &ax_disk_real;
}

/* Failing work is tried again each second: it must not fill the disk in doing so. (When MANIFEST is
 * replaced and only the sync after it fails, the files stay: the next start may find that one.) */
static void a_flush_that_fails_leaves_no_files(void **state)
{
    enum { CREATE = 1, SYNC_DIRECTORY, OPEN, MANIFEST_TMP, STEPS };
    struct kit *k = *state;
    struct ax_err err = {0};
    kit_write1(k, "m", "b", kit_now, 1);
    kit_now += 5 * HOUR;
    fail_code = EMFILE;
    for (unsigned step = CREATE; step < STEPS; step++)
        for (int i = 0; i < 5; i++) {
            fail_at = opened + step;
            assert_int_equal(ax_store_tick(k->store, &err), -EMFILE);
            fail_at = 0;
            assert_int_equal(files_in(k, "blocks"), 0);
        }
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).blocks, 1);
    assert_int_equal(kit_read(k, "m", "b").n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_costs_nothing_acknowledged,
                                        kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_read_only_file_system_is_said_and_read_from, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_flush_that_fails_leaves_no_files, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
