// SPDX-License-Identifier: Apache-2.0
/* Doubles as bits that differ from the value before (the idea of Gorilla, VLDB 2015): exact for
 * every bit pattern there is. Pure. */
#ifndef AX_STORE_XOR_H
#define AX_STORE_XOR_H

#include "store/reader.h"

/* Bytes that n values take at most: 2 + 5 + 6 control bits and 64 of the value, each. */
#define AX_XOR_BYTES(n) ((n)*10 + 16)

uint8_t *ax_xor_pack(uint8_t *at, const double *v, size_t n);
void ax_xor_unpack(struct ax_reader *r, double *v, size_t n); /* sets r->bad */

#endif
