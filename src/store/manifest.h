// SPDX-License-Identifier: Apache-2.0
/* DIR/MANIFEST: which blocks count, and from which segment on the log does. Text, replaced as a
 * whole (write, sync, rename), so that a flush or merge happened fully or not at all:
 *
 *   wal 7
 *   block 3
 *   block 5
 *   crc32c 1a2b3c4d      of the lines above
 */
#ifndef AX_STORE_MANIFEST_H
#define AX_STORE_MANIFEST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ax_manifest {
    uint64_t wal_from;
    uint64_t *blocks; /* malloc'ed */
    size_t nblocks;
};

/* -ENOENT when there is none, -EBADMSG when it is damaged. */
int ax_manifest_read(int dirfd, struct ax_manifest *out, struct ax_err *err);
/* On failure *placed says that it is there all the same, until the power goes at least. */
int ax_manifest_write(int dirfd, const struct ax_manifest *m, bool *placed, struct ax_err *err);
void ax_manifest_add(struct ax_manifest *m, uint64_t block);
void ax_manifest_free(struct ax_manifest *m);

#endif
