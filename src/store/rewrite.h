// SPDX-License-Identifier: Apache-2.0
/* Blocks written anew without some of their samples: for deletion, and for what a tenant may keep.
 * Nothing counts before the lists are published. */
#ifndef AX_STORE_REWRITE_H
#define AX_STORE_REWRITE_H

#include "store/inner.h"

struct ax_rewrite {
    struct ax_store *store;
    int64_t mint, maxt; /* inclusive: what goes of the series that match */
    uint64_t deleted;   /* samples, so far */
    struct ax_block_list add, drop;
};

/* `matching` are numbers of series of the block. Adds the block to `drop`, and what is left of it
 * to `add`; neither when it has nothing of what goes. -EIO: it is damaged where it has something
 * else. */
int ax_rewrite_block(struct ax_rewrite *w, struct ax_block *b, const roaring_bitmap_t *matching,
                     struct ax_err *err);
/* When it came to nothing: removes what was written, and empties the lists. */
void ax_rewrite_cancel(struct ax_rewrite *w);
/* Makes it count; nothing when no block was concerned. */
int ax_rewrite_publish(struct ax_rewrite *w, struct ax_err *err);
void ax_rewrite_done(struct ax_rewrite *w); /* frees the lists */

#endif
