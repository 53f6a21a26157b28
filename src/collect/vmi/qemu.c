// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/qemu.h"

#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RAM (UINT64_C(128) << 20)

/* ---- command line ---- */

uint64_t ax_qemu_size(struct ax_str s, uint64_t unit)
{
    uint64_t n;
    char last = s.n ? s.p[s.n - 1] : '\0';
    static const char units[] = "bkmgt";
    const char *found = last ? strchr(units, last | 0x20) : NULL;
    if (found && (last < '0' || last > '9')) {
        unit = UINT64_C(1) << (found - units) * 10;
        s.n--;
    }
    return ax_str_u64(s, &n) && n <= UINT64_MAX / unit ? n * unit : 0;
}

/* The value of KEY in "KEY=VALUE,..."; false when it is not in it. */
static bool option(struct ax_str options, struct ax_str key, struct ax_str *out)
{
    struct ax_str part;
    while (ax_str_cut(&options, ',', &part))
        if (ax_str_starts(part, key) && part.n > key.n && part.p[key.n] == '=') {
            *out = (struct ax_str){part.p + key.n + 1, part.n - key.n - 1};
            return true;
        }
    return false;
}

static uint64_t memory_size(struct ax_str value)
{
    struct ax_str size, rest = value;
    if (!option(value, AX_STR("size"), &size) && !ax_str_cut(&rest, ',', &size))
        return 0;
    return ax_qemu_size(size, UINT64_C(1) << 20);
}

static struct ax_str machine_type(struct ax_str value)
{
    struct ax_str type, rest = value;
    if (option(value, AX_STR("type"), &type))
        return type;
    return ax_str_cut(&rest, ',', &type) && !memchr(type.p, '=', type.n) ? type : AX_STR_NULL;
}

void ax_qemu_args(struct ax_str cmdline, struct ax_qemu_args *out)
{
    struct ax_str flag = AX_STR_NULL, arg;
    bool is_qemu = false;
    *out = (struct ax_qemu_args){.ram = DEFAULT_RAM};
    for (unsigned n = 0; ax_str_cut(&cmdline, '\0', &arg); n++, flag = arg) {
        if (n == 0)
            is_qemu = memmem(arg.p, arg.n, "qemu", 4) || memmem(arg.p, arg.n, "kvm", 3);
        if (ax_str_starts(arg, AX_STR("--"))) /* QEMU takes both */
            arg = (struct ax_str){arg.p + 1, arg.n - 1};
        if (ax_str_eq(flag, AX_STR("-uuid")))
            out->uuid = arg;
        else if (ax_str_eq(flag, AX_STR("-m")))
            out->ram = memory_size(arg);
        else if (ax_str_eq(flag, AX_STR("-machine")) || ax_str_eq(flag, AX_STR("-M")))
            out->machine = machine_type(arg).n ? machine_type(arg) : out->machine;
        else if (ax_str_eq(flag, AX_STR("-incoming")))
            out->incoming = true;
    }
    if (!is_qemu)
        out->ram = 0;
}

/* ---- mappings ---- */

static bool parse_hex(struct ax_str *rest, char end, uint64_t *out)
{
    struct ax_str s;
    uint64_t v = 0;
    if (!ax_str_cut(rest, end, &s) || s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef", *at = memchr(digits, s.p[i], 16);
        if (!at)
            return false;
        v = v << 4 | (uint64_t)(at - digits);
    }
    *out = v;
    return true;
}

/* "7f0000000000-7f0010000000 rw-s 00000000 00:01 1029   /memfd:ram (deleted)" */
static bool parse_line(struct ax_str line, struct ax_mapping *out)
{
    struct ax_str rights, device, inode;
    *out = (struct ax_mapping){0};
    if (!parse_hex(&line, '-', &out->from) || !parse_hex(&line, ' ', &out->to) ||
        !ax_str_word(&line, &rights) || rights.n != 4)
        return false;
    line = ax_str_trim(line);
    if (!parse_hex(&line, ' ', &out->offset) || !ax_str_word(&line, &device) ||
        !ax_str_word(&line, &inode) || !ax_str_u64(inode, &out->inode))
        return false;
    out->path = ax_str_trim(line);
    out->shared = rights.p[3] == 's';
    /* What can be executed is code that QEMU makes of a guest's, never a guest's memory. */
    return rights.p[0] == 'r' && rights.p[1] == 'w' && rights.p[2] == '-' && out->from < out->to;
}

static bool goes_on(const struct ax_mapping *a, const struct ax_mapping *b)
{
    return a->to == b->from && a->shared == b->shared && a->inode == b->inode &&
           ax_str_eq(a->path, b->path) &&
           (a->inode == 0 || a->offset + (a->to - a->from) == b->offset);
}

size_t ax_qemu_mappings(struct ax_str maps, bool join, struct ax_arena *a, struct ax_mapping **out)
{
    size_t n = 0, max = 1;
    struct ax_str line;
    for (size_t i = 0; i < maps.n; i++)
        max += maps.p[i] == '\n';
    struct ax_mapping *v = AX_NEWS(a, struct ax_mapping, max);
    while (n < max && ax_str_cut(&maps, '\n', &line)) {
        if (!parse_line(line, &v[n]))
            continue;
        if (join && n > 0 && goes_on(&v[n - 1], &v[n]))
            v[n - 1].to = v[n].to;
        else
            n++;
    }
    *out = v;
    return n;
}

/* ---- memory on its way ---- */

/* Post-copy: QEMU waits for the guest to touch what is not there yet. */
static bool has_userfault(const char *proc, pid_t pid)
{
    char path[512], target[64];
    bool found = false;
    snprintf(path, sizeof path, "%s/%d/fd", proc, (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        found = n > 0 && memmem(target, (size_t)n, "[userfaultfd]", 13);
    }
    if (d)
        closedir(d);
    return found;
}

/* CPU time of a thread, ticks; fields 14 and 15 of stat, counted after the last ')'. */
static uint64_t ticks_of(struct ax_str stat)
{
    struct ax_str word = AX_STR_NULL;
    uint64_t user = 0, system = 0;
    size_t close = stat.n;
    while (close && stat.p[close - 1] != ')')
        close--;
    struct ax_str rest = {stat.p + close, stat.n - close};
    for (int field = 3; field <= 15 && ax_str_word(&rest, &word); field++)
        if (field >= 14)
            ax_str_u64(word, field == 14 ? &user : &system);
    return user + system;
}

#define RUN_TICKS 20 /* more than a virtual CPU that only waits has used since its start */

/* Whether a virtual CPU has run. They are threads named "CPU 0/KVM" (-name debug-threads=on, as
 * libvirt has it). */
static bool has_run(const char *proc, pid_t pid)
{
    char path[512];
    bool found = false;
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    snprintf(path, sizeof path, "%s/%d/task", proc, (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        char stat[300];
        snprintf(stat, sizeof stat, "%.200s/stat", e->d_name);
        ax_buf_clear(&b);
        if (e->d_name[0] != '.' && ax_file_read(dirfd(d), stat, 4096, &b, NULL) == 0 &&
            memmem(b.p, b.n, "(CPU ", 5))
            found = ticks_of(ax_buf_view(&b)) >= RUN_TICKS;
    }
    if (d)
        closedir(d);
    return found;
}

int ax_qemu_settled(const char *proc, pid_t pid, bool incoming, struct ax_err *err)
{
    if (has_userfault(proc, pid))
        return ax_fail(err, -EBUSY,
                       "the VM's memory is still on its way here (post-copy migration): it is not "
                       "read before it has come");
    if (incoming && !has_run(proc, pid))
        return ax_fail(err, -EBUSY,
                       "the VM is being migrated to this host: its memory is not read before it "
                       "runs here");
    return 0;
}
