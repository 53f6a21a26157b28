// SPDX-License-Identifier: Apache-2.0
/* Series that are polled together have their times in common: on disk as well, and they come back
 * as they were. */
#include "store_kit.h"

#include <fcntl.h>
#include <sys/stat.h>

#define POLLS  960 /* two chunks */
#define SERIES 8

static int64_t when[POLLS];

/* A clock that is some ms late, and misses a poll now and then. */
static void set_times(void)
{
    int64_t at = T0;
    for (unsigned i = 0; i < POLLS; i++) {
        when[i] = at + i * 7919 % 23;
        at += i % 100 == 99 ? 10000 : 5000;
    }
}

static double value_at(unsigned series, unsigned i)
{
    return (double)(i * (series + 3) * 7919 % 1000) / 10;
}

static const char *vm_of(unsigned series)
{
    static const char *const names[SERIES] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    return names[series];
}

static void write_polls(struct kit *k, unsigned from, unsigned to)
{
    for (unsigned s = 0; s < SERIES; s++) {
        struct ax_sample samples[POLLS];
        for (unsigned i = from; i < to; i++)
            samples[i - from] = (struct ax_sample){when[i] + (s == SERIES - 1), value_at(s, i)};
        kit_write(k, TENANT, "m", vm_of(s), samples, to - from);
    }
}

static void check_series(struct kit *k, unsigned s, unsigned from)
{
    struct ax_series got = kit_read(k, "m", vm_of(s));
    assert_int_equal(got.n, POLLS - from);
    for (unsigned i = from; i < POLLS; i++) {
        assert_int_equal(got.t[i - from], when[i] + (s == SERIES - 1));
        assert_true(got.v[i - from] == value_at(s, i));
    }
}

static void block_path(struct kit *k, char *out, size_t size)
{
    snprintf(out, size, "%s/blocks/0000000001.axb", k->dir);
}

static off_t block_size(struct kit *k)
{
    char path[128];
    struct stat st;
    block_path(k, path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void flush(struct kit *k)
{
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).blocks, 1);
}

static void times_are_written_once(void **state)
{
    struct kit *k = *state;
    set_times();
    write_polls(k, 0, POLLS);
    flush(k);
    for (unsigned s = 0; s < SERIES; s++)
        check_series(k, s, 0);
    /* 10 bits of each value, 6 of each time: of two columns of times, not of eight */
    assert_true(block_size(k) < POLLS * (SERIES * 11 + 2 * 7) / 8 + 2000);
}

static void merged_chunks_share_times_again(void **state)
{
    struct kit *k = *state;
    set_times();
    for (unsigned part = 0; part < 6; part++) { /* blocks that end in the middle of chunks */
        write_polls(k, part * POLLS / 6, (part + 1) * POLLS / 6);
        kit_now += 5 * HOUR;
        kit_tick(k, 1);
    }
    kit_tick(k, 5);
    for (unsigned s = 0; s < SERIES; s++)
        check_series(k, s, 0);
    kit_close(k);
    kit_open(k);
    for (unsigned s = 0; s < SERIES; s++)
        check_series(k, s, 0);
}

static void a_damaged_column_costs_its_range(void **state)
{
    struct kit *k = *state;
    char path[128];
    uint8_t byte;
    set_times();
    write_polls(k, 0, POLLS);
    flush(k);
    block_path(k, path, sizeof path);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 20), 1); /* the first thing in it is a column */
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 20), 1);
    close(fd);
    for (unsigned s = 0; s < SERIES; s++)
        check_series(k, s, s == SERIES - 1 ? 0 : POLLS / 2); /* the last has its own */
    assert_true(kit_stats(k).damaged > 0);
    assert_non_null(strstr(kit_warning, "damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(times_are_written_once, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(merged_chunks_share_times_again, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_damaged_column_costs_its_range, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
