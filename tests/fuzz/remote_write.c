// SPDX-License-Identifier: Apache-2.0
/* Remote write. An input that begins with 'r' is the body as sent; else it is the protobuf, which
 * is compressed here, since no mutation of compressed bytes gets far. */
#include "kit.h"

#include "ingest/ingest.h"

#include <snappy-c.h>
#include <stdlib.h>

static void check(const struct ax_batch *b)
{
    size_t samples = 0;
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(ax_labels_valid(b->v[i].labels.bytes) && b->v[i].n > 0);
        samples += b->v[i].n;
    }
    AX_ASSERT(samples == b->samples);
}

FUZZ_TARGET(p, n)
{
    if (!n)
        return 0;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_err err = {0};
    uint64_t bad = 0;
    size_t len = snappy_max_compressed_length(n - 1);
    AX_CLEANUP(ax_free_ptr) char *packed = ax_malloc(len);
    AX_ASSERT(snappy_compress((const char *)p + 1, n - 1, packed, &len) == SNAPPY_OK);
    struct ax_str body = p[0] == 'r' ? fuzz_str(p + 1, n - 1) : (struct ax_str){packed, len};
    int rc = ax_remote_write_decode(body, AX_STR("t"), &b, &bad, &err);
    AX_ASSERT(rc == 0 || err.text[0]);
    if (rc == 0)
        check(&b);
    ax_arena_free(&a);
    return 0;
}
