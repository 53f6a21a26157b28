// SPDX-License-Identifier: Apache-2.0
/* Arenas, buffers, maps and files keep what they are given and stop where they must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    unsigned char *p[300];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < AX_ARRAY_LEN(p); i++) {
            size_t n = i * 37 % 9000 + 1;
            p[i] = ax_arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p[i] % 16, 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(p[i][k], 0);
            memset(p[i], (int)i + 1, n);
        }
        for (size_t i = 0; i < AX_ARRAY_LEN(p); i++)
            assert_int_equal(p[i][i * 37 % 9000], (unsigned char)(i + 1));
        ax_arena_reset(&a);
    }
    assert_int_equal(a.used, 0);
    ax_arena_free(&a);
    ax_arena_free(&a); /* an empty one is fine */
}

static void arena_arrays_grow_and_keep_their_content(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    int *v = NULL;
    for (int n = 0; n < 5000; n++) {
        v = ax_arena_grow(&a, v, (size_t)n * sizeof *v, (size_t)(n + 1) * sizeof *v);
        assert_int_equal(v[n], 0);
        v[n] = n;
    }
    for (int n = 0; n < 5000; n++)
        assert_int_equal(v[n], n);
    assert_true(a.used < 5000 * sizeof *v * 4); /* mostly in place */
    struct ax_str s = ax_arena_printf(&a, "%s-%d", "vm", 7);
    assert_string_equal(s.p, "vm-7");
    assert_int_equal(s.n, 4);
    ax_arena_free(&a);
}

static void an_arena_takes_back_the_end_of_what_was_last(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    char *first = ax_arena_room(&a, 100), *last = ax_arena_room(&a, 1000);
    size_t used = a.used;
    ax_arena_shrink(&a, first, 100, 10); /* not the last: stays */
    assert_int_equal(a.used, used);
    ax_arena_shrink(&a, last, 1000, 20);
    assert_ptr_equal(ax_arena_alloc(&a, 1), last + 32);
    ax_arena_free(&a);
}

/* Big blocks go round between arenas: never to two at once, and zeroed again for each. */
static void big_arena_blocks_are_used_again(void **state)
{
    enum { ARENAS = 8, SIZE = 3 << 20 };
    for (int round = 0; round < 3; round++) {
        struct ax_arena a[ARENAS] = {{0}};
        unsigned char *p[ARENAS];
        for (int i = 0; i < ARENAS; i++) {
            p[i] = ax_arena_alloc(&a[i], SIZE - (size_t)round * 1000);
            for (size_t k = 0; k < SIZE - 3000; k += 500)
                assert_int_equal(p[i][k], 0);
            memset(p[i], i + 1, SIZE - 3000);
        }
        for (int i = 0; i < ARENAS; i++) {
            assert_int_equal(p[i][0], i + 1);
            assert_int_equal(p[i][SIZE - 3001], i + 1);
            ax_arena_free(&a[i]);
        }
    }
}

static void a_buffer_stops_at_its_maximum_and_says_so(void **state)
{
    struct ax_buf b = {.max = 10};
    ax_buf_cstr(&b, "12345678");
    assert_false(b.overflow);
    ax_buf_cstr(&b, "abc");
    assert_true(b.overflow);
    ax_buf_byte(&b, 'x'); /* nothing more, though it would fit */
    assert_int_equal(b.n, 8);
    ax_buf_clear(&b);
    assert_false(b.overflow);
    ax_buf_varint(&b, 300);
    assert_memory_equal(b.p, "\xac\x02", 2);
    ax_buf_free(&b);
}

static void a_map_finds_every_key_through_growth(void **state)
{
    struct ax_map m = AX_MAP_INIT;
    struct ax_arena a = AX_ARENA_INIT;
    for (uint64_t i = 0; i < 20000; i++)
        assert_false(ax_map_put(&m, ax_arena_printf(&a, "key %llu", (unsigned long long)i), i));
    assert_true(ax_map_put(&m, AX_STR("key 7"), 77));
    uint64_t v;
    assert_true(ax_map_get(&m, AX_STR("key 7"), &v));
    assert_int_equal(v, 77);
    assert_true(ax_map_get(&m, AX_STR("key 19999"), &v));
    assert_int_equal(v, 19999);
    assert_false(ax_map_get(&m, AX_STR("key"), NULL));
    assert_false(ax_map_put(&m, AX_STR_NULL, 1)); /* the empty key is a key */
    assert_true(ax_map_get(&m, AX_STR_NULL, &v));
    size_t pos = 0, n = 0;
    struct ax_str key;
    while (ax_map_next(&m, &pos, &key, &v))
        n++;
    assert_int_equal(n, 20001);
    ax_map_clear(&m);
    assert_false(ax_map_get(&m, AX_STR("key 7"), NULL));
    ax_map_free(&m);
    ax_arena_free(&a);
}

static void files_are_read_within_bounds_and_replaced_whole(void **state)
{
    char dir[] = "/tmp/auspex-base-XXXXXX", path[64], deep[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(deep, sizeof deep, "%s/a/b", dir);
    struct ax_err err = {0};
    struct ax_buf b = AX_BUF_INIT;
    assert_int_equal(ax_file_read(AT_FDCWD, path, 100, &b, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ax_file_replace(AT_FDCWD, path, "old content", 11, &err), 0);
    assert_int_equal(ax_file_replace(AT_FDCWD, path, "new", 3, &err), 0);
    assert_int_equal(ax_file_read(AT_FDCWD, path, 100, &b, &err), 0);
    assert_true(ax_str_eq(ax_buf_view(&b), AX_STR("new")));
    assert_int_equal(ax_file_read(AT_FDCWD, path, 2, &b, &err), -EFBIG);
    assert_int_equal(ax_mkdirs(deep, &err), 0);
    assert_int_equal(ax_mkdirs(deep, &err), 0);
    assert_true(ax_file_replace(AT_FDCWD, "/proc/nothing/here", "x", 1, &err) < 0);
    ax_buf_free(&b);
    unlink(path);
    rmdir(deep);
    snprintf(deep, sizeof deep, "%s/a", dir);
    rmdir(deep);
    assert_int_equal(rmdir(dir), 0); /* no temporary file was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_arrays_grow_and_keep_their_content),
        cmocka_unit_test(an_arena_takes_back_the_end_of_what_was_last),
        cmocka_unit_test(big_arena_blocks_are_used_again),
        cmocka_unit_test(a_buffer_stops_at_its_maximum_and_says_so),
        cmocka_unit_test(a_map_finds_every_key_through_growth),
        cmocka_unit_test(files_are_read_within_bounds_and_replaced_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
