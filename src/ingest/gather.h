// SPDX-License-Identifier: Apache-2.0
/* What the decoders of samples share: the samples of the series at hand are gathered, then taken
 * into the batch under the series' id or labels. Inside ingest only. */
#ifndef AX_INGEST_GATHER_H
#define AX_INGEST_GATHER_H

#include "ingest/ingest.h"
#include "ingest/proto.h"

#include <string.h>

/* Samples of all series lie one behind the other; what a piece has no room for begins the next. */
struct ax_gather {
    struct ax_decoding *d;
    struct ax_str whole;       /* the message, for the place of a fault */
    struct ax_sample *samples; /* of the series at hand */
    size_t n, room;            /* room: for how many behind `samples` */
    size_t piece;              /* how many the next piece has room for at least */
    size_t all;                /* samples of all series */
    bool any_name;             /* names of metrics and labels are any UTF-8 */
    struct ax_err *err;
};

void ax_gather_more_room(struct ax_gather *g);
int ax_gather_too_many(struct ax_gather *g);

static inline int ax_gather_sample(struct ax_gather *g, struct ax_sample s)
{
    if (++g->all > AX_INGEST_MAX_SAMPLES)
        return ax_gather_too_many(g);
    if (g->n == g->room)
        ax_gather_more_room(g);
    g->samples[g->n++] = s;
    return 0;
}

/* "WHAT is malformed at byte ...": -EBADMSG. */
int ax_gather_malformed(struct ax_gather *g, const uint8_t *at, const char *what);

/* Sample { double value = 1; int64 timestamp = 2; }, of either version of remote write. */
static inline int ax_gather_wire_sample(struct ax_gather *g, struct ax_str bytes)
{
    struct ax_sample s = {0, 0};
    struct ax_proto p = ax_proto(bytes);
    while (ax_proto_next(&p)) {
        if (p.field == 1 && p.wire == AX_WIRE_FIXED64)
            memcpy(&s.v, &p.number, sizeof s.v);
        else if (p.field == 2 && p.wire == AX_WIRE_VARINT)
            s.t = (int64_t)p.number;
    }
    return p.bad ? ax_gather_malformed(g, p.at, "a sample") : ax_gather_sample(g, s);
}

/* Takes what was gathered: of a known series. */
static inline void ax_gather_take(struct ax_gather *g, struct ax_batch_series s)
{
    s.samples = g->samples;
    s.n = (uint32_t)g->n;
    ax_batch_take(g->d->out, &s);
    g->samples += g->n;
    g->room -= g->n;
    g->n = 0;
}

/* Of a series by its labels: known to the walk, or new. Refused when they are no label set: what
 * was gathered stays then. */
int ax_gather_take_new(struct ax_gather *g, struct ax_labels_builder *b, struct ax_err *why);
int ax_gather_take_any(struct ax_gather *g, struct ax_labels_builder *b, struct ax_err *why);
/* Leaves out what was gathered, and counts it; `why` is kept when it is the first. */
void ax_gather_refuse(struct ax_gather *g, const struct ax_err *why);

#endif
