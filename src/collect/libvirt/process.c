// SPDX-License-Identifier: Apache-2.0
#include "collect/libvirt/process.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_MAX (256u << 10)

static bool read_file(const char *proc, int pid, const char *file, struct ax_buf *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d/%s", proc, pid, file);
    ax_buf_clear(b);
    return ax_file_read(AT_FDCWD, path, CMDLINE_MAX, b, NULL) == 0;
}

/* Arguments are separated by NULs: the one behind "-uuid". */
static struct ax_str uuid_argument(struct ax_str cmdline)
{
    struct ax_str arg;
    bool next = false;
    while (ax_str_cut(&cmdline, '\0', &arg)) {
        if (next)
            return arg;
        next = ax_str_eq(arg, AX_STR("-uuid"));
    }
    return AX_STR_NULL;
}

/* Start time: field 22 of stat in ticks since boot; fields are counted after the last ')', as a
 * command's name may hold anything. */
static int64_t start_time(struct ax_str stat, int64_t boot_ms)
{
    struct ax_str word = AX_STR_NULL;
    size_t close = stat.n;
    while (close && stat.p[close - 1] != ')')
        close--;
    struct ax_str rest = {stat.p + close, stat.n - close};
    for (int field = 3; field <= 22; field++)
        if (!ax_str_word(&rest, &word))
            return 0;
    uint64_t ticks;
    if (!boot_ms || !ax_str_u64(word, &ticks))
        return 0;
    return boot_ms + (int64_t)(ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int64_t boot_time(const char *proc, struct ax_buf *b)
{
    char path[512];
    struct ax_str rest, line;
    uint64_t s;
    snprintf(path, sizeof path, "%s/stat", proc);
    ax_buf_clear(b);
    if (ax_file_read(AT_FDCWD, path, 1u << 20, b, NULL) < 0)
        return 0;
    rest = ax_buf_view(b);
    while (ax_str_cut(&rest, '\n', &line))
        if (ax_str_starts(line, AX_STR("btime ")) &&
            ax_str_u64((struct ax_str){line.p + 6, line.n - 6}, &s) && s < INT64_MAX / 2000)
            return (int64_t)s * 1000;
    return 0;
}

/* False when the process is gone (or is another one by now: no resident memory either way). */
static bool read_resident(const char *proc, struct ax_virt_record *r, struct ax_buf *b)
{
    struct ax_str rest, word;
    double pages;
    if (!read_file(proc, r->pid, "statm", b))
        return false;
    rest = ax_buf_view(b);
    if (!ax_str_word(&rest, &word) || !ax_str_word(&rest, &word) || !ax_str_double(word, &pages))
        return false;
    r->process_resident = pages * (double)sysconf(_SC_PAGESIZE);
    return true;
}

static void match(const char *proc, int pid, struct ax_virt_record *r, size_t n, struct ax_buf *b)
{
    if (!read_file(proc, pid, "cmdline", b))
        return;
    struct ax_str uuid = uuid_argument(ax_buf_view(b));
    for (size_t i = 0; uuid.n && i < n; i++)
        if (r[i].id >= 0 && !r[i].pid && ax_str_eq(r[i].uuid, uuid))
            r[i].pid = pid;
}

static void scan(const char *proc, struct ax_virt_record *r, size_t n, struct ax_buf *b)
{
    DIR *d = opendir(proc);
    for (struct dirent *e; d && (e = readdir(d));) {
        uint64_t pid;
        if (ax_str_u64(ax_str(e->d_name), &pid) && pid <= INT32_MAX)
            match(proc, (int)pid, r, n, b);
    }
    if (d)
        closedir(d);
}

void ax_process_find(const char *proc, struct ax_virt_record *r, size_t n)
{
    struct ax_buf b = AX_BUF_INIT;
    bool missing = false;
    for (size_t i = 0; i < n; i++)
        missing |= r[i].id >= 0 && !r[i].pid;
    if (missing)
        scan(proc, r, n, &b);
    int64_t boot = missing ? boot_time(proc, &b) : 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].id >= 0 && !r[i].pid)
            r[i].pid = -1; /* no local QEMU process: not looked for again while it runs */
        if (r[i].pid <= 0)
            continue;
        if (!read_resident(proc, &r[i], &b))
            r[i].pid = 0; /* looked for again in the next round */
        else if (boot && read_file(proc, r[i].pid, "stat", &b))
            r[i].process_start = start_time(ax_buf_view(&b), boot);
    }
    ax_buf_free(&b);
}
