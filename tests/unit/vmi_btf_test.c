// SPDX-License-Identifier: Apache-2.0
/* Types as no compiler makes them: looking a member up ends soon, whatever they say. */
#include "vmi/btf.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STRUCT 4u
#define MS     1000000

struct image {
    uint8_t *p;
    size_t n, strings, nstrings;
};

static void put(struct image *m, uint32_t v)
{
    memcpy(m->p + m->n, &v, sizeof v);
    m->n += sizeof v;
}

/* Room for `bytes` of types and `nstrings` of strings; the types are then put. */
static struct image begin(uint32_t bytes, uint32_t nstrings)
{
    struct image m = {.strings = 24 + bytes, .nstrings = nstrings};
    m.p = calloc(1, 24 + bytes + nstrings);
    const uint32_t header[] = {0x0001eb9f, 24, 0, bytes, bytes, nstrings};
    memcpy(m.p, header, sizeof header);
    m.n = 24;
    return m;
}

static struct ax_btf *open_exact(const struct image *m)
{
    struct ax_btf *b;
    struct ax_err err;
    assert_int_equal(m->n, m->strings);
    assert_int_equal(ax_btf_open(&b, m->p, m->strings + m->nstrings, &err), 0);
    return b;
}

static void test_a_struct_within_itself_a_thousand_times(void **state)
{
    const uint32_t members = 1000;
    struct image m = begin(12 + members * 12, 8);
    memcpy(m.p + m.strings, "\0a\0b", 5);
    put(&m, 1);
    put(&m, STRUCT << 24 | members);
    put(&m, 8);
    for (uint32_t i = 0; i < members; i++) { /* unnamed, of type 1, at bit 0 */
        put(&m, 0);
        put(&m, 1);
        put(&m, 0);
    }
    struct ax_btf *b = open_exact(&m);
    int64_t from = ax_cpu_ns();
    assert_int_equal(ax_btf_member(b, "a", "b", NULL), -1);
    assert_int_equal(ax_btf_member(b, "a", "b|c|d.e", NULL), -1);
    assert_true(ax_cpu_ns() - from < 200 * MS);
    ax_btf_close(b);
    free(m.p);
}

/* Each name would reach from where it begins to the end of all strings. */
static void test_names_without_an_end(void **state)
{
    const uint32_t types = 200000, text = 8u << 20;
    struct image m = begin(types * 12, text);
    memset(m.p + m.strings, 'x', text);
    for (uint32_t i = 0; i < types; i++) {
        put(&m, 1 + i % 64);
        put(&m, STRUCT << 24);
        put(&m, 8);
    }
    int64_t from = ax_cpu_ns();
    struct ax_btf *b = open_exact(&m);
    assert_int_equal(ax_btf_size(b, "a"), -1);
    assert_true(ax_cpu_ns() - from < 1000 * MS);
    ax_btf_close(b);
    free(m.p);
}

/* A place of a table of 16384 that the hash alone leads to. */
static uint32_t place_of(const char name[8])
{
    return ax_hash(name, 7) & 0x3fff;
}

/* The time that it takes to open `n` structs, whose names all lead to the first `places`. */
static int64_t time_to_open(uint32_t n, uint32_t places)
{
    struct image m = begin(n * 12, 1 + n * 8);
    char name[8] = "aaaaaaa";
    for (uint32_t i = 0; i < n;) {
        for (char *c = name; ++*c > 'z'; c++)
            *c = 'a';
        if (place_of(name) >= places)
            continue;
        memcpy(m.p + m.strings + 1 + i * 8, name, 8);
        put(&m, 1 + i++ * 8);
        put(&m, STRUCT << 24);
        put(&m, 8);
    }
    int64_t from = ax_thread_cpu_ns();
    struct ax_btf *b = open_exact(&m);
    int64_t took = ax_thread_cpu_ns() - from;
    assert_int_equal(ax_btf_size(b, name), 8);
    ax_btf_close(b);
    free(m.p);
    return took;
}

static void test_names_that_were_chosen_to_meet(void **state)
{
    int64_t any = time_to_open(10000, 0x4000), chosen = time_to_open(10000, 64);
    assert_true(chosen < any * 10 + 20 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_struct_within_itself_a_thousand_times),
        cmocka_unit_test(test_names_without_an_end),
        cmocka_unit_test(test_names_that_were_chosen_to_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
