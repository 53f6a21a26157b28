// SPDX-License-Identifier: Apache-2.0
/* The remote write v1 message, written by hand: it has four kinds of field.
 *
 *     WriteRequest { 1: TimeSeries* }      TimeSeries { 1: Label*, 2: Sample* }
 *     Label { 1: name, 2: value }          Sample { 1: double value, 2: int64 timestamp }
 */
#include "push/push.h"

#include <errno.h>
#include <snappy-c.h>
#include <string.h>

#define MESSAGE_MAX (32u << 20) /* what a receiver takes, decoded */

enum { TAG_FIRST = 1 << 3 | 2, TAG_SECOND = 2 << 3 | 2, TAG_VALUE = 1 << 3 | 1, TAG_TIME = 2 << 3 };

static size_t varint_len(uint64_t v)
{
    size_t n = 1;
    for (; v > 0x7f; v >>= 7)
        n++;
    return n;
}

static size_t field_len(size_t n)
{
    return 1 + varint_len(n) + n;
}

static size_t label_len(const struct ax_label *l)
{
    return field_len(l->name.n) + field_len(l->value.n);
}

static size_t sample_len(const struct ax_sample *s)
{
    return 1 + 8 + 1 + varint_len((uint64_t)s->t);
}

static size_t series_len(const struct ax_batch_series *s)
{
    size_t n = 0;
    struct ax_label l;
    AX_LABELS_EACH (s->labels, l)
        n += field_len(label_len(&l));
    for (uint32_t i = 0; i < s->n; i++)
        n += field_len(sample_len(&s->samples[i]));
    return n;
}

static void put_bytes(struct ax_buf *b, uint8_t tag, struct ax_str s)
{
    ax_buf_byte(b, tag);
    ax_buf_varint(b, s.n);
    ax_buf_str(b, s);
}

static void put_series(struct ax_buf *b, const struct ax_batch_series *s)
{
    struct ax_label l;
    ax_buf_byte(b, TAG_FIRST);
    ax_buf_varint(b, series_len(s));
    AX_LABELS_EACH (s->labels, l) {
        ax_buf_byte(b, TAG_FIRST);
        ax_buf_varint(b, label_len(&l));
        put_bytes(b, TAG_FIRST, l.name);
        put_bytes(b, TAG_SECOND, l.value);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t bits;
        memcpy(&bits, &s->samples[i].v, sizeof bits);
        ax_buf_byte(b, TAG_SECOND);
        ax_buf_varint(b, sample_len(&s->samples[i]));
        ax_buf_byte(b, TAG_VALUE);
        ax_buf_u64le(b, bits);
        ax_buf_byte(b, TAG_TIME);
        ax_buf_varint(b, (uint64_t)s->samples[i].t);
    }
}

static void free_buf(struct ax_buf *b)
{
    ax_buf_free(b);
}

int ax_remote_write_encode(const struct ax_batch *b, struct ax_buf *out, struct ax_err *err)
{
    AX_CLEANUP(free_buf) struct ax_buf plain = {.max = MESSAGE_MAX};
    for (size_t i = 0; i < b->n; i++)
        put_series(&plain, &b->v[i]);
    if (plain.overflow)
        return ax_fail(err, -EMSGSIZE, "a batch of %zu series is larger than %u bytes", b->n,
                       MESSAGE_MAX);
    size_t n = snappy_max_compressed_length(plain.n);
    char *at = ax_buf_reserve(out, n);
    if (!at || snappy_compress(plain.n ? plain.p : "", plain.n, at, &n) != SNAPPY_OK)
        return ax_fail(err, -EMSGSIZE, "no room for a compressed batch of %zu bytes", plain.n);
    out->n += n;
    return 0;
}
