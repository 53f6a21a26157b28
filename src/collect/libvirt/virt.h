// SPDX-License-Identifier: Apache-2.0
/* How the libvirt collector is cut:
 *
 *     worker.c  threads that may hang, each with its own connection --+
 *     gather.c  all calls to libvirt of a round; plain records out    |  (libvirt, /proc, statx)
 *     watch.c   the connection and thread for events                --+
 *     ------------------------------------------------------------------ nothing below calls
 * libvirt stats.c   typed parameters -> numbers          domain_xml.c  domain XML -> what we need
 * of it vms.c     numbers + definition -> series, resources, events; remembers each VM between
 * rounds
 *
 * A snapshot owns its arena and everything in it. */
#ifndef AX_COLLECT_LIBVIRT_VIRT_H
#define AX_COLLECT_LIBVIRT_VIRT_H

#include "base/arena.h"
#include "base/err.h"
#include "collect/collect.h"
#include "collect/emit.h"

#define AX_VIRT_DOMAINS  4096 /* in one round; bounds what a broken daemon can make us hold */
#define AX_VIRT_NETWORKS 512  /* networks and pools together */
#define AX_VIRT_DEVICES  64   /* disks, interfaces, vCPUs shown per domain */
#define AX_UUID_TEXT     37

/* ---- what gather.c brings home ---- */

struct ax_virt_param {
    struct ax_str name; /* "balloon.current" */
    double number;      /* NaN when it is a string */
    struct ax_str text;
};

struct ax_virt_volume {
    struct ax_str path;
    uint64_t inode, device;
    int64_t born_ns; /* 0 = the file system does not say */
    bool exists;
};

struct ax_virt_record {
    struct ax_str uuid, name;
    int id; /* -1 when it is not running */
    const struct ax_virt_param *params;
    size_t nparams;
    struct ax_str xml;       /* only for the domains it was asked of, else empty */
    int pid;                 /* of its QEMU process; 0 = not looked for, -1 = not found */
    double process_resident; /* bytes, NaN = unknown */
    int64_t process_start;   /* ms since the epoch, 0 = unknown */
    const struct ax_virt_volume *volumes;
    size_t nvolumes;
};

struct ax_virt_network {
    struct ax_str uuid, name, bridge;
    bool active, pool;                      /* a storage pool is told in the same words */
    double capacity, allocation, available; /* of pools, NaN otherwise */
};

struct ax_virt_snapshot {
    struct ax_arena arena;
    struct ax_err err;                 /* code 0 = complete */
    unsigned long library, hypervisor; /* versions, major * 1000000 + minor * 1000 + release */
    struct ax_virt_record *vms;
    size_t nvms;
    bool everything; /* networks and pools too */
    struct ax_virt_network *nets;
    size_t nnets;
};
void ax_virt_snapshot_free(struct ax_virt_snapshot *s);

/* What the asker knows already, so that the expensive parts are not asked for again. */
struct ax_virt_known {
    char uuid[AX_UUID_TEXT];
    int id, pid;
    bool definition; /* its XML is known and fresh */
};
struct ax_virt_question {
    char *uri, *proc;
    bool set_balloon_period;
    bool everything; /* also what changes rarely: networks and pools */
    struct ax_virt_known *known;
    size_t nknown;
    char **paths; /* of volumes: belongs to known[] by path_owner */
    size_t *path_owner;
    size_t npaths;
};
void ax_virt_question_free(struct ax_virt_question *q);

struct _virConnect;
struct ax_virt_snapshot *ax_virt_gather(struct _virConnect *conn, const struct ax_virt_question *q);

/* ---- threads ---- */

struct ax_virt_pool;
struct ax_virt_pool *ax_virt_pool_new(void);
/* Waits up to deadline_ms. NULL when nobody answered in time (*err says so). Takes the question. */
struct ax_virt_snapshot *ax_virt_ask(struct ax_virt_pool *p, struct ax_virt_question *q,
                                     int64_t deadline_ms, struct ax_err *err);
void ax_virt_pool_free(struct ax_virt_pool *p); /* lets threads that hang end by themselves */

struct ax_virt_watch;
struct ax_virt_watch *ax_virt_watch_new(const struct ax_collect_options *o);
void ax_virt_watch_free(struct ax_virt_watch *w);
/* True once for each domain whose definition or agent changed since the last call. */
bool ax_virt_watch_changed(struct ax_virt_watch *w, char uuid[AX_UUID_TEXT]);

/* ---- pure: parameters and XML ---- */

/* All numbers in libvirt's own units; NaN = not given. */
struct ax_vcpu_stats {
    double state, time, wait, delay;
};
struct ax_block_stats {
    struct ax_str name, path;
    double rd_reqs, rd_bytes, rd_times, wr_reqs, wr_bytes, wr_times, fl_reqs, fl_times;
    double allocation, capacity, physical;
};
struct ax_net_stats {
    struct ax_str name;
    double rx_bytes, rx_pkts, rx_errs, rx_drop, tx_bytes, tx_pkts, tx_errs, tx_drop;
};
struct ax_vm_stats {
    double state, reason;
    double cpu_time, cpu_user, cpu_system;
    double current, maximum, swap_in, swap_out, major_fault, minor_fault, unused, available, usable,
        last_update, disk_caches, hugetlb_pgalloc, hugetlb_pgfail, rss;
    double vcpu_current, vcpu_maximum;
    struct ax_vcpu_stats vcpu[AX_VIRT_DEVICES];
    struct ax_block_stats block[AX_VIRT_DEVICES];
    struct ax_net_stats net[AX_VIRT_DEVICES];
    size_t nvcpu, nblock, nnet;
};
/* The texts are views into the parameters. */
void ax_vm_stats_read(const struct ax_virt_param *p, size_t n, struct ax_vm_stats *out);

struct ax_domain_disk {
    struct ax_str target, source, type, device, bus, driver;
};
struct ax_domain_nic {
    struct ax_str target, source, mac, model;
};
struct ax_domain_def {
    struct ax_str name, type, os_type, machine; /* type: "kvm", "qemu" */
    bool balloon;                               /* has a memballoon device */
    int64_t balloon_period;                     /* s, 0 = none */
    struct ax_str agent; /* "connected", "disconnected", "none" (no channel) */
    struct ax_domain_disk disks[AX_VIRT_DEVICES];
    struct ax_domain_nic nics[AX_VIRT_DEVICES];
    size_t ndisks, nnics;
    /* Nova's metadata, empty without OpenStack */
    struct ax_str nova_name, nova_flavor, user_name, user_id, project_name, project_id;
};
/* Hostile XML is an error, never a crash: no entities, no network, at most 1 MiB. */
int ax_domain_xml_parse(struct ax_str xml, struct ax_arena *a, struct ax_domain_def *out,
                        struct ax_err *err);

/* The words of virDomainState and of its reasons ("running", "booted"). */
struct ax_str ax_virt_state(int state);
struct ax_str ax_virt_reason(int state, int reason);

/* ---- between rounds ---- */

struct ax_vms;
struct ax_vms_options {
    struct ax_str host_id, host_name;
    int64_t interval_ms;
};
struct ax_vms *ax_vms_new(const struct ax_vms_options *o);
void ax_vms_free(struct ax_vms *v);
struct ax_virt_question *ax_vms_question(const struct ax_vms *v, int64_t now);
void ax_vms_definition_changed(struct ax_vms *v, const char *uuid);

/* Each VM as it was in the last round. */
struct ax_vm_brief {
    struct ax_str uuid, name;
    bool runs, paused;
    int pid;
};
size_t ax_vms_briefs(const struct ax_vms *v, struct ax_arena *a, struct ax_vm_brief **out);

/* Lists that grow in the round's arena. */
struct ax_seen {
    struct ax_arena *arena;
    struct ax_resource *resources;
    size_t nresources, capresources;
    struct ax_event *events;
    size_t nevents, capevents;
};
void ax_seen_resource(struct ax_seen *s, const struct ax_resource *r);
void ax_seen_event(struct ax_seen *s, const struct ax_event *e);

/* Every VM's volumes were looked at in the last round: a volume that is not listed is gone. */
bool ax_vms_volumes_known(const struct ax_vms *v);
/* With a snapshot: what it holds. Without: what was known last; `late` (libvirt is there but did
 * not answer in time) keeps the series alive for a few rounds, otherwise they end at once. */
void ax_vms_round(struct ax_vms *v, const struct ax_virt_snapshot *s, bool late,
                  struct ax_emitter *e, int64_t now, struct ax_seen *seen);

#endif
