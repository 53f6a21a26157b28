// SPDX-License-Identifier: Apache-2.0
/* Copies of a store, each time only what is new.
 *
 *   1  new blocks and the log are copied to NAME.new, and synced
 *   2  INCOMPLETE is made; they take their names, MANIFEST is replaced, what it does not name goes
 *   3  INCOMPLETE is removed
 *
 * A block is the one that is there already when name, size and footer are the same: the footer has
 * the checksums of what leads to the samples. */
#include "base/file.h"
#include "store/disk.h"
#include "store/inner.h"
#include "store/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE     (1u << 20)
#define NAME_SIZE 64

struct backup {
    int from, to;
    const struct ax_store_teller *teller;
    struct ax_listing there; /* in `from` */
    struct ax_manifest manifest;
    struct ax_store_copied sums;
};

static void fresh_name(const char *name, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%s.new", name);
}

static int fail(struct ax_err *err, int rc, const char *doing, const char *name)
{
    errno = -rc;
    return ax_fail_errno(err, "cannot %s %s", doing, name);
}

/* Bytes, or a negative errno. */
static int64_t copy_bytes(int from, int to)
{
    AX_CLEANUP(ax_free_ptr) char *piece = ax_malloc(PIECE);
    int64_t done = 0;
    for (;;) {
        ssize_t n = ax_disk->pread(from, piece, PIECE, done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : ax_disk->fsync(to) < 0 ? -errno : done;
        int rc = ax_disk_write(to, piece, (size_t)n);
        if (rc < 0)
            return rc;
        done += n;
    }
}

static int copy_file(struct backup *b, const char *name, struct ax_err *err)
{
    char fresh[NAME_SIZE];
    fresh_name(name, fresh);
    AX_CLEANUP(ax_close_fd) int from = openat(b->from, name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return fail(err, -errno, "read", name);
    AX_CLEANUP(ax_close_fd)
    int to = openat(b->to, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int64_t n = to < 0 ? -errno : copy_bytes(from, to);
    if (n < 0)
        return fail(err, (int)n, "copy", name);
    b->sums.files++;
    b->sums.bytes += (uint64_t)n;
    return 0;
}

/* The end of a block, where its footer is. */
static size_t read_end(int dirfd, const char *name, char *end, size_t size, uint64_t *bytes)
{
    struct stat st;
    AX_CLEANUP(ax_close_fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    size_t n = (uint64_t)st.st_size < size ? (size_t)st.st_size : size;
    *bytes = (uint64_t)st.st_size;
    return ax_disk_read(fd, end, n, *bytes - n) == 0 ? n : 0;
}

static bool is_there(struct backup *b, const char *name)
{
    char ours[sizeof(struct ax_block_footer)], theirs[sizeof ours];
    uint64_t our_bytes, their_bytes;
    size_t n = read_end(b->from, name, ours, sizeof ours, &our_bytes);
    if (!n || read_end(b->to, name, theirs, sizeof theirs, &their_bytes) != n ||
        our_bytes != their_bytes || memcmp(ours, theirs, n) != 0)
        return false;
    b->sums.kept_files++;
    b->sums.kept_bytes += our_bytes;
    return true;
}

static int copy_blocks(struct backup *b, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->manifest.nblocks; i++) {
        char name[AX_BLOCK_NAME];
        ax_block_name(b->manifest.blocks[i], name);
        if (is_there(b, name))
            continue;
        ax_store_tell(b->teller, "copying %s (%zu of %zu blocks)", name, i + 1,
                      b->manifest.nblocks);
        rc = copy_file(b, name, err);
    }
    return rc;
}

static int copy_log(struct backup *b, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->there.nsegments; i++) {
        char name[AX_WAL_NAME];
        ax_wal_name(b->there.segments[i], name);
        if (b->there.segments[i] >= b->manifest.wal_from)
            rc = copy_file(b, name, err);
    }
    return rc;
}

static int place_one(struct backup *b, const char *name, struct ax_err *err)
{
    char fresh[NAME_SIZE];
    fresh_name(name, fresh);
    if (faccessat(b->to, fresh, F_OK, 0) < 0)
        return 0; /* one that was kept */
    return ax_disk->rename(b->to, fresh, name) < 0 ? fail(err, -errno, "place", name) : 0;
}

static int place_files(struct backup *b, struct ax_err *err)
{
    char name[NAME_SIZE];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->manifest.nblocks; i++) {
        ax_block_name(b->manifest.blocks[i], name);
        rc = place_one(b, name, err);
    }
    for (size_t i = 0; rc == 0 && i < b->there.nsegments; i++) {
        ax_wal_name(b->there.segments[i], name);
        rc = place_one(b, name, err);
    }
    return rc;
}

static bool contains(const uint64_t *v, size_t n, uint64_t x)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == x)
            return true;
    return false;
}

/* What a former copy had and this one has not. */
static int remove_rest(struct backup *b, struct ax_err *err)
{
    struct ax_listing l;
    char name[NAME_SIZE];
    int rc = ax_listing_read(b->to, &l, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < l.nblocks; i++) {
        ax_block_name(l.blocks[i], name);
        if (!contains(b->manifest.blocks, b->manifest.nblocks, l.blocks[i]))
            ax_disk->unlink(b->to, name);
    }
    for (size_t i = 0; i < l.nsegments; i++) {
        ax_wal_name(l.segments[i], name);
        if (l.segments[i] < b->manifest.wal_from ||
            !contains(b->there.segments, b->there.nsegments, l.segments[i]))
            ax_disk->unlink(b->to, name);
    }
    ax_listing_free(&l);
    return 0;
}

static int sync_all(struct backup *b, struct ax_err *err)
{
    static const char *const folders[] = {"blocks", "wal", "."};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(folders); i++)
        rc = ax_disk_sync_directory(b->to, folders[i]);
    return rc < 0 ? fail(err, rc, "write", "the copy") : 0;
}

static int place(struct backup *b, struct ax_err *err)
{
    bool placed;
    int rc = ax_file_replace(b->to, AX_LISTING_INCOMPLETE, "", 0, err);
    if (rc == 0)
        rc = place_files(b, err);
    if (rc == 0)
        rc = ax_file_replace(b->to, "VERSION", AX_STORE_FORMAT, sizeof AX_STORE_FORMAT - 1, err);
    if (rc == 0)
        rc = sync_all(b, err);
    if (rc == 0)
        rc = ax_manifest_write(b->to, &b->manifest, &placed, err);
    if (rc == 0)
        rc = remove_rest(b, err);
    if (rc == 0 && ax_disk->unlink(b->to, AX_LISTING_INCOMPLETE) < 0)
        rc = fail(err, -errno, "remove", AX_LISTING_INCOMPLETE);
    return rc == 0 ? sync_all(b, err) : rc;
}

/* Files NAME.new of a copy that was interrupted. */
static void remove_fresh(int dirfd, const char *folder)
{
    int fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));)
        if (ax_str_ends(ax_str(e->d_name), AX_STR(".new")))
            unlinkat(fd, e->d_name, 0);
    if (d)
        closedir(d);
}

static int open_copy(const char *path, int *out, struct ax_err *err)
{
    int rc = ax_mkdirs(path, err);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, -errno, "open", path);
    if ((mkdirat(fd, "blocks", 0755) < 0 && errno != EEXIST) ||
        (mkdirat(fd, "wal", 0755) < 0 && errno != EEXIST)) {
        rc = fail(err, -errno, "write in", path);
        close(fd);
        return rc;
    }
    remove_fresh(fd, "blocks");
    remove_fresh(fd, "wal");
    *out = fd;
    return 0;
}

static int copy_all(struct backup *b, struct ax_err *err)
{
    if (faccessat(b->from, AX_LISTING_INCOMPLETE, F_OK, 0) == 0)
        return ax_fail(err, -EBADMSG, "it is a backup that was interrupted: make it again");
    int rc = ax_manifest_read(b->from, &b->manifest, err);
    if (rc == 0)
        rc = ax_listing_read(b->from, &b->there, err);
    if (rc == 0)
        rc = copy_blocks(b, err);
    if (rc == 0)
        rc = copy_log(b, err);
    if (rc == 0)
        rc = sync_all(b, err);
    return rc == 0 ? place(b, err) : rc;
}

int ax_store_backup(const char *from, const char *to, const struct ax_store_teller *teller,
                    struct ax_store_copied *out, struct ax_err *err)
{
    struct ax_directory d;
    struct backup b = {.to = -1, .teller = teller};
    int rc = ax_directory_look(from, &d, err);
    if (rc < 0)
        return rc;
    b.from = d.fd;
    rc = open_copy(to, &b.to, err);
    if (rc == 0)
        rc = copy_all(&b, err);
    if (rc == 0)
        *out = b.sums;
    ax_listing_free(&b.there);
    ax_manifest_free(&b.manifest);
    ax_close_fd(&b.to);
    ax_directory_close(&d);
    return rc;
}
