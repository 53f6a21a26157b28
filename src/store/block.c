// SPDX-License-Identifier: Apache-2.0
#include "store/block.h"

#include "store/bitmap.h"
#include "store/codec.h"
#include "store/crc32c.h"
#include "store/partition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void ax_block_name(uint64_t file, char out[AX_BLOCK_NAME])
{
    snprintf(out, AX_BLOCK_NAME, "blocks/%010llu.axb", (unsigned long long)file);
}

/* Numbers in the mapped sections: aligned by the writer, but copied out all the same. */
static uint32_t u32_at(struct ax_str s, size_t i)
{
    uint32_t v = 0;
    if (s.n >= 4 && i <= s.n / 4 - 1)
        memcpy(&v, s.p + i * 4, 4);
    return v;
}

static uint64_t u64_at(struct ax_str s, size_t i)
{
    uint64_t v = 0;
    if (s.n >= 8 && i <= s.n / 8 - 1)
        memcpy(&v, s.p + i * 8, 8);
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

static struct ax_reader series_entry(const struct ax_block *b, uint32_t series)
{
    struct ax_str s = b->section[AX_SERIES];
    uint64_t base = 8 * ((uint64_t)b->nseries + 1);
    uint64_t from = base + u64_at(s, series), to = base + u64_at(s, series + 1u);
    if (series >= b->nseries || from > to || to > s.n)
        return (struct ax_reader){.bad = true};
    return ax_reader(s.p + from, to - from);
}

/* Canonical label bytes, put together from the symbols. */
static bool read_labels(const struct ax_block *b, struct ax_reader *r, struct ax_buf *out)
{
    ax_buf_clear(out);
    uint64_t n = ax_read_varint(r);
    for (uint64_t i = 0; i < 2 * n && !r->bad; i++) {
        struct ax_str s = symbol(b, ax_read_varint(r));
        ax_buf_varint(out, s.n);
        ax_buf_str(out, s);
    }
    return !r->bad && n > 0 && ax_labels_valid(ax_buf_view(out));
}

static int define_series(struct ax_block *b, uint32_t (*define)(void *ctx, struct ax_labels labels),
                         void *ctx)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    b->ids = ax_malloc((b->nseries + 1ul) * sizeof *b->ids);
    for (uint32_t i = 0; i < b->nseries; i++) {
        struct ax_reader r = series_entry(b, i);
        if (!read_labels(b, &r, &labels))
            return -EBADMSG;
        b->ids[i] = define(ctx, (struct ax_labels){ax_buf_view(&labels)});
        b->undefined |= b->ids[i] == AX_SERIES_NONE;
    }
    return 0;
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

static bool check_postings(const struct ax_block *b)
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

static bool read_footer(struct ax_block *b)
{
    struct ax_block_footer f;
    if (b->size < sizeof f)
        return false;
    memcpy(&f, b->map + b->size - sizeof f, sizeof f);
    uint32_t crc = f.crc;
    f.crc = 0;
    if (memcmp(f.magic, "AXBLOCK\n", 8) != 0 || f.version != AX_BLOCK_VERSION ||
        ax_crc32c(0, &f, sizeof f) != crc || f.nseries >= UINT32_MAX || !ax_store_time_ok(f.mint) ||
        !ax_store_time_ok(f.maxt))
        return false;
    for (int i = 0; i < AX_SECTIONS; i++) {
        uint64_t at = f.section[i].at, len = f.section[i].len;
        if (at > b->size || len > b->size - at ||
            ax_crc32c(0, b->map + at, len) != f.section[i].crc)
            return false;
        b->section[i] = (struct ax_str){(const char *)b->map + at, len};
    }
    b->order = f.order;
    b->mint = f.mint;
    b->maxt = f.maxt;
    b->nseries = (uint32_t)f.nseries;
    b->nchunks = f.nchunks;
    b->nsamples = f.nsamples;
    return b->section[AX_SERIES].n >= 8 * (f.nseries + 1) && check_postings(b);
}

static int map_file(int dirfd, const char *name, struct ax_block *b, struct ax_err *err)
{
    struct stat st;
    AX_CLEANUP(ax_close_fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return ax_fail_errno(err, "cannot read %s", name);
    b->size = (uint64_t)st.st_size;
    if (b->size == 0)
        return ax_fail(err, -EBADMSG, "%s is empty", name);
    void *p = mmap(NULL, b->size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return ax_fail_errno(err, "cannot map %s", name);
    b->map = p;
    return 0;
}

int ax_block_open(int dirfd, uint64_t file, uint32_t (*define)(void *ctx, struct ax_labels labels),
                  void *ctx, struct ax_block **out, struct ax_err *err)
{
    char name[AX_BLOCK_NAME];
    ax_block_name(file, name);
    struct ax_block *b = ax_calloc(1, sizeof *b);
    b->refs = 1;
    b->file = file;
    int rc = map_file(dirfd, name, b, err);
    if (rc == 0 && (!read_footer(b) || define_series(b, define, ctx) < 0))
        rc = ax_fail(err, -EBADMSG, "%s is damaged: its index does not match its checksums", name);
    if (rc < 0) {
        ax_block_unref(b);
        return rc;
    }
    *out = b;
    return 0;
}

struct ax_block *ax_block_ref(struct ax_block *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

void ax_block_unref(struct ax_block *b)
{
    if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (b->map)
        munmap((void *)(uintptr_t)b->map, b->size);
    free(b->ids);
    free(b);
}

struct ax_block_cursor ax_block_chunks(const struct ax_block *b, uint32_t series)
{
    struct ax_block_cursor c = {.r = series_entry(b, series), .block = b};
    uint64_t nlabels = ax_read_varint(&c.r);
    for (uint64_t i = 0; i < 2 * nlabels && !c.r.bad; i++)
        ax_read_varint(&c.r);
    c.left = ax_read_varint(&c.r);
    c.at = ax_read_varint(&c.r);
    return c;
}

static double read_number(struct ax_reader *r)
{
    return ax_read_double(r, ax_read_u8(r));
}

static void read_summary(struct ax_reader *r, struct ax_block_chunk *c)
{
    unsigned flags = ax_read_u8(r);
    c->has_range = !(flags & NO_RANGE);
    c->first = c->last = c->min = c->max = read_number(r);
    if (!(flags & ALL_FIRST)) {
        c->last = c->max = read_number(r);
        if (!(flags & (NO_RANGE | MIN_FIRST)))
            c->min = read_number(r);
        if (!(flags & (NO_RANGE | MAX_LAST)))
            c->max = read_number(r);
    }
    c->sum = c->has_range ? read_number(r) : 0;
}

bool ax_block_next(struct ax_block_cursor *c, struct ax_block_chunk *out)
{
    if (!c->left || c->r.bad)
        return false;
    c->left--;
    out->mint = (int64_t)((uint64_t)c->before + (uint64_t)ax_read_zigzag(&c->r));
    out->maxt = (int64_t)((uint64_t)out->mint + ax_read_varint(&c->r));
    uint64_t n = ax_read_varint(&c->r), len = ax_read_varint(&c->r);
    read_summary(&c->r, out);
    if (out->mint < c->block->mint || out->maxt > c->block->maxt || n > AX_CHUNK_SAMPLES ||
        c->at > c->block->size || len > AX_CHUNK_BYTES || len + 4 > c->block->size - c->at)
        c->r.bad = true;
    if (c->r.bad)
        return false;
    out->n = (uint32_t)n;
    out->len = (uint32_t)len;
    out->p = c->block->map + c->at;
    c->at += len + 4;
    c->before = out->maxt;
    return true;
}

bool ax_block_decode(struct ax_block *b, const struct ax_block_chunk *c, int64_t *t, double *v)
{
    uint32_t crc;
    memcpy(&crc, c->p + c->len, 4);
    if (ax_crc32c(0, c->p, c->len) == crc && ax_chunk_decode(c->p, c->len, c->mint, t, v, c->n) &&
        t[c->n - 1] == c->maxt)
        return true;
    __atomic_store_n(&b->damaged, 1, __ATOMIC_RELAXED);
    return false;
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
