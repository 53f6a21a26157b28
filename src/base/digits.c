// SPDX-License-Identifier: Apache-2.0
/* The shortest digits, as R. Giulietti's Schubfach finds them. v is c * 2^q; what reads back as v
 * is the interval from half a step below it to half a step above. Choose k such that the interval
 * is at least 10^k and less than 10^(k+1) wide: then a multiple of 10^k lies in it, and of 10^(k+1)
 * at most one, which is what has fewer digits. So it is enough to look at the two neighbours of v
 * on either scale.
 *
 * Everything is counted in quarters of 10^k, rounded to odd: an odd number says "somewhere between
 * its even neighbours", which is all that comparisons with even numbers need to be right.
 *
 * 128 bits hold the powers exactly for 1e-38 < v < 1e34. Beyond, printf tries longer and longer
 * texts. */
#include "base/digits.h"

#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

#define POWERS   28
#define DOWN_MAX (2 * (POWERS - 1)) /* of k below 0: 10^-k is made of two of the powers */
#define UP_MAX   18                 /* of k: 10^k is below 2^64 */
#define FRACTION 52                 /* bits of a double's fraction */

static const uint64_t pow5[POWERS] = {1,
                                      5,
                                      25,
                                      125,
                                      625,
                                      3125,
                                      15625,
                                      78125,
                                      390625,
                                      1953125,
                                      9765625,
                                      48828125,
                                      244140625,
                                      1220703125,
                                      6103515625,
                                      30517578125,
                                      152587890625,
                                      762939453125,
                                      3814697265625,
                                      19073486328125,
                                      95367431640625,
                                      476837158203125,
                                      2384185791015625,
                                      11920928955078125,
                                      59604644775390625,
                                      298023223876953125,
                                      1490116119384765625,
                                      7450580596923828125};

/* floor(log10(2^q)), and the same of 3/4 * 2^q: right for every q of a double. */
static int log10_of_pow2(int q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* What turns c into quarters of 10^k: c * scale.
 *   k <= 0: times 5^-k, as a fraction of 2^128, after a shift to the left
 *   k > 0:  a shift to the left, divided by 10^k */
struct scale {
    u128 factor;
    uint64_t divisor;
    int shift;
};

static int bits_of(u128 v)
{
    uint64_t high = (uint64_t)(v >> 64);
    return high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)v);
}

static struct scale scale_of(int q, int k)
{
    if (k > 0)
        return (struct scale){.divisor = pow5[k] << k, .shift = q};
    int one = -k < POWERS ? -k : POWERS - 1;
    u128 power = (u128)pow5[one] * pow5[-k - one];
    int bits = bits_of(power);
    return (struct scale){.factor = power << (128 - bits), .shift = q - k + bits};
}

static uint64_t scaled(const struct scale *s, uint64_t c)
{
    if (s->divisor) {
        u128 n = (u128)c << s->shift;
        return (uint64_t)(n / s->divisor) | (n % s->divisor != 0);
    }
    c <<= s->shift; /* by 1 to 4 */
    u128 low = (u128)c * (uint64_t)s->factor;
    u128 high = (u128)c * (uint64_t)(s->factor >> 64) + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | (((uint64_t)high | (uint64_t)low) != 0);
}

/* Of the multiples of 10^k around v. Which of them lie in the interval decides; when both do, the
 * closer one, when neither does (on the wide scale) there is none. */
static bool shortest(uint64_t c, int q, uint64_t *digits, int *exponent)
{
    bool narrow = c == 1ull << FRACTION; /* below a power of two the step is half as wide */
    int k = log10_of_pow2(q, narrow);
    if (-k > DOWN_MAX || k > UP_MAX)
        return false;
    struct scale s = scale_of(q, k);
    uint64_t at = scaled(&s, 4 * c);
    uint64_t low = scaled(&s, 4 * c - (narrow ? 1 : 2)) + (c & 1); /* an odd c leaves its */
    uint64_t high = scaled(&s, 4 * c + 2) - (c & 1);               /* edges to its neighbours */
    uint64_t fine = at / 4, wide = fine / 10;
    bool below = low <= 40 * wide, above = 40 * wide + 40 <= high;
    if (below != above) {
        *digits = wide + above;
        *exponent = k + 1;
        return true;
    }
    below = low <= 4 * fine;
    above = 4 * fine + 4 <= high;
    uint64_t middle = 4 * fine + 2;
    bool up = below != above ? above : at > middle || (at == middle && (fine & 1));
    *digits = fine + up;
    *exponent = k;
    return true;
}

static void tried(double v, uint64_t *digits, int *exponent)
{
    char text[40];
    for (int prec = v < DBL_MIN ? 1 : 15; prec <= 17; prec++) { /* subnormals have fewer digits */
        snprintf(text, sizeof text, "%.*e", prec - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    *digits = 0;
    int decimals = -1;
    char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p == '.')
            continue;
        *digits = *digits * 10 + (uint64_t)(*p - '0');
        decimals++;
    }
    *exponent = (int)strtol(p + 1, NULL, 10) - decimals;
}

static void strip_zeros(uint64_t *digits, int *exponent)
{
    static const struct {
        uint64_t power;
        int zeros;
    } steps[] = {{100000000, 8}, {100000000, 8}, {10000, 4}, {100, 2}, {10, 1}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (*digits % steps[i].power == 0) {
            *digits /= steps[i].power;
            *exponent += steps[i].zeros;
        }
}

void ax_digits_shortest(double v, uint64_t *digits, int *exponent)
{
    uint64_t bits, one = 1ull << FRACTION;
    memcpy(&bits, &v, sizeof bits);
    int biased = (int)(bits >> FRACTION);
    bool done = biased && shortest((bits & (one - 1)) | one, biased - 1075, digits, exponent);
    if (!done)
        tried(v, digits, exponent);
    strip_zeros(digits, exponent);
}
