// SPDX-License-Identifier: Apache-2.0
/* What a block knows by name: symbols, postings, and the labels of its series. */
#ifndef AX_STORE_BLOCK_NAMES_H
#define AX_STORE_BLOCK_NAMES_H

#include "store/block.h"

/* Checks them all, and prepares for reading labels. */
bool ax_block_names_valid(struct ax_block *b);
void ax_block_names_free(struct ax_block *b);

#endif
