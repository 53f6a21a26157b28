// SPDX-License-Identifier: Apache-2.0
/* Snapshots have all that was acknowledged before they were taken; backups copy only what is new,
 * and one that is interrupted is either the former or says so. */
#include "store_kit.h"

#include "base/file.h"
#include "store/disk.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { SERIES = 3 };

static void write_hour(struct kit *k, int hour)
{
    struct ax_sample v[60];
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        for (int i = 0; i < 60; i++)
            v[i] = (struct ax_sample){T0 + hour * HOUR + i * 60000, hour * 60 + i};
        kit_write(k, TENANT, "m", vm, v, 60);
    }
}

static void fill(struct kit *k, int from, int to)
{
    for (int h = from; h < to; h++) {
        kit_now = T0 + (h + 1) * HOUR + HOUR / 2;
        write_hour(k, h);
        kit_tick(k, 1);
    }
}

static void beside(const struct kit *k, const char *what, char out[128])
{
    snprintf(out, 128, "%s-%s", k->dir, what);
}

/* Opens the directory as a store: it has so many hours, returned, and no fault. */
static int hours_in(const char *dir)
{
    struct kit other = {0};
    snprintf(other.dir, sizeof other.dir, "%s", dir);
    kit_open(&other);
    int hours = (int)kit_read(&other, "m", "0").n / 60;
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        struct ax_series x = kit_read(&other, "m", vm);
        assert_int_equal(x.n, hours * 60);
        for (int i = 0; i < hours * 60; i++)
            assert_true(x.t[i] == T0 + i * 60000 && x.v[i] == i);
    }
    assert_int_equal(kit_stats(&other).damaged, 0);
    kit_close(&other);
    ax_arena_free(&other.arena);
    return hours;
}

static unsigned faults;
static void on_fault(void *ctx, const struct ax_store_fault *f)
{
    faults++;
}

static unsigned verify(const char *dir)
{
    struct ax_store_verifier v = {on_fault, NULL, NULL};
    struct ax_store_verified sums;
    struct ax_err err = {0};
    faults = 0;
    if (ax_store_verify(dir, &v, &sums, &err) < 0)
        fail_msg("%s", err.text);
    return faults;
}

static struct ax_store_copied backup(const char *from, const char *to)
{
    struct ax_store_copied c = {0};
    struct ax_err err = {0};
    if (ax_store_backup(from, to, NULL, &c, &err) < 0)
        fail_msg("%s", err.text);
    return c;
}

static void a_snapshot_is_a_store_of_that_moment(void **state)
{
    struct kit *k = *state;
    char path[128], copy[128];
    struct ax_err err = {0};
    beside(k, "snapshot", path);
    beside(k, "copy", copy);
    fill(k, 0, 7);
    if (ax_store_snapshot(k->store, path, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(ax_store_snapshot(k->store, path, &err), -EEXIST);
    fill(k, 7, 12);
    assert_int_equal(ax_store_compact(k->store, NULL, &err), 0);
    assert_int_equal(verify(path), 0);
    backup(path, copy);
    assert_int_equal(hours_in(copy), 7);
    assert_int_equal(hours_in(path), 7);
    kit_close(k);
    assert_int_equal(hours_in(k->dir), 12);
    kit_open(k);
    kit_remove(path);
    kit_remove(copy);
}

static _Atomic int acknowledged;
static _Atomic bool stop;

static void *write_on(void *arg)
{
    struct kit *k = arg;
    for (int i = 0; !stop; i++) {
        kit_write1(k, "n", "0", T0 + i * 1000, i);
        acknowledged = i;
    }
    return NULL;
}

static void *keep(void *arg)
{
    struct kit *k = arg;
    while (!stop) {
        ax_store_compact(k->store, NULL, NULL); /* blocks are made and merged all the time */
        usleep(1000);
    }
    return NULL;
}

static void what_was_acknowledged_before_is_in_it(void **state)
{
    struct kit *k = *state;
    pthread_t threads[2];
    char path[128];
    beside(k, "snapshot", path);
    stop = false;
    assert_int_equal(pthread_create(&threads[0], NULL, write_on, k), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, keep, k), 0);
    for (int round = 0; round < 20; round++) {
        struct ax_err err = {0};
        usleep(5000);
        int before = acknowledged;
        if (ax_store_snapshot(k->store, path, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(verify(path), 0);
        struct kit other = {0};
        snprintf(other.dir, sizeof other.dir, "%s", path);
        kit_open(&other);
        struct ax_series x = kit_read(&other, "n", "0");
        assert_true((int)x.n >= before);
        for (size_t i = 0; i < x.n; i++)
            assert_true(x.v[i] == (double)i);
        kit_close(&other);
        ax_arena_free(&other.arena);
        kit_remove(path);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void only_what_is_new_is_copied(void **state)
{
    struct kit *k = *state;
    char copy[128];
    beside(k, "copy", copy);
    fill(k, 0, 7);
    struct ax_store_copied c;
    struct ax_err err = {0};
    assert_int_equal(ax_store_backup(k->dir, copy, NULL, &c, &err), -EBUSY);
    uint64_t blocks = kit_stats(k).blocks;
    assert_true(blocks > 1);
    kit_close(k);
    c = backup(k->dir, copy);
    assert_true(c.files > blocks && c.kept_files == 0);
    assert_int_equal(hours_in(copy), 7);
    kit_open(k);
    fill(k, 7, 9);
    kit_close(k);
    c = backup(k->dir, copy);
    assert_true(c.kept_files >= 1 && c.kept_bytes > 0);
    assert_int_equal(verify(copy), 0);
    assert_int_equal(hours_in(copy), 9);
    kit_open(k);
    assert_int_equal(ax_store_compact(k->store, NULL, NULL), 0);
    kit_close(k);
    c = backup(k->dir, copy);
    assert_true(c.files == 1 && c.kept_files == 0); /* the one block; the log and the rest went */
    c = backup(k->dir, copy);
    assert_true(c.files == 0 && c.kept_files == 1);
    assert_int_equal(hours_in(copy), 9);
    kit_open(k);
    kit_remove(copy);
}

/* The same number, another block: the server died before a manifest named the first. */
static void a_block_that_only_has_the_name_is_copied(void **state)
{
    struct kit *k = *state;
    char copy[128], command[400];
    beside(k, "copy", copy);
    fill(k, 0, 3);
    kit_close(k);
    backup(k->dir, copy);
    snprintf(command, sizeof command, "rm -rf '%s'; mkdir '%s'", k->dir, k->dir);
    assert_int_equal(system(command), 0);
    kit_open(k);
    fill(k, 0, 6);
    kit_close(k);
    backup(k->dir, copy);
    assert_int_equal(hours_in(copy), 6);
    kit_open(k);
    kit_remove(copy);
}

static void interrupted_it_is_the_former_or_says_so(void **state)
{
    struct kit *k = *state;
    char copy[128], saved[128], command[400];
    struct ax_err err;
    unsigned former = 0, told = 0;
    beside(k, "copy", copy);
    beside(k, "saved", saved);
    fill(k, 0, 5);
    kit_close(k);
    backup(k->dir, saved);
    kit_open(k);
    fill(k, 5, 9);
    kit_close(k);
    int rc = -1;
    for (int at = 0; rc < 0 && at < 200; at++) {
        struct ax_store_copied c;
        snprintf(command, sizeof command, "rm -rf '%s'; cp -a '%s' '%s'", copy, saved, copy);
        assert_int_equal(system(command), 0);
        ax_disk = kit_stopping_disk();
        kit_operations_left = at;
        rc = ax_store_backup(k->dir, copy, NULL, &c, &err);
        ax_disk = &ax_disk_real;
        bool incomplete = verify(copy) > 0;
        if (rc < 0 && !incomplete) {
            snprintf(command, sizeof command, "%s-look", copy);
            backup(copy, command);
            int hours = hours_in(command);
            assert_true(hours == 5 || hours == 9); /* the last sync is behind all */
            former += hours == 5;
            kit_remove(command);
        }
        told += incomplete;
        backup(k->dir, copy); /* made again it is whole */
        assert_int_equal(verify(copy), 0);
        assert_int_equal(hours_in(copy), 9);
    }
    assert_true(rc == 0 && former > 3 && told > 3);
    kit_open(k);
    kit_remove(copy);
    kit_remove(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
        TEST(a_snapshot_is_a_store_of_that_moment),
        TEST(what_was_acknowledged_before_is_in_it),
        TEST(only_what_is_new_is_copied),
        TEST(a_block_that_only_has_the_name_is_copied),
        TEST(interrupted_it_is_the_former_or_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
