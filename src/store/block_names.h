// SPDX-License-Identifier: Apache-2.0
/* What a block knows by name: symbols, postings, and the labels of its series. */
#ifndef AX_STORE_BLOCK_NAMES_H
#define AX_STORE_BLOCK_NAMES_H

#include "store/block.h"

bool ax_block_postings_valid(const struct ax_block *b);
/* Gives every series an id. -EBADMSG: its labels are none. */
int ax_block_define(struct ax_block *b, uint32_t (*define)(void *ctx, struct ax_labels labels),
                    void *ctx);

#endif
