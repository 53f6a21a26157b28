// SPDX-License-Identifier: Apache-2.0
/* Whole numbers as Rice codes: small for noise, where a frame of reference pays every block's
 * largest number 32 times. Pure. */
#ifndef AX_STORE_RICE_H
#define AX_STORE_RICE_H

#include "store/reader.h"

#define AX_RICE_BLOCK 64
#define AX_RICE_MAX   512 /* numbers at a time */
/* Bytes that n numbers take at most. */
#define AX_RICE_BYTES(n) (16 + ((n) / AX_RICE_BLOCK + 1) * 11 + (n)*25)

struct ax_rice_plan {
    size_t size; /* bytes, to one or two; SIZE_MAX: too far apart (2^56) for such codes */
    struct ax_rice_block {
        int64_t base;
        unsigned k;
        bool least; /* the base is that, or the mean */
    } block[AX_RICE_MAX / AX_RICE_BLOCK];
};
void ax_rice_plan(struct ax_rice_plan *plan, const int64_t *x, size_t n);
uint8_t *ax_rice_pack(uint8_t *at, const struct ax_rice_plan *plan, const int64_t *x, size_t n);
/* Writes x up to the next multiple of AX_RICE_BLOCK behind n. Sets r->bad. */
void ax_rice_unpack(struct ax_reader *r, int64_t *x, size_t n);

#endif
