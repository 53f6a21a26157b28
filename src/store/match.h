// SPDX-License-Identifier: Apache-2.0
/* Which series of an index do all matchers match? An index (the head's, or a block's) fills in the
 * interface; sets of series are CRoaring bitmaps of the index's own series numbers. */
#ifndef AX_STORE_MATCH_H
#define AX_STORE_MATCH_H

#include "model/matcher.h"

#include <roaring/roaring.h>

struct ax_index_view {
    const void *self;
    /* A new bitmap for the handle that each_value gave; owned by the caller. */
    roaring_bitmap_t *(*get)(const void *self, uint64_t handle);
    /* The series with name=value: a new bitmap, or NULL when there are none. */
    roaring_bitmap_t *(*find)(const void *self, struct ax_str name, struct ax_str value);
    /* Calls fn with each value of a name, and with what to hand to `get` for its series. */
    void (*each_value)(const void *self, struct ax_str name,
                       void (*fn)(void *ctx, struct ax_str value, uint64_t handle), void *ctx);
};

/* A new bitmap, owned by the caller, of the tenant's series only. */
roaring_bitmap_t *ax_match(const struct ax_index_view *ix, struct ax_str tenant,
                           const struct ax_matcher *m, size_t n);

#endif
