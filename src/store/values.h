// SPDX-License-Identifier: Apache-2.0
/* What a chunk of a block holds, in its smallest form: values and, apart from them, times. The
 * decoders are safe on any bytes. Pure. */
#ifndef AX_STORE_VALUES_H
#define AX_STORE_VALUES_H

#include "store/numbers.h"
#include "store/xor.h"

#define AX_VALUES_MAX   480 /* in one chunk */
#define AX_VALUES_BYTES (32 + AX_XOR_BYTES(AX_VALUES_MAX))
#define AX_TIMES_BYTES  (32 + AX_NUMBERS_BYTES(AX_VALUES_MAX))

/* One value throughout | whole numbers of 10^-e | any doubles. */
enum ax_values_kind { AX_VALUES_SAME, AX_VALUES_DECIMAL, AX_VALUES_ANY, AX_VALUES_KINDS };

/* What is kept beside the bytes. The last value itself is, too: by it the newest sample is known
 * without decoding, and the bytes need no other to begin from. */
struct ax_values {
    uint8_t kind, e;
    int64_t units; /* the last value, in 10^-e: unless of any doubles, or one that is no decimal */
};

/* Encodes n values, 1 .. AX_VALUES_MAX, and returns how many bytes: none of one value throughout.
 * Without a decimal, e is AX_DECIMALS. */
size_t ax_values_encode(const double *v, size_t n, struct ax_values *about,
                        uint8_t out[AX_VALUES_BYTES]);
bool ax_values_decode(const uint8_t *p, size_t len, const struct ax_values *about, double last,
                      double *v, size_t n);

/* Times that rise strictly, and are not all one step apart: n > 2. */
size_t ax_times_encode(const int64_t *t, size_t n, uint8_t out[AX_TIMES_BYTES]);
bool ax_times_decode(const uint8_t *p, size_t len, int64_t t0, int64_t *t, size_t n);
bool ax_times_even(const int64_t *t, size_t n);

#endif
