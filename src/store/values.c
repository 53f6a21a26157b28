// SPDX-License-Identifier: Apache-2.0
/* The bytes:
 *
 *   values   decimal: 1 byte shift (bits 0-5) and order (6-7), [first difference], numbers
 *            any: see xor.c
 *   times    1 byte order, [first difference], numbers
 *
 * The numbers are, by order: 0 the values themselves counted from the last one, 1 the differences
 * of neighbours, 2 the differences of these; of values without the low `shift` bits, which are zero
 * in all of what comes in pages or sectors. numbers.c has their form. */
#include "store/values.h"

#include "base/err.h"
#include "store/decimal.h"
#include "store/deltas.h"
#include "store/writer.h"

#define ORDERS 3

/* A run in each order that was tried, and the one that is the smallest, about. */
struct orders {
    int64_t x[ORDERS][AX_VALUES_MAX];
    unsigned best;
};

/* Eighths of bits, about: what the distances from their block's mean take. */
static uint64_t noise_of(const int64_t *x, size_t n)
{
    uint64_t eighths = 0;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK) {
        size_t len = n - i < AX_RICE_BLOCK ? n - i : AX_RICE_BLOCK;
        uint64_t sum = 0, off = 0;
        for (size_t k = 0; k < len; k++)
            sum += (uint64_t)x[i + k];
        int64_t mean = (int64_t)sum / (int64_t)len;
        for (size_t k = 0; k < len; k++) {
            uint64_t d = (uint64_t)x[i + k] - (uint64_t)mean;
            off += d >> 63 ? 0 - d : d;
        }
        off = off * 8 / len + 8; /* the logarithm of it: whole bits, and three more of a fraction */
        unsigned whole = 63 - (unsigned)__builtin_clzll(off);
        eighths += len * (8 * whole + (off >> (whole - 3) & 7));
    }
    return eighths;
}

/* o->x[0] is set. `least` is the first order that may be used. */
static void choose_order(struct orders *o, size_t n, unsigned least)
{
    memcpy(o->x[1], o->x[0], n * sizeof(int64_t));
    ax_differentiate(o->x[1], n);
    uint64_t best = noise_of(o->x[1] + 1, n - 1);
    o->best = 1;
    if (least == 0 && noise_of(o->x[0], n - 1) < best) {
        o->best = 0;
        return;
    }
    if (n <= 2)
        return;
    memcpy(o->x[2], o->x[1], n * sizeof(int64_t));
    ax_differentiate(o->x[2] + 1, n - 1);
    if (noise_of(o->x[2] + 2, n - 2) < best - best / 16)
        o->best = 2;
}

static uint8_t *put_best(uint8_t *at, const struct orders *o, size_t n)
{
    if (o->best == 0)
        return ax_numbers_pack(at, o->x[0], n - 1); /* the last is known */
    if (o->best == 1)
        return ax_numbers_pack(at, o->x[1] + 1, n - 1);
    return ax_numbers_pack(ax_put_zigzag(at, o->x[2][1]), o->x[2] + 2, n - 2);
}

/* Differences come to x[1] and behind. */
static bool read_differences(struct ax_reader *r, unsigned order, int64_t *x, size_t n)
{
    if (order == 1) {
        ax_numbers_unpack(r, x + 1, n - 1);
    } else {
        int64_t first = ax_read_zigzag(r);
        if (n < 3 || order != 2)
            return false;
        ax_numbers_unpack(r, x + 2, n - 2);
        x[1] = first;
        ax_integrate(x + 1, r->bad ? 0 : n - 1);
    }
    return !r->bad;
}

static size_t encode_decimals(struct orders *o, size_t n, int64_t last, uint8_t *out)
{
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) {
        o->x[0][i] -= last;
        any |= (uint64_t)o->x[0][i];
    }
    unsigned shift = any ? (unsigned)__builtin_ctzll(any) : 0;
    for (size_t i = 0; i < n; i++)
        o->x[0][i] >>= shift;
    choose_order(o, n, 0);
    out[0] = (uint8_t)(shift | o->best << 6);
    return (size_t)(put_best(out + 1, o, n) - out);
}

static bool decode_decimals(struct ax_reader *r, const struct ax_values *about, double *v, size_t n)
{
    int64_t x[2 + AX_NUMBERS_ROOM];
    unsigned head = ax_read_u8(r), shift = head & 0x3f, order = head >> 6;
    x[0] = 0;
    if (order == 0) {
        ax_numbers_unpack(r, x, n - 1);
        x[n - 1] = 0;
    } else if (read_differences(r, order, x, n)) {
        ax_integrate(x, n);
    } else {
        return false;
    }
    /* The last is known, so it does not matter from where the differences were added up. */
    ax_decimals_back(x, n, shift, (uint64_t)about->units - ((uint64_t)x[n - 1] << shift), about->e,
                     v);
    return !r->bad;
}

static bool all_same(const double *v, size_t n)
{
    uint64_t bits = ax_double_bits(v[0]), any = 0;
    for (size_t i = 1; i < n; i++)
        any |= ax_double_bits(v[i]) ^ bits;
    return !any;
}

size_t ax_values_encode(const double *v, size_t n, struct ax_values *about,
                        uint8_t out[AX_VALUES_BYTES])
{
    AX_ASSERT(n >= 1 && n <= AX_VALUES_MAX);
    struct orders o;
    bool same = all_same(v, n);
    unsigned e = same ? ax_decimals(v, 1, o.x[0]) : ax_decimals(v, n, o.x[0]);
    bool decimal = e < AX_DECIMALS;
    about->e = (uint8_t)e;
    about->units = decimal ? o.x[0][same ? 0 : n - 1] : 0;
    about->kind = same ? AX_VALUES_SAME : decimal ? AX_VALUES_DECIMAL : AX_VALUES_ANY;
    if (same)
        return 0;
    return decimal ? encode_decimals(&o, n, about->units, out)
                   : (size_t)(ax_xor_pack(out, v, n) - out);
}

bool ax_values_decode(const uint8_t *p, size_t len, const struct ax_values *about, double last,
                      double *v, size_t n)
{
    struct ax_reader r = ax_reader(p, len);
    if (n < 1 || n > AX_VALUES_MAX || about->e > AX_DECIMALS)
        return false;
    switch (about->kind) {
    case AX_VALUES_SAME:
        for (size_t i = 0; i < n; i++)
            v[i] = last;
        break;
    case AX_VALUES_DECIMAL:
        if (n < 2 || about->e == AX_DECIMALS || !decode_decimals(&r, about, v, n))
            return false;
        break;
    case AX_VALUES_ANY: ax_xor_unpack(&r, v, n); break;
    default: return false;
    }
    return !r.bad && r.p == r.end;
}

bool ax_times_even(const int64_t *t, size_t n)
{
    uint64_t uneven = 0;
    for (size_t i = 2; i < n; i++)
        uneven |= (uint64_t)t[i] - 2 * (uint64_t)t[i - 1] + (uint64_t)t[i - 2];
    return !uneven;
}

size_t ax_times_encode(const int64_t *t, size_t n, uint8_t out[AX_TIMES_BYTES])
{
    AX_ASSERT(n > 2 && n <= AX_VALUES_MAX);
    struct orders o;
    memcpy(o.x[0], t, n * sizeof *t);
    choose_order(&o, n, 1);
    out[0] = (uint8_t)o.best;
    return (size_t)(put_best(out + 1, &o, n) - out);
}

bool ax_times_decode(const uint8_t *p, size_t len, int64_t t0, int64_t *t, size_t n)
{
    struct ax_reader r = ax_reader(p, len);
    int64_t x[2 + AX_NUMBERS_ROOM];
    unsigned order = ax_read_u8(&r);
    if (n < 3 || n > AX_VALUES_MAX || order == 0 || !read_differences(&r, order, x, n) ||
        r.p != r.end)
        return false;
    x[0] = t0;
    ax_integrate(x, n);
    bool rising = true;
    for (size_t i = 1; i < n; i++)
        rising &= x[i] > x[i - 1];
    memcpy(t, x, n * sizeof *t);
    return rising;
}
