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

/* ---- labels, each series' told against those of the one before ---- */

/* Every so many series the numbers are kept in full, to begin from. */
#define MARK_EVERY 64

struct ax_block_mark {
    size_t at;   /* in the section, of the series' labels */
    uint32_t *v; /* numbers of the series before */
    uint32_t n;
};

static void keep(struct ax_block_numbers *l, const uint8_t *kept)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (kept[i / 8] >> i % 8 & 1)
            l->v[n++] = l->v[i];
    l->n = n;
}

static void insert(struct ax_block_numbers *l, uint32_t number)
{
    uint32_t at = l->n++;
    for (; at && l->v[at - 1] > number; at--)
        l->v[at] = l->v[at - 1];
    l->v[at] = number;
}

static void next_numbers(const struct ax_block *b, struct ax_reader *r, struct ax_block_numbers *l)
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
}

/* Goes on from the series read last, or from the mark before the one that is wanted. */
static bool find_numbers(struct ax_block_reader *reader, uint32_t series)
{
    const struct ax_block *b = reader->block;
    struct ax_str labels = b->section[AX_LABELS];
    if (series < reader->next || series - reader->next >= MARK_EVERY || !reader->next) {
        const struct ax_block_mark *mark = &b->marks[series / MARK_EVERY];
        reader->numbers.n = mark->n;
        memcpy(reader->numbers.v, mark->v, mark->n * sizeof *mark->v);
        reader->labels_at = mark->at;
        reader->next = series / MARK_EVERY * MARK_EVERY;
    }
    struct ax_reader r = ax_reader(labels.p + reader->labels_at, labels.n - reader->labels_at);
    while (reader->next <= series && !r.bad) {
        next_numbers(b, &r, &reader->numbers);
        reader->next++;
    }
    reader->labels_at = (size_t)((const char *)r.p - labels.p);
    return !r.bad;
}

/* Version 1 has them in the entry, by symbols. */
static bool read_labels_1(struct ax_block_reader *reader, uint32_t series, struct ax_buf *out)
{
    struct ax_reader r = ax_block_entry(reader, series);
    uint64_t n = ax_read_varint(&r);
    for (uint64_t i = 0; i < 2 * n && !r.bad; i++)
        put_symbol(reader->block, ax_read_varint(&r), out);
    return !r.bad && out->n && ax_labels_valid(ax_buf_view(out));
}

bool ax_block_labels(struct ax_block_reader *r, uint32_t series, struct ax_buf *out)
{
    const struct ax_block *b = r->block;
    AX_ASSERT(series < b->nseries);
    ax_buf_clear(out);
    bool ok = b->version == 1 ? read_labels_1(r, series, out) : find_numbers(r, series);
    for (uint32_t i = 0; b->version != 1 && ok && i < r->numbers.n; i++) {
        struct ax_posting_entry e = posting(b, r->numbers.v[i]);
        put_symbol(b, e.name, out);
        put_symbol(b, e.value, out);
    }
    if (!ok)
        __atomic_store_n(&r->block->damaged, 1, __ATOMIC_RELAXED);
    return ok;
}

/* ---- checks, when the block is opened ---- */

/* They rise, so that what is in order by number is so by text. */
static bool symbols_valid(const struct ax_block *b)
{
    for (uint32_t i = 1; i < nsymbols(b); i++)
        if (ax_str_cmp(symbol(b, i - 1), symbol(b, i)) >= 0)
            return false;
    return true;
}

static bool bitmaps_valid(const struct ax_block *b)
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

/* Postings rise, and each is a label. */
static bool postings_valid(const struct ax_block *b)
{
    struct ax_posting_entry before = {0};
    for (size_t i = 0; i < nposting(b); i++) {
        struct ax_posting_entry e = posting(b, i);
        struct ax_label l = {symbol(b, e.name), symbol(b, e.value)};
        if (!l.value.n || ax_label_check(&l, NULL) < 0)
            return false;
        if (i && (e.name < before.name || (e.name == before.name && e.value <= before.value)))
            return false;
        before = e;
    }
    return true;
}

/* One label of each name, and at least one. */
static bool numbers_valid(const struct ax_block *b, const struct ax_block_numbers *l)
{
    for (uint32_t i = 1; i < l->n; i++)
        if (l->v[i] <= l->v[i - 1] || posting(b, l->v[i]).name == posting(b, l->v[i - 1]).name)
            return false;
    return l->n > 0;
}

static bool labels_valid(struct ax_block *b)
{
    struct ax_str s = b->section[AX_LABELS];
    struct ax_reader r = ax_reader(s.p, s.n);
    struct ax_block_numbers l = {.n = 0};
    b->marks = ax_calloc(b->nseries / MARK_EVERY + 1ul, sizeof *b->marks);
    for (uint32_t i = 0; i < b->nseries && !r.bad; i++) {
        if (i % MARK_EVERY == 0) {
            struct ax_block_mark *mark = &b->marks[i / MARK_EVERY];
            *mark = (struct ax_block_mark){.at = (size_t)((const char *)r.p - s.p), .n = l.n};
            mark->v = ax_malloc((l.n + 1ul) * sizeof *l.v);
            memcpy(mark->v, l.v, l.n * sizeof *l.v);
        }
        next_numbers(b, &r, &l);
        if (!numbers_valid(b, &l))
            return false;
    }
    return !r.bad;
}
static bool entries_have_labels(struct ax_block *b)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    for (uint32_t i = 0; i < b->nseries; i++)
        if (!ax_block_labels(&reader, i, &labels))
            return false;
    return true;
}

bool ax_block_names_valid(struct ax_block *b)
{
    return symbols_valid(b) && bitmaps_valid(b) && postings_valid(b) &&
           (b->version == 1 ? entries_have_labels(b) : labels_valid(b));
}

void ax_block_names_free(struct ax_block *b)
{
    for (size_t i = 0; b->marks && i < b->nseries / MARK_EVERY + 1ul; i++)
        free(b->marks[i].v);
    free(b->marks);
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
