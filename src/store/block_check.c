// SPDX-License-Identifier: Apache-2.0
/* All of a block, read and compared with itself: sections, then every chunk of every series. */
#include "store/block.h"
#include "store/crc32c.h"
#include "store/disk.h"
#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REPORT_BYTES (4u << 20)

static const char *const section_names[AX_SECTIONS] = {
    [AX_SYMBOLS] = "symbols",   [AX_SERIES] = "series",   [AX_POSTING_INDEX] = "posting index",
    [AX_POSTINGS] = "postings", [AX_COLUMNS] = "columns", [AX_LABELS] = "labels"};

static const char *why(int rc)
{
    return rc == -EBADMSG   ? "it does not match its checksum"
           : rc == -ENODATA ? "the file ends in it"
                            : strerror(-rc);
}

/* False when one of them is not what was written. */
static bool check_sections(struct ax_verify *v, const char *name, const struct ax_block *b,
                           const struct ax_block_footer *f)
{
    uint64_t faults = v->sums.faults;
    for (int i = 0; i < AX_SECTIONS; i++) {
        uint64_t at = f->section[i].at, len = f->section[i].len;
        int rc = ax_block_section_read(b, f, i, NULL);
        if (rc < 0)
            ax_verify_fault(v, name, at, at + len, "%s: %s", section_names[i], why(rc));
    }
    return v->sums.faults == faults;
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Between sections there is nothing but zeros to make places even. */
static void check_gaps(struct ax_verify *v, const char *name, const struct ax_block *b,
                       const struct ax_block_footer *f, uint64_t payloads)
{
    uint64_t places[AX_SECTIONS][2], end = payloads;
    size_t n = 0;
    for (int i = 0; i < AX_SECTIONS; i++)
        if (f->section[i].at || f->section[i].len) { /* version 1 has not all of them */
            places[n][0] = f->section[i].at;
            places[n++][1] = f->section[i].at + f->section[i].len;
        }
    qsort(places, n, sizeof *places, by_place);
    for (size_t i = 0; i < n; i++) {
        uint64_t gap = places[i][0] - end, zeros = 0;
        if (gap >= 8 || ax_disk_read(b->fd, &zeros, gap, end) < 0 || zeros)
            ax_verify_fault(v, name, end < places[i][0] ? end : places[i][0], places[i][0],
                            "bytes that belong to nothing");
        end = places[i][1];
    }
}

struct sums {
    uint64_t chunks, samples;
    uint64_t payloads; /* where they end */
};

/* False when the chunk is not what its entry says. */
static bool check_samples(const struct ax_block_chunk *c, const int64_t *t, const double *v)
{
    for (uint32_t i = 1; i < c->n; i++)
        if (t[i] <= t[i - 1])
            return false;
    return c->n && t[0] == c->mint && t[c->n - 1] == c->maxt &&
           memcmp(&v[c->n - 1], &c->last, sizeof c->last) == 0;
}

static void check_series(struct ax_verify *v, const char *name, struct ax_block_reader *r,
                         uint32_t series, struct sums *sums)
{
    int64_t t[AX_VALUES_MAX], before = INT64_MIN;
    double values[AX_VALUES_MAX];
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    struct ax_block_chunk c;
    struct ax_block_cursor cursor = ax_block_chunks(r, series);
    while (ax_block_next(&cursor, &c)) {
        uint64_t end = c.at + c.len + (c.len ? sizeof(uint32_t) : 0);
        if (!ax_block_decode(r, &c, t, values))
            ax_verify_fault(v, name, c.at, end,
                            "chunk of series %u: it cannot be read, or does not match its checksum",
                            series);
        else if (c.mint <= before || !check_samples(&c, t, values))
            ax_verify_fault(v, name, c.at, end, "chunk of series %u: not what the index says",
                            series);
        before = c.maxt;
        sums->chunks++;
        sums->samples += c.n;
        sums->payloads = end > sums->payloads ? end : sums->payloads;
    }
    if (!ax_block_labels(r, series, &labels))
        ax_verify_fault(v, name, 0, r->block->size, "series %u: its labels make no sense", series);
    if (cursor.r.bad || cursor.left)
        ax_verify_fault(v, name, r->block->series_at,
                        r->block->series_at + r->block->section[AX_SERIES].n,
                        "entry of series %u: it makes no sense", series);
}

static void check_all_series(struct ax_verify *v, const char *name, struct ax_block *b,
                             struct sums *sums)
{
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader r = {.block = b};
    uint64_t told = 0;
    for (uint32_t i = 0; i < b->nseries; i++) {
        check_series(v, name, &r, i, sums);
        if (sums->payloads > told + REPORT_BYTES && sums->payloads <= b->size) {
            ax_verify_read(v, sums->payloads - told);
            told = sums->payloads;
        }
    }
    ax_verify_read(v, b->size - told);
    v->sums.chunks += sums->chunks;
    v->sums.samples += sums->samples;
}

static int check_column(const struct ax_block *b, const struct ax_block_column *c)
{
    uint8_t times[AX_TIMES_BYTES];
    if (c->len > sizeof times)
        return -EBADMSG;
    int rc = ax_disk_read(b->fd, times, c->len, c->at);
    return rc == 0 && ax_crc32c(0, times, c->len) != c->crc ? -EBADMSG : rc;
}

/* Columns of times lie among the payloads. Returns where the last one ends. */
static uint64_t check_columns(struct ax_verify *v, const char *name, const struct ax_block *b,
                              const struct ax_block_footer *f)
{
    uint64_t end = 0, at = f->section[AX_COLUMNS].at, n = f->section[AX_COLUMNS].len;
    struct ax_block_column c;
    for (; n >= sizeof c; n -= sizeof c, at += sizeof c) {
        int rc = ax_disk_read(b->fd, &c, sizeof c, at);
        if (rc == 0)
            rc = check_column(b, &c);
        if (rc < 0)
            ax_verify_fault(v, name, c.at, c.at + c.len, "times of chunks: %s", why(rc));
        else
            end = c.at + c.len > end ? c.at + c.len : end;
    }
    return end;
}

static void check_inside(struct ax_verify *v, uint64_t file, const char *name,
                         const struct ax_block *raw, const struct ax_block_footer *f)
{
    struct sums sums = {0};
    struct ax_block *b;
    struct ax_err err = {0};
    if (ax_block_open(v->dirfd, file, &b, &err) < 0) {
        ax_verify_fault(v, name, 0, raw->size, "its parts do not fit each other: %s", err.text);
        ax_verify_read(v, raw->size);
        return;
    }
    uint64_t columns = check_columns(v, name, b, f);
    check_all_series(v, name, b, &sums);
    if (sums.chunks != f->nchunks || sums.samples != f->nsamples)
        ax_verify_fault(v, name, 0, b->size, "it has not as many samples as it says");
    check_gaps(v, name, b, f, columns > sums.payloads ? columns : sums.payloads);
    ax_block_unref(b);
}

void ax_verify_block(struct ax_verify *v, uint64_t file)
{
    char name[AX_BLOCK_NAME];
    struct stat st;
    struct ax_block_footer f;
    ax_block_name(file, name);
    AX_CLEANUP(ax_close_fd) int fd = openat(v->dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        ax_verify_fault(v, name, 0, 0, "MANIFEST names it, and it cannot be read: %s",
                        strerror(errno));
        return;
    }
    struct ax_block raw = {.fd = fd, .size = (uint64_t)st.st_size};
    v->sums.blocks++;
    int rc = ax_block_footer_read(&raw, &f);
    if (rc < 0) {
        uint64_t n = sizeof f < raw.size ? sizeof f : raw.size;
        ax_verify_fault(v, name, raw.size - n, raw.size, "footer: %s", why(rc));
    } else if (check_sections(v, name, &raw, &f)) {
        check_inside(v, file, name, &raw, &f);
        return;
    }
    ax_verify_read(v, raw.size);
}
