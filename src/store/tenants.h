// SPDX-License-Identifier: Apache-2.0
/* What of a block is whose. The index of a block tells how long each chunk is; what all of it has
 * in common (names, columns of times) counts for each tenant by its share of that. A block of one
 * tenant costs no look. */
#ifndef AX_STORE_TENANTS_H
#define AX_STORE_TENANTS_H

#include "store/inner.h"

struct ax_tenant_parts {
    size_t n;
    struct ax_tenant_part {
        struct ax_str tenant;   /* in the block's symbols */
        uint64_t bytes, handle; /* handle: to get its series by */
    } v[];
};

/* NULL: not among them. */
const struct ax_tenant_part *ax_tenant_part(const struct ax_block *b, struct ax_str tenant);

#endif
