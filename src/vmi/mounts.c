// SPDX-License-Identifier: Apache-2.0
/* Mounts as the first process sees them: a list up to kernel 6.7, a tree since. */
#include "vmi/storage.h"
#include "vmi/walk.h"

#include <errno.h>

#define MAX_MOUNTS     2048u
#define MAX_PATH       1024u
#define MAX_COMPONENTS 128u
#define MAX_NESTED     32u
#define FLAG_READ_ONLY 0x40u
#define FLAG_CURSOR    0x10000000u /* the place of somebody who reads /proc/mounts */

struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_mounts *out;
    size_t cap;
    uint64_t space; /* struct mnt_namespace */
};

static bool take(void *self, uint64_t node)
{
    struct walk *w = self;
    struct ax_vmi *v = w->v;
    struct ax_mounts *l = w->out;
    enum ax_plan_member link =
        ax_off(v, AX_OFF_mount_node) >= 0 ? AX_OFF_mount_node : AX_OFF_mount_list;
    struct ax_mount m = {.va = node - (uint64_t)ax_off(v, link)};
    uint64_t vfs = m.va + (uint64_t)ax_off(v, AX_OFF_mount_mnt);
    uint32_t flags;
    if (!ax_walk_u32(v, vfs, AX_OFF_vfsmount_flags, &flags))
        return false;
    if (flags & FLAG_CURSOR)
        return true;
    if (!ax_walk_u64(v, vfs, AX_OFF_vfsmount_sb, &m.sb) ||
        !ax_walk_u64(v, m.va, AX_OFF_mount_device, &m.device))
        return false;
    m.read_only = flags & FLAG_READ_ONLY;
    if (l->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        l->items = ax_arena_grow(w->a, l->items, w->cap * sizeof *l->items, cap * sizeof *l->items);
        w->cap = cap;
    }
    l->items[l->n++] = m;
    return true;
}

static bool walk_once(void *self)
{
    struct walk *w = self;
    struct ax_vmi *v = w->v;
    w->out->n = 0;
    if (ax_off(v, AX_OFF_mount_node) >= 0)
        return ax_walk_tree(v, w->space + (uint64_t)ax_off(v, AX_OFF_mntns_mounts), MAX_MOUNTS,
                            take, w);
    return ax_walk_list(v, w->space + (uint64_t)ax_off(v, AX_OFF_mntns_list), MAX_MOUNTS, take, w);
}

int ax_mounts_read(struct ax_vmi *v, struct ax_arena *a, struct ax_mounts *out, struct ax_err *err)
{
    static const enum ax_plan_symbol first = AX_SYM_init_task;
    static const enum ax_plan_member needed[] = {
        AX_OFF_task_nsproxy, AX_OFF_nsproxy_mnt,   AX_OFF_mount_mnt,
        AX_OFF_mount_device, AX_OFF_mount_parent,  AX_OFF_mount_point,
        AX_OFF_vfsmount_sb,  AX_OFF_vfsmount_root, AX_OFF_vfsmount_flags};
    struct walk w = {.v = v, .a = a, .out = out};
    uint64_t nsproxy;
    *out = (struct ax_mounts){0};
    int rc = ax_need_symbols(v, &first, 1, err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc < 0)
        return rc;
    if (ax_off(v, ax_off(v, AX_OFF_mount_node) >= 0 ? AX_OFF_mntns_mounts : AX_OFF_mntns_list) < 0)
        return ax_fail(err, -ENOTSUP, "this kernel's types have no list of mounts");
    if (!ax_walk_u64(v, ax_sym(v, first), AX_OFF_task_nsproxy, &nsproxy) ||
        !ax_walk_u64(v, nsproxy, AX_OFF_nsproxy_mnt, &w.space))
        return ax_fail(err, -EIO, "the first task's name spaces cannot be read");
    if (w.space == 0)
        return 0; /* nothing is mounted yet */
    return ax_walk_again(v, walk_once, &w, "mounts", err);
}

/* --- Paths: built from their end, in front of what is there already -------------------------- */

struct path {
    char text[MAX_PATH];
    size_t at; /* where it begins */
};

static bool prepend(struct path *p, const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n + 1 > p->at)
        return false;
    p->at -= n;
    memcpy(p->text + p->at, name, n);
    p->text[--p->at] = '/';
    return true;
}

/* From a directory up to the root of the mount that it belongs to. */
static bool prepend_directories(struct ax_vmi *v, uint64_t dentry, uint64_t root, struct path *p)
{
    char name[256];
    uint64_t parent, text;
    for (unsigned i = 0; dentry != root; i++) {
        if (i == MAX_COMPONENTS || !ax_walk_u64(v, dentry, AX_OFF_dentry_parent, &parent) ||
            parent == dentry || !ax_walk_u64(v, dentry, AX_OFF_dentry_name, &text) ||
            !ax_guest_text(&v->guest, text, name, sizeof name - 1) || !prepend(p, name))
            return false;
        dentry = parent;
    }
    return true;
}

struct ax_str ax_mounts_path(struct ax_vmi *v, struct ax_arena *a, uint64_t mount)
{
    struct path p = {.at = MAX_PATH};
    uint64_t parent, point, root;
    for (unsigned i = 0; i < MAX_NESTED; i++) {
        if (!ax_walk_u64(v, mount, AX_OFF_mount_parent, &parent))
            return AX_STR_NULL;
        if (parent == mount)
            return p.at == MAX_PATH
                       ? AX_STR("/")
                       : ax_arena_str(a, (struct ax_str){p.text + p.at, MAX_PATH - p.at});
        if (!ax_walk_u64(v, mount, AX_OFF_mount_point, &point) ||
            !ax_walk_u64(v, parent + (uint64_t)ax_off(v, AX_OFF_mount_mnt), AX_OFF_vfsmount_root,
                         &root) ||
            !prepend_directories(v, point, root, &p))
            return AX_STR_NULL;
        mount = parent;
    }
    return AX_STR_NULL;
}
