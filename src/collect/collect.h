// SPDX-License-Identifier: Apache-2.0
/* Collectors: samples, resources and events from this machine and its hypervisor. See
 * docs/metrics.md for every name.
 *
 * A collector turns one source into a round: samples in a batch, what it saw in an observation. It
 * never sends: the caller hands rounds to push/ or prints them. A source that hangs or fails costs
 * its own part of the round only; series that were there in the round before and are no more get a
 * staleness marker, so that gaps are gaps.
 *
 * Threads: one collector, one thread, except on_event, which is called from the collector's own
 * event thread the moment something happens. Memory: a round lives in the caller's arena. */
#ifndef AX_COLLECT_COLLECT_H
#define AX_COLLECT_COLLECT_H

#include "base/buf.h"
#include "model/resource.h"
#include "model/sample.h"
#include "model/scope.h"
#include "vmi/vmi.h"

#include <sys/types.h>

struct ax_collector;
struct ax_sight;

struct ax_collect_options {
    const char *proc, *sys;  /* roots: "/proc", "/sys"; fixtures in tests */
    const char *rootfs;      /* where mount points are looked at: "/" */
    struct ax_str host_id;   /* handle is host:ID */
    struct ax_str host_name; /* label instance / host */
    const char *libvirt_uri; /* NULL or "" = no libvirt */
    bool set_balloon_period; /* opt-in: the only thing that is ever changed in a domain */
    int64_t interval_ms;
    void (*on_event)(void *self, const struct ax_event *e); /* may be NULL */
    void *self;
    struct ax_sight *sight; /* into VMs; outlives the collector; NULL = none */
};

int ax_collector_new(struct ax_collector **out, const struct ax_collect_options *o,
                     struct ax_err *err);
void ax_collector_free(struct ax_collector *c);

struct ax_round {
    struct ax_batch batch; /* labels without tenant; times = `now` of the round */
    struct ax_observation seen;
};
/* Collects once. Always fills what it could; returns the number of sources that failed (their
 * reasons are in auspex_collector_up / _errors_total and in the host's attributes). */
int ax_collector_round(struct ax_collector *c, int64_t now, struct ax_arena *a,
                       struct ax_round *out);

/* The round as a scrape target shows it: Prometheus text format 0.0.4, grouped by metric with #
 * TYPE lines, no time stamps; series that ended are left out. */
void ax_round_text(const struct ax_round *r, struct ax_buf *out);

/* ---- looking into VMs (vmi/): nothing is read unless it was granted ---- */

/* A VM of this host, for who finds its memory. */
struct ax_sight_vm {
    struct ax_str uuid;
    int pid; /* of its QEMU; 0 = not known */
};
/* How one looks: in tests, another. Each handle is used by one thread at a time. What is appended
 * is as ax_reading_json makes it. Errors: -ENOENT, -ENOTSUP as in vmi/vmi.h; others may pass. */
struct ax_eye {
    int (*open)(void *ctx, const struct ax_sight_vm *vm, enum ax_scope scope, void **out,
                struct ax_err *err);
    int (*ask)(void *handle, unsigned parts, struct ax_buf *json, struct ax_err *err);
    void (*close)(void *handle);
    void *ctx;
    /* For extracts of memory (vmi/extract.h); opened with the scope forensic. */
    int (*open_extract)(void *ctx, const struct ax_sight_vm *vm, void **out, struct ax_err *err);
    int (*map)(void *handle, struct ax_memory_map *out, struct ax_err *err);
    int (*piece)(void *handle, uint64_t gpa, uint64_t bytes, struct ax_buf *out,
                 struct ax_err *err);
};

/* A worker in a sandbox for each VM (vmi/inspector.h). */
struct ax_eye ax_eye_real(void);

struct ax_sight_options {
    struct ax_eye eye;
    void (*on_event)(void *self, const struct ax_event *e); /* signs; on a thread of its own */
    void *self;
    int64_t tick_ms; /* between two looks at a VM's vital signs; 0 = 1000 */
};
int ax_sight_new(struct ax_sight **out, const struct ax_sight_options *o, struct ax_err *err);
void ax_sight_end(struct ax_sight *s);  /* looks no more; what is left to be counted is */
void ax_sight_free(struct ax_sight *s); /* NULL is fine */

/* What may be read all the time: in place of what was. It holds until `until_ns` (monotonic), and
 * has to be renewed before: a server that is away can't say that it ended. */
struct ax_sight_grant {
    struct ax_str handle;
    enum ax_scope scope;
    struct ax_str standing; /* under which the reads are counted */
    int64_t expires;        /* ms since the epoch, 0 = never */
};
void ax_sight_grant(struct ax_sight *s, const struct ax_sight_grant *v, size_t n, int64_t until_ns);
void ax_sight_renew(struct ax_sight *s, int64_t until_ns);

/* How often was read since the last call, by standing; those that have ended say why, once. In the
 * arena. */
struct ax_sight_count {
    struct ax_str standing, ended; /* ended: empty while it goes on */
    uint64_t polls;
};
void ax_sight_counts(struct ax_sight *s, struct ax_arena *a, struct ax_sight_count **out,
                     size_t *n);

/* One look that the server has asked for, at most as far as the scope; the JSON is appended. Any
 * one thread. -ESRCH: no such VM runs here. What it took to get there is kept for half a minute. */
int ax_sight_look(struct ax_sight *s, struct ax_str handle, enum ax_scope scope, unsigned parts,
                  struct ax_buf *json, struct ax_err *err);
/* An extract that the server has begun, under the id that it has given: where the VM's memory is,
 * and then piece after piece of it. The same thread. -ESRCH: the VM, or the extract, is not here
 * (any more); what is not asked for in a minute is given up. -EAGAIN: there are too many. */
struct ax_sight_extract {
    struct ax_str id, handle;
    uint64_t from, bytes;
};
int ax_sight_extract_map(struct ax_sight *s, const struct ax_sight_extract *x,
                         struct ax_memory_map *out, struct ax_err *err);
int ax_sight_extract_piece(struct ax_sight *s, const struct ax_sight_extract *x, struct ax_buf *out,
                           struct ax_err *err);
void ax_sight_extract_end(struct ax_sight *s, struct ax_str id);
void ax_sight_rest(struct ax_sight *s, int64_t now_ns); /* the same thread, now and then */

/* What stands between this machine and full sight, for `auspex doctor` and the host's page. */
enum ax_finding_level { AX_FINDING_OK, AX_FINDING_INFO, AX_FINDING_WARN, AX_FINDING_FAIL };
struct ax_finding {
    enum ax_finding_level level;
    struct ax_str code;   /* stable word: libvirt-connect, balloon-period, ... */
    struct ax_str handle; /* of the resource concerned; may be empty */
    struct ax_str text;   /* what is the case */
    struct ax_str remedy; /* what to do; empty when OK */
};
void ax_collect_findings(const struct ax_collect_options *o, struct ax_arena *a,
                         struct ax_finding **out, size_t *n);

/* Where the memory of a VM on this host is, for an inspector (vmi/inspector.h). */
struct ax_guest_memory {
    struct ax_ram_place place; /* the caller's: ax_ram_place_close */
    char handle[4352];         /* "vm:UUID"; "process:PID" of a QEMU that was given no UUID */
    bool changes;              /* memory can be plugged in and taken out while it runs */
    uint64_t layout;           /* of the mappings that it was found in */
    uint64_t pages;            /* of the process, and when its mappings were looked at last: */
    int64_t surveyed_ms;
};
/* Of a QEMU process. Nothing of the memory is read. -ESRCH, -EACCES; -EINVAL it is no QEMU; -EBUSY
 * the VM is just being migrated to here; -ENOENT, -ENOTUNIQ, -ENOTSUP its RAM cannot be told from
 * other mappings. */
int ax_guest_memory_find(const char *proc, pid_t pid, struct ax_guest_memory *out,
                         struct ax_err *err);
/* Whether memory was plugged in or taken out since: to be asked after a look, which is worth
 * nothing then. Cheap as long as the process is as large as before. */
bool ax_guest_memory_changed(const char *proc, pid_t pid, struct ax_guest_memory *m);
/* The QEMU process with this -uuid, as libvirt starts them. -ESRCH. */
int ax_guest_process_find(const char *proc, struct ax_str uuid, pid_t *out, struct ax_err *err);

#endif
