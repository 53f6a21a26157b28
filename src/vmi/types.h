// SPDX-License-Identifier: Apache-2.0
/* Types that belong to a module, or to the kernel where the module is built in: what file systems
 * and drivers keep for themselves. Looked up when first wanted, then kept by the attachment until
 * the module goes or another takes its place. Inner header of the readers. */
#ifndef AX_VMI_TYPES_H
#define AX_VMI_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum ax_types_of { AX_TYPES_EXT4, AX_TYPES_XFS, AX_TYPES_VIRTIO_NET, AX_TYPES };

enum ax_ext4 {
    AX_EXT4_ES,
    AX_EXT4_OVERHEAD,
    AX_EXT4_CLUSTER_BITS,
    AX_EXT4_FREE,
    AX_EXT4_DIRTY,
    AX_EXT4_FREE_INODES,
    AX_EXT4_RESERVED,
    AX_EXT4_INODES,
    AX_EXT4_BLOCKS_LOW,
    AX_EXT4_BLOCKS_HIGH,
    AX_EXT4_ROOT_LOW,
    AX_EXT4_ROOT_HIGH,
    AX_EXT4_ERRORS
};
enum ax_xfs {
    AX_XFS_BLOCKS,
    AX_XFS_LOG_START,
    AX_XFS_LOG_BLOCKS,
    AX_XFS_INODES_LOG,
    AX_XFS_SET_ASIDE,
    AX_XFS_BTREE_BLOCKS,
    AX_XFS_FREE,
    AX_XFS_INODES,
    AX_XFS_FREE_INODES,
    AX_XFS_MAX_INODES
};
enum ax_virtio_net {
    AX_VNET_DEV,
    AX_VNET_SQ,
    AX_VNET_RQ,
    AX_VNET_PAIRS,
    AX_VNET_SQ_SIZE,
    AX_VNET_SQ_PACKETS,
    AX_VNET_SQ_BYTES,
    AX_VNET_SQ_TIMEOUTS,
    AX_VNET_RQ_SIZE,
    AX_VNET_RQ_PACKETS,
    AX_VNET_RQ_BYTES,
    AX_VNET_RQ_DROPS
};
#define AX_TYPES_MEMBERS 16u

/* Part of the attachment. */
struct ax_types {
    bool tried, known;
    uint64_t btf, id; /* the module's types that were used; 0: the kernel's own */
    uint64_t poll;    /* in which they were looked up: once in each at most */
    int32_t offset[AX_TYPES_MEMBERS];
};

struct ax_vmi;

/* Offsets in bytes, all of them known, by the enum above; NULL when this kernel does not tell. */
const int32_t *ax_types(struct ax_vmi *v, enum ax_types_of which);

#endif
