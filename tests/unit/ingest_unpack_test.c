// SPDX-License-Identifier: Apache-2.0
/* Compressed bodies come out as they went in; what is cut off, damaged or too large is refused,
 * whatever it says of its own size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"

#include <errno.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

static struct ax_arena arena;

static int reset(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

/* As a sender that does not know the size beforehand: `tell` puts it into the frame all the same.
 */
static struct ax_str zstd(struct ax_str s, bool tell)
{
    size_t cap = ZSTD_compressBound(s.n);
    char *p = ax_arena_room(&arena, cap);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, tell);
    size_t n = ZSTD_compress2(c, p, cap, s.p, s.n);
    assert_false(ZSTD_isError(n));
    ZSTD_freeCCtx(c);
    return (struct ax_str){p, n};
}

static struct ax_str gzip(struct ax_str s)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)s.p, .avail_in = (unsigned)s.n};
    size_t cap = compressBound(s.n) + 64;
    char *p = ax_arena_room(&arena, cap);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (unsigned char *)p;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (struct ax_str){p, cap - z.avail_out};
}

static struct ax_str snappy(struct ax_str s)
{
    size_t n = snappy_max_compressed_length(s.n);
    char *p = ax_arena_room(&arena, n);
    assert_int_equal(snappy_compress(s.p, s.n, p, &n), SNAPPY_OK);
    return (struct ax_str){p, n};
}

static struct ax_str text(size_t n)
{
    char *p = ax_arena_room(&arena, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * i >> 7);
    return (struct ax_str){p, n};
}

static void what_went_in_comes_out(void **state)
{
    struct ax_str whole = text(3000000), out;
    const struct {
        enum ax_packing packing;
        struct ax_str body;
    } bodies[] = {{AX_PACKED_NOT, whole},
                  {AX_PACKED_SNAPPY, snappy(whole)},
                  {AX_PACKED_ZSTD, zstd(whole, true)},
                  {AX_PACKED_ZSTD, zstd(whole, false)},
                  {AX_PACKED_GZIP, gzip(whole)}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bodies); i++) {
        assert_true(ax_unpacked_bound(bodies[i].body, bodies[i].packing) >= whole.n);
        assert_int_equal(ax_unpack(bodies[i].body, bodies[i].packing, &arena, &out, NULL), 0);
        assert_true(ax_str_eq(out, whole));
    }
}

static void frames_one_behind_the_other_are_one_body(void **state)
{
    struct ax_str a = text(1000), out, z = zstd(a, true), g = gzip(a);
    struct ax_buf two = AX_BUF_INIT;
    for (int i = 0; i < 2; i++)
        ax_buf_str(&two, z);
    assert_int_equal(ax_unpack(ax_buf_view(&two), AX_PACKED_ZSTD, &arena, &out, NULL), 0);
    assert_int_equal(out.n, 2000);
    ax_buf_clear(&two);
    for (int i = 0; i < 2; i++)
        ax_buf_str(&two, g);
    assert_int_equal(ax_unpack(ax_buf_view(&two), AX_PACKED_GZIP, &arena, &out, NULL), 0);
    assert_int_equal(out.n, 2000);
    ax_buf_free(&two);
}

static void what_is_cut_off_is_refused(void **state)
{
    struct ax_str whole = text(500), out;
    const struct {
        enum ax_packing packing;
        struct ax_str body;
    } bodies[] = {{AX_PACKED_SNAPPY, snappy(whole)},
                  {AX_PACKED_ZSTD, zstd(whole, true)},
                  {AX_PACKED_ZSTD, zstd(whole, false)},
                  {AX_PACKED_GZIP, gzip(whole)}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bodies); i++)
        for (size_t n = 0; n < bodies[i].body.n; n++) {
            struct ax_str cut = {bodies[i].body.p, n};
            struct ax_err err = {0};
            assert_int_equal(ax_unpack(cut, bodies[i].packing, &arena, &out, &err), -EBADMSG);
            assert_true(err.text[0] != 0);
        }
}

static void what_unpacks_to_too_much_is_refused(void **state)
{
    size_t n = AX_INGEST_MAX_DECODED + 1;
    char *zeros = calloc(1, n);
    struct ax_str whole = {zeros, n}, fits = {zeros, n - 1}, out;
    const struct {
        enum ax_packing packing;
        struct ax_str much, just;
    } bodies[] = {{AX_PACKED_SNAPPY, snappy(whole), snappy(fits)},
                  {AX_PACKED_ZSTD, zstd(whole, true), zstd(fits, true)},
                  {AX_PACKED_ZSTD, zstd(whole, false), zstd(fits, false)},
                  {AX_PACKED_GZIP, gzip(whole), gzip(fits)}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bodies); i++) {
        assert_int_equal(ax_unpacked_bound(bodies[i].much, bodies[i].packing), n - 1);
        assert_int_equal(ax_unpack(bodies[i].much, bodies[i].packing, &arena, &out, NULL), -EFBIG);
        assert_int_equal(ax_unpack(bodies[i].just, bodies[i].packing, &arena, &out, NULL), 0);
        assert_int_equal(out.n, n - 1);
    }
    free(zeros);
}

static void encodings_are_named_in_any_case(void **state)
{
    enum ax_packing p;
    struct ax_err err;
    assert_int_equal(ax_packing_parse(AX_STR(""), AX_PACKED_SNAPPY, &p, &err), 0);
    assert_int_equal(p, AX_PACKED_SNAPPY);
    assert_int_equal(ax_packing_parse(AX_STR(" ZSTD "), AX_PACKED_NOT, &p, &err), 0);
    assert_int_equal(p, AX_PACKED_ZSTD);
    assert_int_equal(ax_packing_parse(AX_STR("br"), AX_PACKED_NOT, &p, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "\"br\" is not known (known: snappy, zstd, gzip)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_went_in_comes_out, reset),
        cmocka_unit_test_teardown(frames_one_behind_the_other_are_one_body, reset),
        cmocka_unit_test_teardown(what_is_cut_off_is_refused, reset),
        cmocka_unit_test_teardown(what_unpacks_to_too_much_is_refused, reset),
        cmocka_unit_test_teardown(encodings_are_named_in_any_case, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
