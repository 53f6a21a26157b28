// SPDX-License-Identifier: Apache-2.0
/* Prometheus remote write 2.0:
 *     Request    { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
 *     TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2;
 *                  repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
 *                  Metadata metadata = 5; int64 created_timestamp = 6; }
 * A label is two numbers in the table of symbols. What two numbers stand for is looked up once for
 * a request; from then on a label is one number, the intake's own for that pair, and a series that
 * is known is recognised by comparing numbers. */
#include "ingest/gather.h"

#include <errno.h>

enum { SYMBOLS = 4, SERIES = 5 };
enum { REFS = 1, SAMPLES = 2, HISTOGRAMS = 3, EXEMPLARS = 4 };

/* Which pair (name, value) is: direct-mapped, what comes later takes the place. */
struct memo {
    uint32_t name, value, pair;
};

struct decoder {
    struct ax_gather g;
    struct ax_str *symbols;
    size_t nsymbols;
    struct memo *memo;
    uint32_t mask;
    /* Of the series at hand: */
    uint32_t refs[2 * AX_LABELS_MAX];
    size_t nrefs; /* as sent: more than fit are counted only */
};

/* ---- symbols ---- */

static int count_symbols(struct decoder *d)
{
    struct ax_proto p = ax_proto(d->g.whole);
    while (ax_proto_next(&p))
        d->nsymbols += p.field == SYMBOLS && p.wire == AX_WIRE_BYTES;
    if (p.bad)
        return ax_gather_malformed(&d->g, p.at, "the write request");
    if (d->nsymbols > AX_INGEST_MAX_SYMBOLS)
        return ax_fail(d->g.err, -EFBIG, "the request has %zu symbols (limit %u)", d->nsymbols,
                       AX_INGEST_MAX_SYMBOLS);
    return 0;
}

static void read_symbols(struct decoder *d)
{
    struct ax_arena *a = d->g.d->out->arena;
    size_t n = 0, slots = 64;
    d->symbols = ax_arena_room(a, (d->nsymbols + 1) * sizeof *d->symbols);
    struct ax_proto p = ax_proto(d->g.whole);
    while (n < d->nsymbols && ax_proto_next(&p))
        if (p.field == SYMBOLS && p.wire == AX_WIRE_BYTES)
            d->symbols[n++] = p.bytes;
    while (slots < d->nsymbols * 2)
        slots *= 2;
    d->memo = ax_arena_room(a, slots * sizeof *d->memo);
    d->mask = (uint32_t)slots - 1;
    memset(d->memo, 0xff, slots * sizeof *d->memo); /* no symbol has that number */
}

static uint32_t look_up(struct decoder *d, struct memo *m, uint32_t name, uint32_t value)
{
    *m =
        (struct memo){name, value, ax_walk_pair(d->g.d->walk, d->symbols[name], d->symbols[value])};
    return m->pair;
}

static inline uint32_t pair_of(struct decoder *d, uint32_t name, uint32_t value)
{
    struct memo *m = &d->memo[(value + name * 0x9e3779b1u) & d->mask];
    return m->name == name && m->value == value ? m->pair : look_up(d, m, name, value);
}

/* ---- a series ---- */

static void add_ref(struct decoder *d, uint64_t ref)
{
    if (d->nrefs < AX_ARRAY_LEN(d->refs))
        d->refs[d->nrefs] = ref < d->nsymbols ? (uint32_t)ref : UINT32_MAX;
    d->nrefs++;
}

static int add_refs(struct decoder *d, struct ax_str packed)
{
    struct ax_proto p = ax_proto(packed);
    uint64_t ref;
    while (p.at < p.end) {
        if (!ax_proto_varint(&p, &ref))
            return ax_gather_malformed(&d->g, p.at, "a list of label references");
        add_ref(d, ref);
    }
    return 0;
}

static int read_part(struct decoder *d, const struct ax_proto *p)
{
    if (p->field == REFS && p->wire == AX_WIRE_VARINT)
        add_ref(d, p->number);
    if (p->wire != AX_WIRE_BYTES)
        return 0;
    switch (p->field) {
    case REFS: return add_refs(d, p->bytes);
    case SAMPLES: return ax_gather_wire_sample(&d->g, p->bytes);
    case HISTOGRAMS: d->g.d->histograms++; break;
    case EXEMPLARS: d->g.d->exemplars++; break;
    default: break;
    }
    return 0;
}

static int check_refs(const struct decoder *d, struct ax_err *err)
{
    if (d->nrefs % 2)
        return ax_fail(err, -EINVAL, "a series has %zu label references, which are no pairs",
                       d->nrefs);
    if (d->nrefs > AX_ARRAY_LEN(d->refs))
        return ax_fail(err, -EINVAL, "a series has %zu labels (limit %u)", d->nrefs / 2,
                       AX_LABELS_MAX);
    for (size_t i = 0; i < d->nrefs; i++)
        if (d->refs[i] == UINT32_MAX)
            return ax_fail(err, -EINVAL,
                           "label reference %zu of a series is none of the request's %zu symbols",
                           i + 1, d->nsymbols);
    return 0;
}

static int take_new(struct decoder *d, struct ax_err *why)
{
    struct ax_labels_builder b;
    b.n = 0;
    b.too_many = false;
    for (size_t i = 0; i < d->nrefs; i += 2)
        ax_labels_add(&b, d->symbols[d->refs[i]], d->symbols[d->refs[i + 1]]);
    return ax_gather_take_new(&d->g, &b, why);
}

static int take_series(struct decoder *d, struct ax_err *why)
{
    uint32_t pairs[AX_LABELS_MAX], id;
    int rc = check_refs(d, why);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < d->nrefs; i += 2)
        pairs[i / 2] = pair_of(d, d->refs[i], d->refs[i + 1]);
    if (!ax_walk_pairs(d->g.d->walk, pairs, d->nrefs / 2, &id))
        return take_new(d, why);
    ax_gather_take(&d->g, (struct ax_batch_series){.id = id});
    return 0;
}

static int read_series(struct decoder *d, struct ax_str series)
{
    struct ax_proto p = ax_proto(series);
    struct ax_err why;
    d->nrefs = 0;
    while (ax_proto_next(&p)) {
        int rc = read_part(d, &p);
        if (rc < 0)
            return rc;
    }
    if (p.bad)
        return ax_gather_malformed(&d->g, p.at, "a time series");
    if (d->g.n && take_series(d, &why) < 0)
        ax_gather_refuse(&d->g, &why); /* its neighbours are not to blame */
    return 0;
}

int ax_remote_write2_decode(struct ax_decoding *out, struct ax_str message, struct ax_err *err)
{
    struct decoder d = {.g = {.d = out, .whole = message, .piece = message.n / 64, .err = err}};
    int rc = count_symbols(&d);
    if (rc < 0)
        return rc;
    read_symbols(&d);
    out->out->held = true;
    struct ax_proto p = ax_proto(message);
    while (rc == 0 && ax_proto_next(&p))
        if (p.field == SERIES && p.wire == AX_WIRE_BYTES)
            rc = read_series(&d, p.bytes);
    return rc;
}
