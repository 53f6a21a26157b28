// SPDX-License-Identifier: Apache-2.0
/* Prometheus remote write v1:
 *     WriteRequest { repeated TimeSeries timeseries = 1; }
 *     TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
 *     Label        { string name = 1; string value = 2; }
 *     Sample       { double value = 1; int64 timestamp = 2; }
 * Fields that are not listed (metadata, exemplars, histograms) are passed over. */
#include "ingest/ingest.h"
#include "ingest/proto.h"
#include "intake/intake.h"

#include <errno.h>
#include <snappy-c.h>
#include <string.h>

struct decoder {
    struct ax_str tenant, whole;
    struct ax_batch *out;
    struct ax_sample *samples; /* of the series at hand, reused */
    size_t nsamples, cap;
    size_t all; /* samples of all series */
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
    char *p = ax_arena_alloc(a, n);
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
    if (d->nsamples == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64;
        d->samples = ax_arena_grow(d->out->arena, d->samples, d->cap * sizeof s, cap * sizeof s);
        d->cap = cap;
    }
    d->samples[d->nsamples++] = s;
    return 0;
}

/* A series whose labels are no label set is left out: its neighbours are not to blame. */
static void take_series(struct decoder *d, struct ax_labels_builder *b)
{
    struct ax_labels labels;
    struct ax_err why;
    if (d->nsamples == 0)
        return;
    if (ax_intake_labels(b, d->tenant, d->out->arena, &labels, &why) < 0) {
        if (d->bad == 0 && d->err)
            *d->err = why;
        d->bad += d->nsamples;
        return;
    }
    ax_batch_add(d->out, labels, d->samples, d->nsamples);
}

static int read_series(struct decoder *d, struct ax_str bytes)
{
    struct ax_labels_builder b;
    b.n = 0;
    b.too_many = false;
    d->nsamples = 0;
    struct ax_proto p = ax_proto(bytes);
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
    take_series(d, &b);
    return 0;
}

int ax_remote_write_decode(struct ax_str body, struct ax_str tenant, struct ax_batch *out,
                           uint64_t *bad, struct ax_err *err)
{
    struct decoder d = {.tenant = tenant, .out = out, .err = err};
    int rc = unpack(body, out->arena, &d.whole, err);
    if (rc < 0)
        return rc;
    struct ax_proto p = ax_proto(d.whole);
    while (ax_proto_next(&p)) {
        if (p.field != 1 || p.wire != AX_WIRE_BYTES)
            continue;
        rc = read_series(&d, p.bytes);
        if (rc < 0)
            return rc;
    }
    if (p.bad)
        return malformed(&d, p.at, "the write request");
    *bad = d.bad;
    return 0;
}
