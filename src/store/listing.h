// SPDX-License-Identifier: Apache-2.0
/* Which blocks and log segments lie in a store's directory. */
#ifndef AX_STORE_LISTING_H
#define AX_STORE_LISTING_H

#include "store/manifest.h"

/* Lies in a copy of a store while its files are being exchanged. */
#define AX_LISTING_INCOMPLETE "INCOMPLETE"

struct ax_listing {
    uint64_t *blocks, *segments; /* numbers, rising */
    size_t nblocks, nsegments;
};

int ax_listing_read(int dirfd, struct ax_listing *out, struct ax_err *err);
void ax_listing_free(struct ax_listing *l);
/* Bytes of the segments that count, returned, and in *total of these and the blocks that do. */
uint64_t ax_listing_bytes(int dirfd, const struct ax_listing *l, const struct ax_manifest *m,
                          uint64_t *total);

#endif
