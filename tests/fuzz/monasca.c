// SPDX-License-Identifier: Apache-2.0
/* Monasca's POST of metrics. A body that is refused leaves no series behind; one that is taken
 * decodes to the same again when its series are known, and goes into the intake as a whole. */
#include "kit.h"

#include "ingest/ingest.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NOW 1795314600000

static int decode(struct ax_intake *in, struct ax_walk *walk, struct ax_str body,
                  struct ax_batch *b, struct ax_monasca *out, struct ax_err *err)
{
    struct ax_decoding d = {.tenant = AX_STR("t"), .walk = walk, .out = b};
    ax_walk_begin(walk, in, d.tenant);
    int rc = ax_monasca_decode(&d, body, out, err);
    AX_ASSERT(d.bad == 0); /* all or nothing */
    return rc;
}

static void check(const struct ax_batch *b, const struct ax_monasca *m)
{
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(b->v[i].id != AX_SERIES_NONE || ax_labels_valid(b->v[i].labels.bytes));
        AX_ASSERT(b->v[i].n == 1 && isfinite(b->v[i].samples[0].v));
    }
    for (size_t i = 0; i < m->nmetas; i++) {
        const struct ax_monasca_meta *x = &m->metas[i];
        AX_ASSERT(x->series < b->n && x->t == b->v[x->series].samples[0].t);
        AX_ASSERT(ax_str_utf8(x->json) && x->json.p[0] == '{');
        AX_ASSERT(x->json.p[x->json.n - 1] == '}');
    }
}

static void check_same(struct ax_intake *in, const struct ax_batch *b, const struct ax_batch *again)
{
    AX_ASSERT(b->n == again->n);
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(again->v[i].id != AX_SERIES_NONE);
        struct ax_labels known = ax_intake_series(in, again->v[i].id, b->arena);
        AX_ASSERT(ax_str_eq(b->v[i].labels.bytes, known.bytes));
        AX_ASSERT(memcmp(b->v[i].samples, again->v[i].samples, sizeof *b->v[i].samples) == 0);
    }
}

/* Makes all series known, whatever their times are. */
static void make_known(struct ax_intake *in, const struct ax_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        AX_ASSERT(ax_intake_define(in, b->v[i].labels) != AX_SERIES_NONE);
}

/* Taken into the intake as a whole or not at all. */
static void check_whole(struct ax_intake *in, struct ax_batch *b)
{
    struct ax_intake_result r;
    struct ax_err err;
    size_t n = b->n;
    b->whole = true;
    int rc = ax_intake_push(in, b, NOW, &r, &err);
    AX_ASSERT(rc == 0 ? r.accepted == n && r.rejected == 0 : rc == -EINVAL && r.accepted == 0);
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a}, again = {.arena = &a};
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){.max_age_ms = 86400000});
    struct ax_monasca first, second;
    struct ax_err err = {0};
    struct ax_walk walk;
    int rc = decode(in, &walk, fuzz_str(p, n), &b, &first, &err);
    ax_walk_end(&walk);
    AX_ASSERT(ax_intake_count(in) == 0);
    if (rc < 0) {
        AX_ASSERT(err.text[0] && err.code == rc);
        AX_ASSERT(rc == -EINVAL || rc == -EBADMSG || rc == -EFBIG);
    } else {
        check(&b, &first);
        make_known(in, &b);
        AX_ASSERT(decode(in, &walk, fuzz_str(p, n), &again, &second, &err) == 0);
        check(&again, &second);
        check_same(in, &b, &again);
        AX_ASSERT(first.nmetas == second.nmetas);
        check_whole(in, &again);
        ax_walk_end(&walk);
    }
    ax_intake_free(in);
    ax_arena_free(&a);
    return 0;
}
