// SPDX-License-Identifier: Apache-2.0
#include "store/directory.h"

#include "base/file.h"
#include "store/disk.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_version(int fd, const char *path, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_err why = {0};
    int rc = ax_file_read(fd, "VERSION", 256, &b, &why);
    /* From here on there may be files that an auspex of the version before would take for damaged.
     */
    if (rc == -ENOENT || ax_str_eq(ax_buf_view(&b), AX_STR(AX_STORE_FORMAT_BEFORE)))
        return ax_file_replace(fd, "VERSION", AX_STORE_FORMAT, sizeof AX_STORE_FORMAT - 1, err);
    if (rc < 0)
        return ax_fail(err, rc, "%s/%s", path, why.text);
    if (ax_str_eq(ax_buf_view(&b), ax_str(AX_STORE_FORMAT)))
        return 0;
    struct ax_str found = ax_str_trim(ax_buf_view(&b));
    return ax_fail(
        err, -EINVAL,
        "%s holds data in the format \"%.*s\", this auspex reads and writes \"%.*s\": use "
        "the auspex that wrote it, or another --data directory",
        path, found.n < 60 ? (int)found.n : 60, found.p, (int)sizeof AX_STORE_FORMAT - 2,
        AX_STORE_FORMAT);
}

/* The file says who has the lock, for the error text only; the lock itself is the kernel's. */
static int take_lock(int dirfd, const char *path, int *out, struct ax_err *err)
{
    int fd = openat(dirfd, "LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return ax_fail_errno(err, "cannot write in %s", path);
    char pid[24] = "?";
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        ssize_t n = read(fd, pid, sizeof pid - 1);
        close(fd);
        if (code != EWOULDBLOCK)
            return ax_fail(err, -code, "cannot lock %s", path);
        return ax_fail(err, -EBUSY, "another auspex is using %s (pid %.*s)", path,
                       n > 0 ? (int)n : 1, pid);
    }
    int n = snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ftruncate(fd, 0) < 0 || ax_write_all(fd, pid, (size_t)n) < 0) {
        int code = ax_fail_errno(err, "cannot write in %s", path);
        close(fd);
        return code;
    }
    *out = fd;
    return 0;
}

static int make_inside(int fd, const char *path, struct ax_err *err)
{
    static const char *const names[] = {"wal", "blocks"};
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        if (mkdirat(fd, names[i], 0755) < 0 && errno != EEXIST)
            return ax_fail_errno(err, "cannot make %s/%s", path, names[i]);
    int rc =
        ax_disk_sync_directory(fd, "."); /* or a power cut takes them, and all that is inside */
    if (rc == 0)
        return 0;
    errno = -rc;
    return ax_fail_errno(err, "cannot write in %s", path);
}

int ax_directory_open(const char *path, struct ax_directory *out, struct ax_err *err)
{
    struct ax_directory d = {-1, -1};
    int rc = ax_mkdirs(path, err);
    if (rc < 0)
        return rc;
    d.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.fd < 0)
        return ax_fail_errno(err, "cannot open the directory %s", path);
    rc = take_lock(d.fd, path, &d.lock, err);
    if (rc == 0)
        rc = check_version(d.fd, path, err);
    if (rc == 0)
        rc = make_inside(d.fd, path, err);
    if (rc < 0) {
        ax_directory_close(&d);
        return rc;
    }
    *out = d;
    return 0;
}

int ax_directory_look(const char *path, struct ax_directory *out, struct ax_err *err)
{
    struct ax_directory d = {-1, -1};
    int rc = 0;
    d.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d.fd < 0)
        return ax_fail_errno(err, "cannot open the directory %s", path);
    d.lock = openat(d.fd, "LOCK", O_RDONLY | O_CLOEXEC); /* a backup has none */
    if (d.lock >= 0 && flock(d.lock, LOCK_SH | LOCK_NB) < 0)
        rc = ax_fail(err, -EBUSY, "another auspex is using %s", path);
    else if (faccessat(d.fd, "blocks", F_OK, 0) < 0 || faccessat(d.fd, "wal", F_OK, 0) < 0)
        rc = ax_fail(err, -ENOENT, "%s holds no samples: it has no blocks/ and wal/", path);
    if (rc < 0) {
        ax_directory_close(&d);
        return rc;
    }
    *out = d;
    return 0;
}

void ax_directory_close(struct ax_directory *d)
{
    ax_close_fd(&d->lock);
    ax_close_fd(&d->fd);
}
