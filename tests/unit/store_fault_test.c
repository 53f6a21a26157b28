// SPDX-License-Identifier: Apache-2.0
/* A disk that fails: what it cannot give back costs only that, and what it does not take is never
 * answered as taken. (Power cuts: tests/crash.) */
#include "store_kit.h"

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
    struct ax_sample s[960];
    for (int i = 0; i < 960; i++)
        s[i] = (struct ax_sample){T0 + i * 5000, (i * 7919 % 1000) / 7.0};
    kit_write(k, TENANT, "m", "a", s, 960);
    kit_write(k, TENANT, "m", "b", s, 960);
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
    assert_int_equal(samples_of(read_all(k)), 1922);
    kit_close(k);
    ax_disk = &disk;
    bad_from = bad_to = 0;
    kit_open(k);
    bad_from = 1000; /* in the first chunk; the other block is shorter */
    bad_to = 1001;
    struct ax_series_set set = read_all(k);
    assert_int_equal(samples_of(set), 1442);
    assert_true(set.warning.n > 0);
    assert_int_equal(kit_stats(k).damaged, 1);
    assert_non_null(strstr(kit_warning, "cannot be read"));
    bad_to = 0; /* the disk has thought better of it */
    set = read_all(k);
    assert_int_equal(samples_of(set), 1922);
    assert_int_equal(set.warning.n, 0);
    kit_close(k);
    ax_disk = &ax_disk_real;
    kit_open(k);
}

/* Entries know the newest sample of a chunk, and how many there are: no chunk is read for these. */
static void entries_answer_without_their_chunks(void **state)
{
    struct kit *k = *state;
    struct ax_disk disk = ax_disk_real;
    disk.pread = failing_pread;
    write_two_blocks(k);
    kit_close(k);
    ax_disk = &disk;
    bad_from = bad_to = 0;
    kit_open(k);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    bad_from = 1000; /* in the first chunk of all */
    bad_to = 1001;
    sel.maxt = T0 + 479 * 5000; /* its last sample */
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.warning.n, 0);
    for (int i = 0; i < 2; i++)
        assert_true(set.v[i].t[0] == sel.maxt && set.v[i].v[0] == 479 * 7919 % 1000 / 7.0);
    sel.maxt += 2500; /* between two chunks */
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n == 2 && set.v[0].t[0] == T0 + 479 * 5000);
    sel.maxt = T0 + 600 * 5000 + 1; /* inside the second, which is read */
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n == 2 && set.v[1].t[0] == T0 + 600 * 5000);
    sel.maxt = 1ll << 60;
    sel.max_samples = 1900;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), -E2BIG);
    assert_int_equal(kit_stats(k).damaged, 0);
    sel.max_samples = 1922;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(kit_stats(k).damaged, 1);
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
    size_t before = 1922;
    for (off_t size = st.st_size - 1; size >= 0; size -= size > 97 ? 97 : 1) {
        assert_int_equal(truncate(path, size), 0);
        struct ax_series_set set = read_all(k);
        size_t n = samples_of(set);
        assert_true(n <= before && n >= 2);
        assert_true(n == 1922 || set.warning.n > 0);
        before = n;
        struct ax_store_select sel = kit_all(NULL, 0);
        struct ax_str *names;
        size_t nnames;
        assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
        assert_true(set.n == 3 || (set.n == 2 && set.warning.n > 0));
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

/* Operations are counted; the one with the number fail_at fails, or all of them from that one on.
 */
static unsigned ops, fail_at, fail_from, tripped;
static int fail_code;

static bool trips(void)
{
    unsigned now = __atomic_add_fetch(&ops, 1, __ATOMIC_SEQ_CST);
    if (now != fail_at && (!fail_from || now < fail_from))
        return false;
    tripped++;
    errno = fail_code;
    return true;
}

static ssize_t counted_write(int fd, const void *p, size_t n)
{
    return trips() ? -1 : write(fd, p, n);
}

static int counted_fsync(int fd)
{
    return trips() ? -1 : fsync(fd);
}

static int counted_fdatasync(int fd)
{
    return trips() ? -1 : fdatasync(fd);
}

static int counted_rename(int dirfd, const char *from, const char *to)
{
    return trips() ? -1 : renameat(dirfd, from, dirfd, to);
}

static struct ax_disk counted_disk(void)
{
    struct ax_disk d = ax_disk_real;
    d.write = counted_write;
    d.fsync = counted_fsync;
    d.fdatasync = counted_fdatasync;
    d.rename = counted_rename;
    return d;
}

static int try_write(struct kit *k, const char *vm, int64_t t, double v, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample s = {t, v};
    kit_add(k, &b, TENANT, "m", vm, &s, 1);
    int rc = kit_send(k, &b, err);
    ax_arena_free(&a);
    return rc;
}

/* Each step of making a log segment and writing to it fails in turn: the batch is refused, the next
 * one works, and what was acknowledged is there after the next start. */
static void a_failed_log_write_is_never_answered_as_success(void **state)
{
    struct kit *k = *state;
    const struct ax_disk disk = counted_disk();
    const int codes[] = {EIO, ENOSPC};
    int good = 0;
    kit_close(k);
    ax_disk = &disk;
    for (unsigned round = 0; round < 40; round++) {
        struct ax_err err = {0};
        kit_open(k);
        fail_code = codes[round % 2];
        fail_at = ops + 1 + round / 2 % 6;
        for (int i = 0; i < 4; i++) {
            unsigned before = tripped;
            int rc = try_write(k, "a", T0 + good * 1000ll, good, &err);
            assert_int_equal(rc, tripped > before ? -fail_code : 0);
            good += rc == 0;
        }
        fail_at = 0;
        kit_close(k);
        kit_open(k);
        struct ax_series got = kit_read(k, "m", "a");
        assert_int_equal(kit_stats(k).damaged, 0);
        assert_in_range(got.n, good, good + 1);
        for (int i = 0; i < good; i++)
            assert_true(got.v[i] == i && got.t[i] == T0 + i * 1000ll);
        kit_close(k);
    }
    assert_true(tripped >= 30);
    ax_disk = &ax_disk_real;
    kit_open(k);
}

static void expect_days(struct kit *k, int days)
{
    struct ax_series a = kit_read(k, "m", "a"), b = kit_read(k, "m", "b");
    assert_int_equal(a.n, days);
    assert_int_equal(b.n, days);
    for (int i = 0; i < days; i++)
        assert_true(a.v[i] == i && b.v[i] == -i);
    assert_int_equal(kit_stats(k).damaged, 0);
}

/* Every write, sync and rename of flush, merge and manifest fails in turn, once or from then on. */
static void background_work_may_fail_at_every_step(void **state)
{
    struct kit *k = *state;
    const struct ax_disk disk = counted_disk();
    unsigned failed = 0;
    kit_close(k);
    ax_disk = &disk;
    kit_open(k);
    for (int day = 0; day < 120; day++) {
        struct ax_err err = {0};
        kit_now = T0 + day * DAY + HOUR;
        kit_write1(k, "m", "a", kit_now, day);
        kit_write1(k, "m", "b", kit_now, -day);
        kit_now += 5 * HOUR;
        fail_code = day % 2 ? ENOSPC : EIO;
        *(day % 3 ? &fail_at : &fail_from) = ops + 1 + (unsigned)day / 2 % 14;
        for (int i = 0; i < 4; i++)
            failed += ax_store_tick(k->store, &err) < 0;
        fail_at = fail_from = 0;
        expect_days(k, day + 1); /* reads go on */
        if (day % 2) {           /* and so it is after a start from what is on the disk now */
            kit_close(k);
            kit_open(k);
            expect_days(k, day + 1);
        }
        kit_tick(k, 3); /* and it recovers by itself */
        expect_days(k, day + 1);
        ax_arena_reset(&k->arena);
    }
    assert_true(failed > 60);
    kit_close(k);
    ax_disk = &ax_disk_real;
    kit_open(k);
    expect_days(k, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_unreadable_chunk_costs_its_range_only, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(entries_answer_without_their_chunks, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_block_that_cannot_be_read_at_start_is_set_aside, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_block_may_be_truncated_while_it_is_open, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_failed_log_write_is_never_answered_as_success, kit_new,
                                        kit_end),
        cmocka_unit_test_setup_teardown(background_work_may_fail_at_every_step, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
