// SPDX-License-Identifier: Apache-2.0
/* Bits one behind the other, the lowest first: eight bytes at a time wherever there are as many. */
#ifndef AX_STORE_BITS_H
#define AX_STORE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Start from {.at = p}; the caller has made room. */
struct ax_bits_out {
    uint8_t *at;
    uint64_t acc;
    unsigned n; /* bits waiting in acc: below 64 */
};

/* The low `width` bits of v, 0 .. 64; all above them are zero. */
static inline void ax_bits_put(struct ax_bits_out *o, uint64_t v, unsigned width)
{
    o->acc |= v << o->n;
    o->n += width;
    if (o->n < 64)
        return;
    memcpy(o->at, &o->acc, 8);
    o->at += 8;
    o->n -= 64;
    o->acc = o->n ? v >> (width - o->n) : 0;
}

/* Fills up the last byte with zeros. */
static inline uint8_t *ax_bits_end(struct ax_bits_out *o)
{
    size_t left = (o->n + 7) / 8;
    memcpy(o->at, &o->acc, left);
    return o->at + left;
}

/* 8 bytes from p on; those from `end` on count as zeros. */
static inline uint64_t ax_bits_word(const uint8_t *p, const uint8_t *end)
{
    uint64_t w = 0;
    if (end - p >= 8)
        memcpy(&w, p, 8);
    else
        memcpy(&w, p, end > p ? (size_t)(end - p) : 0);
    return w;
}

/* The `width` bits, 0 .. 64, from bit `bit` of p on, of which `size` bytes can be read. */
static inline uint64_t ax_bits_at(const uint8_t *p, size_t size, size_t bit, unsigned width)
{
    size_t at = bit / 8;
    if (at >= size)
        return 0;
    uint64_t low = ax_bits_word(p + at, p + size) >> bit % 8;
    if (bit % 8 + width > 64 && at + 8 < size)
        low |= (uint64_t)p[at + 8] << (64 - bit % 8);
    return width == 64 ? low : low & ((1ull << width) - 1);
}

#endif
