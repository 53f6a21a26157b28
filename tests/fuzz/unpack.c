// SPDX-License-Identifier: Apache-2.0
/* Compressed bodies. The first byte says which compression. */
#include "kit.h"

#include "ingest/ingest.h"

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_str out = AX_STR_NULL;
    struct ax_err err = {0};
    if (!n)
        return 0;
    enum ax_packing packing = (enum ax_packing)(p[0] % 4);
    struct ax_str body = fuzz_str(p + 1, n - 1);
    AX_ASSERT(ax_unpacked_bound(body, packing) <= AX_INGEST_MAX_DECODED);
    int rc = ax_unpack(body, packing, &a, &out, &err);
    AX_ASSERT(rc == 0 ? out.n <= AX_INGEST_MAX_DECODED : err.text[0] != 0);
    ax_arena_free(&a);
    return 0;
}
