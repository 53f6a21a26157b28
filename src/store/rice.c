// SPDX-License-Identifier: Apache-2.0
/* The bytes, for blocks of 64 numbers:
 *
 *   varint   number of outliers
 *   headers  for each block: 1 byte k (bits 0-5), how distances are counted (bit 6), then zigzag
 *            the change of the base since the block before, in units of 2^(k-2)
 *   lows     the low k bits of each distance
 *   highs    the rest of each distance, as so many zero bits and a one; of an outlier only the one
 *   outliers varint numbers skipped since the one before, varint the rest of its distance
 *
 * A distance is what lies between number and base: zigzag when the base is the block's mean, plain
 * when it is its least. The base is only as exact as is worth its bits. Lows and highs are apart so
 * that neither makes the decoder wait: lows lie at known places, and a high ends where the next bit
 * is set. */
#include "store/rice.h"

#include "base/err.h"
#include "base/wide.h"
#include "store/bits.h"
#include "store/ints.h"
#include "store/writer.h"

#define K_MAX   56
#define LEAST   0x40 /* in the header: distances are counted from the least */
#define OUTLIER 32   /* a high from here on is one */
#define BLOCKS  (AX_RICE_MAX / AX_RICE_BLOCK)

static unsigned quantum(unsigned k)
{
    return k > 2 ? k - 2 : 0;
}

static uint64_t distance(const struct ax_rice_block *b, int64_t x)
{
    int64_t d = (int64_t)((uint64_t)x - (uint64_t)b->base);
    return b->least ? (uint64_t)d : ax_zigzag(d);
}

/* Without its header. No distance is above `most`. */
static size_t bits_of(const struct ax_rice_block *b, const int64_t *x, size_t n, uint64_t most)
{
    size_t bits = n * (b->k + 1);
    if (most >> b->k < OUTLIER) { /* so that the common loop has no branch */
        for (size_t i = 0; i < n; i++)
            bits += distance(b, x[i]) >> b->k;
        return bits;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t high = distance(b, x[i]) >> b->k;
        bits += high < OUTLIER ? high : 8 + 8 * ax_varint_len(high);
    }
    return bits;
}

/* The base for this k: the least rounded down, or the mean to the nearest. */
static struct ax_rice_block with_k(unsigned k, bool least, int64_t exact)
{
    unsigned q = quantum(k);
    uint64_t half = least || q == 0 ? 0 : 1ull << (q - 1);
    int64_t base = (int64_t)((uint64_t)exact + half) >> q;
    return (struct ax_rice_block){(int64_t)((uint64_t)base << q), k, least};
}

struct spread {
    int64_t least, mean;
    uint64_t range, from_least, from_mean; /* the latter two summed */
};

static struct spread measure(const int64_t *x, size_t n)
{
    int64_t min = x[0], max = x[0];
    for (size_t i = 1; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    struct spread s = {.least = min, .range = (uint64_t)max - (uint64_t)min};
    if (s.range >> K_MAX)
        return s;
    for (size_t i = 0; i < n; i++)
        s.from_least += (uint64_t)x[i] - (uint64_t)min;
    s.mean = (int64_t)((uint64_t)min + s.from_least / n);
    for (size_t i = 0; i < n; i++) {
        int64_t d = (int64_t)((uint64_t)x[i] - (uint64_t)s.mean);
        s.from_mean += 2 * (uint64_t)(d < 0 ? -d : d);
    }
    return s;
}

/* The block's form, and in *bits what it takes without its header. False: too far apart. */
static bool choose(const int64_t *x, size_t n, struct ax_rice_block *out, size_t *bits)
{
    struct spread s = measure(x, n);
    if (s.range >> K_MAX)
        return false;
    bool least = s.from_least <= s.from_mean;
    uint64_t typical = (least ? s.from_least : s.from_mean) / n;
    unsigned k = typical ? 63 - (unsigned)__builtin_clzll(typical) : 0;
    *bits = SIZE_MAX;
    for (unsigned try = k ? k - 1 : 0; try <= k + 1; try++) {
        struct ax_rice_block b = with_k(try, least, least ? s.least : s.mean);
        size_t cost = bits_of(&b, x, n, 2 * s.range + 2);
        if (cost < *bits) {
            *bits = cost;
            *out = b;
        }
    }
    return true;
}

static int64_t base_change(const struct ax_rice_block *b, int64_t before)
{
    unsigned q = quantum(b->k);
    return (int64_t)((uint64_t)(b->base >> q) - (uint64_t)(before >> q));
}

static size_t block_len(size_t left)
{
    return left < AX_RICE_BLOCK ? left : AX_RICE_BLOCK;
}

void ax_rice_plan(struct ax_rice_plan *plan, const int64_t *x, size_t n)
{
    AX_ASSERT(n <= AX_RICE_MAX);
    size_t bits = 8, cost;
    int64_t before = 0;
    plan->size = SIZE_MAX;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK) {
        struct ax_rice_block *b = &plan->block[i / AX_RICE_BLOCK];
        if (!choose(x + i, block_len(n - i), b, &cost))
            return;
        bits += cost + 8 + 8 * ax_varint_len(ax_zigzag(base_change(b, before)));
        before = b->base;
    }
    plan->size = (bits + 7) / 8 + 1;
}

static uint8_t *put_highs(uint8_t *at, const uint64_t *high, size_t n)
{
    struct ax_bits_out o = {.at = at};
    for (size_t i = 0; i < n; i++) {
        unsigned zeros = high[i] < OUTLIER ? (unsigned)high[i] : 0;
        ax_bits_put(&o, 1ull << zeros, zeros + 1);
    }
    at = ax_bits_end(&o);
    for (size_t i = 0, next = 0; i < n; i++)
        if (high[i] >= OUTLIER) {
            at = ax_put_varint(at, i - next);
            at = ax_put_varint(at, high[i]);
            next = i + 1;
        }
    return at;
}

static uint8_t *put_headers(uint8_t *at, const struct ax_rice_plan *plan, size_t n)
{
    int64_t before = 0;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK) {
        const struct ax_rice_block *b = &plan->block[i / AX_RICE_BLOCK];
        *at++ = (uint8_t)(b->k | (b->least ? LEAST : 0));
        at = ax_put_zigzag(at, base_change(b, before));
        before = b->base;
    }
    return at;
}

uint8_t *ax_rice_pack(uint8_t *at, const struct ax_rice_plan *plan, const int64_t *x, size_t n)
{
    uint64_t low[AX_RICE_MAX], high[AX_RICE_MAX];
    size_t outliers = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ax_rice_block *b = &plan->block[i / AX_RICE_BLOCK];
        uint64_t d = distance(b, x[i]);
        low[i] = d & ((1ull << b->k) - 1);
        high[i] = d >> b->k;
        outliers += high[i] >= OUTLIER;
    }
    at = put_headers(ax_put_varint(at, outliers), plan, n);
    struct ax_bits_out lows = {.at = at};
    for (size_t i = 0; i < n; i++)
        ax_bits_put(&lows, low[i], plan->block[i / AX_RICE_BLOCK].k);
    return put_highs(ax_bits_end(&lows), high, n);
}

static bool read_headers(struct ax_reader *r, struct ax_rice_block *b, size_t n)
{
    uint64_t base = 0;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK, b++) {
        unsigned head = ax_read_u8(r);
        b->k = head & 0x3f;
        b->least = head & LEAST;
        if (head > 0x7f || b->k > K_MAX + 1)
            return false;
        unsigned q = quantum(b->k);
        base = ((uint64_t)((int64_t)base >> q) + (uint64_t)ax_read_zigzag(r)) << q;
        b->base = (int64_t)base;
    }
    return !r->bad;
}

/* How many zeros lie before each of the next n ones. */
static bool read_highs(struct ax_reader *r, uint64_t *high, size_t n)
{
    size_t i = 0;
    uint64_t next = 0; /* bit where the code of number i begins */
    for (const uint8_t *p = r->p; i < n; p += 8) {
        if (p >= r->end)
            return false;
        uint64_t bit = (uint64_t)(p - r->p) * 8;
        for (uint64_t w = ax_bits_word(p, r->end); w && i < n; w &= w - 1) {
            uint64_t one = bit + (unsigned)__builtin_ctzll(w);
            high[i++] = one - next;
            next = one + 1;
        }
    }
    r->p += (next + 7) / 8;
    return true;
}

static bool read_outliers(struct ax_reader *r, uint64_t count, uint64_t *high, size_t n)
{
    for (uint64_t i = 0, next = 0; i < count; i++) {
        uint64_t skip = ax_read_varint(r);
        if (r->bad || next >= n || skip >= n - next)
            return false;
        high[next + skip] = ax_read_varint(r);
        next += skip + 1;
    }
    return !r->bad;
}

/* A whole block, so that the loop has a fixed length and no branch. */
static void add_up(const struct ax_rice_block *b, const uint64_t *high, int64_t *x)
{
    uint64_t base = (uint64_t)b->base;
    if (b->least)
        for (size_t i = 0; i < AX_RICE_BLOCK; i++)
            x[i] = (int64_t)(base + ((uint64_t)x[i] | high[i] << b->k));
    else
        for (size_t i = 0; i < AX_RICE_BLOCK; i++) {
            uint64_t z = (uint64_t)x[i] | high[i] << b->k;
            x[i] = (int64_t)(base + (z >> 1 ^ (0 - (z & 1))));
        }
}

AX_WIDE static bool unpack(struct ax_reader *r, int64_t *x, size_t n)
{
    struct ax_rice_block b[BLOCKS];
    uint64_t high[AX_RICE_MAX];
    uint64_t outliers = ax_read_varint(r), bits = 0;
    if (n > AX_RICE_MAX || !read_headers(r, b, n))
        return false;
    const uint8_t *lows = r->p, *end = r->end;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK)
        bits += b[i / AX_RICE_BLOCK].k * block_len(n - i);
    if (!ax_read_bytes(r, (bits + 7) / 8) || !read_highs(r, high, n) ||
        !read_outliers(r, outliers, high, n))
        return false;
    for (size_t i = 0; i < n; i += AX_RICE_BLOCK) {
        const struct ax_rice_block *now = &b[i / AX_RICE_BLOCK];
        size_t len = block_len(n - i);
        ax_bits_unpack(lows, (size_t)(end - lows), now->k, x + i, len);
        lows += now->k * len / 8; /* whole bytes, but for the last */
        for (size_t k = len; k < AX_RICE_BLOCK; k++)
            x[i + k] = 0, high[i + k] = 0;
        add_up(now, high + i, x + i);
    }
    return true;
}

void ax_rice_unpack(struct ax_reader *r, int64_t *x, size_t n)
{
    r->bad |= !unpack(r, x, n);
}
