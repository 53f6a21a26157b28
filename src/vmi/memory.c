// SPDX-License-Identifier: Apache-2.0
/* Memory with the meaning of /proc/meminfo, from the counters that it is made of. */
#include "vmi/kernel.h"

#include <errno.h>

#define MAX_ZONES 16
#define MAX_NODES 64
#define MAX_BDEVS 256
#define MAX_PAGES (INT64_C(1) << 40)

/* Pages to bytes; what cannot be is unknown. */
static int64_t bytes(int64_t pages)
{
    return pages >= 0 && pages < MAX_PAGES ? pages * AX_PAGE : AX_UNKNOWN;
}

/* A counter that may be a little below 0 between two updates. */
static int64_t at_least_0(int64_t pages)
{
    if (pages <= -MAX_PAGES) /* no count: nothing can be added to it */
        return AX_UNKNOWN;
    return pages < 0 ? 0 : pages;
}

static int64_t node_pages(struct ax_vmi *v, enum ax_plan_constant item)
{
    int32_t i = ax_const(v, item);
    return i < 0 ? AX_UNKNOWN : at_least_0(ax_kernel_long(v, AX_SYM_vm_node_stat, 8 * (int64_t)i));
}

static int64_t zone_pages(struct ax_vmi *v, enum ax_plan_constant item)
{
    int32_t i = ax_const(v, item);
    if (!v->has_types && item == AX_CONST_NR_FREE_PAGES)
        i = 0; /* the first one has always been this */
    return i < 0 ? AX_UNKNOWN : at_least_0(ax_kernel_long(v, AX_SYM_vm_zone_stat, 8 * (int64_t)i));
}

static int64_t sum(int64_t a, int64_t b)
{
    return a == AX_UNKNOWN || b == AX_UNKNOWN || a > MAX_PAGES || b > MAX_PAGES ? AX_UNKNOWN
                                                                                : a + b;
}

/* --- Available ------------------------------------------------------------------------------ */

static int64_t node_watermarks(struct ax_vmi *v, uint64_t pgdat)
{
    static const enum ax_plan_member used[] = {AX_OFF_zone_watermark, AX_OFF_zone_watermark_boost};
    int32_t zones = ax_const(v, AX_CONST_MAX_NR_ZONES), low = ax_const(v, AX_CONST_WMARK_LOW);
    int32_t size = v->plan.size[AX_SIZE_zone], at = ax_off(v, AX_OFF_pgdat_zones);
    uint64_t pages = 0;
    if (zones < 1 || zones > MAX_ZONES || low < 0 || low > 8 || size < 1 || at < 0 ||
        !ax_span(v, used, AX_ARRAY_LEN(used)))
        return AX_UNKNOWN;
    for (int32_t z = 0; z < zones; z++) {
        uint64_t zone = pgdat + (uint64_t)at + (uint64_t)z * (uint64_t)size, mark, boost;
        if (!ax_guest_u64(&v->guest, zone + (uint64_t)(ax_off(v, used[0]) + 8 * low), &mark) ||
            !ax_guest_u64(&v->guest, zone + (uint64_t)ax_off(v, used[1]), &boost))
            return AX_UNKNOWN;
        pages += mark + boost;
    }
    return pages < (uint64_t)MAX_PAGES ? (int64_t)pages : AX_UNKNOWN;
}

/* Below the sum of these marks the kernel begins to reclaim. */
static int64_t low_watermark(struct ax_vmi *v)
{
    uint64_t nodes = ax_sym(v, AX_SYM_node_data), pgdat;
    int64_t pages = 0;
    if (!nodes)
        return ax_sym(v, AX_SYM_contig_page_data)
                   ? node_watermarks(v, ax_sym(v, AX_SYM_contig_page_data))
                   : AX_UNKNOWN;
    for (unsigned n = 0; n < MAX_NODES; n++) {
        if (!ax_guest_u64(&v->guest, nodes + 8 * n, &pgdat) ||
            !ax_guest_is_kernel(&v->guest, pgdat))
            break;
        pages = sum(pages, node_watermarks(v, pgdat));
    }
    return pages;
}

/* At most half of what could be reclaimed is kept from being, up to the watermark. */
static int64_t reclaimable(int64_t pages, int64_t mark)
{
    return pages - (pages / 2 < mark ? pages / 2 : mark);
}

/* As the kernel's si_mem_available(). */
static int64_t available(struct ax_vmi *v, int64_t free_pages)
{
    int64_t mark = low_watermark(v), reserve = ax_kernel_long(v, AX_SYM_totalreserve_pages, 0);
    int64_t cache =
        sum(node_pages(v, AX_CONST_NR_ACTIVE_FILE), node_pages(v, AX_CONST_NR_INACTIVE_FILE));
    int64_t misc = node_pages(v, AX_CONST_NR_KERNEL_MISC_RECLAIMABLE);
    int64_t slab = sum(node_pages(v, AX_CONST_NR_SLAB_RECLAIMABLE), misc == AX_UNKNOWN ? 0 : misc);
    if (mark == AX_UNKNOWN || reserve < 0 || reserve > MAX_PAGES || cache < 0 || slab < 0 ||
        cache > MAX_PAGES || slab > MAX_PAGES || free_pages < 0 || free_pages > MAX_PAGES)
        return AX_UNKNOWN;
    int64_t pages = free_pages - reserve + reclaimable(cache, mark) + reclaimable(slab, mark);
    return pages < 0 ? 0 : pages;
}

/* --- Buffers -------------------------------------------------------------------------------- */

/* Pages of block devices: their inodes hang on a super block of their own. */
static int64_t buffer_pages(struct ax_vmi *v)
{
    static const enum ax_plan_member used[] = {AX_OFF_sb_inodes, AX_OFF_inode_sb_list,
                                               AX_OFF_inode_mapping, AX_OFF_mapping_nrpages};
    uint64_t sb, node, pages = 0, n, mapping;
    if (!ax_span(v, used, AX_ARRAY_LEN(used)) || !ax_sym(v, AX_SYM_blockdev_superblock) ||
        !ax_guest_u64(&v->guest, ax_sym(v, AX_SYM_blockdev_superblock), &sb))
        return AX_UNKNOWN;
    uint64_t head = sb + (uint64_t)ax_off(v, AX_OFF_sb_inodes);
    if (!ax_guest_u64(&v->guest, head, &node))
        return AX_UNKNOWN;
    for (unsigned i = 0; node != head; i++) {
        uint64_t inode = node - (uint64_t)ax_off(v, AX_OFF_inode_sb_list);
        if (i == MAX_BDEVS ||
            !ax_guest_u64(&v->guest, inode + (uint64_t)ax_off(v, AX_OFF_inode_mapping), &mapping) ||
            !ax_guest_u64(&v->guest, mapping + (uint64_t)ax_off(v, AX_OFF_mapping_nrpages), &n) ||
            !ax_guest_u64(&v->guest, node, &node))
            return AX_UNKNOWN;
        pages += n;
    }
    return pages < (uint64_t)MAX_PAGES ? (int64_t)pages : AX_UNKNOWN;
}

/* --- Everything ----------------------------------------------------------------------------- */

static void read_swap(struct ax_vmi *v, struct ax_memory *m, int64_t total_pages)
{
    int64_t swap = ax_kernel_long(v, AX_SYM_total_swap_pages, 0);
    int64_t ratio = ax_kernel_int(v, AX_SYM_sysctl_overcommit_ratio, 0);
    int64_t kbytes = ax_kernel_long(v, AX_SYM_sysctl_overcommit_kbytes, 0);
    int64_t limit = kbytes > 0 && kbytes < MAX_PAGES ? kbytes / 4 : AX_UNKNOWN;
    if (limit == AX_UNKNOWN && ratio >= 0 && ratio <= 10000 && total_pages < MAX_PAGES)
        limit = total_pages * ratio / 100;
    m->swap_total = bytes(swap);
    m->swap_free = bytes(at_least_0(ax_kernel_long(v, AX_SYM_nr_swap_pages, 0)));
    m->commit_limit = bytes(sum(limit, swap));
    m->committed =
        ax_sym(v, AX_SYM_vm_committed_as)
            ? bytes(at_least_0(ax_kernel_percpu_counter(v, ax_sym(v, AX_SYM_vm_committed_as))))
            : AX_UNKNOWN;
}

static void read_page_counts(struct ax_vmi *v, struct ax_memory *m)
{
    const struct {
        int64_t *to;
        enum ax_plan_constant item;
    } counts[] = {
        {&m->active_anon, AX_CONST_NR_ACTIVE_ANON},
        {&m->inactive_anon, AX_CONST_NR_INACTIVE_ANON},
        {&m->active_file, AX_CONST_NR_ACTIVE_FILE},
        {&m->inactive_file, AX_CONST_NR_INACTIVE_FILE},
        {&m->unevictable, AX_CONST_NR_UNEVICTABLE},
        {&m->anonymous, AX_CONST_NR_ANON_MAPPED},
        {&m->mapped, AX_CONST_NR_FILE_MAPPED},
        {&m->shmem, AX_CONST_NR_SHMEM},
        {&m->slab_reclaimable, AX_CONST_NR_SLAB_RECLAIMABLE},
        {&m->slab_unreclaimable, AX_CONST_NR_SLAB_UNRECLAIMABLE},
        {&m->dirty, AX_CONST_NR_FILE_DIRTY},
        {&m->writeback, AX_CONST_NR_WRITEBACK},
        {&m->swap_cached, AX_CONST_NR_SWAPCACHE},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(counts); i++)
        *counts[i].to = bytes(node_pages(v, counts[i].item));
    int64_t tables = node_pages(v, AX_CONST_NR_PAGETABLE);
    m->page_tables =
        bytes(tables == AX_UNKNOWN ? zone_pages(v, AX_CONST_NR_PAGETABLE_ZONE) : tables);
    int64_t stacks = node_pages(v, AX_CONST_NR_KERNEL_STACK_KB);
    m->kernel_stack = stacks >= 0 && stacks < MAX_PAGES ? stacks * 1024 : AX_UNKNOWN;
    m->slab = sum(m->slab_reclaimable, m->slab_unreclaimable);
}

int ax_read_memory(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    (void)a;
    struct ax_memory *m = &r->memory;
    int64_t total = ax_kernel_long(v, AX_SYM__totalram_pages, 0);
    if (bytes(total) == AX_UNKNOWN)
        return v->kallsyms.count
                   ? ax_fail(err, -EIO, "the guest's memory size (_totalram_pages) cannot be read")
                   : ax_fail(err, -ENOTSUP, "%s", v->types_missing);
    m->total = bytes(total);
    read_swap(v, m, total);
    read_page_counts(v, m);
    int64_t free_pages = zone_pages(v, AX_CONST_NR_FREE_PAGES), buffers = buffer_pages(v);
    m->free = bytes(free_pages);
    m->available = bytes(available(v, free_pages));
    m->buffers = bytes(buffers);
    int64_t file = node_pages(v, AX_CONST_NR_FILE_PAGES);
    int64_t swapped = node_pages(v, AX_CONST_NR_SWAPCACHE);
    if (file >= 0 && file < MAX_PAGES && buffers >= 0 && swapped < MAX_PAGES)
        m->cached = bytes(at_least_0(file - buffers - (swapped > 0 ? swapped : 0)));
    else
        m->cached = AX_UNKNOWN;
    return 0;
}
