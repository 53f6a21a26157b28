// SPDX-License-Identifier: Apache-2.0
/* Prometheus remote write 1.0:
 *     WriteRequest { repeated TimeSeries timeseries = 1; }
 *     TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2;
 *                    repeated Exemplar exemplars = 3; repeated Histogram histograms = 4; }
 *     Label        { string name = 1; string value = 2; }
 * Exemplars and histograms are counted and passed over, as are fields that are not listed. */
#include "ingest/gather.h"

#define SERIES_BYTES 128 /* about what a series with one sample takes */

enum { LABELS = 1, SAMPLES = 2, EXEMPLARS = 3, HISTOGRAMS = 4 };
enum { TAG_LABEL = LABELS << 3 | AX_WIRE_BYTES };

static int read_label(struct ax_gather *g, struct ax_str bytes, struct ax_labels_builder *b)
{
    struct ax_str name = AX_STR_NULL, value = AX_STR_NULL;
    struct ax_proto p = ax_proto(bytes);
    while (ax_proto_next(&p)) {
        if (p.wire == AX_WIRE_BYTES && p.field == 1)
            name = p.bytes;
        else if (p.wire == AX_WIRE_BYTES && p.field == 2)
            value = p.bytes;
    }
    if (p.bad)
        return ax_gather_malformed(g, p.at, "a label");
    ax_labels_add(b, name, value);
    return 0;
}

/* What of a series is not its labels. */
static int read_part(struct ax_gather *g, const struct ax_proto *p)
{
    if (p->field == SAMPLES)
        return ax_gather_wire_sample(g, p->bytes);
    g->d->exemplars += p->field == EXEMPLARS;
    g->d->histograms += p->field == HISTOGRAMS;
    return 0;
}

/* The long way: all labels are read and looked up. */
static int read_any_series(struct ax_gather *g, struct ax_str series)
{
    struct ax_labels_builder b;
    struct ax_err why;
    b.n = 0;
    b.too_many = false;
    struct ax_proto p = ax_proto(series);
    while (ax_proto_next(&p)) {
        if (p.wire != AX_WIRE_BYTES)
            continue;
        int rc = p.field == LABELS ? read_label(g, p.bytes, &b) : read_part(g, &p);
        if (rc < 0)
            return rc;
    }
    if (p.bad)
        return ax_gather_malformed(g, p.at, "a time series");
    if (g->n && ax_gather_take_any(g, &b, &why) < 0)
        ax_gather_refuse(g, &why); /* its neighbours are not to blame */
    return 0;
}

/* The short way, for a series whose leading labels are known; 1 when others follow them, though no
 * sender is known that writes them so. */
static int read_known_series(struct ax_gather *g, struct ax_str rest, uint32_t id)
{
    struct ax_proto p = ax_proto(rest);
    while (ax_proto_next(&p)) {
        if (p.wire != AX_WIRE_BYTES)
            continue;
        int rc = p.field == LABELS ? 1 : read_part(g, &p);
        if (rc != 0)
            return rc;
    }
    if (p.bad)
        return ax_gather_malformed(g, p.at, "a time series");
    if (g->n)
        ax_gather_take(g, (struct ax_batch_series){.id = id});
    return 0;
}

static int read_series(struct ax_gather *g, struct ax_str series)
{
    uint32_t id;
    size_t n = ax_walk_follow(g->d->walk, series, TAG_LABEL, &id);
    if (n) {
        uint64_t exemplars = g->d->exemplars, histograms = g->d->histograms;
        int rc = read_known_series(g, (struct ax_str){series.p + n, series.n - n}, id);
        if (rc <= 0)
            return rc;
        g->all -= g->n;
        g->n = 0;
        g->d->exemplars = exemplars;
        g->d->histograms = histograms;
    }
    return read_any_series(g, series);
}

int ax_remote_write_decode(struct ax_decoding *d, struct ax_str message, struct ax_err *err)
{
    struct ax_gather g = {.d = d, .whole = message, .piece = message.n / 128, .err = err};
    struct ax_proto p = ax_proto(message);
    d->out->held = true;
    ax_batch_reserve(d->out, message.n / SERIES_BYTES + 16);
    while (ax_proto_next(&p)) {
        if (p.field != 1 || p.wire != AX_WIRE_BYTES)
            continue;
        int rc = read_series(&g, p.bytes);
        if (rc < 0)
            return rc;
    }
    return p.bad ? ax_gather_malformed(&g, p.at, "the write request") : 0;
}
