// SPDX-License-Identifier: Apache-2.0
#include "store/block_names.h"

#include "base/buf.h"
#include "store/bitmap.h"

#include <errno.h>
#include <stdlib.h>

/* Numbers in the sections: aligned by the writer, but copied out all the same. */
static uint32_t u32_at(struct ax_str s, size_t i)
{
    uint32_t v = 0;
    if (s.n >= 4 && i <= s.n / 4 - 1)
        memcpy(&v, s.p + i * 4, 4);
    return v;
}

static uint32_t nsymbols(const struct ax_block *b)
{
    return u32_at(b->section[AX_SYMBOLS], 0);
}

static struct ax_str symbol(const struct ax_block *b, uint64_t number)
{
    struct ax_str s = b->section[AX_SYMBOLS];
    uint64_t n = nsymbols(b), base = 4 + 4 * (n + 1);
    if (number >= n)
        return AX_STR_NULL;
    uint64_t from = base + u32_at(s, 1 + number), to = base + u32_at(s, 2 + number);
    return from <= to && to <= s.n ? (struct ax_str){s.p + from, to - from} : AX_STR_NULL;
}

static bool find_symbol(const struct ax_block *b, struct ax_str s, uint32_t *number)
{
    uint32_t lo = 0, hi = nsymbols(b);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = ax_str_cmp(symbol(b, mid), s);
        if (c == 0) {
            *number = mid;
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static struct ax_posting_entry posting(const struct ax_block *b, size_t i)
{
    struct ax_posting_entry e;
    memcpy(&e, b->section[AX_POSTING_INDEX].p + i * sizeof e, sizeof e);
    return e;
}

static size_t nposting(const struct ax_block *b)
{
    return b->section[AX_POSTING_INDEX].n / sizeof(struct ax_posting_entry);
}

static void put_symbol(const struct ax_block *b, uint64_t number, struct ax_buf *out)
{
    struct ax_str s = symbol(b, number);
    ax_buf_varint(out, s.n);
    ax_buf_str(out, s);
}

/* Canonical label bytes, put together from the symbols that the entry names. */
static void read_labels_1(const struct ax_block *b, struct ax_reader *r, struct ax_buf *out)
{
    uint64_t n = ax_read_varint(r);
    for (uint64_t i = 0; i < 2 * n && !r->bad; i++)
        put_symbol(b, ax_read_varint(r), out);
}

/* Numbers of a series' labels among the postings: they rise. */
struct numbers {
    uint32_t v[AX_LABELS_MAX];
    size_t n;
};

static void keep(struct numbers *l, const uint8_t *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (kept[i / 8] >> i % 8 & 1)
            l->v[n++] = l->v[i];
    l->n = n;
}

static void insert(struct numbers *l, uint32_t number)
{
    size_t at = l->n++;
    for (; at && l->v[at - 1] > number; at--)
        l->v[at] = l->v[at - 1];
    l->v[at] = number;
}

/* The next labels of the section, told against those before. */
static void read_labels(const struct ax_block *b, struct ax_reader *r, struct numbers *l,
                        struct ax_buf *out)
{
    const uint8_t *kept = ax_read_bytes(r, (l->n + 7) / 8);
    if (kept)
        keep(l, kept);
    for (uint64_t added = ax_read_varint(r); added && !r->bad; added--) {
        uint64_t number = ax_read_varint(r);
        if (number >= nposting(b) || l->n == AX_LABELS_MAX)
            r->bad = true;
        else
            insert(l, (uint32_t)number);
    }
    for (size_t i = 0; i < l->n && !r->bad; i++) {
        struct ax_posting_entry e = posting(b, l->v[i]);
        put_symbol(b, e.name, out);
        put_symbol(b, e.value, out);
    }
}

int ax_block_define(struct ax_block *b, uint32_t (*define)(void *ctx, struct ax_labels labels),
                    void *ctx)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    struct ax_reader r = ax_reader(b->section[AX_LABELS].p, b->section[AX_LABELS].n);
    struct numbers numbers = {.n = 0};
    b->ids = ax_malloc((b->nseries + 1ul) * sizeof *b->ids);
    for (uint32_t i = 0; i < b->nseries; i++) {
        ax_buf_clear(&labels);
        if (b->version == 1) {
            r = ax_block_entry(&reader, i);
            read_labels_1(b, &r, &labels);
        } else {
            read_labels(b, &r, &numbers, &labels);
        }
        if (r.bad || !labels.n || !ax_labels_valid(ax_buf_view(&labels)))
            return -EBADMSG;
        b->ids[i] = define(ctx, (struct ax_labels){ax_buf_view(&labels)});
        b->undefined |= b->ids[i] == AX_SERIES_NONE;
    }
    return 0;
}

bool ax_block_postings_valid(const struct ax_block *b)
{
    struct ax_str s = b->section[AX_POSTINGS];
    for (size_t i = 0; i < nposting(b); i++) {
        struct ax_posting_entry e = posting(b, i);
        if (e.at > s.n || e.len > s.n - e.at ||
            !ax_bitmap_valid((struct ax_str){s.p + e.at, e.len}, b->nseries))
            return false;
    }
    return true;
}

/* The index: postings sorted by (name, value). */

/* The first posting at or behind (name, value). */
static size_t lower_bound(const struct ax_block *b, uint32_t name, uint32_t value)
{
    size_t lo = 0, hi = nposting(b);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct ax_posting_entry e = posting(b, mid);
        if (e.name < name || (e.name == name && e.value < value))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static roaring_bitmap_t *get(const void *self, uint64_t handle)
{
    const struct ax_block *b = self;
    struct ax_posting_entry e = posting(b, handle);
    struct ax_str s = b->section[AX_POSTINGS];
    roaring_bitmap_t *bitmap = NULL;
    if (e.at <= s.n && e.len <= s.n - e.at)
        bitmap = roaring_bitmap_portable_deserialize_safe(s.p + e.at, e.len);
    return bitmap ? bitmap : roaring_bitmap_create();
}

static roaring_bitmap_t *find(const void *self, struct ax_str name, struct ax_str value)
{
    const struct ax_block *b = self;
    uint32_t n, v;
    if (!find_symbol(b, name, &n) || !find_symbol(b, value, &v))
        return NULL;
    size_t at = lower_bound(b, n, v);
    if (at >= nposting(b))
        return NULL;
    struct ax_posting_entry e = posting(b, at);
    return e.name == n && e.value == v ? get(b, at) : NULL;
}

static void each_value(const void *self, struct ax_str name,
                       void (*fn)(void *ctx, struct ax_str value, uint64_t handle), void *ctx)
{
    const struct ax_block *b = self;
    size_t count = nposting(b);
    uint32_t n;
    if (!find_symbol(b, name, &n))
        return;
    for (size_t i = lower_bound(b, n, 0); i < count && posting(b, i).name == n; i++)
        fn(ctx, symbol(b, posting(b, i).value), i);
}

struct ax_index_view ax_block_index(const struct ax_block *b)
{
    return (struct ax_index_view){b, get, find, each_value};
}
