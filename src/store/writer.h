// SPDX-License-Identifier: Apache-2.0
/* Writing numbers into plain memory; the caller has made room. Little-endian, as the formats are.
 */
#ifndef AX_STORE_WRITER_H
#define AX_STORE_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AX_VARINT_MAX 10

static inline uint8_t *ax_put_varint(uint8_t *at, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

static inline size_t ax_varint_len(uint64_t v)
{
    return (70 - (size_t)__builtin_clzll(v | 1)) / 7;
}

static inline uint64_t ax_zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline uint8_t *ax_put_zigzag(uint8_t *at, int64_t v)
{
    return ax_put_varint(at, ax_zigzag(v));
}

static inline uint64_t ax_double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return bits;
}

/* How many of the low bytes are zero: round numbers have many. 0 .. 8. */
static inline unsigned ax_double_zeros(double v)
{
    uint64_t bits = ax_double_bits(v);
    return bits ? (unsigned)__builtin_ctzll(bits) / 8 : 8;
}

static inline uint8_t *ax_put_double(uint8_t *at, double v, unsigned zeros)
{
    memcpy(at, (const char *)&v + zeros, 8 - zeros);
    return at + 8 - zeros;
}

#endif
