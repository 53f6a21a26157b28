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

/* Writes v in decimal and returns how many digits that are. Adds no NUL; what lies behind the
 * digits, up to AX_DIGITS_MAX, may be written to. */
size_t ax_digits_print(uint64_t v, char out[AX_DIGITS_MAX]);

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

#endif
