// SPDX-License-Identifier: Apache-2.0
/* Whole files: read with a bound, write so that a crash leaves the old or the new content. */
#ifndef AX_BASE_FILE_H
#define AX_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to *out, at most `max`; more is -EFBIG. For /proc and /sys too (their
 * stated size is 0). dirfd may be AT_FDCWD. */
int ax_file_read(int dirfd, const char *path, size_t max, struct ax_buf *out, struct ax_err *err);

/* Replaces `path` by write to "path.tmp", fsync, rename, fsync of the directory. */
int ax_file_replace(int dirfd, const char *path, const void *p, size_t n, struct ax_err *err);

/* All n bytes or an error; EINTR and short writes are handled. 0 or -errno. */
int ax_write_all(int fd, const void *p, size_t n);

/* Removes a directory with all that is in it. -ENOENT when it is not there. */
int ax_remove_tree(const char *path, struct ax_err *err);

/* mkdir -p, mode 0755. */
int ax_mkdirs(const char *path, struct ax_err *err);

#endif
