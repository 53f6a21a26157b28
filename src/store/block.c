// SPDX-License-Identifier: Apache-2.0
#include "store/block.h"

#include "store/block_names.h"
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

int ax_block_section_read(const struct ax_block *b, const struct ax_block_footer *f, int which,
                          char *into)
{
    uint64_t at = f->section[which].at, len = f->section[which].len;
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
    return crc == f->section[which].crc ? 0 : -EBADMSG;
}

static int read_section(struct ax_block *b, const struct ax_block_footer *f, int which)
{
    uint64_t len = f->section[which].len;
    char *into = which == AX_SERIES || which == AX_COLUMNS ? NULL : ax_malloc(len + 1);
    b->section[which] = (struct ax_str){into, len};
    return ax_block_section_read(b, f, which, into);
}

/* The last n bytes of the file into `footer`, whose field crc is set to 0. */
static int read_footer(const struct ax_block *b, void *footer, size_t n, uint32_t version)
{
    struct {
        char magic[8];
        uint32_t version, crc;
    } head;
    int rc = b->size < n ? -EBADMSG : ax_disk_read(b->fd, footer, n, b->size - n);
    if (rc < 0)
        return rc;
    memcpy(&head, footer, sizeof head);
    memset((char *)footer + offsetof(struct ax_block_footer, crc), 0, sizeof head.crc);
    return memcmp(head.magic, "AXBLOCK\n", 8) == 0 && head.version == version &&
                   ax_crc32c(0, footer, n) == head.crc
               ? 0
               : -EBADMSG;
}

static int read_footer_1(const struct ax_block *b, struct ax_block_footer *f)
{
    struct ax_block_footer_1 old;
    int rc = read_footer(b, &old, sizeof old, 1);
    if (rc < 0)
        return rc;
    *f = (struct ax_block_footer){.version = 1,
                                  .order = old.order,
                                  .mint = old.mint,
                                  .maxt = old.maxt,
                                  .nseries = old.nseries,
                                  .nchunks = old.nchunks,
                                  .nsamples = old.nsamples};
    memcpy(f->section, old.section, sizeof old.section);
    return 0;
}

int ax_block_footer_read(const struct ax_block *b, struct ax_block_footer *f)
{
    int rc = read_footer(b, f, sizeof *f, AX_BLOCK_VERSION);
    if (rc == -EBADMSG)
        rc = read_footer_1(b, f);
    if (rc == 0 &&
        (f->nseries >= UINT32_MAX || !ax_store_time_ok(f->mint) || !ax_store_time_ok(f->maxt)))
        rc = -EBADMSG;
    for (int i = 0; i < AX_SECTIONS && rc == 0; i++)
        if (f->section[i].at > b->size || f->section[i].len > b->size - f->section[i].at)
            rc = -EBADMSG;
    return rc;
}

static int read_index(struct ax_block *b)
{
    struct ax_block_footer f;
    int rc = ax_block_footer_read(b, &f);
    for (int i = 0; i < AX_SECTIONS && rc == 0; i++)
        rc = read_section(b, &f, i);
    if (rc < 0)
        return rc;
    b->version = f.version;
    b->order = f.order;
    b->mint = f.mint;
    b->maxt = f.maxt;
    b->origin = f.origin;
    b->nseries = (uint32_t)f.nseries;
    b->nchunks = f.nchunks;
    b->nsamples = f.nsamples;
    b->series_at = f.section[AX_SERIES].at;
    b->columns_at = f.section[AX_COLUMNS].at;
    return b->section[AX_SERIES].n >= ax_block_offset(b) * (f.nseries + 1) ? 0 : -EBADMSG;
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

int ax_block_open(int dirfd, uint64_t file, struct ax_block **out, struct ax_err *err)
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
        if (rc == 0 && !ax_block_names_valid(b))
            rc = -EBADMSG;
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
    ax_block_names_free(b);
    free(b->parts);
    free(b);
}
