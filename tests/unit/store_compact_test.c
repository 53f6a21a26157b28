// SPDX-License-Identifier: Apache-2.0
/* Compacting: what is left is one block for each 32 days and no log, nothing is lost, whatever
 * fails on the way. */
#include "store_kit.h"

#include "store/disk.h"

#include <dirent.h>

enum { SERIES = 3, SAMPLES = 400 };

static int64_t time_of(int i)
{
    return T0 + i * 600000ll; /* almost three days */
}

static void write_part(struct kit *k, int from, int to)
{
    struct ax_sample v[SAMPLES];
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        for (int i = from; i < to; i++)
            v[i - from] = (struct ax_sample){time_of(i), s * 1000 + i};
        kit_write(k, TENANT, "m", vm, v, (size_t)(to - from));
    }
}

/* Blocks of several widths, and a log. */
static void fill(struct kit *k)
{
    for (int i = 0; i < SAMPLES - 50; i += 50) {
        kit_now = time_of(i + 50) + HOUR / 2;
        write_part(k, i, i + 50);
        kit_tick(k, 3);
    }
    kit_now = time_of(SAMPLES);
    write_part(k, SAMPLES - 50, SAMPLES);
}

static void check_all(struct kit *k)
{
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        struct ax_series x = kit_read(k, "m", vm);
        assert_int_equal(x.n, SAMPLES);
        for (int i = 0; i < SAMPLES; i++)
            assert_true(x.t[i] == time_of(i) && x.v[i] == s * 1000 + i);
    }
}

static unsigned files_in(const struct kit *k, const char *folder)
{
    char path[128];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/%s", k->dir, folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static unsigned told;
static void hear(void *ctx, const char *text)
{
    assert_true(ctx == &told && *text);
    told++;
}

static void one_block_and_no_log_are_left(void **state)
{
    struct kit *k = *state;
    struct ax_store_teller teller = {hear, &told};
    struct ax_err err = {0};
    fill(k);
    kit_write1(k, "late", "x", T0 - 40 * DAY, 1); /* of another stretch */
    assert_true(kit_stats(k).blocks > 2 && kit_stats(k).head_samples > 0);
    if (ax_store_compact(k->store, &teller, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(kit_stats(k).blocks, 2);
    assert_int_equal(kit_stats(k).head_samples, 0);
    assert_int_equal(files_in(k, "blocks"), 2);
    assert_int_equal(files_in(k, "wal"), 0);
    assert_true(told >= 3);
    check_all(k);
    kit_close(k);
    kit_open(k);
    check_all(k);
    assert_int_equal(ax_store_compact(k->store, NULL, &err), 0); /* nothing to do is no error */
    assert_int_equal(kit_stats(k).blocks, 2);
    write_part(k, 0, SAMPLES); /* and it goes on as before */
    kit_now += 5 * HOUR;
    kit_tick(k, 4);
    check_all(k);
    assert_int_equal(kit_warnings, 0);
}

static void wherever_it_stops_nothing_is_lost(void **state)
{
    struct kit *k = *state;
    fill(k);
    kit_close(k);
    int rc = -1, at = 0;
    for (; rc < 0 && at < 500; at++) {
        char saved[128], command[512];
        snprintf(saved, sizeof saved, "%s-saved", k->dir);
        snprintf(command, sizeof command, "cp -a '%s' '%s'", k->dir, saved);
        assert_int_equal(system(command), 0);
        kit_open(k);
        kit_operations_left = at;
        ax_disk = kit_stopping_disk();
        rc = ax_store_compact(k->store, NULL, NULL);
        bool through = kit_operations_left > 0;
        check_all(k);
        kit_close(k);
        ax_disk = &ax_disk_real;
        kit_open(k);
        check_all(k);
        assert_int_equal(kit_stats(k).damaged, 0);
        kit_close(k);
        rc = through ? rc : -1; /* an unlink that did not work is no error, and no end */
        kit_remove(k->dir);
        assert_int_equal(rename(saved, k->dir), 0);
    }
    assert_true(rc == 0 && at > 20);
    kit_open(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_block_and_no_log_are_left, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(wherever_it_stops_nothing_is_lost, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
