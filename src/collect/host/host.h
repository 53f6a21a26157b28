// SPDX-License-Identifier: Apache-2.0
/* What the machine itself tells through /proc and /sys, in the node exporter's names. One file per
 * source; each is a function that emits what it finds. A file that is not there is a metric that is
 * not there, never a zero. */
#ifndef AX_COLLECT_HOST_HOST_H
#define AX_COLLECT_HOST_HOST_H

#include "collect/emit.h"

#define AX_HOST_DEVICES 200 /* disks, interfaces, file systems each; more are left out */

struct ax_host {
    const char *proc, *sys, *rootfs;
    struct ax_emitter *emit;
    struct ax_emit_scope scope;
    struct ax_buf buf;       /* the file being read */
    struct ax_fs_worker *fs; /* statvfs with a deadline, see filesystem.c */
    uint64_t fs_timeouts;
    int64_t deadline_ms; /* for what may hang */
};

struct ax_host_source {
    const char *name;
    /* 0 or a negative errno; -ENOENT: this machine does not have it (not a failure) */
    int (*collect)(struct ax_host *h, struct ax_err *err);
};
extern const struct ax_host_source ax_host_sources[];
extern const size_t ax_host_source_count;

/* One read into h->buf, at most 1 MiB; the view is valid until the next read. */
int ax_host_read(struct ax_host *h, const char *root, const char *path, struct ax_str *out,
                 struct ax_err *err);
/* A file with one number; NaN when it is not there or is none. */
double ax_host_number(struct ax_host *h, const char *root, const char *path);
/* A file with one line, trimmed, into `out`; empty when it is not there. */
struct ax_str ax_host_line(struct ax_host *h, const char *root, const char *path, char *out,
                           size_t size);
void ax_host_emit(struct ax_host *h, const char *name, double v);
void ax_host_emit1(struct ax_host *h, const char *name, const char *label, struct ax_str value,
                   double v);

int ax_host_cpu(struct ax_host *h, struct ax_err *err);
int ax_host_memory(struct ax_host *h, struct ax_err *err);
int ax_host_vmstat(struct ax_host *h, struct ax_err *err);
int ax_host_pressure(struct ax_host *h, struct ax_err *err);
int ax_host_disk(struct ax_host *h, struct ax_err *err);
int ax_host_filesystem(struct ax_host *h, struct ax_err *err);
int ax_host_network(struct ax_host *h, struct ax_err *err);
int ax_host_sockets(struct ax_host *h, struct ax_err *err);
int ax_host_system(struct ax_host *h, struct ax_err *err);
int ax_host_time(struct ax_host *h, struct ax_err *err);

void ax_fs_worker_free(struct ax_fs_worker *w);

#endif
