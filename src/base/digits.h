// SPDX-License-Identifier: Apache-2.0
/* Decimal digits of numbers, fast. Pure. */
#ifndef AX_BASE_DIGITS_H
#define AX_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#define AX_DIGITS_MAX 20 /* of a uint64_t */

/* The shortest decimal that reads back as v: *digits * 10^*exponent, without trailing zeros; of
 * several that are as short, the closest. v is finite and above 0. */
void ax_digits_shortest(double v, uint64_t *digits, int *exponent);

/* Writes v in decimal and returns how many digits that are. Adds no NUL. */
size_t ax_digits_print(uint64_t v, char out[AX_DIGITS_MAX]);
/* The last `width` digits of v, with zeros in front. */
void ax_digits_pad(uint64_t v, size_t width, char *out);

#endif
