// SPDX-License-Identifier: Apache-2.0
/* Network devices of the first network namespace, counted as /proc/net/dev counts.
 *
 * Where a device's counters are is its driver's matter: in net_device itself, in counters per CPU,
 * or in structures of the driver. Which of these it is follows from the function that the kernel
 * would call (ndo_get_stats64). Of a driver that is not known here the counters stay unknown. */
#include "vmi/modules.h"
#include "vmi/types.h"
#include "vmi/walk.h"

#include <errno.h>

#define MAX_DEVICES 1024u
#define MAX_QUEUES  1024u
#define FLAG_UP     1u
#define PRIV_ALIGN  32u

enum count {
    RX_BYTES,
    RX_PACKETS,
    RX_ERRORS,
    RX_DROPPED,
    RX_MISSED,
    TX_BYTES,
    TX_PACKETS,
    TX_ERRORS,
    TX_DROPPED,
    COUNTS
};

struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_netdev *list;
    size_t n, cap;
    struct ax_loaded_list modules;
};

static const enum ax_plan_member needed[] = {AX_OFF_net_devices,  AX_OFF_netdev_list,
                                             AX_OFF_netdev_name,  AX_OFF_netdev_flags,
                                             AX_OFF_netdev_state, AX_OFF_netdev_mtu};

/* --- Counters ------------------------------------------------------------------------------- */

/* struct net_device_stats in the device. */
static bool add_plain(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    static const enum ax_plan_member members[COUNTS] = {
        AX_OFF_stats_rx_bytes,   AX_OFF_stats_rx_packets, AX_OFF_stats_rx_errors,
        AX_OFF_stats_rx_dropped, AX_OFF_stats_rx_missed,  AX_OFF_stats_tx_bytes,
        AX_OFF_stats_tx_packets, AX_OFF_stats_tx_errors,  AX_OFF_stats_tx_dropped};
    if (ax_off(v, AX_OFF_netdev_stats) < 0)
        return false;
    for (size_t i = 0; i < COUNTS; i++) {
        uint64_t n;
        if (!ax_walk_u64(v, dev + (uint64_t)ax_off(v, AX_OFF_netdev_stats), members[i], &n))
            return false;
        c[i] += n;
    }
    return true;
}

struct per_cpu_count {
    enum count to;
    enum ax_plan_member member;
};

/* A structure per CPU, whose address is in the device; it may be missing. */
static bool add_per_cpu(struct ax_vmi *v, uint64_t dev, enum ax_plan_member pointer,
                        const struct per_cpu_count *counts, size_t n, uint64_t c[COUNTS])
{
    uint64_t base;
    if (!ax_walk_u64(v, dev, pointer, &base))
        return false;
    if (base == 0)
        return true;
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++) {
        for (size_t i = 0; i < n; i++) {
            uint64_t part;
            if (!ax_walk_u64(v, base + v->per_cpu[cpu], counts[i].member, &part))
                return false;
            c[counts[i].to] += part;
        }
    }
    return true;
}

static bool add_tstats(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    static const struct per_cpu_count counts[] = {{RX_BYTES, AX_OFF_tstats_rx_bytes},
                                                  {RX_PACKETS, AX_OFF_tstats_rx_packets},
                                                  {TX_BYTES, AX_OFF_tstats_tx_bytes},
                                                  {TX_PACKETS, AX_OFF_tstats_tx_packets}};
    return add_plain(v, dev, c) &&
           add_per_cpu(v, dev, AX_OFF_netdev_tstats, counts, AX_ARRAY_LEN(counts), c);
}

static bool add_dstats(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    static const struct per_cpu_count counts[] = {
        {RX_BYTES, AX_OFF_dstats_rx_bytes},     {RX_PACKETS, AX_OFF_dstats_rx_packets},
        {RX_DROPPED, AX_OFF_dstats_rx_drops},   {TX_BYTES, AX_OFF_dstats_tx_bytes},
        {TX_PACKETS, AX_OFF_dstats_tx_packets}, {TX_DROPPED, AX_OFF_dstats_tx_drops}};
    return add_plain(v, dev, c) &&
           add_per_cpu(v, dev, AX_OFF_netdev_tstats, counts, AX_ARRAY_LEN(counts), c);
}

/* What is sent is what is received. */
static bool add_loopback(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    static const struct per_cpu_count counts[] = {{RX_BYTES, AX_OFF_lstats_bytes},
                                                  {RX_PACKETS, AX_OFF_lstats_packets},
                                                  {TX_BYTES, AX_OFF_lstats_bytes},
                                                  {TX_PACKETS, AX_OFF_lstats_packets}};
    return add_per_cpu(v, dev, AX_OFF_netdev_tstats, counts, AX_ARRAY_LEN(counts), c);
}

/* What the network core itself dropped, which it adds for every driver. */
static bool add_core(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    static const struct per_cpu_count counts[] = {{RX_DROPPED, AX_OFF_core_rx_dropped},
                                                  {TX_DROPPED, AX_OFF_core_tx_dropped}};
    uint64_t rx, tx;
    if (ax_off(v, AX_OFF_netdev_core_stats) >= 0)
        return add_per_cpu(v, dev, AX_OFF_netdev_core_stats, counts, AX_ARRAY_LEN(counts), c);
    if (!ax_walk_u64(v, dev, AX_OFF_netdev_rx_dropped, &rx) ||
        !ax_walk_u64(v, dev, AX_OFF_netdev_tx_dropped, &tx))
        return false;
    c[RX_DROPPED] += rx;
    c[TX_DROPPED] += tx;
    return true;
}

/* --- virtio_net: counters per queue --------------------------------------------------------- */

static bool queue_u64(struct ax_vmi *v, uint64_t queue, int32_t at, uint64_t *sum)
{
    uint64_t n;
    if (!ax_guest_u64(&v->guest, queue + (uint64_t)at, &n))
        return false;
    *sum += n;
    return true;
}

static bool add_queues(struct ax_vmi *v, const int32_t *at, uint64_t sq, uint64_t rq, uint32_t n,
                       uint64_t c[COUNTS])
{
    for (uint32_t i = 0; i < n; i++) {
        if (!queue_u64(v, sq, at[AX_VNET_SQ_PACKETS], &c[TX_PACKETS]) ||
            !queue_u64(v, sq, at[AX_VNET_SQ_BYTES], &c[TX_BYTES]) ||
            !queue_u64(v, sq, at[AX_VNET_SQ_TIMEOUTS], &c[TX_ERRORS]) ||
            !queue_u64(v, rq, at[AX_VNET_RQ_PACKETS], &c[RX_PACKETS]) ||
            !queue_u64(v, rq, at[AX_VNET_RQ_BYTES], &c[RX_BYTES]) ||
            !queue_u64(v, rq, at[AX_VNET_RQ_DROPS], &c[RX_DROPPED]))
            return false;
        sq += (uint64_t)at[AX_VNET_SQ_SIZE];
        rq += (uint64_t)at[AX_VNET_RQ_SIZE];
    }
    return true;
}

/* The driver's own structure lies behind the device, and points back to it. */
static uint64_t private_of(struct ax_vmi *v, uint64_t dev)
{
    int32_t size = v->plan.size[AX_SIZE_net_device];
    if (ax_off(v, AX_OFF_netdev_priv) >= 0)
        return dev + (uint64_t)ax_off(v, AX_OFF_netdev_priv);
    return size > 0 ? dev + (((uint64_t)size + PRIV_ALIGN - 1) & ~(uint64_t)(PRIV_ALIGN - 1)) : 0;
}

static bool add_virtio(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    const int32_t *at = ax_types(v, AX_TYPES_VIRTIO_NET);
    uint64_t vi = private_of(v, dev), back, sq, rq, plain[COUNTS] = {0};
    uint32_t pairs;
    if (!at || !vi || !ax_guest_u64(&v->guest, vi + (uint64_t)at[AX_VNET_DEV], &back) ||
        back != dev || !ax_guest_u64(&v->guest, vi + (uint64_t)at[AX_VNET_SQ], &sq) ||
        !ax_guest_u64(&v->guest, vi + (uint64_t)at[AX_VNET_RQ], &rq) ||
        !ax_guest_u32(&v->guest, vi + (uint64_t)at[AX_VNET_PAIRS], &pairs))
        return false;
    pairs &= 0xffff;
    if (pairs > MAX_QUEUES || !add_queues(v, at, sq, rq, pairs, c) || !add_plain(v, dev, plain))
        return false;
    c[TX_DROPPED] += plain[TX_DROPPED];
    return true;
}

/* --- Which of them -------------------------------------------------------------------------- */

static bool is_virtio(const struct walk *w, uint64_t function)
{
    const struct ax_loaded *m = ax_modules_at(&w->modules, function);
    return m ? strcmp(m->name, "virtio_net") == 0 : function == ax_sym(w->v, AX_SYM_virtnet_stats);
}

/* The driver has no function: the kernel adds what the device says it has. */
static bool add_by_kind(struct ax_vmi *v, uint64_t dev, uint64_t c[COUNTS])
{
    uint8_t kind;
    int32_t at = ax_off(v, AX_OFF_netdev_stat_type);
    if (at < 0 || !ax_guest_read(&v->guest, dev + (uint64_t)at, &kind, 1))
        return add_plain(v, dev, c);
    if (kind == ax_const(v, AX_CONST_STAT_TSTATS))
        return add_tstats(v, dev, c);
    if (kind == ax_const(v, AX_CONST_STAT_DSTATS))
        return add_dstats(v, dev, c);
    return add_plain(v, dev, c);
}

static bool count(const struct walk *w, uint64_t dev, uint64_t c[COUNTS])
{
    struct ax_vmi *v = w->v;
    uint64_t ops, get64, get;
    if (!ax_walk_u64(v, dev, AX_OFF_netdev_ops, &ops) ||
        !ax_walk_u64(v, ops, AX_OFF_ops_get_stats64, &get64) ||
        !ax_walk_u64(v, ops, AX_OFF_ops_get_stats, &get) || !add_core(v, dev, c))
        return false;
    if (get64 == 0)
        return get == 0 && add_by_kind(v, dev, c);
    if (get64 == ax_sym(v, AX_SYM_loopback_get_stats64))
        return add_loopback(v, dev, c);
    if (get64 == ax_sym(v, AX_SYM_dev_get_tstats64) ||
        get64 == ax_sym(v, AX_SYM_ip_tunnel_get_stats64))
        return add_tstats(v, dev, c);
    return is_virtio(w, get64) && add_virtio(v, dev, c);
}

static int64_t signed_of(uint64_t n)
{
    return n <= INT64_MAX ? (int64_t)n : AX_UNKNOWN;
}

static void read_counts(const struct walk *w, uint64_t dev, struct ax_netdev *d)
{
    uint64_t c[COUNTS] = {0};
    bool known = count(w, dev, c);
    int64_t *const to[COUNTS] = {&d->rx_bytes, &d->rx_packets, &d->rx_errors, &d->rx_dropped, NULL,
                                 &d->tx_bytes, &d->tx_packets, &d->tx_errors, &d->tx_dropped};
    c[RX_DROPPED] += c[RX_MISSED]; /* one column in /proc/net/dev */
    for (size_t i = 0; i < COUNTS; i++)
        if (to[i])
            *to[i] = known ? signed_of(c[i]) : AX_UNKNOWN;
}

/* --- The list ------------------------------------------------------------------------------- */

static bool take(void *self, uint64_t node)
{
    struct walk *w = self;
    struct ax_vmi *v = w->v;
    uint64_t dev = node - (uint64_t)ax_off(v, AX_OFF_netdev_list), state;
    int32_t no_carrier = ax_const(v, AX_CONST_LINK_STATE_NOCARRIER);
    uint32_t flags, mtu;
    if (!ax_walk_u32(v, dev, AX_OFF_netdev_flags, &flags) ||
        !ax_walk_u32(v, dev, AX_OFF_netdev_mtu, &mtu) ||
        !ax_walk_u64(v, dev, AX_OFF_netdev_state, &state))
        return false;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;
        w->list = ax_arena_grow(w->a, w->list, w->cap * sizeof *w->list, cap * sizeof *w->list);
        w->cap = cap;
    }
    struct ax_netdev *d = &w->list[w->n++];
    *d = (struct ax_netdev){
        .name = ax_walk_text(v, w->a, dev + (uint64_t)ax_off(v, AX_OFF_netdev_name), 15),
        .up = flags & FLAG_UP,
        .mtu = mtu,
        .carrier = no_carrier >= 0 && no_carrier < 64 && !(state >> no_carrier & 1)};
    read_counts(w, dev, d);
    return true;
}

static bool walk_once(void *self)
{
    struct walk *w = self;
    w->n = 0;
    return ax_walk_list(w->v,
                        ax_sym(w->v, AX_SYM_init_net) + (uint64_t)ax_off(w->v, AX_OFF_net_devices),
                        MAX_DEVICES, take, w);
}

int ax_read_network(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    static const enum ax_plan_symbol head = AX_SYM_init_net;
    struct walk w = {.v = v, .a = a};
    int rc = ax_need_symbols(v, &head, 1, err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc < 0)
        return rc;
    if (ax_modules_loaded(v, a, &w.modules, NULL) < 0)
        w.modules.n = 0; /* then drivers in modules stay unknown */
    rc = ax_walk_again(v, walk_once, &w, "network devices", err);
    if (rc == 0) {
        r->netdevs = w.list;
        r->n_netdevs = w.n;
    }
    return rc;
}
