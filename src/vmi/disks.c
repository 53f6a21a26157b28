// SPDX-License-Identifier: Apache-2.0
/* Disks and partitions: the devices of the class "block", counted as /proc/diskstats counts.
 *
 * Up to 5.10 a device is a struct hd_struct, since then a struct block_device. What is in flight
 * is a count per CPU only for devices without request queues; else the started requests of the
 * queues are counted, as the kernel does. */
#include "vmi/storage.h"
#include "vmi/walk.h"

#include <errno.h>

#define MAX_DISKS   1024u
#define MAX_CLASSES 1024u
#define MAX_QUEUES  512u
#define MAX_TAGS    16384u
#define SECTOR      512u
#define MAX_SECTORS (UINT64_C(1) << 54)

enum section { READ, WRITE }; /* the kernel's STAT_READ, STAT_WRITE */

struct device {
    uint64_t part;    /* hd_struct or block_device */
    uint64_t sectors; /* its size */
    uint64_t stats;   /* per-CPU address */
    uint64_t disk;    /* gendisk */
    uint64_t name;    /* address of the name */
    bool whole;       /* no partition */
};

struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    uint64_t private_of_class;
    double ticks; /* per second; 0 = unknown */
    struct ax_disk *list;
    size_t n, cap;
};

/* --- Which structures ------------------------------------------------------------------------ */

static bool old_device(struct ax_vmi *v, uint64_t device, struct device *d)
{
    uint32_t number;
    uint64_t parent = device;
    d->part = device - (uint64_t)ax_off(v, AX_OFF_hd_device);
    if (!ax_walk_u32(v, d->part, AX_OFF_hd_number, &number) ||
        !ax_walk_u64(v, d->part, AX_OFF_hd_sectors, &d->sectors) ||
        !ax_walk_u64(v, d->part, AX_OFF_hd_stats, &d->stats) || ax_off(v, AX_OFF_disk_part0) < 0 ||
        (number && !ax_walk_u64(v, device, AX_OFF_device_parent, &parent)))
        return false;
    d->whole = number == 0;
    d->disk =
        parent - (uint64_t)ax_off(v, AX_OFF_hd_device) - (uint64_t)ax_off(v, AX_OFF_disk_part0);
    return true;
}

static bool new_device(struct ax_vmi *v, uint64_t device, struct device *d)
{
    uint64_t whole;
    d->part = device - (uint64_t)ax_off(v, AX_OFF_bd_device);
    if (!ax_walk_u64(v, d->part, AX_OFF_bd_sectors, &d->sectors) ||
        !ax_walk_u64(v, d->part, AX_OFF_bd_stats, &d->stats) ||
        !ax_walk_u64(v, d->part, AX_OFF_bd_disk, &d->disk) ||
        !ax_walk_u64(v, d->disk, AX_OFF_disk_part0, &whole))
        return false;
    d->whole = whole == d->part;
    return true;
}

static bool load_device(struct ax_vmi *v, uint64_t device, struct device *d)
{
    return ax_walk_u64(v, device, AX_OFF_device_name, &d->name) &&
           (ax_off(v, AX_OFF_hd_device) >= 0 ? old_device(v, device, d) : new_device(v, device, d));
}

/* --- Counters -------------------------------------------------------------------------------- */

/* The sum over CPUs of one word of struct disk_stats. */
static bool sum(struct ax_vmi *v, const struct device *d, enum ax_plan_member m, unsigned i,
                uint64_t *out)
{
    *out = 0;
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++) {
        uint64_t n;
        if (!ax_walk_u64(v, d->stats + v->per_cpu[cpu] + 8 * (uint64_t)i, m, &n))
            return false;
        *out += n;
    }
    return true;
}

static int64_t total(struct ax_vmi *v, const struct device *d, enum ax_plan_member m, unsigned i,
                     uint64_t each)
{
    uint64_t n;
    return sum(v, d, m, i, &n) && n < MAX_SECTORS ? (int64_t)(n * each) : AX_UNKNOWN;
}

static int64_t microseconds(struct ax_vmi *v, const struct device *d, unsigned i)
{
    uint64_t ns;
    return sum(v, d, AX_OFF_stats_nsecs, i, &ns) && ns <= INT64_MAX ? (int64_t)(ns / 1000)
                                                                    : AX_UNKNOWN;
}

/* --- In flight ------------------------------------------------------------------------------- */

/* Started requests of one hardware queue that belong to the device. */
static bool count_queue(struct ax_vmi *v, const struct device *d, uint64_t queue, uint64_t hctx,
                        int64_t *n)
{
    uint64_t tags, requests, rq, q, part;
    uint32_t count, state;
    int32_t started = ax_const(v, AX_CONST_MQ_RQ_IN_FLIGHT);
    if (!ax_walk_u64(v, hctx, AX_OFF_hctx_tags, &tags) ||
        !ax_walk_u32(v, tags, AX_OFF_tags_count, &count) || count > MAX_TAGS ||
        !ax_walk_u64(v, tags, AX_OFF_tags_requests, &requests))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!ax_guest_u64(&v->guest, requests + 8 * (uint64_t)i, &rq))
            return false;
        if (rq == 0)
            continue;
        if (!ax_walk_u32(v, rq, AX_OFF_rq_state, &state) ||
            !ax_walk_u64(v, rq, AX_OFF_rq_queue, &q) || !ax_walk_u64(v, rq, AX_OFF_rq_part, &part))
            return false;
        if (state == (uint32_t)started && q == queue && part && (d->whole || part == d->part))
            ++*n;
    }
    return true;
}

struct in_flight {
    struct ax_vmi *v;
    const struct device *d;
    uint64_t queue;
    int64_t n;
};

static bool count_hctx(void *self, uint64_t hctx)
{
    struct in_flight *f = self;
    return count_queue(f->v, f->d, f->queue, hctx, &f->n);
}

/* An array of pointers, or an xarray (5.18 to 7.0). */
static bool count_queues(struct in_flight *f)
{
    struct ax_vmi *v = f->v;
    uint64_t table, hctx;
    uint32_t n;
    if (ax_off(v, AX_OFF_queue_xarray) >= 0)
        return ax_walk_xarray(v, f->queue + (uint64_t)ax_off(v, AX_OFF_queue_xarray), MAX_QUEUES,
                              count_hctx, f);
    if (!ax_walk_u64(v, f->queue, AX_OFF_queue_array, &table) ||
        !ax_walk_u32(v, f->queue, AX_OFF_queue_count, &n) || n > MAX_QUEUES)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!ax_guest_u64(&v->guest, table + 8 * (uint64_t)i, &hctx) || !count_hctx(f, hctx))
            return false;
    return true;
}

static int64_t in_flight(struct ax_vmi *v, const struct device *d)
{
    struct in_flight f = {.v = v, .d = d};
    uint64_t ops;
    if (ax_const(v, AX_CONST_MQ_RQ_IN_FLIGHT) < 0 ||
        !ax_walk_u64(v, d->disk, AX_OFF_disk_queue, &f.queue) ||
        !ax_walk_u64(v, f.queue, AX_OFF_queue_ops, &ops))
        return AX_UNKNOWN;
    if (ops)
        return count_queues(&f) ? f.n : AX_UNKNOWN;
    uint64_t reads, writes;
    if (!sum(v, d, AX_OFF_stats_in_flight, READ, &reads) ||
        !sum(v, d, AX_OFF_stats_in_flight, WRITE, &writes))
        return AX_UNKNOWN;
    int64_t n = (int64_t)(reads + writes); /* a request may start here and end there */
    return n < 0 ? 0 : n;
}

/* --- The list -------------------------------------------------------------------------------- */

static void read_disk(struct walk *w, const struct device *d, struct ax_disk *out)
{
    struct ax_vmi *v = w->v;
    uint64_t ticks;
    *out = (struct ax_disk){.name = ax_walk_text(v, w->a, d->name, 63),
                            .size = d->sectors < MAX_SECTORS ? (int64_t)(d->sectors * SECTOR)
                                                             : AX_UNKNOWN,
                            .reads = total(v, d, AX_OFF_stats_ios, READ, 1),
                            .read_bytes = total(v, d, AX_OFF_stats_sectors, READ, SECTOR),
                            .read_us = microseconds(v, d, READ),
                            .writes = total(v, d, AX_OFF_stats_ios, WRITE, 1),
                            .written_bytes = total(v, d, AX_OFF_stats_sectors, WRITE, SECTOR),
                            .write_us = microseconds(v, d, WRITE),
                            .io_us = AX_UNKNOWN,
                            .in_flight = in_flight(v, d)};
    if (w->ticks > 0 && sum(v, d, AX_OFF_stats_io_ticks, 0, &ticks) && ticks < UINT64_C(1) << 40)
        out->io_us = (int64_t)((double)ticks * 1e6 / w->ticks);
}

/* As the kernel: no empty partitions. Nor drives without a medium: eight loop devices, say. */
static bool take(void *self, uint64_t node)
{
    struct walk *w = self;
    uint64_t device;
    struct device d;
    if (!ax_walk_u64(w->v, node - (uint64_t)ax_off(w->v, AX_OFF_private_class_node),
                     AX_OFF_private_device, &device) ||
        !load_device(w->v, device, &d))
        return false;
    if (d.sectors == 0)
        return true;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;
        w->list = ax_arena_grow(w->a, w->list, w->cap * sizeof *w->list, cap * sizeof *w->list);
        w->cap = cap;
    }
    read_disk(w, &d, &w->list[w->n++]);
    return true;
}

static bool is_block_class(void *self, uint64_t node)
{
    struct walk *w = self;
    uint64_t class, private = node - (uint64_t)ax_off(w->v, AX_OFF_subsys_entry);
    if (!ax_walk_u64(w->v, private, AX_OFF_subsys_class, &class))
        return false;
    if (class == ax_sym(w->v, AX_SYM_block_class))
        w->private_of_class = private;
    return true;
}

/* A class knows its private part up to 6.3; since then it is found among those of all classes. */
static bool find_class(struct walk *w)
{
    struct ax_vmi *v = w->v;
    uint64_t kset;
    w->private_of_class = 0;
    if (ax_off(v, AX_OFF_class_private) >= 0)
        return ax_walk_u64(v, ax_sym(v, AX_SYM_block_class), AX_OFF_class_private,
                           &w->private_of_class);
    return ax_sym(v, AX_SYM_class_kset) && ax_off(v, AX_OFF_kset_list) >= 0 &&
           ax_guest_u64(&v->guest, ax_sym(v, AX_SYM_class_kset), &kset) &&
           ax_walk_list(v, kset + (uint64_t)ax_off(v, AX_OFF_kset_list), MAX_CLASSES,
                        is_block_class, w) &&
           w->private_of_class;
}

static bool walk_once(void *self)
{
    struct walk *w = self;
    w->n = 0;
    return find_class(w) &&
           ax_walk_list(w->v, w->private_of_class + (uint64_t)ax_off(w->v, AX_OFF_subsys_devices),
                        MAX_DISKS, take, w);
}

int ax_disks_read(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    static const enum ax_plan_symbol class = AX_SYM_block_class;
    static const enum ax_plan_member needed[] = {AX_OFF_subsys_devices, AX_OFF_subsys_entry,
                                                 AX_OFF_private_class_node, AX_OFF_private_device,
                                                 AX_OFF_device_name};
    struct walk w = {.v = v, .a = a};
    int64_t jiffies = ax_kernel_long(v, AX_SYM_jiffies_64, 0);
    if (jiffies != AX_UNKNOWN)
        w.ticks = ax_kernel_ticks(v, (uint64_t)jiffies);
    int rc = ax_need_symbols(v, &class, 1, err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc == 0 && ax_off(v, AX_OFF_hd_device) < 0 && ax_off(v, AX_OFF_bd_device) < 0)
        rc = ax_fail(err, -ENOTSUP, "this kernel's types have no block device that is known");
    if (rc == 0)
        rc = ax_walk_again(v, walk_once, &w, "disks", err);
    if (rc < 0)
        return rc;
    r->disks = w.list;
    r->n_disks = w.n;
    return 0;
}
