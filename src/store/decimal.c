// SPDX-License-Identifier: Apache-2.0
#include "store/decimal.h"

#include "base/wide.h"
#include "store/writer.h"

#include <math.h>

static const double pow10s[AX_DECIMALS] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

bool ax_decimal(double v, unsigned e, int64_t *m)
{
    double scaled = v * pow10s[e];
    *m = 0;
    if (!(fabs(scaled) < EXACT_MAX))
        return false;
    *m = (int64_t)scaled;
    if (e) /* to the nearest; a conversion does not round, and rint() is a call */
        *m = (int64_t)(scaled + copysign(0.5, scaled));
    return ax_double_bits((double)*m / pow10s[e]) == ax_double_bits(v);
}

unsigned ax_decimals(const double *v, size_t n, int64_t *m)
{
    unsigned e = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned before = e;
        while (e < AX_DECIMALS && !ax_decimal(v[i], e, &m[i]))
            e++;
        if (e == AX_DECIMALS)
            return e;
        if (e > before)
            i = SIZE_MAX; /* the earlier ones again, on the finer scale: at most 15 times */
    }
    return e;
}

/* A whole number in [0, 2^52) put into the fraction of 2^52 is that number more: subtracting turns
 * it into a double, several at a time, where the machine can convert only one. OFF makes numbers of
 * both signs such ones. */
#define OFF      (1ll << 51)
#define FRACTION 0x4330000000000000ull /* the bits of 2^52 */

AX_WIDE static bool small_back(const int64_t *x, size_t n, unsigned shift, uint64_t base, double by,
                               double *v)
{
    uint64_t any = 0;
    base += (uint64_t)OFF;
    for (size_t i = 0; i < n; i++) {
        uint64_t m = base + ((uint64_t)x[i] << shift), bits = m | FRACTION;
        double d;
        any |= m;
        memcpy(&d, &bits, sizeof d);
        v[i] = (d - (0x1p52 + 0x1p51)) / by;
    }
    return any >> 52 == 0;
}

void ax_decimals_back(const int64_t *x, size_t n, unsigned shift, uint64_t base, unsigned e,
                      double *v)
{
    if (small_back(x, n, shift, base, pow10s[e], v))
        return;
    for (size_t i = 0; i < n; i++)
        v[i] = (double)(int64_t)(base + ((uint64_t)x[i] << shift)) / pow10s[e];
}
