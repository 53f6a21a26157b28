// SPDX-License-Identifier: Apache-2.0
/* The calls on which durability hangs, in one table, so that a test can put a failing disk or a
 * power cut in their place.
 *
 * Everything the store writes, reads of blocks, and what makes files appear and go passes through
 * here. Any thread; a test changes the table only while no store is open. Errors: -errno. */
#ifndef AX_STORE_DISK_H
#define AX_STORE_DISK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* As the system calls of these names: -1 and errno. */
struct ax_disk {
    ssize_t (*write)(int fd, const void *p, size_t n);
    int (*fsync)(int fd);     /* of files being finished, and of directories */
    int (*fdatasync)(int fd); /* of the log */
    ssize_t (*pread)(int fd, void *p, size_t n, off_t at);
    int (*rename)(int dirfd, const char *from, const char *to);
    int (*unlink)(int dirfd, const char *name);
};
extern const struct ax_disk ax_disk_real;
extern const struct ax_disk *ax_disk; /* the one in use */

int ax_disk_write(int fd, const void *p, size_t n);       /* all of it */
int ax_disk_read(int fd, void *p, size_t n, uint64_t at); /* -ENODATA: the file ends before */
int ax_disk_sync_directory(int dirfd, const char *name);  /* "." is dirfd's own */

/* Replaces the file: "NAME.tmp" is written, synced and renamed, then the directory is synced. On
 * failure *placed says that the new content is there all the same, and may or may not be after a
 * power cut. */
int ax_disk_replace(int dirfd, const char *name, const void *p, size_t n, bool *placed,
                    struct ax_err *err);

#endif
