// SPDX-License-Identifier: Apache-2.0
#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int real_rename(int dirfd, const char *from, const char *to)
{
    return renameat(dirfd, from, dirfd, to);
}

static int real_unlink(int dirfd, const char *name)
{
    return unlinkat(dirfd, name, 0);
}

const struct ax_disk ax_disk_real = {write, fsync, fdatasync, pread, real_rename, real_unlink};
const struct ax_disk *ax_disk = &ax_disk_real;

int ax_disk_write(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t wrote = ax_disk->write(fd, at, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -errno;
        at += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

int ax_disk_read(int fd, void *p, size_t n, uint64_t at)
{
    for (char *to = p; n;) {
        ssize_t got = ax_disk->pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

int ax_disk_sync_directory(int dirfd, const char *name)
{
    AX_CLEANUP(ax_close_fd) int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || ax_disk->fsync(fd) < 0 ? -errno : 0;
}

static int write_new(int dirfd, const char *name, const void *p, size_t n)
{
    AX_CLEANUP(ax_close_fd)
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int rc = fd < 0 ? -errno : ax_disk_write(fd, p, n);
    return rc == 0 && ax_disk->fsync(fd) < 0 ? -errno : rc;
}

int ax_disk_replace(int dirfd, const char *name, const void *p, size_t n, bool *placed,
                    struct ax_err *err)
{
    char fresh[64];
    AX_ASSERT((size_t)snprintf(fresh, sizeof fresh, "%s.tmp", name) < sizeof fresh);
    int rc = write_new(dirfd, fresh, p, n);
    if (rc == 0 && ax_disk->rename(dirfd, fresh, name) < 0)
        rc = -errno;
    *placed = rc == 0;
    if (rc == 0)
        rc = ax_disk_sync_directory(dirfd, ".");
    if (rc == 0)
        return 0;
    if (!*placed)
        ax_disk->unlink(dirfd, fresh);
    errno = -rc;
    return ax_fail_errno(err, "cannot write %s", name);
}
