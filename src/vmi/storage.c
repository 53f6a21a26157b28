// SPDX-License-Identifier: Apache-2.0
/* File systems: the list of super blocks, of which those count that lie on a block device or are
 * mounted where the first process sees them. (The kernel has a dozen for itself.) */
#include "vmi/storage.h"
#include "vmi/walk.h"

#include <errno.h>

#define MAX_SUPER_BLOCKS 4096u
#define FLAG_READ_ONLY   1u

struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_mounts mounts;
    struct ax_filesystem *list;
    size_t n, cap;
};

/* Of several places the shortest, as df does. */
static const struct ax_mount *find_mount(struct walk *w, uint64_t sb, struct ax_str *path)
{
    const struct ax_mount *best = NULL;
    bool paths = w->v->options.scope >= AX_SCOPE_PROCESSES;
    *path = AX_STR_NULL;
    for (size_t i = 0; i < w->mounts.n; i++) {
        const struct ax_mount *m = &w->mounts.items[i];
        if (m->sb != sb || (best && !paths))
            continue;
        struct ax_str p = paths ? ax_mounts_path(w->v, w->a, m->va) : AX_STR_NULL;
        if (!best || (p.n && p.n < path->n)) {
            best = m;
            *path = p;
        }
    }
    return best;
}

static void read_filesystem(struct walk *w, uint64_t sb, uint64_t flags, const struct ax_mount *m,
                            struct ax_filesystem *fs)
{
    struct ax_vmi *v = w->v;
    uint64_t type, name;
    fs->size = fs->free = fs->available = fs->inodes = fs->inodes_free = fs->errors = AX_UNKNOWN;
    fs->read_only = (flags & FLAG_READ_ONLY) || (m && m->read_only);
    if (ax_walk_u64(v, sb, AX_OFF_sb_type, &type) &&
        ax_walk_u64(v, type, AX_OFF_fstype_name, &name))
        fs->type = ax_walk_text(v, w->a, name, 63);
    if (m)
        fs->device = ax_walk_text(v, w->a, m->device, 255);
    else if (ax_off(v, AX_OFF_sb_id) >= 0)
        fs->device = ax_walk_text(v, w->a, sb + (uint64_t)ax_off(v, AX_OFF_sb_id), 31);
    ax_filesystem_sizes(v, sb, fs);
}

static bool take(void *self, uint64_t node)
{
    struct walk *w = self;
    struct ax_vmi *v = w->v;
    uint64_t sb = node - (uint64_t)ax_off(v, AX_OFF_sb_list), flags, device;
    struct ax_filesystem fs = {0};
    if (!ax_walk_u64(v, sb, AX_OFF_sb_flags, &flags) ||
        !ax_walk_u64(v, sb, AX_OFF_sb_bdev, &device))
        return false;
    const struct ax_mount *m = find_mount(w, sb, &fs.mountpoint);
    if (!m && !device)
        return true;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;
        w->list = ax_arena_grow(w->a, w->list, w->cap * sizeof *w->list, cap * sizeof *w->list);
        w->cap = cap;
    }
    read_filesystem(w, sb, flags, m, &fs);
    w->list[w->n++] = fs;
    return true;
}

static bool walk_once(void *self)
{
    struct walk *w = self;
    w->n = 0;
    return ax_walk_list(w->v, ax_sym(w->v, AX_SYM_super_blocks), MAX_SUPER_BLOCKS, take, w);
}

int ax_read_storage(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    static const enum ax_plan_symbol head = AX_SYM_super_blocks;
    static const enum ax_plan_member needed[] = {AX_OFF_sb_list, AX_OFF_sb_flags, AX_OFF_sb_bdev};
    struct walk w = {.v = v, .a = a};
    int rc = ax_disks_read(v, a, r, err);
    if (rc == 0)
        rc = ax_need_symbols(v, &head, 1, err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc == 0)
        rc = ax_mounts_read(v, a, &w.mounts, err);
    if (rc == 0)
        rc = ax_walk_again(v, walk_once, &w, "file systems", err);
    if (rc == 0) {
        r->filesystems = w.list;
        r->n_filesystems = w.n;
    }
    return rc;
}
