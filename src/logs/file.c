// SPDX-License-Identifier: Apache-2.0
#include "logs/file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BYTES (1u << 20)

/* ---- an end that is none ---- */

static int read_all(int fd, char *p, size_t n, uint64_t at)
{
    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* Where the last whole line of the bytes before `size` ends. A power cut may leave holes, which
 * read as NULs, and no line has a NUL: nothing from the first one on counts. They can only be in
 * what was not synced, so they are looked for in the last piece. */
static int find_end(int fd, uint64_t size, uint64_t *out)
{
    AX_CLEANUP(ax_free_ptr) char *piece = ax_malloc(LOOK_BYTES);
    for (uint64_t to = size; to;) {
        size_t n = to < LOOK_BYTES ? (size_t)to : LOOK_BYTES;
        int rc = read_all(fd, piece, n, to - n);
        if (rc < 0)
            return rc;
        const char *hole = memchr(piece, '\0', n);
        const char *end = memrchr(piece, '\n', hole ? (size_t)(hole - piece) : n);
        if (end) {
            *out = to - n + (size_t)(end - piece) + 1;
            return 0;
        }
        to -= n;
    }
    *out = 0;
    return 0;
}

static int cut(int fd, uint64_t size)
{
    return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

/* ---- opening ---- */

/* Those who are to read it are put into the directory's group: the rest of the server's files are
 * for it alone. */
static int create(const struct ax_logs_place *p, const char *name)
{
    int fd = openat(p->dirfd, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0640) == 0 && fsync(p->dirfd) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    unlinkat(p->dirfd, name, 0); /* else nobody would sync the directory for it any more */
    return rc;
}

static int open_regular(const struct ax_logs_place *p, const char *name, uint64_t *size)
{
    struct stat st;
    int fd = openat(p->dirfd, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (rc < 0) {
        close(fd);
        return rc;
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

static int open_current(struct ax_logs_file *f)
{
    char last = '\n';
    f->size = 0;
    f->fd = open_regular(f->place, f->name, &f->size);
    if (f->fd == -ENOENT)
        f->fd = create(f->place, f->name);
    if (f->fd < 0)
        return f->fd;
    int rc = f->size ? read_all(f->fd, &last, 1, f->size - 1) : 0;
    if (rc == 0 && last != '\n') /* a failed write could not be undone when it failed */
        rc = find_end(f->fd, f->size, &f->size);
    if (rc == 0 && last != '\n')
        rc = cut(f->fd, f->size);
    f->synced = f->size;
    if (rc < 0)
        ax_logs_file_close(f);
    return rc;
}

int ax_logs_file_open(struct ax_logs_file *f, const struct ax_logs_place *p, struct ax_str tenant)
{
    *f = (struct ax_logs_file){.place = p, .fd = -1};
    AX_ASSERT(ax_logs_tenant_ok(tenant));
    snprintf(f->name, sizeof f->name, "%.*s" AX_LOGS_SUFFIX, AX_STR_ARG(tenant));
    return open_current(f);
}

void ax_logs_file_close(struct ax_logs_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int ax_logs_file_mend(const struct ax_logs_place *p, const char *name)
{
    uint64_t size, end;
    AX_CLEANUP(ax_close_fd) int fd = open_regular(p, name, &size);
    int rc = fd < 0 ? fd : find_end(fd, size, &end);
    if (rc < 0 || end == size)
        return rc;
    rc = cut(fd, end);
    return rc == 0 && p->sync(fd) < 0 ? -errno : rc;
}

/* ---- writing ---- */

/* From the oldest on; a crash in between leaves a number without a file, which costs nothing. */
static int move_on(const struct ax_logs_file *f)
{
    char from[AX_LOGS_NAME + 4], to[AX_LOGS_NAME + 4];
    for (int i = AX_LOGS_FILES - 1; i > 0; i--) {
        snprintf(to, sizeof to, "%s.%d", f->name, i);
        if (i > 1)
            snprintf(from, sizeof from, "%s.%d", f->name, i - 1);
        else
            snprintf(from, sizeof from, "%s", f->name);
        if (renameat(f->place->dirfd, from, f->place->dirfd, to) < 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}

static int make_room(struct ax_logs_file *f)
{
    int rc = ax_logs_file_sync(f);
    if (rc < 0)
        return rc;
    ax_logs_file_close(f);
    rc = move_on(f);
    return rc == 0 ? open_current(f) : rc;
}

int ax_logs_file_add(struct ax_logs_file *f, struct ax_str lines)
{
    int rc = f->fd < 0 ? -EIO : 0;
    if (rc == 0 && f->size && f->size + lines.n > f->place->share)
        rc = make_room(f);
    if (rc < 0)
        return rc;
    rc = ax_write_all(f->fd, lines.p, lines.n);
    if (rc == 0)
        f->size += lines.n;
    else if (cut(f->fd, f->size) < 0)
        ax_logs_file_close(f); /* what is there is looked at when it is opened again */
    return rc;
}

int ax_logs_file_sync(struct ax_logs_file *f)
{
    if (f->fd < 0)
        return -EIO;
    if (f->size == f->synced)
        return 0;
    int rc = f->place->sync(f->fd) < 0 ? -errno : 0;
    if (rc == 0) {
        f->synced = f->size;
        return 0;
    }
    cut(f->fd, f->synced);
    ax_logs_file_close(f);
    return rc;
}
