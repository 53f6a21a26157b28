// SPDX-License-Identifier: Apache-2.0
/* Prometheus remote write v1:
 *     WriteRequest { repeated TimeSeries timeseries = 1; }
 *     TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
 *     Label        { string name = 1; string value = 2; }
 *     Sample       { double value = 1; int64 timestamp = 2; }
 * Fields that are not listed (metadata, exemplars, histograms) are passed over. */
#include "ingest/ingest.h"
#include "ingest/proto.h"

#include <errno.h>
#include <snappy-c.h>
#include <string.h>

#define SERIES_BYTES 128 /* about what a series with one sample takes */

enum { TAG_LABEL = 1 << 3 | AX_WIRE_BYTES };

struct decoder {
    struct ax_str tenant, whole;
    struct ax_walk *walk;
    struct ax_batch *out;
    struct ax_sample *samples; /* of the series at hand */
    size_t nsamples, room;     /* room: for how many behind `samples` */
    size_t all;                /* samples of all series */
    uint64_t bad;
    struct ax_err *err;
};

static int unpack(struct ax_str body, struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    size_t n;
    if (body.n > AX_INGEST_MAX_BODY)
        return ax_fail(err, -EFBIG, "the body has %zu bytes (limit %u)", body.n,
                       AX_INGEST_MAX_BODY);
    if (snappy_uncompressed_length(body.p, body.n, &n) != SNAPPY_OK)
        return ax_fail(err, -EBADMSG, "the body is not a snappy block (its length is unreadable)");
    if (n > AX_INGEST_MAX_DECODED)
        return ax_fail(err, -EFBIG, "the body unpacks to %zu bytes (limit %u)", n,
                       AX_INGEST_MAX_DECODED);
    char *p = ax_arena_room(a, n);
    if (snappy_uncompress(body.p, body.n, p, &n) != SNAPPY_OK)
        return ax_fail(err, -EBADMSG, "the body is damaged: snappy cannot unpack it");
    *out = (struct ax_str){p, n};
    return 0;
}

static int malformed(struct decoder *d, const uint8_t *at, const char *what)
{
    return ax_fail(d->err, -EBADMSG, "%s is malformed at byte %zu of %zu unpacked bytes", what,
                   (size_t)(at - (const uint8_t *)d->whole.p), d->whole.n);
}

static int read_label(struct decoder *d, struct ax_str bytes, struct ax_labels_builder *b)
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
        return malformed(d, p.at, "a label");
    ax_labels_add(b, name, value);
    return 0;
}

/* Samples of all series lie one behind the other; what a piece has no room for begins the next. */
static void more_room(struct decoder *d)
{
    size_t room = d->nsamples * 2 + d->whole.n / 128 + 16;
    struct ax_sample *piece = ax_arena_room(d->out->arena, room * sizeof *piece);
    if (d->nsamples)
        memcpy(piece, d->samples, d->nsamples * sizeof *piece);
    d->samples = piece;
    d->room = room;
}

static int read_sample(struct decoder *d, struct ax_str bytes)
{
    struct ax_sample s = {0, 0};
    struct ax_proto p = ax_proto(bytes);
    while (ax_proto_next(&p)) {
        if (p.field == 1 && p.wire == AX_WIRE_FIXED64)
            memcpy(&s.v, &p.number, sizeof s.v);
        else if (p.field == 2 && p.wire == AX_WIRE_VARINT)
            s.t = (int64_t)p.number;
    }
    if (p.bad)
        return malformed(d, p.at, "a sample");
    if (++d->all > AX_INGEST_MAX_SAMPLES)
        return ax_fail(d->err, -EFBIG, "the body has more than %u samples", AX_INGEST_MAX_SAMPLES);
    if (d->nsamples == d->room)
        more_room(d);
    d->samples[d->nsamples++] = s;
    return 0;
}

static void take_series(struct decoder *d, struct ax_batch_series s)
{
    s.samples = d->samples;
    s.n = (uint32_t)d->nsamples;
    ax_batch_take(d->out, &s);
    d->samples += d->nsamples;
    d->room -= d->nsamples;
}

/* A series whose labels are no label set is left out: its neighbours are not to blame. */
static void take_new_series(struct decoder *d, struct ax_labels_builder *b)
{
    struct ax_batch_series s = {.id = AX_SERIES_NONE, .nsent = b->n};
    struct ax_label *sent = AX_NEWS(d->out->arena, struct ax_label, b->n + 1);
    struct ax_err why;
    memcpy(sent, b->v, b->n * sizeof *sent);
    s.sent = sent;
    if (ax_intake_labels(b, d->tenant, d->out->arena, &s.labels, &why) == 0) {
        take_series(d, s);
        return;
    }
    if (d->bad == 0 && d->err)
        *d->err = why;
    d->bad += d->nsamples;
}

/* The long way: all labels are read and looked up. */
static int read_any_series(struct decoder *d, struct ax_str series)
{
    struct ax_labels_builder b;
    uint32_t id;
    b.n = 0;
    b.too_many = false;
    d->nsamples = 0;
    struct ax_proto p = ax_proto(series);
    while (ax_proto_next(&p)) {
        int rc = 0;
        if (p.wire == AX_WIRE_BYTES && p.field == 1)
            rc = read_label(d, p.bytes, &b);
        else if (p.wire == AX_WIRE_BYTES && p.field == 2)
            rc = read_sample(d, p.bytes);
        if (rc < 0)
            return rc;
    }
    if (p.bad)
        return malformed(d, p.at, "a time series");
    if (d->nsamples == 0)
        return 0;
    if (!b.too_many && ax_walk_find(d->walk, b.v, b.n, &id))
        take_series(d, (struct ax_batch_series){.id = id});
    else
        take_new_series(d, &b);
    return 0;
}

/* The short way, for a series whose leading labels are known; 1 when others follow them, though no
 * sender is known that writes them so. */
static int read_known_series(struct decoder *d, struct ax_str rest, uint32_t id)
{
    d->nsamples = 0;
    struct ax_proto p = ax_proto(rest);
    while (ax_proto_next(&p)) {
        if (p.wire != AX_WIRE_BYTES)
            continue;
        int rc = p.field == 2 ? read_sample(d, p.bytes) : p.field == 1;
        if (rc != 0)
            return rc;
    }
    if (p.bad)
        return malformed(d, p.at, "a time series");
    if (d->nsamples)
        take_series(d, (struct ax_batch_series){.id = id});
    return 0;
}

static int read_series(struct decoder *d, struct ax_str series)
{
    uint32_t id;
    size_t n = ax_walk_follow(d->walk, series, TAG_LABEL, &id);
    if (n) {
        int rc = read_known_series(d, (struct ax_str){series.p + n, series.n - n}, id);
        if (rc <= 0)
            return rc;
    }
    return read_any_series(d, series);
}

static int read_request(struct decoder *d)
{
    struct ax_proto p = ax_proto(d->whole);
    while (ax_proto_next(&p)) {
        if (p.field != 1 || p.wire != AX_WIRE_BYTES)
            continue;
        int rc = read_series(d, p.bytes);
        if (rc < 0)
            return rc;
    }
    return p.bad ? malformed(d, p.at, "the write request") : 0;
}

int ax_remote_write_decode(struct ax_str body, struct ax_str tenant, struct ax_walk *walk,
                           struct ax_batch *out, uint64_t *bad, struct ax_err *err)
{
    struct decoder d = {.tenant = tenant, .walk = walk, .out = out, .err = err};
    int rc = unpack(body, out->arena, &d.whole, err);
    if (rc < 0)
        return rc;
    out->held = true;
    ax_batch_reserve(out, d.whole.n / SERIES_BYTES + 16);
    rc = read_request(&d);
    if (rc == 0)
        *bad = d.bad;
    return rc;
}
