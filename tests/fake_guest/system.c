// SPDX-License-Identifier: Apache-2.0
/* The numbers: time, load, CPUs, memory, pressure. */
#include "inner.h"

#include <stdio.h>

static void identity(struct fake *g)
{
    uint64_t uts = fake_data_of(g, "init_uts_ns", "uts_namespace");
    fake_put_text(g, uts, "uts_namespace.name.sysname", "Linux");
    fake_put_text(g, uts, "uts_namespace.name.nodename", "fake-guest");
    fake_put_text(g, uts, "uts_namespace.name.release", g->o.release);
    fake_put_text(g, uts, "uts_namespace.name.version", "#1 SMP fake");
    fake_put_text(g, uts, "uts_namespace.name.machine", "x86_64");
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_printf(&b, "Linux version %s (a@b) (gcc 12) #1 SMP fake\n", g->o.release);
    ax_buf_byte(&b, 0);
    fake_write(g, fake_data(g, "linux_banner", b.n), b.p, b.n);
}

/* Before 6.15 the addresses of per-CPU variables count from 0, after that they are addresses in
 * the image; either way `symbol + __per_cpu_offset[cpu]`. */
static void percpu_areas(struct fake *g)
{
    bool in_image = g->o.addresses == FAKE_BASE_RELATIVE || g->o.addresses == FAKE_PLACE_RELATIVE;
    uint64_t offsets = fake_data(g, "__per_cpu_offset", 64 * 8);
    g->percpu_base = in_image ? fake_image_alloc(g, (uint64_t)FAKE_PERCPU, AX_PAGE) : 0;
    g->percpu_size = 0x40 + 64 * fake_below(g, 8);
    g->percpu_chunk = AX_NEWS(&g->arena, uint64_t, g->o.cpus);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t at = 0;
        if (i < g->o.cpus) {
            g->heap_next = (g->heap_next + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
            at = g->percpu_chunk[i] = i % 2 ? fake_vmalloc(g, (uint64_t)FAKE_PERCPU) : 0;
            if (!at) {
                at = g->percpu_chunk[i] = g->direct + fake_page(g);
                for (unsigned k = 1; k < FAKE_PERCPU / AX_PAGE; k++)
                    (void)fake_page(g);
            }
        }
        fake_u64(g, offsets + 8ull * i, at - g->percpu_base);
    }
    fake_u32(g, fake_data(g, "nr_cpu_ids", 4), g->o.cpus);
    fake_u64(g, fake_data(g, "__cpu_online_mask", 8), (UINT64_C(1) << g->o.cpus) - 1);
    fake_u64(g, fake_data(g, "__cpu_possible_mask", 8), (UINT64_C(1) << g->o.cpus) - 1);
}

static void time_and_load(struct fake *g)
{
    /* 250 Hz, up for 1000 s */
    fake_u64(g, fake_data(g, "jiffies_64", 8), (uint32_t)(-300 * 250) + UINT64_C(250000));
    fake_u64(g, fake_data(g, "tick_nsec", 8), 4000000);
    uint64_t load = fake_data(g, "avenrun", 24);
    for (uint64_t i = 0; i < 3; i++)
        fake_u64(g, load + 8 * i, (i + 1) * 2048 / 2); /* 0.5, 1, 1.5 */
    uint64_t within = UINT64_C(8) << 3 * fake_below(g, 2);
    uint64_t tk = fake_data(g, "tk_core", within + fake_size(g, "timekeeper"));
    fake_put(g, tk + within, "timekeeper.xtime_sec", 1790000000);
    fake_put(g, tk + within, "timekeeper.ktime_sec", 1000);
    fake_u64(g, fake_data(g, "total_forks", 8), 4711);
    fake_u32(g, fake_data(g, "nr_threads", 4), 0);
    fake_u32(g, fake_data(g, "panic_cpu", 4), g->o.panicked ? 0 : UINT32_MAX);
    fake_u32(g, fake_data(g, "oops_in_progress", 4), 0);
    fake_u64(g, fake_data(g, "tainted_mask", 8), 1 << 12);
    fake_u32(g, fake_data(g, "system_state", 4), (uint32_t)fake_constant(g, "SYSTEM_RUNNING"));
}

static void processors(struct fake *g)
{
    static const char *const modes[] = {"USER",   "NICE", "SYSTEM",  "IDLE",
                                        "IOWAIT", "IRQ",  "SOFTIRQ", "STEAL"};
    fake_percpu_data(g, "runqueues", fake_size(g, "rq"));
    fake_percpu_data(g, "kernel_cpustat", fake_size(g, "kernel_cpustat"));
    fake_percpu_data(g, "vm_event_states", fake_size(g, "vm_event_state"));
    for (unsigned cpu = 0; cpu < g->o.cpus; cpu++) {
        uint64_t rq = fake_percpu(g, "runqueues", cpu);
        fake_put(g, rq, "rq.nr_running", cpu + 1);
        fake_put(g, rq, "rq.nr_switches", 1000 * (cpu + 1));
        fake_put(g, rq, "rq.clock", UINT64_C(1000000000000) + cpu);
        /* Only the sum is true: a task may wake on another CPU. */
        fake_put(g, rq, "rq.nr_uninterruptible", cpu == 0 ? g->o.cpus + 1 : UINT32_MAX);
        uint64_t stat =
            fake_percpu(g, "kernel_cpustat", cpu) + fake_offset(g, "kernel_cpustat.cpustat");
        for (unsigned i = 0; i < AX_ARRAY_LEN(modes); i++) {
            char name[32];
            snprintf(name, sizeof name, "CPUTIME_%s", modes[i]);
            fake_u64(g, stat + 8 * fake_constant(g, name), (i + 1) * UINT64_C(1000000000));
        }
        uint64_t events =
            fake_percpu(g, "vm_event_states", cpu) + fake_offset(g, "vm_event_state.event");
        fake_u64(g, events + 8 * fake_constant(g, "PGFAULT"), 5000);
        fake_u64(g, events + 8 * fake_constant(g, "PGMAJFAULT"), 50);
        fake_u64(g, events + 8 * fake_constant(g, "OOM_KILL"), cpu);
        fake_u64(g, events + 8 * fake_constant(g, "PSWPIN"), 7);
        fake_u64(g, events + 8 * fake_constant(g, "PSWPOUT"), 9);
    }
}

/* Marks of 100, 150 and 200 pages in each of two zones: what is kept free. */
static void watermarks(struct fake *g)
{
    uint64_t node = fake_heap_alloc(g, fake_size(g, "pglist_data"));
    for (unsigned z = 0; z < 4; z++) {
        uint64_t zone = node + fake_offset(g, "pglist_data.node_zones") + z * fake_size(g, "zone");
        for (unsigned mark = 0; mark < 3 && z < 2; mark++)
            fake_u64(g, zone + fake_offset(g, "zone._watermark") + 8ull * mark, 100 + 50 * mark);
        fake_put(g, zone, "zone.watermark_boost", z == 1 ? 5 : 0);
    }
    fake_u64(g, fake_data(g, "node_data", 64 * 8), node);
}

/* Two block devices with 70 and 30 pages in memory. */
static void buffers(struct fake *g)
{
    uint64_t sb = fake_heap_alloc(g, fake_size(g, "super_block"));
    fake_list_init(g, sb + fake_offset(g, "super_block.s_inodes"));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t inode = fake_heap_alloc(g, fake_size(g, "inode"));
        uint64_t mapping = fake_heap_alloc(g, fake_size(g, "address_space"));
        fake_put(g, inode, "inode.i_mapping", mapping);
        fake_put(g, mapping, "address_space.nrpages", i ? 30 : 70);
        fake_list_add_tail(g, sb + fake_offset(g, "super_block.s_inodes"),
                           inode + fake_offset(g, "inode.i_sb_list"));
    }
    fake_u64(g, fake_data(g, "blockdev_superblock", 8), sb);
}

static void memory(struct fake *g)
{
    static const struct {
        const char *name;
        uint64_t pages;
    } node[] = {{"NR_INACTIVE_ANON", 1100},
                {"NR_ACTIVE_ANON", 1200},
                {"NR_INACTIVE_FILE", 1300},
                {"NR_ACTIVE_FILE", 1400},
                {"NR_UNEVICTABLE", 15},
                {"NR_SLAB_RECLAIMABLE_B", 600},
                {"NR_SLAB_UNRECLAIMABLE_B", 700},
                {"NR_ANON_MAPPED", 2200},
                {"NR_FILE_MAPPED", 900},
                {"NR_FILE_PAGES", 3000},
                {"NR_FILE_DIRTY", 30},
                {"NR_WRITEBACK", 3},
                {"NR_SHMEM", 100},
                {"NR_KERNEL_MISC_RECLAIMABLE", 40},
                {"NR_KERNEL_STACK_KB", 1600},
                {"NR_PAGETABLE", 120},
                {"NR_SWAPCACHE", 11}};
    uint64_t zone = fake_data(g, "vm_zone_stat", 8 * fake_constant(g, "NR_VM_ZONE_STAT_ITEMS"));
    fake_u64(g, zone + 8 * fake_constant(g, "NR_FREE_PAGES"), 8000);
    uint64_t at = fake_data(g, "vm_node_stat", 8 * fake_constant(g, "NR_VM_NODE_STAT_ITEMS"));
    for (size_t i = 0; i < AX_ARRAY_LEN(node); i++)
        fake_u64(g, at + 8 * fake_constant(g, node[i].name), node[i].pages);
    fake_u64(g, fake_data(g, "_totalram_pages", 8), 16000);
    fake_u64(g, fake_data(g, "totalreserve_pages", 8), 500);
    fake_u64(g, fake_data(g, "total_swap_pages", 8), 4000);
    fake_u64(g, fake_data(g, "nr_swap_pages", 8), 3500);
    fake_u32(g, fake_data(g, "sysctl_overcommit_ratio", 4), 50);
    fake_u64(g, fake_data(g, "sysctl_overcommit_kbytes", 8), 0);
    uint64_t committed = fake_data_of(g, "vm_committed_as", "percpu_counter");
    fake_put(g, committed, "percpu_counter.count", 5000);
    fake_percpu_data(g, "vm_committed_parts", 4);
    fake_put(g, committed, "percpu_counter.counters", fake_symbol(g, "vm_committed_parts"));
    for (unsigned cpu = 0; cpu < g->o.cpus; cpu++) /* what a CPU gave back: below 0 */
        fake_u32(g, fake_percpu(g, "vm_committed_parts", cpu), (uint32_t)-10);
}

static void pressure(struct fake *g)
{
    static const char *const states[] = {"IO_SOME",  "IO_FULL",  "MEM_SOME",
                                         "MEM_FULL", "CPU_SOME", "CPU_FULL"};
    uint64_t psi = fake_data_of(g, "psi_system", "psi_group");
    for (unsigned i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "PSI_%s", states[i]);
        uint64_t k = fake_constant(g, name);
        fake_u64(g, psi + fake_offset(g, "psi_group.total") + 8 * k, (i + 1) * UINT64_C(5000000));
        fake_u64(g, psi + fake_offset(g, "psi_group.avg") + 24 * k, (i + 1) * 2048);
    }
}

void fake_system(struct fake *g)
{
    identity(g);
    percpu_areas(g);
    time_and_load(g);
    processors(g);
    memory(g);
    watermarks(g);
    buffers(g);
    pressure(g);
    fake_u64(g, fake_data(g, "page_offset_base", 8), g->direct);
    fake_u64(g, fake_data(g, "vmemmap_base", 8),
             g->o.five_levels ? UINT64_C(0xffd4000000000000) : UINT64_C(0xffffea0000000000));
    fake_u32(g, fake_data(g, "__pgtable_l5_enabled", 4), g->o.five_levels);
    fake_u64(g, fake_data(g, "sme_me_mask", 8), g->o.sme_bit ? UINT64_C(1) << g->o.sme_bit : 0);
}
