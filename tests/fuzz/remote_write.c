// SPDX-License-Identifier: Apache-2.0
/* Remote write. An input that begins with 'r' is the body as sent; else it is the protobuf, which
 * is compressed here, since no mutation of compressed bytes gets far. */
#include "kit.h"

#include "ingest/ingest.h"

#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct ax_batch *b)
{
    size_t samples = 0;
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(b->v[i].id != AX_SERIES_NONE || ax_labels_valid(b->v[i].labels.bytes));
        AX_ASSERT(b->v[i].n > 0);
        samples += b->v[i].n;
    }
    AX_ASSERT(samples == b->samples);
}

/* Makes all of it known to the intake, whatever its times are. */
static void make_known(struct ax_intake *in, const struct ax_batch *b)
{
    static const struct ax_sample now = {1, 0};
    struct ax_batch known = {.arena = b->arena};
    struct ax_intake_result r;
    for (size_t i = 0; i < b->n; i++) {
        struct ax_batch_series s = b->v[i];
        s.samples = &now;
        s.n = 1;
        ax_batch_take(&known, &s);
    }
    AX_ASSERT(ax_intake_push(in, &known, 1, &r, NULL) == 0 && r.rejected == 0);
}

/* What is known decodes to what was decoded before. */
static void check_same(struct ax_intake *in, const struct ax_batch *b, const struct ax_batch *again)
{
    AX_ASSERT(b->n == again->n && b->samples == again->samples);
    for (size_t i = 0; i < b->n; i++) {
        struct ax_labels known = again->v[i].id == AX_SERIES_NONE
                                     ? again->v[i].labels
                                     : ax_intake_series(in, again->v[i].id, b->arena);
        AX_ASSERT(ax_str_eq(b->v[i].labels.bytes, known.bytes));
        AX_ASSERT(b->v[i].n == again->v[i].n);
        AX_ASSERT(memcmp(b->v[i].samples, again->v[i].samples, b->v[i].n * 16) == 0);
    }
}

static int decode(struct ax_intake *in, struct ax_str body, struct ax_batch *b, uint64_t *bad,
                  struct ax_err *err)
{
    struct ax_walk walk;
    struct ax_decoding d = {.tenant = AX_STR("t"), .walk = &walk, .out = b};
    ax_walk_begin(&walk, in, AX_STR("t"));
    int rc = ax_unpack(body, AX_PACKED_SNAPPY, b->arena, &body, err);
    if (rc == 0)
        rc = ax_remote_write_decode(&d, body, err);
    ax_walk_end(&walk);
    *bad = d.bad;
    return rc;
}

FUZZ_TARGET(p, n)
{
    if (!n)
        return 0;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a}, again = {.arena = &a};
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    struct ax_err err = {0};
    uint64_t bad = 0, still_bad = 0;
    size_t len = snappy_max_compressed_length(n - 1);
    AX_CLEANUP(ax_free_ptr) char *packed = ax_malloc(len);
    AX_ASSERT(snappy_compress((const char *)p + 1, n - 1, packed, &len) == SNAPPY_OK);
    struct ax_str body = p[0] == 'r' ? fuzz_str(p + 1, n - 1) : (struct ax_str){packed, len};
    int rc = decode(in, body, &b, &bad, &err);
    AX_ASSERT(rc == 0 || err.text[0]);
    if (rc == 0) {
        check(&b);
        make_known(in, &b);
        AX_ASSERT(decode(in, body, &again, &still_bad, &err) == 0);
        check(&again);
        check_same(in, &b, &again);
        AX_ASSERT(bad == still_bad);
    }
    ax_intake_free(in);
    ax_arena_free(&a);
    return 0;
}
