// SPDX-License-Identifier: Apache-2.0
/* The store's directory: made, checked for its format version, and locked for one process. */
#ifndef AX_STORE_DIRECTORY_H
#define AX_STORE_DIRECTORY_H

#include "base/err.h"

struct ax_directory {
    int fd, lock;
};

/* -EBUSY: another process has it; -EINVAL: another version, nothing was touched. */
int ax_directory_open(const char *path, struct ax_directory *out, struct ax_err *err);
/* To look only: nothing is made or written, nobody else may have it open to write. -ENOENT: it is
 * no store's; -EBUSY. */
int ax_directory_look(const char *path, struct ax_directory *out, struct ax_err *err);
void ax_directory_close(struct ax_directory *d);

#endif
