// SPDX-License-Identifier: Apache-2.0
/* Mounted file systems. statvfs on a dead NFS server never returns, so a thread of its own asks
 * and the round waits for it up to a deadline:
 *
 *     round: reads mountinfo -> list -> [ worker: statvfs one after the other ] -> emits the
 * answers
 *
 * When the time is up the round takes the answers that are there, counts a timeout and leaves the
 * rest out. A worker that is stuck is not asked again until it comes back. */
#include "collect/host/host.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

struct mount {
    char device[256], mountpoint[512], fstype[64];
    bool readonly;
};

struct answer {
    bool done, failed;
    struct statvfs st;
};

/* Owned by round and thread together: the last one to leave frees it, since a thread that hangs in
 * the kernel can't be ended. */
struct ax_fs_worker {
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    struct mount *mounts;
    struct answer *answers;
    size_t n;
    bool busy, quit;
    char *rootfs;
};

static void destroy(struct ax_fs_worker *w)
{
    free(w->mounts);
    free(w->answers);
    free(w->rootfs);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->idle);
    free(w);
}

/* Called with the lock held; lets go of it while the kernel answers. */
static void ask(struct ax_fs_worker *w, size_t i)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", strcmp(w->rootfs, "/") ? w->rootfs : "",
             w->mounts[i].mountpoint);
    struct answer a = {.done = true};
    pthread_mutex_unlock(&w->lock);
    a.failed = statvfs(path, &a.st) < 0;
    pthread_mutex_lock(&w->lock);
    w->answers[i] = a;
}

static void *work(void *arg)
{
    struct ax_fs_worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->busy && !w->quit)
            pthread_cond_wait(&w->wake, &w->lock);
        for (size_t i = 0; i < w->n && !w->quit; i++)
            ask(w, i);
        w->busy = false;
        pthread_cond_signal(&w->idle);
        if (w->quit)
            break;
    }
    pthread_mutex_unlock(&w->lock);
    destroy(w);
    return NULL;
}

static struct ax_fs_worker *worker_new(const char *rootfs, struct ax_err *err)
{
    struct ax_fs_worker *w = ax_calloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    pthread_cond_init(&w->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->rootfs = ax_strdup(rootfs);
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, work, w);
    if (rc) {
        destroy(w);
        ax_fail(err, -rc, "cannot start a thread for file systems: %s", strerror(rc));
        return NULL;
    }
    pthread_detach(thread);
    return w;
}

void ax_fs_worker_free(struct ax_fs_worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* \040 and friends, as the kernel writes blanks in mount points. */
static bool unescape(struct ax_str s, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (n + 1 >= size)
            return false;
        bool octal = s.p[i] == '\\' && i + 3 < s.n + 0u && s.p[i + 1] >= '0' && s.p[i + 1] <= '3';
        if (octal) {
            out[n++] = (char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + s.p[i + 3] - '0');
            i += 3;
        } else {
            out[n++] = s.p[i];
        }
    }
    out[n] = '\0';
    return n > 0;
}

static bool under(struct ax_str path, const char *dir)
{
    struct ax_str d = ax_str(dir);
    return ax_str_starts(path, d) && (path.n == d.n || path.p[d.n] == '/');
}

/* The node exporter's own exclusions: kernel interfaces and containers' private mounts. */
static bool excluded(struct ax_str mountpoint, struct ax_str fstype)
{
    static const char *const types[] = {
        "autofs",     "binfmt_misc", "bpf",       "cgroup",   "cgroup2",   "configfs",
        "debugfs",    "devpts",      "devtmpfs",  "fusectl",  "hugetlbfs", "iso9660",
        "mqueue",     "nsfs",        "overlay",   "proc",     "procfs",    "pstore",
        "rpc_pipefs", "securityfs",  "selinuxfs", "squashfs", "sysfs",     "tracefs",
    };
    static const char *const dirs[] = {"/dev",
                                       "/proc",
                                       "/sys",
                                       "/run/credentials",
                                       "/var/lib/docker",
                                       "/var/lib/containers/storage"};
    for (size_t i = 0; i < AX_ARRAY_LEN(types); i++)
        if (ax_str_eq(fstype, ax_str(types[i])))
            return true;
    for (size_t i = 0; i < AX_ARRAY_LEN(dirs); i++)
        if (under(mountpoint, dirs[i]))
            return true;
    return false;
}

static bool has_option(struct ax_str options, const char *option)
{
    struct ax_str one;
    while (ax_str_cut(&options, ',', &one))
        if (ax_str_eq(one, ax_str(option)))
            return true;
    return false;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool parse_mount(struct ax_str line, struct mount *m)
{
    struct ax_str w, mountpoint, options, fstype, device, super;
    for (int i = 0; i < 4; i++)
        if (!ax_str_word(&line, &w))
            return false;
    if (!ax_str_word(&line, &mountpoint) || !ax_str_word(&line, &options))
        return false;
    do {
        if (!ax_str_word(&line, &w))
            return false;
    } while (!ax_str_eq(w, AX_STR("-")));
    if (!ax_str_word(&line, &fstype) || !ax_str_word(&line, &device) ||
        !ax_str_word(&line, &super) || excluded(mountpoint, fstype))
        return false;
    m->readonly = has_option(options, "ro") || has_option(super, "ro");
    return unescape(mountpoint, m->mountpoint, sizeof m->mountpoint) &&
           unescape(device, m->device, sizeof m->device) &&
           unescape(fstype, m->fstype, sizeof m->fstype);
}

static size_t read_mounts(struct ax_str text, struct mount *out)
{
    struct ax_str line;
    size_t n = 0;
    while (n < AX_HOST_DEVICES && ax_str_cut(&text, '\n', &line))
        if (parse_mount(line, &out[n]))
            n++;
    return n;
}

static void emit_mount(struct ax_host *h, const struct mount *m, const struct answer *a)
{
    struct ax_label l[] = {{AX_STR("device"), ax_str(m->device)},
                           {AX_STR("fstype"), ax_str(m->fstype)},
                           {AX_STR("mountpoint"), ax_str(m->mountpoint)}};
    double block = (double)a->st.f_frsize;
    const struct {
        const char *metric;
        double v;
    } values[] = {
        {"node_filesystem_size_bytes", (double)a->st.f_blocks * block},
        {"node_filesystem_free_bytes", (double)a->st.f_bfree * block},
        {"node_filesystem_avail_bytes", (double)a->st.f_bavail * block},
        {"node_filesystem_files", (double)a->st.f_files},
        {"node_filesystem_files_free", (double)a->st.f_ffree},
        {"node_filesystem_readonly", m->readonly},
    };
    ax_emit_with(h->emit, &h->scope, "node_filesystem_device_error", l, 3, a->failed);
    for (size_t i = 0; !a->failed && i < AX_ARRAY_LEN(values); i++)
        ax_emit_with(h->emit, &h->scope, values[i].metric, l, 3, values[i].v);
}

/* Waits for the worker with its lock held; false when the time is up. */
static bool wait_idle(struct ax_fs_worker *w, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    while (w->busy)
        if (pthread_cond_timedwait(&w->idle, &w->lock, &ts) == ETIMEDOUT)
            return !w->busy;
    return true;
}

int ax_host_filesystem(struct ax_host *h, struct ax_err *err)
{
    struct ax_str text;
    int rc = ax_host_read(h, h->proc, "self/mountinfo", &text, err);
    if (rc < 0)
        return rc;
    if (!h->fs && !(h->fs = worker_new(h->rootfs, err)))
        return err->code;
    struct ax_fs_worker *w = h->fs;
    pthread_mutex_lock(&w->lock);
    bool stuck = w->busy; /* still on the last round's list */
    if (!stuck) {
        free(w->mounts);
        free(w->answers);
        w->mounts = ax_calloc(AX_HOST_DEVICES, sizeof *w->mounts);
        w->n = read_mounts(text, w->mounts);
        w->answers = ax_calloc(w->n + 1, sizeof *w->answers);
        w->busy = true;
        pthread_cond_signal(&w->wake);
        stuck = !wait_idle(w, h->deadline_ms);
        for (size_t i = 0; i < w->n; i++)
            if (w->answers[i].done)
                emit_mount(h, &w->mounts[i], &w->answers[i]);
    }
    pthread_mutex_unlock(&w->lock);
    if (!stuck)
        return 0;
    h->fs_timeouts++;
    return ax_fail(err, -ETIMEDOUT, "a file system did not answer within %lld ms",
                   (long long)h->deadline_ms);
}
