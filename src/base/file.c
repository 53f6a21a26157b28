// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ax_file_read(int dirfd, const char *path, size_t max, struct ax_buf *out, struct ax_err *err)
{
    AX_CLEANUP(ax_close_fd) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ax_fail_errno(err, "cannot read %s", path);
    size_t start = out->n;
    for (;;) {
        char *at = ax_buf_reserve(out, 16384);
        if (!at)
            return ax_fail(err, -EFBIG, "%s is larger than %zu bytes", path, max);
        ssize_t n = read(fd, at, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ax_fail_errno(err, "cannot read %s", path);
        if (n == 0)
            return 0;
        out->n += (size_t)n;
        if (out->n - start > max)
            return ax_fail(err, -EFBIG, "%s is larger than %zu bytes", path, max);
    }
}

int ax_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -errno;
        at += w;
        n -= (size_t)w;
    }
    return 0;
}

static int sync_dir_of(int dirfd, const char *path)
{
    AX_CLEANUP(ax_free_ptr) char *copy = ax_strdup(path);
    AX_CLEANUP(ax_close_fd)
    int fd = openat(dirfd, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int ax_file_replace(int dirfd, const char *path, const void *p, size_t n, struct ax_err *err)
{
    char tmp[4096];
    if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
        return ax_fail(err, -ENAMETOOLONG, "the path %.100s... is too long", path);
    AX_CLEANUP(ax_close_fd)
    int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return ax_fail_errno(err, "cannot create %s", tmp);
    int rc = ax_write_all(fd, p, n);
    if (rc < 0 || fsync(fd) < 0 || renameat(dirfd, tmp, dirfd, path) < 0 ||
        sync_dir_of(dirfd, path) < 0) {
        if (rc < 0)
            errno = -rc;
        int code = ax_fail_errno(err, "cannot write %s", path);
        unlinkat(dirfd, tmp, 0);
        return code;
    }
    return 0;
}

int ax_mkdirs(const char *path, struct ax_err *err)
{
    AX_CLEANUP(ax_free_ptr) char *copy = ax_strdup(path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char c = *p;
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return ax_fail_errno(err, "cannot make the directory %s", copy);
        if (c == '\0')
            return 0;
        *p = c;
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

int ax_remove_tree(const char *path, struct ax_err *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return ax_fail_errno(err, "cannot remove %s", path);
    return 0;
}
