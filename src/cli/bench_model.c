// SPDX-License-Identifier: Apache-2.0
/* Values are kept as integers in units of the last decimal, as the kernel and exporters have them:
 * what is printed with two decimals is a double near n / 100, and never anything between.
 *
 * One number moves a node: how busy it is, 0 to 1. It wanders about the node's own rest and jumps
 * at times; counters grow with it, percentages and loads follow it. */
#include "cli/bench_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SERIES   AX_BENCH_SERIES_PER_NODE
#define PAGE     4096
#define AGE_S    2e6 /* how long counters have run already */
#define TENANTS  997
#define HOSTS_OF 64 /* a cluster */

enum course {
    FIXED,    /* capacities, limits, states */
    STEADY,   /* grows by one a second */
    COUNTER,  /* grows as busy as the node is, with noise */
    BLOCKS,   /* the same in whole pages: what disks move */
    RARELY,   /* grows by one, once in hundreds of times */
    PAGES,    /* memory: walks up and down in pages */
    PERCENT,  /* two decimals */
    SELDOM,   /* a percentage that is 0 mostly */
    WALK,     /* one decimal: temperature, power */
    LOAD,     /* two decimals, smooth */
    TURNS,    /* a fan: a coarse sensor */
    HEADCOUNT /* a small number that changes seldom */
};

struct metric {
    const char *name, *device; /* device: NULL = none */
    enum course course;
    double amount; /* where it begins; of counters, the rate per second of a busy node */
};

static const struct metric of_machine[SERIES] = {
    {"vm_state", NULL, FIXED, 1},
    {"vm_vcpus", NULL, FIXED, 4},
    {"vm_cpu_time_ns_total", NULL, COUNTER, 2e9},
    {"vm_cpu_usage_percent", NULL, PERCENT, 100},
    {"vm_cpu_steal_percent", NULL, SELDOM, 4},
    {"vm_memory_max_bytes", NULL, FIXED, 8589934592.0},
    {"vm_memory_used_bytes", NULL, PAGES, 4e9},
    {"vm_memory_rss_bytes", NULL, PAGES, 5e9},
    {"vm_memory_major_faults_total", NULL, RARELY, 100},
    {"vm_memory_swap_in_bytes_total", NULL, FIXED, 0},
    {"vm_memory_swap_out_bytes_total", NULL, FIXED, 0},
    {"vm_block_read_bytes_total", "vda", BLOCKS, 2e6},
    {"vm_block_write_bytes_total", "vda", BLOCKS, 4e6},
    {"vm_block_read_requests_total", "vda", COUNTER, 120},
    {"vm_block_write_requests_total", "vda", COUNTER, 260},
    {"vm_block_flush_requests_total", "vda", COUNTER, 8},
    {"vm_block_capacity_bytes", "vda", FIXED, 42949672960.0},
    {"vm_block_physical_bytes", "vda", PAGES, 2e10},
    {"vm_net_receive_bytes_total", "vnet0", COUNTER, 9e5},
    {"vm_net_transmit_bytes_total", "vnet0", COUNTER, 1.4e6},
    {"vm_net_receive_packets_total", "vnet0", COUNTER, 1100},
    {"vm_net_transmit_packets_total", "vnet0", COUNTER, 1500},
    {"vm_net_receive_errors_total", "vnet0", FIXED, 0},
    {"vm_net_transmit_errors_total", "vnet0", FIXED, 0},
    {"vm_net_receive_drop_total", "vnet0", RARELY, 10},
};

static const struct metric of_host[SERIES] = {
    {"host_up", NULL, FIXED, 1},
    {"host_uptime_seconds", NULL, STEADY, 1e6},
    {"host_load1", NULL, LOAD, 24},
    {"host_cpu_user_percent", NULL, PERCENT, 70},
    {"host_cpu_system_percent", NULL, PERCENT, 20},
    {"host_cpu_iowait_percent", NULL, SELDOM, 6},
    {"host_memory_total_bytes", NULL, FIXED, 412316860416.0},
    {"host_memory_free_bytes", NULL, PAGES, 6e10},
    {"host_memory_cached_bytes", NULL, PAGES, 9e10},
    {"host_swap_free_bytes", NULL, FIXED, 8589930496.0},
    {"host_temperature_celsius", "cpu0", WALK, 55},
    {"host_temperature_celsius", "cpu1", WALK, 58},
    {"host_power_watts", "psu0", WALK, 310},
    {"host_fan_rpm", "fan1", TURNS, 7200},
    {"host_vms_running", NULL, HEADCOUNT, 40},
    {"host_disk_read_bytes_total", "nvme0n1", BLOCKS, 6e7},
    {"host_disk_written_bytes_total", "nvme0n1", BLOCKS, 1.2e8},
    {"host_disk_reallocated_sectors", "nvme0n1", RARELY, 0},
    {"host_disk_io_time_ns_total", "nvme0n1", COUNTER, 3e8},
    {"host_net_receive_bytes_total", "eno1", COUNTER, 9e7},
    {"host_net_transmit_bytes_total", "eno1", COUNTER, 1.1e8},
    {"host_net_receive_packets_total", "eno1", COUNTER, 8e4},
    {"host_net_receive_errors_total", "eno1", FIXED, 0},
    {"host_ecc_corrected_errors_total", NULL, RARELY, 3},
    {"host_ecc_uncorrected_errors_total", NULL, FIXED, 0},
};

struct node {
    uint64_t chance; /* the state of its dice */
    double busy, rest;
    unsigned number;
    int64_t v[SERIES];
    struct ax_labels labels[SERIES];
};

struct ax_bench_model {
    struct ax_arena names;
    unsigned nodes;
    struct node *node;
};

/* ---- dice: splitmix64 ---- */

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t roll(struct node *n)
{
    return scramble(n->chance += 0x9e3779b97f4a7c15u);
}

static double between(struct node *n, double lo, double hi)
{
    return lo + (hi - lo) * ((double)(roll(n) >> 11) * 0x1p-53);
}

static bool one_in(struct node *n, unsigned k)
{
    return roll(n) % k == 0;
}

/* ---- how a node begins ---- */

static bool is_host(const struct node *n)
{
    return n->number % AX_BENCH_NODES_PER_HOST == 0;
}

static const struct metric *metrics_of(const struct node *n)
{
    return is_host(n) ? of_host : of_machine;
}

static int64_t whole_pages(double bytes)
{
    return (int64_t)(bytes / PAGE) * PAGE;
}

/* Two of five machines hardly do anything; one of seven is hard at work. */
static double rest_of(struct node *n)
{
    double u = between(n, 0, 1);
    if (is_host(n))
        return 0.25 + 0.4 * u;
    if (u < 0.4)
        return 0.004;
    return u < 0.85 ? between(n, 0.05, 0.35) : between(n, 0.55, 0.85);
}

static int64_t value_at_first(struct node *n, const struct metric *m)
{
    double u = between(n, 0, 1), grown = m->amount * n->rest * AGE_S * u;
    switch (m->course) {
    case FIXED:
        return m->amount > 1 ? (int64_t)m->amount / 4 * (1 + (int64_t)(u * 4)) : (int64_t)m->amount;
    case COUNTER: return (int64_t)grown;
    case BLOCKS: return whole_pages(grown);
    case STEADY:
    case RARELY: return (int64_t)(m->amount * u);
    case PAGES: return whole_pages(m->amount * (0.3 + u));
    case WALK: return (int64_t)(m->amount * 10 * (0.8 + 0.4 * u));
    case LOAD: return (int64_t)(m->amount * 100 * n->rest);
    case TURNS:
    case HEADCOUNT: return (int64_t)(m->amount * (0.9 + 0.2 * u));
    case PERCENT:
    case SELDOM: return 0;
    }
    return 0;
}

struct words { /* what the labels of a node have in common */
    struct ax_str cluster, host, tenant, vm;
};

static struct words words_of(const struct node *n, struct ax_arena *a)
{
    unsigned host = n->number / AX_BENCH_NODES_PER_HOST;
    struct words w = {.cluster = ax_arena_printf(a, "prod-%02u", host / HOSTS_OF),
                      .host = ax_arena_printf(a, "hv%05u.dc1", host)};
    if (is_host(n))
        return w;
    w.tenant = ax_arena_printf(a, "t%04u", (unsigned)(scramble(n->number + 1) % TENANTS));
    w.vm = ax_arena_printf(a, "instance-%08x", n->number);
    return w;
}

static struct ax_labels labels_of(const struct metric *m, const struct words *w, struct ax_arena *a)
{
    struct ax_labels_builder b;
    struct ax_labels out = {AX_STR_NULL};
    b.n = 0;
    b.too_many = false;
    ax_labels_add(&b, AX_STR("__name__"), ax_str(m->name));
    ax_labels_add(&b, AX_STR("cluster"), w->cluster);
    ax_labels_add(&b, AX_STR("device"), ax_str(m->device));
    ax_labels_add(&b, AX_STR("host"), w->host);
    ax_labels_add(&b, AX_STR("job"), AX_STR("virt"));
    ax_labels_add(&b, AX_STR("tenant"), w->tenant);
    ax_labels_add(&b, AX_STR("vm"), w->vm);
    int rc = ax_labels_finish(&b, a, &out, NULL); /* leaves out what is empty */
    AX_ASSERT(rc == 0);
    return out;
}

static void begin(struct node *n, unsigned number, struct ax_arena *names)
{
    n->number = number;
    n->chance = scramble(number * 0x9e3779b97f4a7c15u + 1);
    n->rest = n->busy = rest_of(n);
    struct words words = words_of(n, names);
    for (unsigned i = 0; i < SERIES; i++) {
        n->v[i] = value_at_first(n, &metrics_of(n)[i]);
        n->labels[i] = labels_of(&metrics_of(n)[i], &words, names);
    }
}

struct ax_bench_model *ax_bench_model_new(unsigned first, unsigned nodes)
{
    struct ax_bench_model *m = ax_calloc(1, sizeof *m);
    m->nodes = nodes;
    m->node = ax_calloc(nodes ? nodes : 1, sizeof *m->node);
    for (unsigned i = 0; i < nodes; i++)
        begin(&m->node[i], first + i, &m->names);
    return m;
}

void ax_bench_model_free(struct ax_bench_model *m)
{
    if (!m)
        return;
    ax_arena_free(&m->names);
    free(m->node);
    free(m);
}

struct ax_labels ax_bench_model_labels(const struct ax_bench_model *m, unsigned node,
                                       unsigned series)
{
    return m->node[node].labels[series];
}

int64_t ax_bench_model_offset(const struct ax_bench_model *m, unsigned node, int64_t interval_ms)
{
    return (int64_t)(scramble(m->node[node].number / AX_BENCH_NODES_PER_HOST + 17) %
                     (uint64_t)interval_ms);
}

const char *ax_bench_model_name(size_t i)
{
    const char *names[2 * SERIES];
    size_t n = 0;
    for (size_t k = 0; k < 2 * SERIES; k++) {
        const char *name = k < SERIES ? of_host[k].name : of_machine[k - SERIES].name;
        if (n == 0 || strcmp(names[n - 1], name) != 0)
            names[n++] = name;
    }
    return i < n ? names[i] : NULL;
}

/* ---- how it goes on ---- */

static double busier(struct node *n)
{
    double wander = between(n, -0.1, 0.1) * n->rest;
    double busy = n->busy + 0.1 * (n->rest - n->busy) + wander;
    if (one_in(n, 1024))
        busy = between(n, 0.3, 1);
    return fmin(fmax(busy, 0), 1);
}

static int64_t walked(struct node *n, int64_t v, double usual)
{
    if (one_in(n, 2))
        return v;
    int64_t pull = v > (int64_t)(usual * 12) ? -1 : v < (int64_t)(usual * 8) ? 1 : 0;
    return v + (int64_t)(roll(n) % 8) - 3 + pull;
}

static int64_t next_value(struct node *n, const struct metric *m, int64_t v, double seconds)
{
    double work = m->amount * n->busy * seconds;
    switch (m->course) {
    case FIXED: return v;
    case STEADY: return v + (int64_t)seconds;
    case COUNTER: return v + (int64_t)(work * between(n, 0.6, 1.4));
    case BLOCKS: return v + whole_pages(work * between(n, 0.4, 1.6));
    case RARELY: return v + one_in(n, 512);
    case PAGES:
        if (between(n, 0, 1) < 0.1 + n->busy)
            v += ((int64_t)(roll(n) % 1024) - 512) * PAGE;
        return v < 0 ? PAGE : v;
    case PERCENT: return (int64_t)(m->amount * 100 * n->busy * between(n, 0.85, 1.15));
    case SELDOM: return one_in(n, 16) ? (int64_t)(m->amount * 100 * n->busy * between(n, 0, 1)) : 0;
    case WALK: return walked(n, v, m->amount);
    case LOAD:
        return v + (int64_t)((m->amount * 100 * n->busy * between(n, 0.8, 1.2) - (double)v) * 0.2);
    case TURNS: return (int64_t)m->amount + ((int64_t)(roll(n) % 8) - 4) * 30;
    case HEADCOUNT:
        if (one_in(n, 256))
            v += one_in(n, 2) ? 1 : -1;
        return v < 0 ? 0 : v;
    }
    return v;
}

static double unit(enum course c)
{
    return c == WALK ? 10 : c == PERCENT || c == SELDOM || c == LOAD ? 100 : 1;
}

void ax_bench_model_step(struct ax_bench_model *m, unsigned node, double interval_s,
                         double out[AX_BENCH_SERIES_PER_NODE])
{
    struct node *n = &m->node[node];
    const struct metric *metrics = metrics_of(n);
    n->busy = busier(n);
    for (unsigned i = 0; i < SERIES; i++) {
        n->v[i] = next_value(n, &metrics[i], n->v[i], interval_s);
        out[i] = (double)n->v[i] / unit(metrics[i].course);
    }
}
