// SPDX-License-Identifier: Apache-2.0
/* Reading the log at start. A segment whose end makes no sense was being written when the power
 * went: nothing of that was acknowledged, and it is cut off. Where valid records follow a bad one,
 * the disk has lost something that was acknowledged: that is damage, and it is told. */
#include "store/crc32c.h"
#include "store/disk.h"
#include "store/listing.h"
#include "store/reader.h"
#include "store/wal.h"
#include "store/wal_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE    (1u << 20)  /* to read at once */
#define REFS_MAX (64u << 20) /* series ids above this are nonsense, not a reason to take memory */

uint64_t ax_wal_delete_below(int dirfd, uint64_t keep)
{
    struct ax_listing list;
    uint64_t freed = 0;
    if (ax_listing_read(dirfd, &list, NULL) < 0)
        return 0;
    for (size_t i = 0; i < list.nsegments && list.segments[i] < keep; i++) {
        char name[AX_WAL_NAME];
        struct stat st;
        ax_wal_name(list.segments[i], name);
        if (fstatat(dirfd, name, &st, 0) == 0 && ax_disk->unlink(dirfd, name) == 0)
            freed += (uint64_t)st.st_size;
    }
    ax_listing_free(&list);
    return freed;
}

/* Numbers of the segment's writer to numbers of ours. */
struct numbers {
    uint32_t *v;
    uint32_t n;
};

struct segment {
    struct ax_wal_replay *r;
    uint32_t version;
    struct numbers pairs, ids;
    struct ax_batch batch;     /* of the record at hand; its arrays are used again and again */
    struct ax_sample *samples; /* of all its series, one behind the other */
    size_t samples_cap;
    size_t unknown; /* runs of samples whose series was never named */
};

static bool set_number(struct numbers *t, uint64_t theirs, uint32_t ours)
{
    if (theirs >= REFS_MAX)
        return false;
    if (theirs >= t->n) {
        uint32_t n = t->n ? t->n : 1024;
        while (n <= theirs)
            n *= 2;
        t->v = ax_realloc(t->v, n * sizeof *t->v);
        memset(t->v + t->n, 0xff, (n - t->n) * sizeof *t->v);
        t->n = n;
    }
    t->v[theirs] = ours;
    return true;
}

static uint32_t number(const struct numbers *t, uint64_t theirs)
{
    return theirs < t->n ? t->v[theirs] : UINT32_MAX;
}

static bool take_pair(void *ctx, uint64_t pair, const struct ax_label *l)
{
    struct segment *s = ctx;
    return set_number(&s->pairs, pair, s->r->pair(s->r->ctx, l));
}

static bool take_series(void *ctx, uint64_t ref, const uint64_t *pairs, size_t n)
{
    struct segment *s = ctx;
    uint32_t ours[AX_LABELS_MAX];
    for (size_t i = 0; i < n; i++)
        if ((ours[i] = number(&s->pairs, pairs[i])) == AX_PAIR_NONE)
            return false;
    return set_number(&s->ids, ref, s->r->define(s->r->ctx, ours, n));
}

static bool take_labels(void *ctx, uint64_t ref, struct ax_labels labels)
{
    struct segment *s = ctx;
    uint32_t ours[AX_LABELS_MAX];
    struct ax_label l;
    size_t n = 0;
    AX_LABELS_EACH (labels, l)
        ours[n++] = s->r->pair(s->r->ctx, &l);
    return set_number(&s->ids, ref, s->r->define(s->r->ctx, ours, n));
}

static bool take_samples(void *ctx, uint64_t ref, const struct ax_sample *samples, size_t n)
{
    struct segment *s = ctx;
    uint32_t id = number(&s->ids, ref);
    if (id == AX_SERIES_NONE) {
        s->unknown++;
        return true;
    }
    struct ax_batch *b = &s->batch;
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 4096;
        b->v = ax_realloc(b->v, b->cap * sizeof *b->v);
    }
    if (b->samples + n > s->samples_cap) {
        s->samples_cap = (b->samples + n) * 2;
        s->samples = ax_realloc(s->samples, s->samples_cap * sizeof *s->samples);
    }
    memcpy(s->samples + b->samples, samples, n * sizeof *samples);
    b->v[b->n++] = (struct ax_batch_series){.id = id, .n = (uint32_t)n};
    b->samples += n;
    return true;
}

/* False when the record makes no sense somewhere; what was good up to there is taken. */
static bool take_record(struct segment *s, const uint8_t *payload, uint32_t len)
{
    struct ax_wal_visitor v = {s, take_pair, take_series, take_labels, take_samples};
    struct ax_batch *b = &s->batch;
    b->n = b->samples = 0;
    bool ok = ax_wal_decode(payload, len, s->version, &v);
    const struct ax_sample *at = s->samples;
    for (size_t i = 0; i < b->n; at += b->v[i++].n)
        b->v[i].samples = at;
    s->r->take(s->r->ctx, b);
    return ok;
}

/* The payload of the record at r->p; NULL when there is none. */
static const uint8_t *check_record(struct ax_reader r, uint32_t *len)
{
    uint32_t magic = ax_read_u32(&r), crc;
    *len = ax_read_u32(&r);
    crc = ax_read_u32(&r);
    const uint8_t *payload = magic == AX_WAL_MAGIC ? ax_read_bytes(&r, *len) : NULL;
    return payload && ax_crc32c(0, payload, *len) == crc ? payload : NULL;
}

/* Moves to the next place from which a valid record starts; false when there is none. */
static bool resync(struct ax_reader *r)
{
    static const uint8_t magic[4] = "AXR1";
    uint32_t len;
    for (const uint8_t *at = r->p + 1; at < r->end; at++) {
        at = memmem(at, (size_t)(r->end - at), magic, sizeof magic);
        if (!at)
            return false;
        struct ax_reader there = {at, r->end, false};
        if (check_record(there, &len)) {
            r->p = at;
            return true;
        }
    }
    return false;
}

__attribute__((format(printf, 5, 6))) static void tell(struct ax_wal_replay *r, const char *name,
                                                       size_t from, size_t to, const char *fmt, ...)
{
    char text[256], all[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->fault) {
        r->fault(r->ctx, name, from, to, text);
        return;
    }
    snprintf(all, sizeof all, "%s: %s", name, text);
    r->warn(r->ctx, all);
}

/* Returns where the valid part ends. */
static size_t replay_records(struct segment *s, const char *name, const uint8_t *p, size_t n)
{
    struct ax_reader r = ax_reader(p + AX_WAL_HEAD, n - AX_WAL_HEAD);
    while (ax_read_left(&r)) {
        uint32_t len;
        const uint8_t *payload = check_record(r, &len), *bad = r.p;
        if (payload && take_record(s, payload, len)) {
            r.p = payload + len;
            s->r->records++;
            continue;
        }
        if (!payload && !resync(&r))
            return (size_t)(bad - p);
        if (payload)
            r.p = payload + len;
        s->r->damaged++;
        tell(s->r, name, (size_t)(bad - p), (size_t)(r.p - p), "%s",
             s->r->fault ? "a damaged record" : "a damaged record was left out");
    }
    return n;
}

/* Reads the file; what the disk does not give back is zeros, and so damage. False when there was
 * some of that. */
static bool read_whole(int fd, uint8_t *p, size_t n)
{
    bool whole = true;
    for (size_t done = 0; done < n; done += PIECE) {
        size_t take = n - done < PIECE ? n - done : PIECE;
        if (ax_disk_read(fd, p + done, take, done) < 0) {
            memset(p + done, 0, take);
            whole = false;
        }
    }
    return whole;
}

static bool head_ok(const uint8_t *p)
{
    return memcmp(p, "AXWAL\0\0", 8) == 0 && p[8] >= 1 && p[8] <= AX_WAL_VERSION;
}

/* Under a second name, for whoever can read more of it: under its own it goes when its samples are
 * in blocks. */
static void keep_aside(struct ax_wal_replay *r, int dirfd, const char *name)
{
    char aside[AX_WAL_NAME + 16];
    snprintf(aside, sizeof aside, "%s.damaged", name);
    bool kept = linkat(dirfd, name, dirfd, aside, 0) == 0 || errno == EEXIST;
    tell(r, name, 0, 0, "the disk cannot read all of it; what it gave back is taken%s%s",
         kept ? ", and the file is kept as " : "", kept ? aside : "");
}

static void free_segment(struct segment *s)
{
    free(s->batch.v);
    free(s->samples);
    free(s->pairs.v);
    free(s->ids.v);
}

/* What is behind the last whole record was being written when the process or the machine died: it
 * is cut off, unless the log is only looked at. */
static void end_segment(struct ax_wal_replay *r, const char *name, int fd, size_t valid, size_t n)
{
    if (r->fault)
        tell(r, name, valid, n,
             "no whole record: damage, or an unfinished write, which the next start cuts off");
    else if (ftruncate(fd, (off_t)valid) == 0)
        tell(r, name, valid, n, "%zu bytes of an unfinished write were cut off", n - valid);
}

static void replay_segment(struct ax_wal_replay *r, int dirfd, const char *name, int fd, size_t n)
{
    AX_CLEANUP(ax_free_ptr) uint8_t *p = ax_malloc(n);
    struct segment s = {.r = r};
    size_t valid = n;
    bool whole = read_whole(fd, p, n);
    if (!whole) {
        r->damaged++;
        if (r->fault)
            tell(r, name, 0, n, "the disk cannot read all of it");
        else
            keep_aside(r, dirfd, name);
    }
    if (n >= AX_WAL_HEAD && head_ok(p)) {
        static const uint8_t nothing[AX_WAL_HEAD - 9];
        if (r->fault && memcmp(p + 9, nothing, sizeof nothing) != 0)
            tell(r, name, 9, AX_WAL_HEAD, "something where its head has nothing");
        s.version = p[8];
        valid = replay_records(&s, name, p, n);
    } else {
        r->damaged++;
        tell(r, name, 0, n, "its head is damaged, %zu bytes were left out", n);
    }
    free_segment(&s);
    if (s.unknown) {
        r->damaged++;
        tell(r, name, 0, n, "samples of series that it does not name, %zu times", s.unknown);
    }
    if (whole && valid < n)
        end_segment(r, name, fd, valid, n);
    r->bytes += valid;
    r->segments++;
}

int ax_wal_replay(int dirfd, uint64_t from, struct ax_wal_replay *r, struct ax_err *err)
{
    struct ax_listing list = {0};
    if (!r->fault)
        ax_wal_delete_below(dirfd, from);
    int rc = ax_listing_read(dirfd, &list, err);
    r->next_segment = from ? from : 1;
    for (size_t i = 0; rc == 0 && i < list.nsegments; i++) {
        char name[AX_WAL_NAME];
        struct stat st;
        if (list.segments[i] < from)
            continue;
        ax_wal_name(list.segments[i], name);
        AX_CLEANUP(ax_close_fd)
        int fd = openat(dirfd, name, (r->fault ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
            rc = ax_fail_errno(err, "cannot read %s", name);
            break;
        }
        /* One with a head alone has nothing; one with less than that neither, but why? */
        if (st.st_size > AX_WAL_HEAD || (r->fault && st.st_size > 0))
            replay_segment(r, dirfd, name, fd, (size_t)st.st_size);
        r->next_segment = list.segments[i] + 1;
    }
    ax_listing_free(&list);
    return rc;
}
