// SPDX-License-Identifier: Apache-2.0
/* What a block's index says of each chunk of a series: pure coding of a few bytes.
 *
 *   1 byte flags, then what they do not make superfluous:
 *     even times    varint n, [varint step], zigzag of the time since the chunk before
 *     other times   varint n, zigzag number of the column, the time since, varint duration
 *     last value    e, zigzag units | number of zero bytes, the rest of the double
 *     varint length of the payload, unless all values are the same: then there is none
 *
 * Everything is told against the chunk before, so that a constant costs one byte for each. */
#ifndef AX_STORE_ENTRY_H
#define AX_STORE_ENTRY_H

#include "store/values.h"

#define AX_ENTRY_BYTES 64
#define AX_NO_COLUMN   UINT32_MAX
#define AX_PLAIN_CHUNK UINT8_MAX /* of version 1: kind of one that has times, values and all */

struct ax_block_chunk {
    int64_t mint, maxt;
    uint32_t n, len;
    uint64_t at;     /* of the payload in the file */
    uint32_t column; /* of its times; AX_NO_COLUMN when they are one step apart */
    double last;     /* the newest value */
    struct ax_values values;
};

/* The chunk before. */
struct ax_entry_state {
    int64_t maxt, step, column; /* column: -1 before the first */
    uint32_t n;
    uint8_t e;
    int64_t units;
    double last;
};
struct ax_entry_state ax_entry_first(int64_t origin); /* times are counted from there */

uint8_t *ax_entry_put(uint8_t *at, struct ax_entry_state *s, const struct ax_block_chunk *c);
/* Sets all but c->at; r->bad when that cannot be such a chunk. */
void ax_entry_read(struct ax_reader *r, struct ax_entry_state *s, struct ax_block_chunk *c);
/* The same of a block of version 1. */
void ax_entry_read_1(struct ax_reader *r, struct ax_entry_state *s, struct ax_block_chunk *c);

#endif
