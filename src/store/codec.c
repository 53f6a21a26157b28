// SPDX-License-Identifier: Apache-2.0
/* The bytes:
 *
 *   1 byte   bits 0-1 times:  0 one step throughout, 1 steps packed, 2 changes of the step packed
 *            bits 2-3 values: 0 one value throughout, 1 whole numbers / 10^e, 2 XOR
 *            bits 4-5 order of the whole numbers: 0 themselves, 1 differences, 2 theirs
 *   times    (n > 1) 0: step.  1: n-1 packed.  2: step, n-2 packed
 *   values   0: number of zero bytes, the rest of the double
 *            1: e, shift, first number m, then as order says the numbers (m[i] - m) >> shift
 *            2: see xor.c
 *
 * Whole numbers are only used when dividing them by 10^e gives back every value bit by bit, so -0,
 * NaN, infinities and noise fall to XOR. `shift` is for what comes in pages or sectors.
 */
#include "store/codec.h"

#include "base/err.h"
#include "store/decimal.h"
#include "store/deltas.h"
#include "store/writer.h"

enum time_mode { TIME_STEP, TIME_DELTA, TIME_DELTA2 };
enum value_mode { VALUE_CONST, VALUE_DECIMAL, VALUE_XOR };

static uint8_t *encode_times(uint8_t *at, const int64_t *t, size_t n, enum time_mode *mode)
{
    int64_t d1[AX_CHUNK_SAMPLES], d2[AX_CHUNK_SAMPLES];
    *mode = TIME_STEP;
    if (n < 2)
        return at;
    memcpy(d1, t, n * sizeof *t);
    ax_differentiate(d1, n);
    bool steady = true;
    for (size_t i = 2; i < n; i++)
        steady &= d1[i] == d1[1];
    if (steady)
        return ax_put_zigzag(at, d1[1]);
    memcpy(d2, d1, n * sizeof *t);
    ax_differentiate(d2 + 1, n - 1);
    *mode = ax_ints_size(d2 + 2, n - 2) < ax_ints_size(d1 + 1, n - 1) ? TIME_DELTA2 : TIME_DELTA;
    if (*mode == TIME_DELTA)
        return ax_ints_pack(at, d1 + 1, n - 1);
    return ax_ints_pack(ax_put_zigzag(at, d1[1]), d2 + 2, n - 2);
}

/* False: they do not rise. */
static bool even_times(int64_t t0, int64_t step, int64_t *t, size_t n)
{
    int64_t way, end;
    if (step <= 0 || __builtin_mul_overflow(step, (int64_t)(n - 1), &way) ||
        __builtin_add_overflow(t0, way, &end))
        return false;
    for (size_t i = 0; i < n; i++)
        t[i] = t0 + (int64_t)i * step;
    return true;
}

static bool decode_times(struct ax_reader *r, unsigned mode, int64_t t0, int64_t *t, size_t n)
{
    t[0] = t0;
    if (n < 2)
        return mode == TIME_STEP;
    if (mode == TIME_DELTA) {
        ax_ints_unpack(r, t + 1, n - 1);
    } else {
        t[1] = ax_read_zigzag(r);
        if (mode == TIME_STEP)
            return !r->bad && even_times(t0, t[1], t, n);
        if (mode == TIME_DELTA2) {
            ax_ints_unpack(r, t + 2, n - 2);
            ax_integrate(t + 1, n - 1);
        }
    }
    ax_integrate(t, n);
    bool rising = !r->bad && mode <= TIME_DELTA2;
    for (size_t i = 1; rising && i < n; i++)
        rising = t[i] > t[i - 1];
    return rising;
}

static uint8_t *encode_decimals(uint8_t *at, int64_t *m, size_t n, unsigned e, unsigned *order)
{
    int64_t first = m[0];
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) {
        m[i] -= first;
        any |= (uint64_t)m[i];
    }
    unsigned shift = any ? (unsigned)__builtin_ctzll(any) : 0;
    for (size_t i = 0; i < n; i++)
        m[i] >>= shift;
    int64_t d1[AX_CHUNK_SAMPLES], d2[AX_CHUNK_SAMPLES];
    memcpy(d1, m, n * sizeof *m);
    ax_differentiate(d1, n);
    memcpy(d2, d1, n * sizeof *m);
    ax_differentiate(d2 + 1, n - 1);
    size_t s0 = ax_ints_size(m + 1, n - 1), s1 = ax_ints_size(d1 + 1, n - 1);
    size_t s2 = n > 2 ? AX_VARINT_MAX / 3 + ax_ints_size(d2 + 2, n - 2) : SIZE_MAX;
    *order = s2 < s1 && s2 < s0 ? 2 : s1 < s0 ? 1 : 0;
    *at++ = (uint8_t)e;
    *at++ = (uint8_t)shift;
    at = ax_put_zigzag(at, first);
    if (*order == 2)
        return ax_ints_pack(ax_put_zigzag(at, d1[1]), d2 + 2, n - 2);
    return ax_ints_pack(at, (*order ? d1 : m) + 1, n - 1);
}

static bool decode_decimals(struct ax_reader *r, unsigned order, double *v, size_t n)
{
    int64_t m[AX_CHUNK_SAMPLES];
    unsigned e = ax_read_u8(r), shift = ax_read_u8(r);
    int64_t first = ax_read_zigzag(r);
    if (e >= AX_DECIMALS || shift > 63 || order > 2 || n < 2)
        return false;
    m[0] = 0;
    if (order == 2) {
        m[1] = ax_read_zigzag(r);
        ax_ints_unpack(r, m + 2, n - 2);
        if (r->bad)
            return false;
        ax_integrate(m + 1, n - 1);
    } else {
        ax_ints_unpack(r, m + 1, n - 1);
    }
    if (r->bad)
        return false;
    if (order)
        ax_integrate(m, n);
    ax_decimals_back(m, n, shift, (uint64_t)first, e, v);
    return true;
}

static uint8_t *encode_values(uint8_t *at, const double *v, size_t n, enum value_mode *mode,
                              unsigned *order)
{
    size_t same = 1;
    while (same < n && ax_double_bits(v[same]) == ax_double_bits(v[0]))
        same++;
    *mode = VALUE_CONST;
    if (same == n) {
        unsigned zeros = ax_double_zeros(v[0]);
        *at++ = (uint8_t)zeros;
        return ax_put_double(at, v[0], zeros);
    }
    int64_t m[AX_CHUNK_SAMPLES];
    m[0] = 0;
    unsigned e = ax_decimals(v, n, m);
    *mode = e < AX_DECIMALS ? VALUE_DECIMAL : VALUE_XOR;
    return e < AX_DECIMALS ? encode_decimals(at, m, n, e, order) : ax_xor_pack(at, v, n);
}

static bool decode_values(struct ax_reader *r, unsigned mode, unsigned order, double *v, size_t n)
{
    switch (mode) {
    case VALUE_CONST:
        v[0] = ax_read_double(r, ax_read_u8(r));
        for (size_t i = 1; i < n; i++)
            v[i] = v[0];
        return !r->bad;
    case VALUE_DECIMAL: return decode_decimals(r, order, v, n);
    case VALUE_XOR: ax_xor_unpack(r, v, n); return !r->bad;
    default: return false;
    }
}

size_t ax_chunk_encode(const int64_t *t, const double *v, size_t n, uint8_t out[AX_CHUNK_BYTES])
{
    AX_ASSERT(n >= 1 && n <= AX_CHUNK_SAMPLES);
    enum time_mode times;
    enum value_mode values;
    unsigned order = 0;
    uint8_t *at = encode_times(out + 1, t, n, &times);
    at = encode_values(at, v, n, &values, &order);
    out[0] = (uint8_t)((unsigned)times | (unsigned)values << 2 | order << 4);
    return (size_t)(at - out);
}

bool ax_chunk_decode(const uint8_t *p, size_t len, int64_t t0, int64_t *t, double *v, size_t n)
{
    if (n < 1 || n > AX_CHUNK_SAMPLES)
        return false;
    struct ax_reader r = ax_reader(p, len);
    unsigned head = ax_read_u8(&r);
    return head < 0x40 && decode_times(&r, head & 3, t0, t, n) &&
           decode_values(&r, head >> 2 & 3, head >> 4, v, n) && r.p == r.end;
}
