// SPDX-License-Identifier: Apache-2.0
#include "store/block.h"

#include "store/bitmap.h"
#include "store/crc32c.h"
#include "store/disk.h"
#include "store/partition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_BYTES (256u << 10) /* of the entries at a time */

void ax_block_name(uint64_t file, char out[AX_BLOCK_NAME])
{
    snprintf(out, AX_BLOCK_NAME, "blocks/%010llu.axb", (unsigned long long)file);
}

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
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    b->ids = ax_malloc((b->nseries + 1ul) * sizeof *b->ids);
    for (uint32_t i = 0; i < b->nseries; i++) {
        struct ax_reader r = ax_block_entry(&reader, i);
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

/* Reads the section and checks it: into memory, or, as the entries are many, piece by piece. */
static int check_section(const struct ax_block *b, uint64_t at, uint64_t len, uint32_t want,
                         char *into)
{
    AX_CLEANUP(ax_free_ptr) char *piece = into ? NULL : ax_malloc(CHECK_BYTES);
    uint32_t crc = 0;
    for (uint64_t done = 0; done < len;) {
        size_t n = len - done < CHECK_BYTES ? (size_t)(len - done) : CHECK_BYTES;
        char *to = into ? into + done : piece;
        int rc = ax_disk_read(b->fd, to, n, at + done);
        if (rc < 0)
            return rc;
        crc = ax_crc32c(crc, to, n);
        done += n;
    }
    return crc == want ? 0 : -EBADMSG;
}

static int read_section(struct ax_block *b, const struct ax_block_footer *f, int which)
{
    uint64_t at = f->section[which].at, len = f->section[which].len;
    if (at > b->size || len > b->size - at || f->section[which].crc > UINT32_MAX)
        return -EBADMSG;
    char *into = which == AX_SERIES ? NULL : ax_malloc(len + 1);
    b->section[which] = (struct ax_str){into, len};
    return check_section(b, at, len, (uint32_t)f->section[which].crc, into);
}

static bool footer_ok(struct ax_block_footer f)
{
    uint32_t crc = f.crc;
    f.crc = 0;
    return memcmp(f.magic, "AXBLOCK\n", 8) == 0 && f.version == AX_BLOCK_VERSION &&
           ax_crc32c(0, &f, sizeof f) == crc && f.nseries < UINT32_MAX &&
           ax_store_time_ok(f.mint) && ax_store_time_ok(f.maxt);
}

static int read_index(struct ax_block *b)
{
    struct ax_block_footer f;
    if (b->size < sizeof f)
        return -EBADMSG;
    int rc = ax_disk_read(b->fd, &f, sizeof f, b->size - sizeof f);
    if (rc == 0 && !footer_ok(f))
        rc = -EBADMSG;
    for (int i = 0; i < AX_SECTIONS && rc == 0; i++)
        rc = read_section(b, &f, i);
    if (rc < 0)
        return rc;
    b->order = f.order;
    b->mint = f.mint;
    b->maxt = f.maxt;
    b->nseries = (uint32_t)f.nseries;
    b->nchunks = f.nchunks;
    b->nsamples = f.nsamples;
    b->series_at = f.section[AX_SERIES].at;
    return b->section[AX_SERIES].n >= 8 * (f.nseries + 1) && check_postings(b) ? 0 : -EBADMSG;
}

static int open_file(int dirfd, const char *name, struct ax_block *b, struct ax_err *err)
{
    struct stat st;
    b->fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (b->fd < 0 || fstat(b->fd, &st) < 0)
        return ax_fail_errno(err, "cannot read %s", name);
    b->size = (uint64_t)st.st_size;
    return 0;
}

static int explain(struct ax_err *err, int rc, const char *name)
{
    if (rc == -EBADMSG || rc == -ENODATA)
        return ax_fail(err, -EBADMSG, "%s is damaged: its index does not match its checksums",
                       name);
    errno = -rc;
    return ax_fail_errno(err, "cannot read %s", name);
}

int ax_block_open(int dirfd, uint64_t file, uint32_t (*define)(void *ctx, struct ax_labels labels),
                  void *ctx, struct ax_block **out, struct ax_err *err)
{
    char name[AX_BLOCK_NAME];
    ax_block_name(file, name);
    struct ax_block *b = ax_calloc(1, sizeof *b);
    b->refs = 1;
    b->fd = -1;
    b->file = file;
    int rc = open_file(dirfd, name, b, err);
    if (rc == 0) {
        rc = read_index(b);
        if (rc == 0)
            rc = define_series(b, define, ctx);
        if (rc < 0)
            rc = explain(err, rc, name);
    }
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
    ax_close_fd(&b->fd);
    for (int i = 0; i < AX_SECTIONS; i++)
        free((void *)(uintptr_t)b->section[i].p);
    free(b->ids);
    free(b);
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
