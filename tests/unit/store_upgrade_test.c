// SPDX-License-Identifier: Apache-2.0
/* What earlier versions of the formats left on disk is read, and goes on in the present ones. */
#include "store_kit.h"

#include "base/file.h"

#include <fcntl.h>

#define WRITTEN_AT 1700000000000 /* times of the fixtures' samples begin here */

static void copy_fixture(const char *name, const char *to)
{
    char from[512];
    AX_CLEANUP(ax_buf_free) struct ax_buf bytes = AX_BUF_INIT;
    snprintf(from, sizeof from, "%s/store/%s", getenv("FIXTURES"), name);
    assert_int_equal(ax_file_read(AT_FDCWD, from, 1 << 20, &bytes, NULL), 0);
    FILE *f = fopen(to, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

/* Four requests of two samples each for hosts alpha and beta, written by version 1 of the log. */
static void check_log_1(struct kit *k)
{
    static const char *const vms[] = {"web-alpha", "web-beta"};
    for (int i = 0; i < 2; i++) {
        struct ax_series load = kit_read(k, "load1", vms[i]);
        struct ax_series free_memory = kit_read(k, "mem_free_bytes", vms[i]);
        assert_int_equal(load.n, 8);
        assert_int_equal(free_memory.n, 8);
        for (int n = 0; n < 8; n++) {
            int request = n / 2, sample = n % 2;
            assert_int_equal(load.t[n], WRITTEN_AT + request * 30000 + sample * 15000);
            assert_true(load.v[n] == 0.25 * request + sample);
            assert_true(free_memory.v[n] == 4096.0 * (100 + request * 3 - sample));
        }
    }
}

static void a_log_of_version_1_is_read(void **state)
{
    struct kit *k = *state;
    char path[96];
    kit_close(k);
    snprintf(path, sizeof path, "%s/wal/0000000001.wal", k->dir);
    copy_fixture("version1.wal", path);
    kit_open(k);
    assert_int_equal(kit_warnings, 0);
    check_log_1(k);
    kit_write1(k, "load5", "web-alpha", WRITTEN_AT + 1000000, 7); /* into version 2 */
    kit_close(k);
    kit_open(k);
    assert_int_equal(kit_stats(k).damaged, 0);
    check_log_1(k);
    assert_int_equal(kit_read(k, "load5", "web-alpha").n, 1);
    kit_now += DAY;
    kit_tick(k, 3); /* into a block */
    assert_true(kit_stats(k).blocks >= 1);
    check_log_1(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_of_version_1_is_read, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
