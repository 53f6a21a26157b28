// SPDX-License-Identifier: Apache-2.0
/* The portable form of Roaring bitmaps (https://github.com/RoaringBitmap/RoaringFormatSpec):
 *
 *   u32 cookie    12346, then u32 containers; or 12347 + (containers - 1 << 16), then one bit for
 *                 each container that says whether it holds runs
 *   { u16 key (the upper half of its values), u16 values - 1 } for each container, keys rising
 *   { u32 offset } for each container, unless there are runs and fewer than 4 containers
 *   containers    runs: u16 n, { u16 first, u16 length - 1 }, not touching each other
 *                 up to 4096 values: { u16 }, rising; more: 65536 bits */
#include "store/bitmap.h"

#include "store/reader.h"

#define COOKIE       12346u
#define COOKIE_RUNS  12347u
#define OFFSETS_FROM 4
#define ARRAY_MAX    4096u
#define BITSET_WORDS 1024
#define KEYS         65536u

static uint16_t u16_at(const uint8_t *p, size_t i)
{
    uint16_t v;
    memcpy(&v, p + 2 * i, sizeof v);
    return v;
}

/* Each of these checks one container, and gives its greatest value. */

static bool check_runs(struct ax_reader *r, uint32_t values, uint32_t *last)
{
    const uint8_t *head = ax_read_bytes(r, 2);
    uint32_t n = head ? u16_at(head, 0) : 0, sum = 0, next = 0;
    const uint8_t *p = ax_read_bytes(r, 4 * (size_t)n);
    for (uint32_t i = 0; p && i < n; i++) {
        uint32_t first = u16_at(p, 2 * i), len = u16_at(p, 2 * i + 1);
        if (first < next || first + len >= KEYS)
            return false;
        sum += len + 1;
        *last = first + len;
        next = *last + 2;
    }
    return p && sum == values;
}

static bool check_array(struct ax_reader *r, uint32_t values, uint32_t *last)
{
    const uint8_t *p = ax_read_bytes(r, 2 * (size_t)values);
    for (uint32_t i = 1; p && i < values; i++)
        if (u16_at(p, i) <= u16_at(p, i - 1))
            return false;
    if (p)
        *last = u16_at(p, values - 1);
    return p != NULL;
}

static bool check_bitset(struct ax_reader *r, uint32_t values, uint32_t *last)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < BITSET_WORDS; i++) {
        uint64_t word = ax_read_u64(r);
        sum += (uint32_t)__builtin_popcountll(word);
        if (word)
            *last = i * 64 + 63 - (uint32_t)__builtin_clzll(word);
    }
    return !r->bad && sum == values;
}

bool ax_bitmap_valid(struct ax_str bytes, uint32_t limit)
{
    struct ax_reader r = ax_reader(bytes.p, bytes.n);
    uint32_t cookie = ax_read_u32(&r);
    bool has_runs = (cookie & 0xffff) == COOKIE_RUNS;
    if (!has_runs && cookie != COOKIE)
        return false;
    uint32_t n = has_runs ? (cookie >> 16) + 1 : ax_read_u32(&r);
    if (n > KEYS)
        return false;
    const uint8_t *runs = ax_read_bytes(&r, has_runs ? (n + 7) / 8 : 0);
    const uint8_t *heads = ax_read_bytes(&r, 4 * (size_t)n);
    if (!has_runs || n >= OFFSETS_FROM)
        ax_read_bytes(&r, 4 * (size_t)n);
    for (uint32_t i = 0; !r.bad && i < n; i++) {
        uint32_t key = u16_at(heads, 2 * i), values = u16_at(heads, 2 * i + 1) + 1u, last = 0;
        bool is_runs = has_runs && runs[i / 8] >> i % 8 & 1;
        if (i && key <= u16_at(heads, 2 * i - 2))
            return false;
        if (!(is_runs               ? check_runs(&r, values, &last)
              : values <= ARRAY_MAX ? check_array(&r, values, &last)
                                    : check_bitset(&r, values, &last)))
            return false;
        if ((key << 16 | last) >= limit)
            return false;
    }
    return !r.bad;
}
