// SPDX-License-Identifier: Apache-2.0
/* A disk that fails: what it cannot give back costs only that, what it does not take is never
 * answered as taken, and what was acknowledged is there after a power cut. */
#include "store_kit.h"

#include "store/disk.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Reads of bytes in [bad_from, bad_to) of any block fail. */
static off_t bad_from, bad_to;

static ssize_t failing_pread(int fd, void *p, size_t n, off_t at)
{
    if (at < bad_to && at + (off_t)n > bad_from) {
        errno = EIO;
        return -1;
    }
    return pread(fd, p, n, at);
}

static void block_path(struct kit *k, int number, char *out, size_t size)
{
    snprintf(out, size, "%s/blocks/%010d.axb", k->dir, number);
}

/* Two series of two chunks each in a block, and one more block of the day after. */
static void write_two_blocks(struct kit *k)
{
    struct ax_sample s[480];
    for (int i = 0; i < 480; i++)
        s[i] = (struct ax_sample){T0 + i * 10000, (i * 7919 % 1000) / 7.0};
    kit_write(k, TENANT, "m", "a", s, 480);
    kit_write(k, TENANT, "m", "b", s, 480);
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    kit_write1(k, "m", "a", T0 + 40 * DAY, 1);
    kit_write1(k, "m", "c", T0 + 40 * DAY, 2);
    kit_now = T0 + 41 * DAY;
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).blocks, 2);
}

static struct ax_series_set read_all(struct kit *k)
{
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    return set;
}

static size_t samples_of(struct ax_series_set set)
{
    size_t n = 0;
    for (size_t i = 0; i < set.n; i++)
        n += set.v[i].n;
    return n;
}

static void an_unreadable_chunk_costs_its_range_only(void **state)
{
    struct kit *k = *state;
    struct ax_disk disk = ax_disk_real;
    disk.pread = failing_pread;
    write_two_blocks(k);
    assert_int_equal(samples_of(read_all(k)), 962);
    kit_close(k);
    ax_disk = &disk;
    bad_from = bad_to = 0;
    kit_open(k);
    bad_from = 1000; /* in the first chunk; the other block is shorter */
    bad_to = 1001;
    struct ax_series_set set = read_all(k);
    assert_int_equal(samples_of(set), 722);
    assert_true(set.warning.n > 0);
    assert_int_equal(kit_stats(k).damaged, 1);
    assert_non_null(strstr(kit_warning, "cannot be read"));
    bad_to = 0; /* the disk has thought better of it */
    set = read_all(k);
    assert_int_equal(samples_of(set), 962);
    assert_int_equal(set.warning.n, 0);
    kit_close(k);
    ax_disk = &ax_disk_real;
    kit_open(k);
}

static void a_block_that_cannot_be_read_at_start_is_set_aside(void **state)
{
    struct kit *k = *state;
    struct ax_disk disk = ax_disk_real;
    char path[128], aside[160];
    struct stat st;
    disk.pread = failing_pread;
    write_two_blocks(k);
    kit_close(k);
    block_path(k, 1, path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    bad_from = st.st_size - 100;
    bad_to = st.st_size;
    ax_disk = &disk;
    kit_open(k);
    assert_int_equal(samples_of(read_all(k)), 2);
    assert_int_equal(kit_stats(k).damaged, 1);
    kit_close(k);
    ax_disk = &ax_disk_real;
    kit_open(k);
    snprintf(aside, sizeof aside, "%s.damaged", path);
    assert_int_equal(access(aside, F_OK), 0); /* nothing was thrown away */
}

/* Cuts the block shorter and shorter under the open store. */
static void a_block_may_be_truncated_while_it_is_open(void **state)
{
    struct kit *k = *state;
    char path[128];
    struct stat st;
    write_two_blocks(k);
    block_path(k, 1, path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    size_t before = 962;
    for (off_t size = st.st_size - 1; size >= 0; size -= size > 97 ? 97 : 1) {
        assert_int_equal(truncate(path, size), 0);
        struct ax_series_set set = read_all(k);
        size_t n = samples_of(set);
        assert_true(n <= before && n >= 2);
        assert_true(n == 962 || set.warning.n > 0);
        before = n;
        struct ax_store_select sel = kit_all(NULL, 0);
        struct ax_str *names;
        size_t nnames;
        assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
        assert_int_equal(set.n, 3);
        assert_int_equal(ax_store_label_names(k->store, &sel, &k->arena, &names, &nnames, NULL), 0);
        assert_int_equal(nnames, 2);
        ax_arena_reset(&k->arena);
    }
    assert_int_equal(before, 2); /* the other block's */
    kit_write1(k, "m", "a", T0 + 1, 5);
    kit_now += 40 * DAY;
    kit_tick(k, 5); /* and no merge swallows it */
    assert_int_equal(samples_of(read_all(k)), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_unreadable_chunk_costs_its_range_only, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_block_that_cannot_be_read_at_start_is_set_aside, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_block_may_be_truncated_while_it_is_open, kit_new,
                                        kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
