// SPDX-License-Identifier: Apache-2.0
/* Doubles that are whole numbers of some 10^-e, and the way back, exact to the bit. Pure. */
#ifndef AX_STORE_DECIMAL_H
#define AX_STORE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AX_DECIMALS 16 /* e is below */

/* v as a whole number of 10^-e; false when dividing it by 10^e does not give back every bit: for
 * -0, NaN, infinities and what has more places. */
bool ax_decimal(double v, unsigned e, int64_t *m);
/* The smallest e that serves all values, with the whole numbers in m; AX_DECIMALS when none does.
 */
unsigned ax_decimals(const double *v, size_t n, int64_t *m);
/* v[i] = (x[i] * 2^shift + base) / 10^e; the whole numbers wrap. */
void ax_decimals_back(const int64_t *x, size_t n, unsigned shift, uint64_t base, unsigned e,
                      double *v);

#endif
