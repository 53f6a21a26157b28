// SPDX-License-Identifier: Apache-2.0
/* Whole numbers, packed by frame of reference: in blocks of 32, each with its smallest value, a bit
 * width, and the differences to the smallest in that many bits. Pure. Any 64-bit values come back:
 * differences wrap. */
#ifndef AX_STORE_INTS_H
#define AX_STORE_INTS_H

#include "store/reader.h"

#define AX_INTS_BLOCK 32
/* Bytes that n packed numbers take at most. */
#define AX_INTS_BYTES(n) (((n) / AX_INTS_BLOCK + 1) * (10 + 1) + (n)*8)

size_t ax_ints_size(const int64_t *x, size_t n); /* what pack would write */
uint8_t *ax_ints_pack(uint8_t *at, const int64_t *x, size_t n);
void ax_ints_unpack(struct ax_reader *r, int64_t *x, size_t n); /* sets r->bad */

/* n numbers of `width` bits, 0 .. 64, that lie one behind the other from p on, lowest bit first.
 * All of the `size` bytes can be read: the more there are behind the numbers, the faster. */
void ax_bits_unpack(const uint8_t *p, size_t size, unsigned width, int64_t *x, size_t n);

#endif
