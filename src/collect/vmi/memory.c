// SPDX-License-Identifier: Apache-2.0
/* Where the memory of a VM is: behind a descriptor that its QEMU holds (shared memory), else in
 * QEMU's own memory. All of it is found in /proc; QEMU is not asked, as its monitor could also
 * change the guest, and stops it while it answers some questions. */
#include "base/file.h"
#include "collect/collect.h"
#include "collect/vmi/qemu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMDLINE_MAX (256u << 10)
#define MAPS_MAX    (16u << 20)

static int read_proc(const char *proc, pid_t pid, const char *file, size_t max, struct ax_buf *out,
                     struct ax_err *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d/%s", proc, (int)pid, file);
    ax_buf_clear(out);
    int rc = ax_file_read(AT_FDCWD, path, max, out, err);
    return rc == -ENOENT ? ax_fail(err, -ESRCH, "there is no process %d", (int)pid) : rc;
}

/* The descriptor of QEMU's that this mapping is of, opened anew to read only; -1 when there is none
 * or it is closed to us. */
static int open_shared(const char *proc, pid_t pid, const struct ax_mapping *m)
{
    char path[512], target[1024];
    int fd = -1;
    struct stat st;
    snprintf(path, sizeof path, "%s/%d/fd", proc, (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && fd < 0 && (e = readdir(d));) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target);
        if (n <= 0 || !ax_str_eq((struct ax_str){target, (size_t)n}, m->path))
            continue;
        fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != m->inode ||
                        (uint64_t)st.st_size < m->offset + (m->to - m->from))) {
            close(fd);
            fd = -1;
        }
    }
    if (d)
        closedir(d);
    return fd;
}

/* The one mapping that is as long as the guest's RAM: rather a shared one. NULL: there are several,
 * or (*several is false) none. */
static const struct ax_mapping *as_long_as(const struct ax_mapping *v, size_t n, uint64_t ram,
                                           bool *several_of)
{
    const struct ax_mapping *best = NULL;
    bool several = false;
    for (size_t i = 0; i < n; i++) {
        if (v[i].to - v[i].from != ram)
            continue;
        if (!best || (v[i].shared && !best->shared)) {
            best = &v[i];
            several = false;
        } else {
            several |= v[i].shared == best->shared;
        }
    }
    *several_of = several;
    return several ? NULL : best;
}

/* QEMU may have given parts of its RAM different advice, whereupon they are mappings of their own;
 * but what is joined may have a neighbour too much. So both are tried. */
static int choose(struct ax_str maps, uint64_t ram, struct ax_arena *a,
                  const struct ax_mapping **out, struct ax_err *err)
{
    bool several = false;
    const struct ax_mapping *m = NULL;
    for (int join = 0; join < 2 && !m && !several; join++) {
        struct ax_mapping *v;
        size_t n = ax_qemu_mappings(maps, join, a, &v);
        m = as_long_as(v, n, ram, &several);
    }
    if (!m)
        return ax_fail(
            err, several ? -ENOTUNIQ : -ENOENT, "QEMU has %s of the size of its RAM (%llu MiB)",
            several ? "several mappings" : "no mapping", (unsigned long long)(ram >> 20));
    *out = m;
    return 0;
}

/* Only of the two machine types that we know; with others, and where QEMU was told something else,
 * both layouts are tried. */
static void lay_out(struct ax_ram_place *p, struct ax_str machine)
{
    if (ax_str_starts(machine, AX_STR("type=")))
        machine = (struct ax_str){machine.p + 5, machine.n - 5};
    bool q35 = ax_str_starts(machine, AX_STR("q35")) || ax_str_starts(machine, AX_STR("pc-q35"));
    bool pc = machine.n == 0 || ax_str_eq(machine, AX_STR("pc")) ||
              ax_str_starts(machine, AX_STR("pc-i440fx"));
    if (q35 || pc)
        p->n_blocks = ax_ram_layout(p->size, pc, p->blocks);
    for (size_t i = 0; i < p->n_blocks; i++)
        p->blocks[i].at += p->base;
}

static void place_of(const char *proc, pid_t pid, const struct ax_mapping *m,
                     const struct ax_qemu_args *args, struct ax_ram_place *p)
{
    *p = (struct ax_ram_place){.fd = m->shared ? open_shared(proc, pid, m) : -1, .size = args->ram};
    p->kind = p->fd >= 0 ? AX_RAM_FILE : AX_RAM_PROCESS;
    p->pid = p->kind == AX_RAM_PROCESS ? pid : 0;
    p->base = p->kind == AX_RAM_PROCESS ? m->from : m->offset;
    lay_out(p, args->machine);
}

static int find(const char *proc, pid_t pid, struct ax_arena *a, struct ax_guest_memory *out,
                struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf cmdline = AX_BUF_INIT, maps = AX_BUF_INIT;
    struct ax_qemu_args args;
    const struct ax_mapping *m;
    int rc = read_proc(proc, pid, "cmdline", CMDLINE_MAX, &cmdline, err);
    if (rc < 0)
        return rc;
    ax_qemu_args(ax_buf_view(&cmdline), &args);
    if (args.ram == 0)
        return ax_fail(err, -EINVAL, "process %d is no QEMU", (int)pid);
    if (args.pieces)
        return ax_fail(err, -ENOTSUP,
                       "the VM's RAM is in several pieces (NUMA nodes or DIMMs): its order is not "
                       "known from outside; a dump can be read (virsh dump --memory-only)");
    rc = ax_qemu_settled(proc, pid, args.incoming, err);
    if (rc == 0)
        rc = read_proc(proc, pid, "maps", MAPS_MAX, &maps, err);
    if (rc == 0)
        rc = choose(ax_buf_view(&maps), args.ram, a, &m, err);
    if (rc < 0)
        return rc;
    if (args.uuid.n)
        snprintf(out->handle, sizeof out->handle, "vm:%.*s", AX_STR_ARG(args.uuid));
    else
        snprintf(out->handle, sizeof out->handle, "process:%d", (int)pid);
    place_of(proc, pid, m, &args, &out->place);
    return 0;
}

int ax_guest_memory_find(const char *proc, pid_t pid, struct ax_guest_memory *out,
                         struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    return find(proc, pid, &a, out, err);
}

static bool is_of(const char *proc, pid_t pid, struct ax_str uuid, struct ax_buf *b)
{
    struct ax_qemu_args args;
    if (read_proc(proc, pid, "cmdline", CMDLINE_MAX, b, NULL) < 0)
        return false;
    ax_qemu_args(ax_buf_view(b), &args);
    return args.ram && ax_str_eq(args.uuid, uuid);
}

int ax_guest_process_find(const char *proc, struct ax_str uuid, pid_t *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    pid_t found = 0;
    DIR *d = opendir(proc);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        uint64_t pid;
        if (ax_str_u64(ax_str(e->d_name), &pid) && pid <= INT32_MAX &&
            is_of(proc, (pid_t)pid, uuid, &b))
            found = (pid_t)pid;
    }
    if (d)
        closedir(d);
    if (!found)
        return ax_fail(err, -ESRCH, "no QEMU process on this host has the VM %.*s",
                       AX_STR_ARG(uuid));
    *out = found;
    return 0;
}
