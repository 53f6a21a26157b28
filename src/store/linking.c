// SPDX-License-Identifier: Apache-2.0
/* A snapshot: hard links of the files that make up the store at one moment. Blocks never change,
 * nor does a segment of the log that another has followed. */
#include "base/file.h"
#include "store/disk.h"
#include "store/inner.h"
#include "store/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* All that is in memory by now is in segments below the one that is returned. */
static uint64_t close_segment(struct ax_store *s)
{
    pthread_rwlock_wrlock(&s->flip);
    uint64_t next = ax_wal_rotate(s->wal);
    pthread_rwlock_unlock(&s->flip);
    return next;
}

static int link_one(struct ax_store *s, const char *name, int to, struct ax_err *err)
{
    return linkat(s->dir.fd, name, to, name, 0) < 0 ? ax_fail_errno(err, "cannot link %s", name)
                                                    : 0;
}

static int link_blocks(struct ax_store *s, int to, struct ax_manifest *m, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->nblocks; i++) {
        char name[AX_BLOCK_NAME];
        ax_block_name(s->blocks[i]->file, name);
        ax_manifest_add(m, s->blocks[i]->file);
        rc = link_one(s, name, to, err);
    }
    return rc;
}

static int link_segments(struct ax_store *s, int to, uint64_t from, uint64_t below,
                         struct ax_err *err)
{
    struct ax_listing l;
    int rc = ax_listing_read(s->dir.fd, &l, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < l.nsegments; i++) {
        char name[AX_WAL_NAME];
        ax_wal_name(l.segments[i], name);
        if (l.segments[i] >= from && l.segments[i] < below)
            rc = link_one(s, name, to, err);
    }
    ax_listing_free(&l);
    return rc;
}

static int sync_folders(int to, const char *path, struct ax_err *err)
{
    static const char *const folders[] = {"blocks", "wal", "."};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(folders); i++)
        rc = ax_disk_sync_directory(to, folders[i]);
    errno = -rc;
    return rc < 0 ? ax_fail_errno(err, "cannot write %s", path) : 0;
}

static int link_all(struct ax_store *s, int to, const char *path, struct ax_err *err)
{
    struct ax_manifest m = {.wal_from = s->wal_from};
    bool placed;
    if (mkdirat(to, "blocks", 0755) < 0 || mkdirat(to, "wal", 0755) < 0)
        return ax_fail_errno(err, "cannot write in %s", path);
    uint64_t below = close_segment(s);
    int rc = link_blocks(s, to, &m, err);
    if (rc == 0)
        rc = link_segments(s, to, m.wal_from, below, err);
    if (rc == 0)
        rc = ax_file_replace(to, "VERSION", AX_STORE_FORMAT, sizeof AX_STORE_FORMAT - 1, err);
    if (rc == 0)
        rc = ax_manifest_write(to, &m, &placed, err);
    ax_manifest_free(&m);
    return rc == 0 ? sync_folders(to, path, err) : rc;
}

int ax_store_snapshot(struct ax_store *s, const char *path, struct ax_err *err)
{
    if (mkdir(path, 0755) < 0)
        return ax_fail_errno(err, "cannot make %s", path);
    AX_CLEANUP(ax_close_fd) int to = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return ax_fail_errno(err, "cannot open %s", path);
    pthread_mutex_lock(&s->keeping);
    int rc = link_all(s, to, path, err);
    pthread_mutex_unlock(&s->keeping);
    return rc;
}
