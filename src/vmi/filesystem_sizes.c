// SPDX-License-Identifier: Apache-2.0
/* How large and how full a file system is, as statfs (and so df) says: computed as ext4, XFS and
 * tmpfs compute it. Of others nothing is said. */
#include "vmi/storage.h"
#include "vmi/walk.h"

#define MAX_BLOCKS UINT64_C(0x7fffffffffff)
#define BOGO_INODE 1024u /* what tmpfs counts for an inode since 6.6 */

/* Counts in units of `each` bytes. */
static int64_t bytes(uint64_t blocks, uint64_t each)
{
    return blocks <= MAX_BLOCKS / each ? (int64_t)(blocks * each) : AX_UNKNOWN;
}

static int64_t number(uint64_t n)
{
    return n <= MAX_BLOCKS ? (int64_t)n : AX_UNKNOWN;
}

/* percpu_counter, never below 0; false when it cannot be read. */
static bool counter(struct ax_vmi *v, uint64_t va, uint64_t *out)
{
    int64_t n = ax_kernel_percpu_counter(v, va);
    if (n == AX_UNKNOWN)
        return false;
    *out = n < 0 ? 0 : (uint64_t)n;
    return true;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* --- ext4 ------------------------------------------------------------------------------------ */

struct ext4 {
    uint64_t info, es;
    uint32_t inodes, low, high, root_low, root_high, errors, cluster_bits;
    uint64_t overhead, free, dirty, free_inodes, reserved;
};

static bool load_ext4(struct ax_vmi *v, const int32_t *at, struct ext4 *e)
{
    struct ax_guest *g = &v->guest;
    const struct {
        uint32_t *to;
        enum ax_ext4 member;
    } words[] = {{&e->inodes, AX_EXT4_INODES},       {&e->low, AX_EXT4_BLOCKS_LOW},
                 {&e->high, AX_EXT4_BLOCKS_HIGH},    {&e->root_low, AX_EXT4_ROOT_LOW},
                 {&e->root_high, AX_EXT4_ROOT_HIGH}, {&e->errors, AX_EXT4_ERRORS}};
    if (!ax_guest_u64(g, e->info + (uint64_t)at[AX_EXT4_ES], &e->es) ||
        !ax_guest_u64(g, e->info + (uint64_t)at[AX_EXT4_OVERHEAD], &e->overhead) ||
        !ax_guest_u32(g, e->info + (uint64_t)at[AX_EXT4_CLUSTER_BITS], &e->cluster_bits) ||
        !ax_guest_u64(g, e->info + (uint64_t)at[AX_EXT4_RESERVED], &e->reserved) ||
        !counter(v, e->info + (uint64_t)at[AX_EXT4_FREE], &e->free) ||
        !counter(v, e->info + (uint64_t)at[AX_EXT4_DIRTY], &e->dirty) ||
        !counter(v, e->info + (uint64_t)at[AX_EXT4_FREE_INODES], &e->free_inodes))
        return false;
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (!ax_guest_u32(g, e->es + (uint64_t)at[words[i].member], words[i].to))
            return false;
    return e->cluster_bits < 32;
}

static void read_ext4(struct ax_vmi *v, uint64_t info, uint64_t block, struct ax_filesystem *fs)
{
    const int32_t *at = ax_types(v, AX_TYPES_EXT4);
    struct ext4 e = {.info = info};
    if (!at || !load_ext4(v, at, &e))
        return;
    uint64_t blocks = (uint64_t)e.high << 32 | e.low;
    uint64_t root = (uint64_t)e.root_high << 32 | e.root_low;
    uint64_t free_blocks = less(e.free, e.dirty) << e.cluster_bits;
    fs->size = bytes(less(blocks, e.overhead << e.cluster_bits), block);
    fs->free = bytes(free_blocks, block);
    fs->available = bytes(less(free_blocks, root + (e.reserved << e.cluster_bits)), block);
    fs->inodes = e.inodes;
    fs->inodes_free = number(e.free_inodes);
    fs->errors = e.errors;
}

/* --- XFS ------------------------------------------------------------------------------------- */

struct xfs {
    uint64_t blocks, log_start, btree_blocks, free, inodes, free_inodes, max_inodes;
    uint32_t log_blocks, inodes_log, set_aside;
};

static bool load_xfs(struct ax_vmi *v, const int32_t *at, uint64_t mount, struct xfs *x)
{
    struct ax_guest *g = &v->guest;
    bool ok = ax_guest_u64(g, mount + (uint64_t)at[AX_XFS_BLOCKS], &x->blocks) &&
              ax_guest_u64(g, mount + (uint64_t)at[AX_XFS_LOG_START], &x->log_start) &&
              ax_guest_u32(g, mount + (uint64_t)at[AX_XFS_LOG_BLOCKS], &x->log_blocks) &&
              ax_guest_u32(g, mount + (uint64_t)at[AX_XFS_INODES_LOG], &x->inodes_log) &&
              ax_guest_u32(g, mount + (uint64_t)at[AX_XFS_SET_ASIDE], &x->set_aside) &&
              ax_guest_u64(g, mount + (uint64_t)at[AX_XFS_BTREE_BLOCKS], &x->btree_blocks) &&
              ax_guest_u64(g, mount + (uint64_t)at[AX_XFS_MAX_INODES], &x->max_inodes) &&
              counter(v, mount + (uint64_t)at[AX_XFS_FREE], &x->free) &&
              counter(v, mount + (uint64_t)at[AX_XFS_INODES], &x->inodes) &&
              counter(v, mount + (uint64_t)at[AX_XFS_FREE_INODES], &x->free_inodes);
    x->inodes_log &= 0xff;
    return ok && x->inodes_log < 16 && x->free <= MAX_BLOCKS >> 16;
}

/* XFS makes inodes as it needs them: as many as free blocks can hold. */
static void read_xfs(struct ax_vmi *v, uint64_t mount, uint64_t block, struct ax_filesystem *fs)
{
    const int32_t *at = ax_types(v, AX_TYPES_XFS);
    struct xfs x;
    if (!at || !load_xfs(v, at, mount, &x))
        return;
    uint64_t free_blocks = less(x.free, x.set_aside + x.btree_blocks);
    uint64_t inodes = x.inodes + (free_blocks << x.inodes_log);
    if (x.max_inodes && inodes > x.max_inodes)
        inodes = x.max_inodes;
    if (inodes < x.inodes)
        inodes = x.inodes;
    fs->size = bytes(less(x.blocks, x.log_start ? x.log_blocks : 0), block);
    fs->free = fs->available = bytes(free_blocks, block);
    fs->inodes = number(inodes);
    fs->inodes_free = number(less(inodes, less(x.inodes, x.free_inodes)));
}

/* --- tmpfs ----------------------------------------------------------------------------------- */

static void read_tmpfs(struct ax_vmi *v, uint64_t info, struct ax_filesystem *fs)
{
    uint64_t max, used, inodes, free_inodes;
    if (ax_walk_u64(v, info, AX_OFF_shmem_max_blocks, &max) && max &&
        ax_off(v, AX_OFF_shmem_used_blocks) >= 0 &&
        counter(v, info + (uint64_t)ax_off(v, AX_OFF_shmem_used_blocks), &used)) {
        fs->size = bytes(max, AX_PAGE);
        fs->free = fs->available = bytes(less(max, used), AX_PAGE);
    }
    if (!ax_walk_u64(v, info, AX_OFF_shmem_max_inodes, &inodes) || !inodes)
        return;
    if (ax_walk_u64(v, info, AX_OFF_shmem_free_inodes, &free_inodes))
        fs->inodes_free = number(free_inodes);
    else if (ax_walk_u64(v, info, AX_OFF_shmem_free_ispace, &free_inodes))
        fs->inodes_free = number(free_inodes / BOGO_INODE);
    else
        return;
    fs->inodes = number(inodes);
}

void ax_filesystem_sizes(struct ax_vmi *v, uint64_t sb, struct ax_filesystem *fs)
{
    uint64_t info, block, operations;
    if (!ax_walk_u64(v, sb, AX_OFF_sb_info, &info) || info == 0 ||
        !ax_walk_u64(v, sb, AX_OFF_sb_blocksize, &block) || block < 512 || block > 1 << 20 ||
        !ax_walk_u64(v, sb, AX_OFF_sb_op, &operations))
        return;
    if (ax_str_eq(fs->type, AX_STR("ext4")) || ax_str_eq(fs->type, AX_STR("ext3")) ||
        ax_str_eq(fs->type, AX_STR("ext2")))
        read_ext4(v, info, block, fs);
    else if (ax_str_eq(fs->type, AX_STR("xfs")))
        read_xfs(v, info, block, fs);
    else if (operations && operations == ax_sym(v, AX_SYM_shmem_ops))
        read_tmpfs(v, info, fs);
}
