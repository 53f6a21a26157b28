// SPDX-License-Identifier: Apache-2.0
/* What blocks hold of chunks comes back bit by bit, whatever it is; it is small where series are
 * common ones; and no bytes at all make the decoders read outside of them. */
#include "store/block.h"
#include "store/decimal.h"
#include "store/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

static uint64_t seed;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

static double special(void)
{
    static const uint64_t bits[] = {0x8000000000000000, /* -0 */
                                    0x0000000000000000, 0x7ff0000000000002 /* staleness */,
                                    0x7ff8000000000001, 0xfff8dead0000beef,
                                    0x7ff0000000000000, 0xfff0000000000000,
                                    0xffffffffffffffff, 0x0000000000000001 /* denormal */,
                                    0x000fffffffffffff, 0x800fffffffffffff,
                                    0x7fefffffffffffff, 0xffefffffffffffff /* huge */,
                                    0x4340000000000000, 0xc340000000000000 /* 2^53 */,
                                    0x433fffffffffffff, 0x4340000000000001};
    return from_bits(bits[rnd() % AX_ARRAY_LEN(bits)]);
}

static double places(unsigned n)
{
    static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    return (double)(int64_t)(rnd() % 20000000 - 10000000) / ten[n];
}

#define KINDS 20
static double value_of(unsigned kind, size_t i, double before)
{
    switch (kind) {
    case 0: return 42;
    case 1: return before + (double)(rnd() % 1000000);
    case 2: return before + 4096 * (double)(rnd() % 100);
    case 3: return rnd() % 10 ? before : before + (double)(rnd() % 1000); /* rests */
    case 4: return rnd() % 100 ? 0 : (double)rnd();                       /* outliers */
    case 5: return special();
    case 6: return from_bits(rnd());
    case 7: return sin((double)i) * 1e9;
    case 8: return rnd() % 50 ? places(2) : special();
    case 9: return i % 2 ? 9007199254740991.0 : -9007199254740991.0;
    case 10: return 9007199254740000.0 + (double)(rnd() % 2000); /* about 2^53 */
    case 11: return (double)(rnd() >> (rnd() % 64));
    case 12: return places((unsigned)(rnd() % 7));
    case 13: return rnd() % 3 ? before : special();
    case 14: return (double)(i * i);
    case 15: return from_bits(0x7ff8000000000000 | rnd() >> 13); /* NaNs */
    case 16: return from_bits(rnd() >> 12);                      /* denormals */
    case 17: return rnd() % 40 ? places(1) : places(1) * 1e13;
    default: return places(kind - 14); /* 4 and 5 */
    }
}

static void fill(double *v, size_t n, unsigned kind)
{
    double before = (double)(rnd() % 1000000);
    for (size_t i = 0; i < n; i++)
        v[i] = before = value_of(kind, i, before);
}

static size_t round_trip(const double *v, size_t n)
{
    uint8_t out[AX_VALUES_BYTES];
    double back[AX_VALUES_MAX];
    struct ax_values about;
    size_t len = ax_values_encode(v, n, &about, out);
    assert_true(len <= sizeof out);
    uint8_t *exact = malloc(len + !len); /* so that the sanitizer sees a byte too far */
    memcpy(exact, out, len);
    assert_true(ax_values_decode(exact, len, &about, v[n - 1], back, n));
    assert_memory_equal(v, back, n * sizeof *v);
    for (size_t cut = 0; cut < len; cut += 1 + len / 16) /* what is cut off is missed */
        assert_false(ax_values_decode(exact, cut, &about, v[n - 1], back, n));
    free(exact);
    return len;
}

static size_t some_length(unsigned round)
{
    static const size_t ends[] = {
        1, 2, 3, 4, 32, 33, 64, 65, 66, 129, AX_VALUES_MAX - 1, AX_VALUES_MAX};
    return round < AX_ARRAY_LEN(ends) ? ends[round] : 1 + rnd() % AX_VALUES_MAX;
}

static void every_bit_pattern_comes_back(void **state)
{
    double v[AX_VALUES_MAX];
    seed = 1;
    for (unsigned round = 0; round < 60; round++)
        for (unsigned kind = 0; kind < KINDS; kind++) {
            size_t n = some_length(round);
            fill(v, n, kind);
            round_trip(v, n);
            fill(v + n / 2, n - n / 2, (unsigned)(rnd() % KINDS)); /* mixtures */
            round_trip(v, n);
        }
}

static void numbers_of_64_bits_come_back(void **state)
{
    int64_t x[AX_NUMBERS_MAX], back[AX_NUMBERS_ROOM];
    uint8_t out[AX_NUMBERS_BYTES(AX_NUMBERS_MAX)];
    seed = 2;
    for (unsigned round = 0; round < 6000; round++) {
        size_t n = 1 + rnd() % AX_NUMBERS_MAX;
        unsigned width = (unsigned)(rnd() % 64), rare = 1 + (unsigned)(rnd() % 20);
        int64_t around = (int64_t)(rnd() >> rnd() % 64);
        for (size_t i = 0; i < n; i++)
            x[i] = (int64_t)((uint64_t)around + (rnd() % rare ? rnd() % 3 : rnd() >> width));
        size_t len = (size_t)(ax_numbers_pack(out, x, n) - out);
        assert_true(len <= 1 + AX_INTS_BYTES(n));
        uint8_t *exact = malloc(len);
        memcpy(exact, out, len);
        struct ax_reader r = ax_reader(exact, len);
        ax_numbers_unpack(&r, back, n);
        assert_true(!r.bad && r.p == r.end);
        assert_memory_equal(x, back, n * sizeof *x);
        free(exact);
    }
}

static void uneven_times_come_back(void **state)
{
    int64_t t[AX_VALUES_MAX], back[AX_VALUES_MAX];
    uint8_t out[AX_TIMES_BYTES];
    seed = 3;
    for (unsigned round = 0; round < 2000; round++) {
        static const uint64_t jitter[] = {1, 2, 20, 15000, 1ull << 40, 1ull << 50};
        size_t n = 3 + rnd() % (AX_VALUES_MAX - 2);
        int64_t at = (int64_t)(rnd() % 2000000000000) - 1000000000;
        for (size_t i = 0; i < n; i++)
            t[i] = at += 1 + (int64_t)(rnd() % jitter[round % 6]) + (i % 50 ? 0 : 100000);
        size_t len = ax_times_encode(t, n, out);
        assert_true(len <= sizeof out);
        assert_true(ax_times_decode(out, len, t[0], back, n));
        assert_memory_equal(t, back, n * sizeof *t);
    }
}

static double noise(double width)
{
    return floor((double)(rnd() >> 11) / 9007199254740992.0 * width);
}

/* Bits per value that the common kinds of series may take: a form that is lost is seen here. */
static void common_series_are_small(void **state)
{
    double v[AX_VALUES_MAX], pages = 1e9, bytes = 1e12;
    seed = 4;
    size_t n = AX_VALUES_MAX;
    for (size_t i = 0; i < n; i++)
        v[i] = 17179869184.0;
    assert_int_equal(round_trip(v, n), 0);
    for (size_t i = 0; i < n; i++)
        v[i] = (double)(i * 15);
    assert_true(round_trip(v, n) <= 6);
    for (size_t i = 0; i < n; i++)
        v[i] = (double)(i / 200);
    assert_true(round_trip(v, n) <= 12);
    for (size_t i = 0; i < n; i++)
        v[i] = pages += rnd() % 10 ? 0 : 4096 * (noise(1024) - 512);
    assert_true(round_trip(v, n) * 8 < n * 2);
    for (size_t i = 0; i < n; i++)
        v[i] = bytes += 1e6 + noise(65536); /* 16 bits of noise upon 20 */
    assert_true(round_trip(v, n) * 80 < n * 170);
    for (size_t i = 0; i < n; i++)
        v[i] = i % 16 ? 0 : noise(10000) / 100;
    assert_true(round_trip(v, n) * 8 < n * 2);
}

static struct ax_block_chunk chunk_of(unsigned kind, int64_t *at, uint32_t *column)
{
    static const int64_t steps[] = {1000, 15000, 15000, 15000, 1};
    double v[AX_VALUES_MAX];
    uint8_t out[AX_VALUES_BYTES];
    struct ax_block_chunk c = {
        .n = 1 + (uint32_t)(rnd() % 4 ? AX_VALUES_MAX - 1 : rnd() % AX_VALUES_MAX)};
    fill(v, c.n, kind);
    c.mint = *at;
    c.maxt = c.mint + (c.n - 1) * steps[rnd() % 5];
    c.column = AX_NO_COLUMN;
    if (c.n > 2 && rnd() % 3 == 0) {
        c.column = rnd() % 5 ? *column + 1 : (uint32_t)(rnd() % 1000000);
        c.maxt += 7;
        *column = c.column;
    }
    *at = c.maxt + (rnd() % 3 ? 15000 : (int64_t)(rnd() % 100000000));
    c.last = v[c.n - 1];
    c.len = (uint32_t)ax_values_encode(v, c.n, &c.values, out);
    return c;
}

static void entries_come_back(void **state)
{
    seed = 5;
    for (unsigned round = 0; round < 500; round++) {
        struct ax_block_chunk want[60], got;
        uint8_t bytes[60 * AX_ENTRY_BYTES], *end = bytes;
        int64_t origin = (int64_t)(rnd() >> 20), at = origin + (int64_t)(rnd() % 1000);
        uint32_t column = 0;
        struct ax_entry_state s = ax_entry_first(origin);
        for (size_t i = 0; i < 60; i++) {
            want[i] = chunk_of(round % 2 ? (unsigned)(rnd() % KINDS) : round % KINDS, &at, &column);
            uint8_t *before = end;
            end = ax_entry_put(end, &s, &want[i]);
            assert_true(end - before <= AX_ENTRY_BYTES);
        }
        struct ax_reader r = ax_reader(bytes, (size_t)(end - bytes));
        s = ax_entry_first(origin);
        for (size_t i = 0; i < 60; i++) {
            ax_entry_read(&r, &s, &got);
            assert_false(r.bad);
            assert_true(got.mint == want[i].mint && got.maxt == want[i].maxt);
            assert_true(got.n == want[i].n && got.len == want[i].len);
            assert_int_equal(got.column, want[i].column);
            assert_memory_equal(&got.last, &want[i].last, sizeof got.last);
            assert_int_equal(got.values.kind, want[i].values.kind);
            if (got.values.kind == AX_VALUES_DECIMAL)
                assert_true(got.values.e == want[i].values.e &&
                            got.values.units == want[i].values.units);
        }
        assert_ptr_equal(r.p, r.end);
    }
}

static void a_constant_day_costs_a_byte_for_each_chunk(void **state)
{
    struct ax_block_chunk c = {.n = 480, .column = AX_NO_COLUMN, .last = 0.5};
    struct ax_entry_state s = ax_entry_first(0);
    uint8_t bytes[AX_ENTRY_BYTES], *end;
    c.values = (struct ax_values){AX_VALUES_SAME, 1, 5};
    for (int i = 0; i < 12; i++) {
        c.mint = i * 480 * 15000ll;
        c.maxt = c.mint + 479 * 15000ll;
        end = ax_entry_put(bytes, &s, &c);
    }
    assert_int_equal(end - bytes, 1);
}

/* Shapes of damage: flipped bytes, cuts, and pure noise. */
static void no_bytes_lead_outside(void **state)
{
    double v[AX_VALUES_MAX];
    int64_t t[AX_VALUES_MAX];
    uint8_t out[AX_VALUES_BYTES];
    seed = 6;
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = 1 + rnd() % AX_VALUES_MAX;
        struct ax_values about;
        fill(v, n, round % KINDS);
        size_t len = ax_values_encode(v, n, &about, out);
        if (round % 3 == 0)
            len = rnd() % (len + 1);
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, out, len);
        for (unsigned k = 0; len && k < 1 + round % 4; k++)
            exact[rnd() % (round % 2 ? len : 1 + len / 16)] = (uint8_t)rnd();
        for (size_t i = 0; round % 5 == 0 && i < len; i++)
            exact[i] = (uint8_t)rnd();
        ax_values_decode(exact, len, &about, v[n - 1], v, n);
        if (len && ax_times_decode(exact, len, 0, t, n))
            for (size_t i = 1; i < n; i++)
                assert_true(t[i] > t[i - 1]);
        struct ax_reader r = ax_reader(exact, len);
        struct ax_entry_state s = ax_entry_first(0);
        struct ax_block_chunk c;
        while (!r.bad) {
            ax_entry_read(&r, &s, &c);
            assert_true(r.bad || (c.n >= 1 && c.n <= AX_VALUES_MAX && c.maxt >= c.mint));
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_pattern_comes_back),
        cmocka_unit_test(numbers_of_64_bits_come_back),
        cmocka_unit_test(uneven_times_come_back),
        cmocka_unit_test(common_series_are_small),
        cmocka_unit_test(entries_come_back),
        cmocka_unit_test(a_constant_day_costs_a_byte_for_each_chunk),
        cmocka_unit_test(no_bytes_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
