// SPDX-License-Identifier: Apache-2.0
/* Remote write 2.0, unpacked. What was decoded, once known, decodes to the same. */
#include "kit.h"

#include "ingest/ingest.h"

#include <string.h>

static int decode(struct ax_intake *in, struct ax_str message, struct ax_batch *b,
                  struct ax_decoding *d, struct ax_err *err)
{
    struct ax_walk walk;
    *d = (struct ax_decoding){.tenant = AX_STR("t"), .walk = &walk, .out = b};
    ax_walk_begin(&walk, in, AX_STR("t"));
    int rc = ax_remote_write2_decode(d, message, err);
    ax_walk_end(&walk);
    return rc;
}

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

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a}, again = {.arena = &a};
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    struct ax_err err = {0};
    struct ax_decoding d, d2;
    int rc = decode(in, fuzz_str(p, n), &b, &d, &err);
    AX_ASSERT(rc == 0 || err.text[0]);
    if (rc == 0) {
        AX_ASSERT(!d.bad || err.text[0]);
        check(&b);
        make_known(in, &b);
        AX_ASSERT(decode(in, fuzz_str(p, n), &again, &d2, &err) == 0);
        check(&again);
        AX_ASSERT(b.n == again.n && b.samples == again.samples && d.bad == d2.bad);
        AX_ASSERT(d.histograms == d2.histograms && d.exemplars == d2.exemplars);
        for (size_t i = 0; i < b.n; i++) {
            struct ax_labels known = again.v[i].id == AX_SERIES_NONE
                                         ? again.v[i].labels
                                         : ax_intake_series(in, again.v[i].id, &a);
            AX_ASSERT(ax_str_eq(b.v[i].labels.bytes, known.bytes));
            AX_ASSERT(memcmp(b.v[i].samples, again.v[i].samples, b.v[i].n * 16) == 0);
        }
    }
    ax_intake_free(in);
    ax_arena_free(&a);
    return 0;
}
