// SPDX-License-Identifier: Apache-2.0
/* Chunks come back bit by bit, whatever the values, and no bytes at all make the decoder read
 * outside of them. */
#include "store/codec.h"

#include "store/crc32c.h"
#include "store/samples.h"
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

/* Returns the encoded size; fails the test when anything differs. */
static size_t round_trip(const int64_t *t, const double *v, size_t n)
{
    uint8_t out[AX_CHUNK_BYTES];
    size_t len = ax_chunk_encode(t, v, n, out);
    assert_true(len <= sizeof out);
    uint8_t *exact = malloc(len); /* so that the sanitizer sees a byte too far */
    memcpy(exact, out, len);
    int64_t t2[AX_CHUNK_SAMPLES];
    double v2[AX_CHUNK_SAMPLES];
    assert_true(ax_chunk_decode(exact, len, t[0], t2, v2, n));
    assert_memory_equal(t, t2, n * sizeof *t);
    assert_memory_equal(v, v2, n * sizeof *v);
    free(exact);
    return len;
}

static double value_of_kind(unsigned kind, size_t i)
{
    static const uint64_t nasty[] = {0x8000000000000000,
                                     0x7ff0000000000002,
                                     0x7ff8000000000001,
                                     0xfff0000000000000,
                                     0x7ff0000000000000,
                                     0xffffffffffffffff,
                                     1,
                                     0x000fffffffffffff,
                                     0x7fefffffffffffff,
                                     0,
                                     0x4340000000000000,
                                     0xc340000000000001};
    switch (kind) {
    case 0: return 42;
    case 1: return 1e6 + (double)i * 4096 * (double)(rnd() % 3);
    case 2: return (double)(rnd() % 1000) / 10;
    case 3: return (double)(rnd() % 1000000) / 1e5 - 5;
    case 4: return from_bits(rnd());
    case 5: return from_bits(nasty[rnd() % AX_ARRAY_LEN(nasty)]);
    case 6: return sin((double)i) * 1e9;
    case 7: return i % 7 ? 0.1 * (double)i : from_bits(0x7ff0000000000002);
    case 8: return i % 2 ? 9007199254740991.0 : -9007199254740991.0;
    default: return (double)(rnd() >> 11);
    }
}

static void fill(int64_t *t, double *v, size_t n, unsigned kind, unsigned times)
{
    int64_t at = (int64_t)(rnd() % 2000000000000) - 1000000000;
    for (size_t i = 0; i < n; i++) {
        static const int64_t range[] = {1, 7, 100000, 1ll << 50};
        t[i] = at;
        at += times == 0   ? 15000
              : times == 1 ? 15000 + (int64_t)(rnd() % 7)
                           : 1 + (int64_t)(rnd() % (uint64_t)range[times % 4]);
        v[i] = value_of_kind(kind, i);
    }
}

static void every_bit_pattern_comes_back(void **state)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    seed = 1;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned kind = 0; kind < 10; kind++)
            for (unsigned times = 0; times < 4; times++) {
                size_t n = round == 0   ? 1
                           : round == 1 ? 2
                           : round == 2 ? AX_CHUNK_SAMPLES
                                        : 1 + rnd() % AX_CHUNK_SAMPLES;
                fill(t, v, n, kind, times);
                round_trip(t, v, n);
            }
}

static void common_series_are_small(void **state)
{
    int64_t t[240];
    double same[240], pages[240], percent[240];
    seed = 2;
    for (size_t i = 0; i < 240; i++) {
        t[i] = 1700000000000 + (int64_t)i * 15000;
        same[i] = 17179869184.0;
        pages[i] = 4096.0 * (double)(1000000 + rnd() % 16);
        percent[i] = (double)(rnd() % 1000) / 10;
    }
    assert_true(round_trip(t, same, 240) < 16);
    assert_true(round_trip(t, pages, 240) < 240 * 4 / 8 + 60); /* 4 bits each, not 16 */
    assert_true(round_trip(t, percent, 240) < 240 * 10 / 8 + 60);
}

/* Shapes of damage: flipped bits, cuts, and pure noise. */
static void no_bytes_lead_outside(void **state)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    uint8_t out[AX_CHUNK_BYTES];
    seed = 3;
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = 1 + rnd() % AX_CHUNK_SAMPLES;
        fill(t, v, n, round % 10, round / 10 % 4);
        size_t len = ax_chunk_encode(t, v, n, out);
        if (round % 3 == 0)
            len = rnd() % (len + 1);
        uint8_t *hurt = malloc(len + 1);
        memcpy(hurt, out, len);
        for (unsigned k = 0; len && k < 1 + round % 4; k++)
            hurt[rnd() % len] = (uint8_t)rnd();
        for (size_t i = 0; round % 5 == 0 && i < len; i++)
            hurt[i] = (uint8_t)rnd();
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, hurt, len);
        if (ax_chunk_decode(exact, len, t[0], t, v, n))
            for (size_t i = 1; i < n; i++)
                assert_true(t[i] > t[i - 1]);
        free(exact);
        free(hurt);
    }
}

static void tidy_sorts_and_the_last_written_wins(void **state)
{
    int64_t t[] = {30, 10, 20, 10, 30, 5};
    double v[] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(ax_samples_tidy(t, v, 6), 4);
    int64_t want_t[] = {5, 10, 20, 30};
    double want_v[] = {6, 4, 3, 5};
    assert_memory_equal(t, want_t, sizeof want_t);
    assert_memory_equal(v, want_v, sizeof want_v);
    seed = 4;
    for (unsigned round = 0; round < 200; round++) {
        int64_t ts[100], model_t[50];
        double vs[100], model[50];
        bool have[50] = {0};
        size_t n = rnd() % 100, want = 0;
        for (size_t i = 0; i < n; i++) {
            ts[i] = (int64_t)(rnd() % 50);
            vs[i] = (double)i;
            have[ts[i]] = true;
            model[ts[i]] = vs[i];
        }
        n = ax_samples_tidy(ts, vs, n);
        for (int64_t k = 0; k < 50; k++)
            if (have[k])
                model_t[want++] = k;
        assert_int_equal(n, want);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(ts[i], model_t[i]);
            assert_true(vs[i] == model[ts[i]]);
        }
    }
}

/* Batches that overtook each other, with a few samples sent twice: as long runs that come late. */
static void tidy_puts_late_batches_where_they_belong(void **state)
{
    enum { BATCH = 60, BATCHES = 30, TWICE = 20 };
    static int64_t t[BATCH * BATCHES + TWICE];
    static double v[BATCH * BATCHES + TWICE], want[BATCH * BATCHES];
    seed = 6;
    for (unsigned round = 0; round < 300; round++) {
        size_t order[BATCHES], n = 0;
        for (size_t b = 0; b < BATCHES; b++)
            order[b] = b;
        for (size_t swaps = rnd() % 12; swaps > 0; swaps--) {
            size_t a = rnd() % BATCHES, far = round % 2 ? BATCHES : 3,
                   b = (a + rnd() % far) % BATCHES;
            size_t keep = order[a];
            order[a] = order[b];
            order[b] = keep;
        }
        for (size_t b = 0; b < BATCHES; b++)
            for (size_t i = 0; i < BATCH; i++)
                t[n++] = (int64_t)(order[b] * BATCH + i);
        for (size_t again = rnd() % TWICE; again > 0; again--)
            t[n++] = (int64_t)(rnd() % (BATCH * BATCHES));
        for (size_t i = 0; i < n; i++)
            want[t[i]] = v[i] = (double)i;
        assert_int_equal(ax_samples_tidy(t, v, n), BATCH * BATCHES);
        for (size_t i = 0; i < BATCH * BATCHES; i++) {
            assert_int_equal(t[i], i);
            assert_true(v[i] == want[i]);
        }
    }
}

static void crc32c_is_the_known_one(void **state)
{
    assert_int_equal(ax_crc32c(0, "123456789", 9), 0xe3069283u);
    char bytes[1000];
    seed = 5;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)rnd();
    for (size_t n = 0; n < sizeof bytes; n += 7) {
        uint32_t both = ax_crc32c(ax_crc32c(0, bytes, n), bytes + n, sizeof bytes - n);
        assert_int_equal(both, ax_crc32c_portable(0, bytes, sizeof bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_pattern_comes_back),
        cmocka_unit_test(common_series_are_small),
        cmocka_unit_test(no_bytes_lead_outside),
        cmocka_unit_test(tidy_sorts_and_the_last_written_wins),
        cmocka_unit_test(tidy_puts_late_batches_where_they_belong),
        cmocka_unit_test(crc32c_is_the_known_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
