// SPDX-License-Identifier: Apache-2.0
/* Where the memory of a VM is: behind a descriptor that its QEMU holds (shared memory), else in
 * QEMU's own memory. All of it is found in /proc; QEMU is not asked, as its monitor could also
 * change the guest, and stops it while it answers some questions. */
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "collect/collect.h"
#include "collect/vmi/backing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMDLINE_MAX (256u << 10)
#define MAPS_MAX    (16u << 20)
#define SURVEY_MS   10000 /* memory that was exchanged for as much is noticed then */

static int read_proc(const char *proc, pid_t pid, const char *file, size_t max, struct ax_buf *out,
                     struct ax_err *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d/%s", proc, (int)pid, file);
    ax_buf_clear(out);
    int rc = ax_file_read(AT_FDCWD, path, max, out, err);
    return rc == -ENOENT ? ax_fail(err, -ESRCH, "there is no process %d", (int)pid) : rc;
}

static bool is_memory(const struct stat *st, const struct ax_mapping *m)
{
    return S_ISREG(st->st_mode) && st->st_ino == m->inode &&
           (uint64_t)st->st_size >= m->offset + (m->to - m->from);
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
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
            is_memory(&st, m)) /* no device is opened */
            fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && (fstat(fd, &st) < 0 || !is_memory(&st, m))) {
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

/* ---- what QEMU shows ---- */

struct survey {
    struct ax_buf cmdline, maps;
    struct ax_qemu_args args;
    struct ax_qemu_pieces q;
    struct ax_ram_pieces pieces;
    struct ax_mapping mapped[AX_RAM_BLOCKS]; /* of the pieces; or of the one RAM */
    uint64_t layout;
};

static void free_survey(struct survey **s)
{
    ax_buf_free(&(*s)->cmdline);
    ax_buf_free(&(*s)->maps);
    free(*s);
}

static int survey_maps(struct survey *s, struct ax_arena *a, struct ax_err *err)
{
    const struct ax_mapping *m;
    struct ax_str maps = ax_buf_view(&s->maps);
    if (s->q.n) {
        int rc = ax_qemu_match(&s->q, maps, a, &s->pieces, s->mapped, err);
        if (rc < 0 || s->q.several || s->pieces.n_found > 1)
            return rc;
        s->pieces.n_found = 0; /* the one RAM, and nothing was plugged in */
    }
    int rc = choose(maps, s->args.ram, a, &m, err);
    if (rc == 0)
        s->mapped[0] = *m;
    return rc;
}

static void hash_layout(struct survey *s)
{
    for (uint32_t i = 0; i == 0 || i < s->pieces.n_found; i++) {
        const struct ax_mapping *m = &s->mapped[i];
        const uint64_t words[] = {m->from, m->to, m->offset, m->inode, m->shared};
        s->layout = ax_hash_secret(words, sizeof words, s->layout);
    }
}

/* How large the process is; 0: not known. It is another size when memory was mapped or unmapped. */
static uint64_t pages_of(const char *proc, pid_t pid)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_str rest, word;
    uint64_t pages = 0;
    if (read_proc(proc, pid, "statm", 4096, &b, NULL) < 0)
        return 0;
    rest = ax_buf_view(&b);
    return ax_str_word(&rest, &word) && ax_str_u64(word, &pages) ? pages : 0;
}

static int survey(const char *proc, pid_t pid, struct ax_arena *a, struct survey *s,
                  struct ax_err *err)
{
    int rc = read_proc(proc, pid, "cmdline", CMDLINE_MAX, &s->cmdline, err);
    if (rc < 0)
        return rc;
    ax_qemu_args(ax_buf_view(&s->cmdline), &s->args);
    if (s->args.ram == 0)
        return ax_fail(err, -EINVAL, "process %d is no QEMU", (int)pid);
    rc = ax_qemu_pieces(ax_buf_view(&s->cmdline), &s->args, a, &s->q, err);
    if (rc == 0)
        rc = ax_qemu_settled(proc, pid, s->args.incoming, err);
    if (rc == 0)
        rc = read_proc(proc, pid, "maps", MAPS_MAX, &s->maps, err);
    if (rc == 0)
        rc = survey_maps(s, a, err);
    if (rc == 0)
        hash_layout(s);
    return rc;
}

/* ---- a place to read ---- */

/* Only of the two machine types that we know; with others, and where QEMU was told something else,
 * both layouts are tried. */
static void lay_out(struct ax_ram_place *p, struct ax_str machine)
{
    bool pc;
    if (ax_qemu_machine(machine, &pc))
        p->n_blocks = ax_ram_layout(p->size, pc, p->blocks);
    for (size_t i = 0; i < p->n_blocks; i++)
        p->blocks[i].at += p->base;
}

static void place_one(const char *proc, pid_t pid, const struct survey *s, struct ax_ram_place *p)
{
    const struct ax_mapping *m = &s->mapped[0];
    p->fd = m->shared ? open_shared(proc, pid, m) : -1;
    p->kind = p->fd >= 0 ? AX_RAM_FILE : AX_RAM_PROCESS;
    p->pid = p->kind == AX_RAM_PROCESS ? pid : 0;
    p->base = p->kind == AX_RAM_PROCESS ? m->from : m->offset;
    lay_out(p, s->args.machine);
}

static void place_pieces(const char *proc, pid_t pid, const struct survey *s,
                         struct ax_ram_place *p)
{
    p->kind = AX_RAM_PIECES;
    p->fd = -1;
    p->pieces = s->pieces;
    for (uint32_t i = 0; i < p->pieces.n_found; i++) {
        struct ax_ram_found *f = &p->pieces.found[i];
        int fd = s->mapped[i].shared ? open_shared(proc, pid, &s->mapped[i]) : -1;
        if (fd < 0) {
            p->pid = pid;
            continue;
        }
        f->file = (int32_t)p->pieces.n_fds;
        f->at = s->mapped[i].offset;
        p->pieces.fds[p->pieces.n_fds++] = fd;
    }
}

static int find(const char *proc, pid_t pid, struct ax_arena *a, struct survey *s,
                struct ax_guest_memory *out, struct ax_err *err)
{
    out->pages = pages_of(proc, pid);
    out->surveyed_ms = ax_mono_ns() / 1000000;
    int rc = survey(proc, pid, a, s, err);
    if (rc < 0)
        return rc;
    if (s->args.uuid.n)
        snprintf(out->handle, sizeof out->handle, "vm:%.*s", AX_STR_ARG(s->args.uuid));
    else
        snprintf(out->handle, sizeof out->handle, "process:%d", (int)pid);
    out->changes = s->q.hotplug;
    out->layout = s->layout;
    out->place = (struct ax_ram_place){.size = s->args.ram};
    if (s->pieces.n_found)
        place_pieces(proc, pid, s, &out->place);
    else
        place_one(proc, pid, s, &out->place);
    return 0;
}

int ax_guest_memory_find(const char *proc, pid_t pid, struct ax_guest_memory *out,
                         struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    AX_CLEANUP(free_survey) struct survey *s = ax_calloc(1, sizeof *s);
    return find(proc, pid, &a, s, out, err);
}

bool ax_guest_memory_changed(const char *proc, pid_t pid, struct ax_guest_memory *m)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err;
    if (!m->changes)
        return false;
    uint64_t pages = pages_of(proc, pid);
    int64_t now = ax_mono_ns() / 1000000;
    if (pages && pages == m->pages && now - m->surveyed_ms < SURVEY_MS)
        return false;
    AX_CLEANUP(free_survey) struct survey *s = ax_calloc(1, sizeof *s);
    m->pages = pages;
    m->surveyed_ms = now;
    return survey(proc, pid, &a, s, &err) < 0 || s->layout != m->layout;
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
