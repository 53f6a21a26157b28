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

#define SERIES_BYTES 48 /* about what a series with one sample takes, beside its symbols */

enum { SYMBOLS = 4, SERIES = 5 };
enum { REFS = 1, SAMPLES = 2, HISTOGRAMS = 3, EXEMPLARS = 4 };

/* Which pair (name, value) is: direct-mapped, what comes later takes the place. */
struct memo {
    uint32_t name, value, pair;
};

struct decoder {
    struct ax_gather g;
    struct ax_str *symbols;
    size_t nsymbols, cap;
    struct memo *memo;
    uint32_t mask;
    struct memo last[AX_LABELS_MAX]; /* the labels of the series before, most of which stay */
    /* Of the series at hand: */
    uint32_t refs[2 * AX_LABELS_MAX];
    uint32_t pairs[AX_LABELS_MAX];
    size_t nrefs; /* as sent: more than fit are counted only */
    bool bad_refs;
};

/* ---- symbols ---- */

static void add_symbol(struct decoder *d, struct ax_str s)
{
    if (d->nsymbols == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 256;
        d->symbols = ax_arena_grow(d->g.d->out->arena, d->symbols, d->cap * sizeof *d->symbols,
                                   cap * sizeof *d->symbols);
        d->cap = cap;
    }
    d->symbols[d->nsymbols++] = s;
}

/* All of the table, or what of it stands before the first series, which is all with the senders
 * that are known: then the series are not passed over twice. */
static int read_symbols(struct decoder *d, bool all)
{
    struct ax_proto p = ax_proto(d->g.whole);
    size_t slots = 64;
    d->nsymbols = 0;
    while (ax_proto_next(&p) && (all || p.field != SERIES))
        if (p.field == SYMBOLS && p.wire == AX_WIRE_BYTES && d->nsymbols <= AX_INGEST_MAX_SYMBOLS)
            add_symbol(d, p.bytes);
    if (p.bad)
        return ax_gather_malformed(&d->g, p.at, "the write request");
    if (d->nsymbols > AX_INGEST_MAX_SYMBOLS)
        return ax_fail(d->g.err, -EFBIG, "the request has more than %u symbols",
                       AX_INGEST_MAX_SYMBOLS);
    while (slots < d->nsymbols * 2)
        slots *= 2;
    d->memo = ax_arena_room(d->g.d->out->arena, slots * sizeof *d->memo);
    d->mask = (uint32_t)slots - 1;
    memset(d->memo, 0xff, slots * sizeof *d->memo); /* no symbol has that number */
    memset(d->last, 0xff, sizeof d->last);
    return 0;
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

/* The pair that two references are. Most labels are those of the series before. */
static inline void add_pair(struct decoder *d, size_t i, uint32_t name, uint32_t value)
{
    struct memo *last = &d->last[i];
    if (last->name != name || last->value != value)
        *last = (struct memo){name, value, pair_of(d, name, value)};
    d->pairs[i] = last->pair;
}

/* A reference that is none becomes one to no symbol, which is found when the series is taken. */
static inline void add_ref(struct decoder *d, uint64_t ref)
{
    size_t n = d->nrefs++;
    if (n >= AX_ARRAY_LEN(d->refs))
        return;
    if (ref >= d->nsymbols) {
        d->refs[n] = UINT32_MAX;
        d->bad_refs = true;
        return;
    }
    d->refs[n] = (uint32_t)ref;
    if (n % 2 && d->refs[n - 1] != UINT32_MAX)
        add_pair(d, n / 2, d->refs[n - 1], d->refs[n]);
}

/* One or two bytes, which most references are; 0 when it is longer, or cut off. */
static inline size_t short_varint(const uint8_t *at, const uint8_t *end, uint32_t *out)
{
    if (at < end && at[0] < 0x80) {
        *out = at[0];
        return 1;
    }
    if (end - at < 2 || at[1] >= 0x80)
        return 0;
    *out = (at[0] & 0x7fu) | (uint32_t)at[1] << 7;
    return 2;
}

static int add_refs(struct decoder *d, struct ax_str packed)
{
    struct ax_proto p = ax_proto(packed);
    uint64_t ref;
    while (p.at < p.end) {
        uint32_t name, value;
        size_t n = short_varint(p.at, p.end, &name);
        size_t m = n ? short_varint(p.at + n, p.end, &value) : 0;
        if (m && name < d->nsymbols && value < d->nsymbols && d->nrefs % 2 == 0 &&
            d->nrefs < AX_ARRAY_LEN(d->refs)) {
            d->refs[d->nrefs] = name;
            d->refs[d->nrefs + 1] = value;
            add_pair(d, d->nrefs / 2, name, value);
            d->nrefs += 2;
            p.at += n + m;
            continue;
        }
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

static int refused_refs(const struct decoder *d, struct ax_err *err)
{
    size_t bad = 0;
    if (d->nrefs % 2)
        return ax_fail(err, -EINVAL, "a series has %zu label references, which are no pairs",
                       d->nrefs);
    if (d->nrefs > AX_ARRAY_LEN(d->refs))
        return ax_fail(err, -EINVAL, "a series has %zu labels (limit %u)", d->nrefs / 2,
                       AX_LABELS_MAX);
    while (d->refs[bad] != UINT32_MAX)
        bad++;
    return ax_fail(err, -EINVAL,
                   "label reference %zu of a series is none of the request's %zu symbols", bad + 1,
                   d->nsymbols);
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
    uint32_t id;
    if (d->bad_refs || d->nrefs % 2 || d->nrefs > AX_ARRAY_LEN(d->refs))
        return refused_refs(d, why);
    if (!ax_walk_pairs(d->g.d->walk, d->pairs, d->nrefs / 2, &id))
        return take_new(d, why);
    ax_gather_take(&d->g, (struct ax_batch_series){.id = id});
    return 0;
}

static int read_series(struct decoder *d, struct ax_str series)
{
    struct ax_proto p = ax_proto(series);
    struct ax_err why;
    d->nrefs = 0;
    d->bad_refs = false;
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

/* 1 when there is a symbol behind a series. */
static int read_all_series(struct decoder *d, bool have_all_symbols)
{
    struct ax_proto p = ax_proto(d->g.whole);
    bool begun = false;
    int rc = 0;
    while (rc == 0 && ax_proto_next(&p)) {
        if (p.field == SERIES && p.wire == AX_WIRE_BYTES) {
            begun = true;
            rc = read_series(d, p.bytes);
        } else if (p.field == SYMBOLS && begun && !have_all_symbols) {
            rc = 1;
        }
    }
    return p.bad ? ax_gather_malformed(&d->g, p.at, "the write request") : rc;
}

int ax_remote_write2_decode(struct ax_decoding *out, struct ax_str message, struct ax_err *err)
{
    struct ax_decoding fresh = *out;
    for (int all = 0;; all++) {
        struct decoder d = {.g = {.d = out, .whole = message, .piece = message.n / 64, .err = err}};
        int rc = read_symbols(&d, all);
        out->out->held = true;
        ax_batch_reserve(out->out, message.n / SERIES_BYTES + 16);
        if (rc == 0)
            rc = read_all_series(&d, all);
        if (rc <= 0)
            return rc;
        out->out->n = out->out->samples = 0; /* once more, with all symbols */
        *out = fresh;
    }
}
