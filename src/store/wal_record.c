// SPDX-License-Identifier: Apache-2.0
#include "store/wal_record.h"

#include "store/crc32c.h"
#include "store/partition.h"
#include "store/reader.h"
#include "store/writer.h"

#include <stdlib.h>

enum { ONE_SAMPLE = 0x10, SAME_TIME = 0x20, NEXT_REF = 0x40, SAME_STEP = 0x10 };

void ax_wal_names_free(struct ax_wal_names *names)
{
    free(names->series);
    free(names->pairs);
    *names = (struct ax_wal_names){0};
}

/* Notes that the segment names it; false when it has done so before. */
static bool is_new(uint32_t **named, uint32_t *n, uint32_t number, uint32_t segment)
{
    if (number >= *n) {
        uint32_t cap = *n ? *n : 1024;
        while (cap <= number)
            cap *= 2;
        *named = ax_realloc(*named, cap * sizeof **named);
        memset(*named + *n, 0, (cap - *n) * sizeof **named);
        *n = cap;
    }
    bool fresh = (*named)[number] != segment;
    (*named)[number] = segment;
    return fresh;
}

/* What is named in a record, put together while its series are gone through. */
struct naming {
    struct ax_buf pairs, series;
    size_t npairs, nseries;
    uint32_t ref, before[AX_LABELS_MAX]; /* of the series named last */
};

static void name_pair(struct naming *g, uint32_t pair, const struct ax_label *l)
{
    ax_buf_varint(&g->pairs, pair);
    ax_buf_varint(&g->pairs, l->name.n);
    ax_buf_str(&g->pairs, l->name);
    ax_buf_varint(&g->pairs, l->value.n);
    ax_buf_str(&g->pairs, l->value);
    g->npairs++;
}

static void name_series(struct naming *g, uint32_t ref, struct ax_intake *in,
                        struct ax_wal_names *names, uint32_t segment)
{
    uint8_t bytes[AX_VARINT_MAX * (AX_LABELS_MAX + 2)], *at = bytes;
    size_t n;
    const uint32_t *pairs = ax_intake_pairs(in, ref, &n);
    at = ax_put_zigzag(at, (int64_t)ref - g->ref);
    at = ax_put_varint(at, n);
    for (size_t i = 0; i < n; i++) {
        struct ax_label l = ax_intake_pair(in, pairs[i]);
        if (is_new(&names->pairs, &names->npairs, pairs[i], segment))
            name_pair(g, pairs[i], &l);
        at = ax_put_zigzag(at, (int64_t)pairs[i] - g->before[i]);
        g->before[i] = pairs[i];
    }
    ax_buf_add(&g->series, bytes, (size_t)(at - bytes));
    g->ref = ref;
    g->nseries++;
}

static void encode_names(struct ax_buf *out, const struct ax_batch *b, struct ax_intake *in,
                         struct ax_wal_names *names, uint32_t segment)
{
    struct naming g = {.pairs = AX_BUF_INIT, .series = AX_BUF_INIT};
    for (size_t i = 0; i < b->n; i++)
        if (is_new(&names->series, &names->nseries, b->v[i].id, segment))
            name_series(&g, b->v[i].id, in, names, segment);
    ax_buf_varint(out, g.npairs);
    ax_buf_add(out, g.pairs.p, g.pairs.n);
    ax_buf_varint(out, g.nseries);
    ax_buf_add(out, g.series.p, g.series.n);
    ax_buf_free(&g.pairs);
    ax_buf_free(&g.series);
}

/* What the encoding of a series leans on: the series before. */
struct before {
    uint32_t ref;
    int64_t t;
};

static uint8_t *encode_series(uint8_t *at, const struct ax_batch_series *s, struct before *before)
{
    const struct ax_sample *first = &s->samples[0];
    unsigned zeros = ax_double_zeros(first->v);
    unsigned control = zeros | (s->n == 1 ? ONE_SAMPLE : 0) |
                       (first->t == before->t ? SAME_TIME : 0) |
                       (s->id == before->ref + 1 ? NEXT_REF : 0);
    *at++ = (uint8_t)control;
    if (!(control & NEXT_REF))
        at = ax_put_zigzag(at, (int64_t)s->id - before->ref);
    if (!(control & ONE_SAMPLE))
        at = ax_put_varint(at, s->n);
    if (!(control & SAME_TIME))
        at = ax_put_zigzag(at, first->t - before->t);
    *before = (struct before){s->id, first->t};
    return ax_put_double(at, first->v, zeros);
}

static uint8_t *encode_more(uint8_t *at, const struct ax_sample *s, int64_t *step)
{
    int64_t now = s[0].t - s[-1].t;
    unsigned zeros = ax_double_zeros(s->v);
    *at++ = (uint8_t)(zeros | (now == *step ? SAME_STEP : 0));
    if (now != *step)
        at = ax_put_zigzag(at, now);
    *step = now;
    return ax_put_double(at, s->v, zeros);
}

void ax_wal_encode(struct ax_buf *out, const struct ax_batch *b, struct ax_intake *in,
                   struct ax_wal_names *names, uint32_t segment)
{
    size_t start = out->n;
    ax_buf_add(out, "\0\0\0\0\0\0\0\0\0\0\0", AX_WAL_RECORD_HEAD);
    encode_names(out, b, in, names, segment);
    struct before before = {UINT32_MAX, 0};
    for (size_t i = 0; i < b->n; i++) {
        const struct ax_batch_series *s = &b->v[i];
        if (!s->n)
            continue;
        char *room = ax_buf_reserve(out, 40 + (size_t)s->n * 19);
        if (!room)
            return; /* out->overflow tells */
        uint8_t *at = encode_series((uint8_t *)room, s, &before);
        int64_t step = 0;
        for (uint32_t k = 1; k < s->n; k++)
            at = encode_more(at, &s->samples[k], &step);
        out->n = (size_t)((char *)at - out->p);
    }
    if (out->overflow)
        return;
    size_t len = out->n - start - AX_WAL_RECORD_HEAD;
    uint32_t head[3] = {AX_WAL_MAGIC, (uint32_t)len,
                        ax_crc32c(0, out->p + start + AX_WAL_RECORD_HEAD, len)};
    memcpy(out->p + start, head, sizeof head);
}

static bool decode_labels(struct ax_reader *r, const struct ax_wal_visitor *v)
{
    for (uint64_t count = ax_read_varint(r); count && !r->bad; count--) {
        uint64_t ref = ax_read_varint(r), len = ax_read_varint(r);
        const uint8_t *bytes = ax_read_bytes(r, len);
        struct ax_labels labels = {{(const char *)bytes, len}};
        if (!bytes || !ax_labels_valid(labels.bytes) || !v->labels(v->ctx, ref, labels))
            return false;
    }
    return !r->bad;
}

static struct ax_str read_str(struct ax_reader *r)
{
    uint64_t n = ax_read_varint(r);
    return (struct ax_str){(const char *)ax_read_bytes(r, n), n};
}

static bool decode_pairs(struct ax_reader *r, const struct ax_wal_visitor *v)
{
    for (uint64_t count = ax_read_varint(r); count && !r->bad; count--) {
        uint64_t pair = ax_read_varint(r);
        struct ax_label l = {.name = read_str(r)};
        l.value = read_str(r);
        if (r->bad || !v->pair(v->ctx, pair, &l))
            return false;
    }
    return !r->bad;
}

static bool decode_series(struct ax_reader *r, const struct ax_wal_visitor *v)
{
    uint64_t ref = 0, pairs[AX_LABELS_MAX] = {0};
    for (uint64_t count = ax_read_varint(r); count && !r->bad; count--) {
        ref += (uint64_t)ax_read_zigzag(r);
        uint64_t n = ax_read_varint(r);
        if (n > AX_LABELS_MAX)
            return false;
        for (uint64_t i = 0; i < n; i++)
            pairs[i] += (uint64_t)ax_read_zigzag(r);
        if (r->bad || !v->series(v->ctx, ref, pairs, n))
            return false;
    }
    return !r->bad;
}

/* The samples behind the first. A time that cannot be, the first one's too, is `bad`. */
static void decode_more(struct ax_reader *r, struct ax_sample *s, uint64_t n)
{
    int64_t step = 0;
    r->bad |= !ax_store_time_ok(s[0].t);
    for (uint64_t i = 1; i < n; i++) {
        unsigned control = ax_read_u8(r);
        if (!(control & SAME_STEP))
            step = ax_read_zigzag(r);
        s[i].t = (int64_t)((uint64_t)s[i - 1].t + (uint64_t)step);
        s[i].v = ax_read_double(r, control & 15);
        r->bad |= !ax_store_time_ok(s[i].t);
    }
}

bool ax_wal_decode(const uint8_t *payload, size_t n, uint32_t version,
                   const struct ax_wal_visitor *v)
{
    struct ax_reader r = ax_reader(payload, n);
    if (version == 1 ? !decode_labels(&r, v) : !decode_pairs(&r, v) || !decode_series(&r, v))
        return false;
    AX_CLEANUP(ax_free_ptr) struct ax_sample *s = NULL;
    uint64_t ref = UINT32_MAX, cap = 0;
    int64_t t = 0;
    while (!r.bad && ax_read_left(&r)) {
        unsigned control = ax_read_u8(&r);
        ref += control & NEXT_REF ? 1 : (uint64_t)ax_read_zigzag(&r);
        ref &= UINT32_MAX;
        uint64_t count = control & ONE_SAMPLE ? 1 : ax_read_varint(&r);
        if (!(control & SAME_TIME))
            t = (int64_t)((uint64_t)t + (uint64_t)ax_read_zigzag(&r));
        if (r.bad || count == 0 || count > ax_read_left(&r) + 1)
            return false;
        if (count > cap)
            s = ax_realloc(s, (cap = count * 2) * sizeof *s);
        s[0] = (struct ax_sample){t, ax_read_double(&r, control & 15)};
        decode_more(&r, s, count);
        if (r.bad || !v->samples(v->ctx, ref, s, count))
            return false;
    }
    return !r.bad;
}
