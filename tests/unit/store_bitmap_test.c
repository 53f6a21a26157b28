// SPDX-License-Identifier: Apache-2.0
/* Bitmaps from disk: what CRoaring writes is sound, and what would make it crash is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/bitmap.h"

#include <roaring/roaring.h>

#define LIMIT 1000000u

struct bytes {
    char *p;
    size_t n;
};

static struct bytes serialize(roaring_bitmap_t *b)
{
    struct bytes out = {.n = roaring_bitmap_portable_size_in_bytes(b)};
    out.p = malloc(out.n);
    roaring_bitmap_portable_serialize(b, out.p);
    roaring_bitmap_free(b);
    return out;
}

static bool valid(struct bytes b, uint32_t limit)
{
    return ax_bitmap_valid((struct ax_str){b.p, b.n}, limit);
}

static roaring_bitmap_t *every(uint32_t from, uint32_t to, uint32_t step)
{
    return roaring_bitmap_from_range(from, to, step);
}

/* An array, a bitset and runs, in containers of their own. */
static struct bytes mixed(bool runs)
{
    roaring_bitmap_t *b = every(3, 900, 7), *bits = every(65536, 131072, 3);
    roaring_bitmap_or_inplace(b, bits);
    roaring_bitmap_free(bits);
    roaring_bitmap_add_range(b, 200000, 210000);
    roaring_bitmap_add_range(b, 220000, 230000);
    if (runs)
        assert_true(roaring_bitmap_run_optimize(b));
    return serialize(b);
}

static void what_is_written_is_sound(void **state)
{
    struct bytes all[] = {serialize(roaring_bitmap_create()), serialize(every(5, 6, 1)),
                          serialize(every(0, 65536 * 6, 5)), mixed(false), mixed(true)};
    for (size_t i = 0; i < AX_ARRAY_LEN(all); i++) {
        assert_true(valid(all[i], LIMIT));
        free(all[i].p);
    }
}

static void values_are_below_the_limit(void **state)
{
    struct bytes b = mixed(true);
    assert_true(valid(b, 230000));
    assert_false(valid(b, 229999));
    free(b.p);
}

static void an_end_that_is_missing_is_seen(void **state)
{
    struct bytes b = mixed(true);
    for (size_t n = 0; n < b.n; n++) {
        char *cut = malloc(n + 1);
        memcpy(cut, b.p, n);
        assert_false(ax_bitmap_valid((struct ax_str){cut, n}, LIMIT));
        free(cut);
    }
    free(b.p);
}

/* Changes one byte `from_end` bytes before the end. */
static void refused(struct bytes b, size_t from_end, char byte)
{
    assert_true(valid(b, LIMIT));
    b.p[b.n - from_end] = byte;
    assert_false(valid(b, LIMIT));
    free(b.p);
}

static void unsound_containers_are_refused(void **state)
{
    roaring_bitmap_t *runs = every(10, 5000, 1);
    roaring_bitmap_run_optimize(runs);
    refused(serialize(runs), 1, (char)0xff);         /* a run of other length */
    refused(serialize(every(1, 6, 2)), 2, 1);        /* 1 3 1: out of order */
    refused(serialize(every(1, 6, 2)), 2, 3);        /* 1 3 3: twice */
    refused(serialize(every(0, 60000, 3)), 8192, 0); /* fewer bits than it says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_sound),
        cmocka_unit_test(values_are_below_the_limit),
        cmocka_unit_test(an_end_that_is_missing_is_seen),
        cmocka_unit_test(unsound_containers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
