// SPDX-License-Identifier: Apache-2.0
#include "ingest/gather.h"

#include <errno.h>

void ax_gather_more_room(struct ax_gather *g)
{
    size_t room = g->n * 2 + g->piece + 16;
    struct ax_sample *piece = ax_arena_room(g->d->out->arena, room * sizeof *piece);
    if (g->n)
        memcpy(piece, g->samples, g->n * sizeof *piece);
    g->samples = piece;
    g->room = room;
}

int ax_gather_malformed(struct ax_gather *g, const uint8_t *at, const char *what)
{
    return ax_fail(g->err, -EBADMSG, "%s is malformed at byte %zu of %zu unpacked bytes", what,
                   (size_t)(at - (const uint8_t *)g->whole.p), g->whole.n);
}

int ax_gather_too_many(struct ax_gather *g)
{
    return ax_fail(g->err, -EFBIG, "the body has more than %u samples", AX_INGEST_MAX_SAMPLES);
}

void ax_gather_refuse(struct ax_gather *g, const struct ax_err *why)
{
    if (g->d->bad == 0 && g->err)
        *g->err = *why;
    g->d->bad += g->n;
    g->n = 0;
}

int ax_gather_take_new(struct ax_gather *g, struct ax_labels_builder *b, struct ax_err *why)
{
    struct ax_arena *a = g->d->out->arena;
    struct ax_batch_series s = {.id = AX_SERIES_NONE, .nsent = b->n};
    struct ax_label *sent = AX_NEWS(a, struct ax_label, b->n + 1);
    memcpy(sent, b->v, b->n * sizeof *sent);
    s.sent = sent;
    int rc = 0;
    for (size_t i = 0; rc == 0 && !g->any_name && i < b->n; i++)
        rc = b->v[i].value.n ? ax_label_check_plain(&b->v[i], why) : 0;
    if (rc == 0)
        rc = ax_intake_labels(b, g->d->tenant, a, &s.labels, why);
    if (rc == 0)
        ax_gather_take(g, s);
    return rc;
}

int ax_gather_take_any(struct ax_gather *g, struct ax_labels_builder *b, struct ax_err *why)
{
    uint32_t id;
    if (b->too_many || !ax_walk_find(g->d->walk, b->v, b->n, &id))
        return ax_gather_take_new(g, b, why);
    ax_gather_take(g, (struct ax_batch_series){.id = id});
    return 0;
}
