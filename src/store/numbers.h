// SPDX-License-Identifier: Apache-2.0
/* A run of whole numbers in the smallest of the forms there are: for blocks, which are written once
 * and kept for long. Any 64-bit values come back. Pure. */
#ifndef AX_STORE_NUMBERS_H
#define AX_STORE_NUMBERS_H

#include "store/ints.h"
#include "store/rice.h"

#define AX_NUMBERS_MAX      AX_RICE_MAX
#define AX_NUMBERS_ROOM     (AX_RICE_MAX + AX_RICE_BLOCK) /* of the array that unpack fills */
#define AX_NUMBERS_BYTES(n) (1 + AX_INTS_BYTES(n))

uint8_t *ax_numbers_pack(uint8_t *at, const int64_t *x, size_t n);
void ax_numbers_unpack(struct ax_reader *r, int64_t *x, size_t n); /* sets r->bad */

#endif
