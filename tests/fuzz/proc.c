// SPDX-License-Identifier: Apache-2.0
/* The files of /proc: the first byte says which, the rest is what it holds. */
#include "kit.h"

#include "collect/host/host.h"
#include "collect/libvirt/process.h"

#include <unistd.h>

struct source {
    const char *file;
    int (*collect)(struct ax_host *h, struct ax_err *err);
};
/* By the first byte, 'a' on. */
static const struct source sources[] = {
    {"stat", ax_host_cpu},
    {"stat", ax_host_system},
    {"meminfo", ax_host_memory},
    {"vmstat", ax_host_vmstat},
    {"diskstats", ax_host_disk},
    {"net/dev", ax_host_network},
    {"loadavg", ax_host_system},
    {"uptime", ax_host_system},
    {"sys/fs/file-nr", ax_host_system},
    {"pressure/memory", ax_host_pressure},
    {"net/sockstat", ax_host_sockets},
    {"net/netstat", ax_host_sockets},
    {"net/snmp", ax_host_sockets},
    {"self/mountinfo", ax_host_filesystem},
};

static void collect(const struct source *s, struct ax_str text)
{
    static struct ax_fs_worker *fs;
    struct ax_label instance = {AX_STR("instance"), AX_STR("host1")};
    struct ax_emitter e = {0};
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch batch = {.arena = &a};
    struct ax_err err = {0};
    struct ax_host h = {
        .proc = fuzz_dir(), .sys = "/nowhere", .rootfs = "/nowhere", .emit = &e, .fs = fs};
    h.deadline_ms = 3000;
    fuzz_write(s->file, text.p, text.n);
    ax_scope_new(&e, &h.scope, &instance, 1);
    ax_emit_begin(&e, &batch, 1790000000000);
    int rc = s->collect(&h, &err);
    ax_emit_end(&e);
    AX_ASSERT(rc == 0 || err.text[0]);
    for (size_t i = 0; i < batch.n; i++)
        AX_ASSERT(ax_labels_valid(batch.v[i].labels.bytes) && batch.v[i].n == 1);
    fs = h.fs;
    ax_buf_free(&h.buf);
    ax_emitter_free(&e);
    ax_arena_free(&a);
    unlinkat(fuzz_dirfd(), s->file, 0);
}

/* A QEMU process whose command line, stat and statm are the input, one line each. */
static void find_process(struct ax_str text)
{
    static const char *const files[] = {"7/cmdline", "7/stat", "7/statm", "stat"};
    struct ax_virt_record r = {.uuid = AX_STR("4dea22b3"), .id = 1};
    struct ax_str part = AX_STR_NULL;
    for (size_t i = 0; i < AX_ARRAY_LEN(files); i++) {
        ax_str_cut(&text, '\n', &part);
        fuzz_write(files[i], part.p, part.n);
    }
    ax_process_find(fuzz_dir(), &r, 1);
    AX_ASSERT(r.pid == 7 || r.pid <= 0);
    unlinkat(fuzz_dirfd(), "stat", 0);
}

FUZZ_TARGET(p, n)
{
    if (!n || p[0] < 'a')
        return 0;
    size_t which = p[0] - 'a';
    if (which < AX_ARRAY_LEN(sources))
        collect(&sources[which], fuzz_str(p + 1, n - 1));
    else if (p[0] == 'p')
        find_process(fuzz_str(p + 1, n - 1));
    return 0;
}
