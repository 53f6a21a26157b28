// SPDX-License-Identifier: Apache-2.0
/* Blocks of older versions stay readable, and become the present one when they are merged.
 *
 * fixtures/store/block-1.axb was written by the code of format version 1 from old_series(). */
#include "store_kit.h"

#include "base/buf.h"
#include "base/file.h"
#include "store/block.h"

#include <fcntl.h>
#include <sys/stat.h>

#define NOISE 1000

#define OLD_SERIES  6
#define OLD_SAMPLES 600

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

static uint64_t seed;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Kinds that the format tells apart: constant, counter, decimals, any bits, not numbers, uneven
 * times. */
static size_t old_series(unsigned kind, int64_t *t, double *v)
{
    int64_t at = T0 + kind * 100;
    uint64_t counter = 1ull << 40;
    seed = 88172645463325252 + kind;
    for (size_t i = 0; i < OLD_SAMPLES; i++) {
        counter += 1000000 + rnd() % 5000000;
        t[i] = at;
        at += kind == 5 ? 9900 + (int64_t)(rnd() % 200) : 10000;
        switch (kind) {
        case 0: v[i] = 4; break;
        case 1: v[i] = (double)counter; break;
        case 2: v[i] = (double)(rnd() % 10000) / 100; break;
        case 3: v[i] = 1 / (double)(1 + rnd() % 1000); break;
        case 4: v[i] = i % 50 ? -0.0 : from_bits(AX_STALE_BITS); break;
        default: v[i] = 4096 * (double)(rnd() % 64);
        }
    }
    return kind == 0 ? 1 : kind == 3 ? 100 : OLD_SAMPLES;
}

static const char *old_vm(unsigned kind)
{
    static const char *const names[OLD_SERIES] = {"a", "b", "c", "d", "e", "f"};
    return names[kind];
}

static void check_old_series(struct kit *k)
{
    int64_t t[OLD_SAMPLES];
    double v[OLD_SAMPLES];
    for (unsigned kind = 0; kind < OLD_SERIES; kind++) {
        size_t n = old_series(kind, t, v);
        struct ax_series got = kit_read(k, "old", old_vm(kind));
        assert_int_equal(got.n, n);
        assert_memory_equal(got.t, t, n * sizeof *t);
        assert_memory_equal(got.v, v, n * sizeof *v);
    }
    assert_int_equal(kit_warnings, 1); /* of the missing MANIFEST */
}

/* The store of the older version: its block, and no MANIFEST that would name it. */
static void put_old_block(struct kit *k, const char *fixture)
{
    char from[256], to[128];
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    snprintf(from, sizeof from, "%s/store/%s", getenv("FIXTURES"), fixture);
    assert_int_equal(ax_file_read(AT_FDCWD, from, 1 << 20, &b, NULL), 0);
    snprintf(to, sizeof to, "%s/blocks/0000000001.axb", k->dir);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && ax_write_all(fd, b.p, b.n) == 0);
    close(fd);
    snprintf(to, sizeof to, "%s/MANIFEST", k->dir);
    fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && ax_write_all(fd, "?", 1) == 0);
    close(fd);
}

static uint32_t version_of(struct kit *k, int number)
{
    char path[128];
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    snprintf(path, sizeof path, "%s/blocks/%010d.axb", k->dir, number);
    assert_int_equal(ax_file_read(AT_FDCWD, path, 1 << 20, &b, NULL), 0);
    const char *footer = memmem(b.p + b.n - 400, 400, "AXBLOCK\n", 8);
    assert_non_null(footer);
    uint32_t version;
    memcpy(&version, footer + 8, sizeof version);
    return version;
}

static bool has_block(struct kit *k, int number)
{
    char path[128];
    snprintf(path, sizeof path, "%s/blocks/%010d.axb", k->dir, number);
    return access(path, F_OK) == 0;
}

/* Noise, so that the block is not too small to be worth moving the old one. */
static void write_noise(struct kit *k, int64_t t)
{
    static unsigned chance = 1;
    struct ax_sample v[NOISE];
    for (int i = 0; i < NOISE; i++)
        v[i] = (struct ax_sample){t + i * 10, rand_r(&chance) / 7.0};
    kit_write(k, TENANT, "new", "a", v, NOISE);
}

static void version_1_is_read_and_merged(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    put_old_block(k, "block-1.axb");
    assert_int_equal(version_of(k, 1), 1);
    kit_open(k);
    check_old_series(k);
    kit_now = T0 + 40 * DAY;
    int n = 0;
    do { /* blocks of the same time, until all are merged */
        assert_in_range(n, 0, 20);
        write_noise(k, T0 + n * 60000);
        n++;
        kit_now += DAY;
        kit_tick(k, 3);
        check_old_series(k);
    } while (has_block(k, 1));
    for (int i = 2; i < 60; i++)
        if (has_block(k, i))
            assert_int_equal(version_of(k, i), AX_BLOCK_VERSION);
    assert_int_equal(kit_read(k, "new", "a").n, n * NOISE);
    kit_close(k);
    kit_open(k);
    check_old_series(k);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_1_is_read_and_merged, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
