// SPDX-License-Identifier: Apache-2.0
#include "vmi/types.h"

#include "vmi/walk.h"

#include <stdlib.h>

#define MAX_MODULES  4096u
#define MAX_TYPES    (8u << 20)
#define MAX_DISTANCE (1 << 20)

struct member {
    const char *type, *path; /* no path: the size of the type */
};

static const struct {
    const char *module;
    struct member members[AX_TYPES_MEMBERS];
} groups[AX_TYPES] = {
    [AX_TYPES_EXT4] = {"ext4",
                       {[AX_EXT4_ES] = {"ext4_sb_info", "s_es"},
                        [AX_EXT4_OVERHEAD] = {"ext4_sb_info", "s_overhead"},
                        [AX_EXT4_CLUSTER_BITS] = {"ext4_sb_info", "s_cluster_bits"},
                        [AX_EXT4_FREE] = {"ext4_sb_info", "s_freeclusters_counter"},
                        [AX_EXT4_DIRTY] = {"ext4_sb_info", "s_dirtyclusters_counter"},
                        [AX_EXT4_FREE_INODES] = {"ext4_sb_info", "s_freeinodes_counter"},
                        [AX_EXT4_RESERVED] = {"ext4_sb_info", "s_resv_clusters"},
                        [AX_EXT4_INODES] = {"ext4_super_block", "s_inodes_count"},
                        [AX_EXT4_BLOCKS_LOW] = {"ext4_super_block", "s_blocks_count_lo"},
                        [AX_EXT4_BLOCKS_HIGH] = {"ext4_super_block", "s_blocks_count_hi"},
                        [AX_EXT4_ROOT_LOW] = {"ext4_super_block", "s_r_blocks_count_lo"},
                        [AX_EXT4_ROOT_HIGH] = {"ext4_super_block", "s_r_blocks_count_hi"},
                        [AX_EXT4_ERRORS] = {"ext4_super_block", "s_error_count"}}},
    [AX_TYPES_XFS] = {"xfs",
                      {[AX_XFS_BLOCKS] = {"xfs_mount", "m_sb.sb_dblocks"},
                       [AX_XFS_LOG_START] = {"xfs_mount", "m_sb.sb_logstart"},
                       [AX_XFS_LOG_BLOCKS] = {"xfs_mount", "m_sb.sb_logblocks"},
                       [AX_XFS_INODES_LOG] = {"xfs_mount", "m_sb.sb_inopblog"},
                       [AX_XFS_SET_ASIDE] = {"xfs_mount", "m_alloc_set_aside"},
                       [AX_XFS_BTREE_BLOCKS] = {"xfs_mount", "m_allocbt_blks"},
                       [AX_XFS_FREE] = {"xfs_mount", "m_fdblocks|m_free"},
                       [AX_XFS_INODES] = {"xfs_mount", "m_icount"},
                       [AX_XFS_FREE_INODES] = {"xfs_mount", "m_ifree"},
                       [AX_XFS_MAX_INODES] = {"xfs_mount", "m_ino_geo.maxicount"}}},
    [AX_TYPES_VIRTIO_NET] = {"virtio_net",
                             {[AX_VNET_DEV] = {"virtnet_info", "dev"},
                              [AX_VNET_SQ] = {"virtnet_info", "sq"},
                              [AX_VNET_RQ] = {"virtnet_info", "rq"},
                              [AX_VNET_PAIRS] = {"virtnet_info", "max_queue_pairs"},
                              [AX_VNET_SQ_SIZE] = {"send_queue", NULL},
                              [AX_VNET_SQ_PACKETS] = {"send_queue", "stats.packets"},
                              [AX_VNET_SQ_BYTES] = {"send_queue", "stats.bytes"},
                              [AX_VNET_SQ_TIMEOUTS] = {"send_queue", "stats.tx_timeouts"},
                              [AX_VNET_RQ_SIZE] = {"receive_queue", NULL},
                              [AX_VNET_RQ_PACKETS] = {"receive_queue", "stats.packets"},
                              [AX_VNET_RQ_BYTES] = {"receive_queue", "stats.bytes"},
                              [AX_VNET_RQ_DROPS] = {"receive_queue", "stats.drops"}}},
};

/* --- Where a module's types lie ------------------------------------------------------------- */

struct search {
    struct ax_vmi *v;
    const char *module;
    uint64_t btf;
};

static bool compare(void *self, uint64_t node)
{
    struct search *s = self;
    char name[AX_PAGE / 64];
    uint64_t btf;
    if (!ax_walk_u64(s->v, node - (uint64_t)ax_off(s->v, AX_OFF_btf_module_list),
                     AX_OFF_btf_module_btf, &btf) ||
        !ax_guest_text(&s->v->guest, btf + (uint64_t)ax_off(s->v, AX_OFF_btf_name), name,
                       sizeof name - 1))
        return false;
    if (strcmp(name, s->module) == 0)
        s->btf = btf;
    return true;
}

/* The module's struct btf, 0 when it has none; false: the list was torn. */
static bool find_btf(struct ax_vmi *v, const char *module, uint64_t *btf, uint64_t *id)
{
    static const enum ax_plan_member used[] = {AX_OFF_btf_module_list, AX_OFF_btf_module_btf,
                                               AX_OFF_btf_name, AX_OFF_btf_id};
    uint32_t number = 0;
    *btf = *id = 0;
    if (!ax_sym(v, AX_SYM_btf_modules) || !ax_span(v, used, AX_ARRAY_LEN(used)))
        return true; /* before 5.11 modules have no types */
    for (unsigned tries = 0; tries < 3; tries++) {
        struct search s = {v, module, 0};
        if (ax_walk_list(v, ax_sym(v, AX_SYM_btf_modules), MAX_MODULES, compare, &s)) {
            *btf = s.btf;
            if (s.btf && !ax_walk_u32(v, s.btf, AX_OFF_btf_id, &number))
                return false;
            *id = number;
            return true;
        }
        v->torn++;
    }
    return false;
}

/* --- Looking up ----------------------------------------------------------------------------- */

static bool look_up(struct ax_types *t, const struct member *members, struct ax_btf *btf)
{
    for (size_t i = 0; i < AX_TYPES_MEMBERS && members[i].type; i++) {
        const struct member *m = &members[i];
        int64_t at =
            m->path ? ax_btf_member(btf, m->type, m->path, NULL) : ax_btf_size(btf, m->type);
        if (at < 0 || at > MAX_DISTANCE)
            return false;
        t->offset[i] = (int32_t)at;
    }
    return true;
}

static bool look_up_split(struct ax_vmi *v, struct ax_types *t, const struct member *members,
                          struct ax_btf *base)
{
    uint64_t data;
    uint32_t size;
    struct ax_btf *btf;
    bool ok = false;
    if (!ax_walk_u64(v, t->btf, AX_OFF_btf_data, &data) ||
        !ax_walk_u32(v, t->btf, AX_OFF_btf_data_size, &size) || size == 0 || size > MAX_TYPES)
        return false;
    uint8_t *copy = ax_malloc(size);
    if (ax_guest_read(&v->guest, data, copy, size) &&
        ax_btf_open_split(&btf, base, copy, size, NULL) == 0) {
        ok = look_up(t, members, btf);
        ax_btf_close(btf);
    }
    free(copy);
    return ok;
}

static struct ax_btf *kernel_types(struct ax_vmi *v)
{
    struct ax_btf *btf;
    uint64_t from = ax_sym(v, AX_SYM___start_BTF), to = ax_sym(v, AX_SYM___stop_BTF);
    if (!from || to <= from || to - from > AX_RAM_SPAN)
        return NULL;
    const uint8_t *data = ax_guest_at(&v->guest, from, to - from);
    return data && ax_btf_open(&btf, data, to - from, NULL) == 0 ? btf : NULL;
}

const int32_t *ax_types(struct ax_vmi *v, enum ax_types_of which)
{
    struct ax_types *t = &v->types[which];
    uint64_t btf, id;
    if (!find_btf(v, groups[which].module, &btf, &id))
        return NULL;
    if (!t->tried || t->btf != btf || t->id != id) {
        if (t->tried && t->poll == v->counts.polls)
            return NULL; /* modules come and go, but not twice in a poll: indexing takes time */
        struct ax_btf *base = kernel_types(v);
        *t = (struct ax_types){.tried = true, .btf = btf, .id = id, .poll = v->counts.polls};
        if (base)
            t->known = btf ? look_up_split(v, t, groups[which].members, base)
                           : look_up(t, groups[which].members, base);
        ax_btf_close(base);
    }
    return t->known ? t->offset : NULL;
}
