// SPDX-License-Identifier: Apache-2.0
/* Decimal digits of numbers, fast. Pure. */
#ifndef AX_BASE_DIGITS_H
#define AX_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AX_DIGITS_MAX 20 /* of a uint64_t */

/* The shortest decimal that reads back as v: *digits * 10^*exponent, without trailing zeros; of
 * several that are as short, the closest. v is finite and above 0. */
void ax_digits_shortest(double v, uint64_t *digits, int *exponent);

#define AX_DIGITS_EIGHT 100000000u /* what eight digits do not hold any more */

/* The eight digits of v, leading zeros too: one in each byte, the first in the lowest. All halves
 * are divided at once: by 10000, then both of them by 100, then all four by 10. What is multiplied
 * for that is exact as far as it is needed: 5243/2^19 for below 10000, 103/2^10 for below 100. */
static inline uint64_t ax_digits_eight(uint32_t v)
{
    uint64_t high = v / 10000;
    uint64_t fours = high | (v - high * 10000) << 32;
    uint64_t hundreds = fours * 5243 >> 19 & 0x7f0000007f;
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = twos * 103 >> 10 & 0xf000f000f000f;
    return tens | (twos - tens * 10) << 8;
}

/* The same as text, 8 bytes. */
static inline void ax_digits_write(uint64_t digits, char *out)
{
    digits |= 0x3030303030303030;
    memcpy(out, &digits, 8);
}

/* Writes v, below AX_DIGITS_EIGHT, in decimal and returns how many digits that are. Adds no NUL; 8
 * bytes are written in any case. */
static inline size_t ax_digits_few(uint32_t v, char *out)
{
    uint64_t digits = ax_digits_eight(v);
    unsigned zeros = (unsigned)__builtin_ctzll(digits | 1ull << 56) / 8; /* of zero one is left */
    ax_digits_write(digits >> 8 * zeros, out);
    return 8 - zeros;
}

/* The same of any number; up to AX_DIGITS_MAX bytes may be written. */
static inline size_t ax_digits_print(uint64_t v, char *out)
{
    size_t n = 0;
    if (v < AX_DIGITS_EIGHT)
        return ax_digits_few((uint32_t)v, out);
    uint64_t high = v / AX_DIGITS_EIGHT;
    if (high < AX_DIGITS_EIGHT) {
        n = ax_digits_few((uint32_t)high, out);
    } else {
        n = ax_digits_few((uint32_t)(high / AX_DIGITS_EIGHT), out);
        ax_digits_write(ax_digits_eight((uint32_t)(high % AX_DIGITS_EIGHT)), out + n);
        n += 8;
    }
    ax_digits_write(ax_digits_eight((uint32_t)(v % AX_DIGITS_EIGHT)), out + n);
    return n + 8;
}

#endif
