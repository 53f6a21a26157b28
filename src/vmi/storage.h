// SPDX-License-Identifier: Apache-2.0
/* The three files behind the part "storage". Inner header. */
#ifndef AX_VMI_STORAGE_H
#define AX_VMI_STORAGE_H

#include "vmi/kernel.h"

/* One mount of the first process's view of files. */
struct ax_mount {
    uint64_t va, sb, device; /* struct mount; super block; address of the device's name */
    bool read_only;
};
struct ax_mounts {
    struct ax_mount *items;
    size_t n;
};

int ax_mounts_read(struct ax_vmi *v, struct ax_arena *a, struct ax_mounts *out, struct ax_err *err);

/* Where it is mounted: "/data". Empty when that cannot be told. */
struct ax_str ax_mounts_path(struct ax_vmi *v, struct ax_arena *a, uint64_t mount);

int ax_disks_read(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);

/* Fills in sizes where the file system is one whose structures are known. */
void ax_filesystem_sizes(struct ax_vmi *v, uint64_t sb, struct ax_filesystem *fs);

#endif
