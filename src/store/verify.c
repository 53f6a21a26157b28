// SPDX-License-Identifier: Apache-2.0
/* Reading all of a store that nobody has open: VERSION, MANIFEST, blocks, log. Nothing is changed,
 * so that a backup can be looked at where it lies. */
#include "store/verify.h"

#include "base/file.h"
#include "store/block.h"
#include "store/directory.h"
#include "store/listing.h"
#include "store/manifest.h"
#include "store/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void ax_verify_fault(struct ax_verify *v, const char *file, uint64_t from, uint64_t to,
                     const char *fmt, ...)
{
    char text[AX_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct ax_store_fault f = {file, from, to, text};
    v->sums.faults++;
    v->to->fault(v->to->ctx, &f);
}

void ax_verify_read(struct ax_verify *v, uint64_t bytes)
{
    v->sums.bytes += bytes;
    if (v->to->progress)
        v->to->progress(v->to->ctx, v->sums.bytes, v->total);
}

static void check_version(struct ax_verify *v)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_err why = {0};
    if (ax_file_read(v->dirfd, "VERSION", 256, &b, &why) < 0)
        ax_verify_fault(v, "VERSION", 0, 0, "%s", why.text);
    else if (!ax_str_eq(ax_buf_view(&b), AX_STR(AX_STORE_FORMAT)) &&
             !ax_str_eq(ax_buf_view(&b), AX_STR(AX_STORE_FORMAT_BEFORE)))
        ax_verify_fault(v, "VERSION", 0, 0, "it does not say \"%.*s\"",
                        (int)sizeof AX_STORE_FORMAT - 2, AX_STORE_FORMAT);
}

/* Without a good manifest all there is counts, as at a start. */
static void read_manifest(struct ax_verify *v, const struct ax_listing *l, struct ax_manifest *m)
{
    struct ax_err why = {0};
    if (ax_manifest_read(v->dirfd, m, &why) == 0)
        return;
    ax_verify_fault(v, "MANIFEST", 0, 0, "%s", why.text);
    for (size_t i = 0; i < l->nblocks; i++)
        ax_manifest_add(m, l->blocks[i]);
}

static void note_fault(void *ctx, const char *segment, uint64_t from, uint64_t to, const char *text)
{
    ax_verify_fault(ctx, segment, from, to, "%s", text);
}

static uint32_t any_pair(void *ctx, const struct ax_label *l)
{
    return 0;
}

static uint32_t any_series(void *ctx, const uint32_t *pairs, size_t n)
{
    return 0;
}

static void count_samples(void *ctx, const struct ax_batch *b)
{
    struct ax_verify *v = ctx;
    v->sums.samples += b->samples;
}

static int check_log(struct ax_verify *v, const struct ax_manifest *m, struct ax_err *err)
{
    struct ax_wal_replay r = {.ctx = v,
                              .pair = any_pair,
                              .define = any_series,
                              .take = count_samples,
                              .fault = note_fault};
    int rc = ax_wal_replay(v->dirfd, m->wal_from, &r, err);
    v->sums.segments = r.segments;
    v->sums.records = r.records;
    return rc;
}

static int check_all(struct ax_verify *v, struct ax_err *err)
{
    struct ax_listing l;
    struct ax_manifest m = {0};
    int rc = ax_listing_read(v->dirfd, &l, err);
    if (rc < 0)
        return rc;
    check_version(v);
    if (faccessat(v->dirfd, AX_LISTING_INCOMPLETE, F_OK, 0) == 0)
        ax_verify_fault(v, AX_LISTING_INCOMPLETE, 0, 0,
                        "the backup was interrupted while it took its place: make it again");
    read_manifest(v, &l, &m);
    uint64_t log = ax_listing_bytes(v->dirfd, &l, &m, &v->total);
    for (size_t i = 0; i < m.nblocks; i++)
        ax_verify_block(v, m.blocks[i]);
    rc = check_log(v, &m, err);
    ax_verify_read(v, log);
    ax_manifest_free(&m);
    ax_listing_free(&l);
    return rc;
}

int ax_store_verify(const char *dir, const struct ax_store_verifier *to,
                    struct ax_store_verified *out, struct ax_err *err)
{
    struct ax_directory d;
    int rc = ax_directory_look(dir, &d, err);
    if (rc < 0)
        return rc;
    struct ax_verify v = {.to = to, .dirfd = d.fd};
    rc = check_all(&v, err);
    ax_directory_close(&d);
    if (rc == 0)
        *out = v.sums;
    return rc;
}
