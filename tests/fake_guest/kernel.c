// SPDX-License-Identifier: Apache-2.0
/* The kernels that there are, and their types. What two kernels have in common stands in the
 * texts below, what they differ in is chosen in declare_variants. */
#include "inner.h"

const char *const fake_version_names[FAKE_VERSIONS] = {
    "5.10.0-28-amd64",     "6.1.0-51-cloud-amd64", "6.6.30-1-lts",
    "6.12.57-cloud-amd64", "6.15.4-arch1-1",       "7.0.0-rc3-amd64",
};

struct fake_options fake_kernel(enum fake_version v, uint64_t seed)
{
    struct fake_options o = {
        .seed = seed,
        .release = fake_version_names[v],
        .ram = 64 * FAKE_MIB,
        .load = 16 * FAKE_MIB + seed % 5 * 2 * FAKE_MIB,
        .five_levels = seed % 2,
        .kaslr = seed % 3 ? seed * 7919 % 400 * 2 * FAKE_MIB : 0,
        .fillers = 2000 + 256 * (seed % 2), /* an even and an odd number of markers */
        .addresses = v < FAKE_6_15    ? FAKE_ABSOLUTE_PERCPU
                     : v == FAKE_6_15 ? FAKE_BASE_RELATIVE
                                      : FAKE_PLACE_RELATIVE,
        .new_sections = v >= FAKE_6_6,
        .long_lengths = v >= FAKE_6_1,
        .sorted = v >= FAKE_6_1,
        .packed = v >= FAKE_7_0,
        .keys = v >= FAKE_6_1,
        .relative_key = v < FAKE_7_0,
        .vmcoreinfo = true,
        .btf = true,
        .enum64 = v >= FAKE_6_1,
        .new_state = v >= FAKE_6_1,
        .rss_percpu = v >= FAKE_6_6,
        .new_modules = v >= FAKE_6_6,
        .cpus = 1 + (unsigned)(seed % 4),
        .processes = 20,
        .log_records = 100,
        .log_first = 0 - UINT64_C(65), /* as the kernel begins */
    };
    if (v == FAKE_5_10)
        o.fillers = 21000; /* who searches for kallsyms takes none that is small */
    if (o.kaslr)
        o.direct = (o.five_levels ? UINT64_C(0xff11000000000000) : UINT64_C(0xffff888000000000)) +
                   seed * 104729 % 8192 * 1024 * FAKE_MIB;
    return o;
}

static const char base_types[] =
    "typedef int __kernel_pid_t; typedef __kernel_pid_t pid_t; typedef ulong size_t;"
    "typedef u64 time64_t; typedef const volatile ulong odd_long;"
    "typedef fixed struct { int counter; } atomic_t;"
    "typedef fixed struct { s64 counter; } atomic64_t;"
    "typedef atomic64_t atomic_long_t;"
    "typedef fixed struct { uint val; } kuid_t;"
    "typedef fixed struct { uint lock; } spinlock_t;"
    "fixed struct refcount_struct { atomic_t refs; } typedef struct refcount_struct refcount_t;"
    "fixed struct list_head { list_head *next; list_head *prev; }"
    "fixed struct hlist_node { hlist_node *next; hlist_node **pprev; }"
    "fixed struct hlist_head { hlist_node *first; }"
    "fixed struct rb_node { ulong __rb_parent_color; rb_node *rb_right; rb_node *rb_left; }"
    "fixed struct rb_root { rb_node *rb_node; }"
    "fixed struct new_utsname { char sysname[65]; char nodename[65]; char release[65]; char "
    "version[65];"
    "  char machine[65]; char domainname[65]; }"
    "struct uts_namespace { u64 ns; new_utsname name; void *user_ns; }"
    "struct cpumask { ulong bits[1]; } typedef struct cpumask cpumask_var_t;"
    "struct percpu_counter { spinlock_t lock; s64 count; list_head list; s32 *counters; }"
    "struct timespec64 { time64_t tv_sec; long tv_nsec; }";

static const char system_types[] =
    "random enum zone_stat_item { NR_FREE_PAGES, NR_ZONE_INACTIVE_ANON, NR_ZONE_ACTIVE_ANON,"
    "  NR_ZONE_INACTIVE_FILE, NR_ZONE_ACTIVE_FILE, NR_ZONE_UNEVICTABLE, NR_MLOCK, NR_BOUNCE,"
    "  NR_FREE_CMA_PAGES }"
    "enum zone_stat_count { NR_VM_ZONE_STAT_ITEMS = 9 }"
    "random enum node_stat_item { NR_INACTIVE_ANON, NR_ACTIVE_ANON, NR_INACTIVE_FILE,"
    "  NR_ACTIVE_FILE, NR_UNEVICTABLE, NR_SLAB_RECLAIMABLE_B, NR_SLAB_UNRECLAIMABLE_B,"
    "  NR_ANON_MAPPED, NR_FILE_MAPPED, NR_FILE_PAGES, NR_FILE_DIRTY, NR_WRITEBACK, NR_SHMEM,"
    "  NR_KERNEL_MISC_RECLAIMABLE, NR_KERNEL_STACK_KB, NR_PAGETABLE, NR_SWAPCACHE, NR_DIRTIED }"
    "enum node_stat_count { NR_VM_NODE_STAT_ITEMS = 18 }"
    "random enum vm_event_item { PGPGIN, PGPGOUT, PSWPIN, PSWPOUT, PGFAULT, PGMAJFAULT, OOM_KILL,"
    "  PGFREE, PGACTIVATE, PGDEACTIVATE }"
    "enum vm_event_count { NR_VM_EVENT_ITEMS = 10 }"
    "random enum cpu_usage_stat { CPUTIME_USER, CPUTIME_NICE, CPUTIME_SYSTEM, CPUTIME_SOFTIRQ,"
    "  CPUTIME_IRQ, CPUTIME_IDLE, CPUTIME_IOWAIT, CPUTIME_STEAL, CPUTIME_GUEST,"
    "  CPUTIME_GUEST_NICE }"
    "enum cpu_usage_count { NR_STATS = 10 }"
    "random enum psi_states { PSI_IO_SOME, PSI_IO_FULL, PSI_MEM_SOME, PSI_MEM_FULL, PSI_CPU_SOME,"
    "  PSI_CPU_FULL }"
    "enum psi_count { NR_PSI_STATES = 7 }"
    "enum system_states { SYSTEM_BOOTING, SYSTEM_SCHEDULING, SYSTEM_FREEING_INITMEM,"
    "  SYSTEM_RUNNING, SYSTEM_HALT, SYSTEM_POWER_OFF, SYSTEM_RESTART, SYSTEM_SUSPEND }"
    "struct vm_event_state { ulong event[10]; }"
    "struct kernel_cpustat { u64 cpustat[10]; }"
    "struct psi_group { bool enabled; u64 total[2][6]; ulong avg[6][3]; u64 avg_last_update; }"
    "struct timekeeper { u64 tkr_mono[7]; u64 xtime_sec; ulong ktime_sec; timespec64 "
    "  wall_to_monotonic; u64 offs_boot; }"
    "struct cfs_rq { uint nr_running; uint h_nr_running; u64 min_vruntime; }"
    "struct rq { spinlock_t __lock; uint nr_running; u64 nr_switches; cfs_rq cfs; uint "
    "  nr_uninterruptible; task_struct *curr; task_struct *idle; u64 clock; atomic_t nr_iowait; }"
    "struct tick_sched { u64 idle_entrytime; u64 idle_sleeptime; u64 iowait_sleeptime; ulong "
    "  last_jiffies; uint idle_active; }"
    "enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, __MAX_NR_ZONES }"
    "enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, WMARK_PROMO, NR_WMARK }"
    "struct zone { ulong _watermark[4]; ulong watermark_boost; int node; ulong spanned_pages; }"
    "struct pglist_data { zone node_zones[4]; int nr_zones; int node_id; }"
    "struct address_space { inode *host; ulong nrpages; void *i_pages; }"
    "struct inode { u16 i_mode; address_space *i_mapping; list_head i_sb_list; ulong i_ino; }";

static const char pid_types[] =
    "enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX }"
    "struct xarray { spinlock_t xa_lock; uint xa_flags; void *xa_head; }"
    "struct xa_node { u8 shift; u8 offset; u8 count; u8 nr_values; xa_node *parent; xarray *array;"
    "  union { list_head private_list; u64 rcu[2]; }; void *slots[64]; union { ulong tags[3]; }; }"
    "struct idr { xarray idr_rt; uint idr_base; uint idr_next; }"
    "struct upid { int nr; pid_namespace *ns; }"
    "struct pid { refcount_t count; uint level; spinlock_t lock; hlist_head tasks[4];"
    "  upid numbers[1]; }"
    "struct pid_namespace { idr idr; uint pid_allocated; task_struct *child_reaper; uint level; }";

static const char task_types[] =
    "struct cred { atomic_t usage; kuid_t uid; kuid_t suid; kuid_t euid; void *user; }"
    "struct thread_struct { u64 tls[3]; ulong sp; ushort_es es; ulong cr2; }"
    "struct thread_info { ulong flags; u32 status; u32 cpu; }"
    "struct sched_entity { u64 exec_start; u64 sum_exec_runtime; rb_node run_node; uint on_rq; }"
    "struct fdtable { uint max_fds; file **fd; ulong *close_on_exec; ulong *open_fds; ulong "
    "  *full_fds_bits; }"
    "struct files_struct { atomic_t count; fdtable *fdt; fdtable fdtab; uint next_fd; }"
    "struct signal_struct { refcount_t sigcnt; atomic_t live; int nr_threads; list_head "
    "thread_head;"
    "  u64 utime; u64 stime; u64 cutime; ulong nvcsw; ulong nivcsw; u64 sum_sched_runtime;"
    "  pid *pids[4]; }"
    "struct nsproxy { atomic_t count; uts_namespace *uts_ns; pid_namespace *pid_ns; }"
    "struct task_struct { thread_info thread_info; void *stack; refcount_t usage; uint flags;"
    "  int on_cpu; sched_entity se; list_head tasks; mm_struct *mm; mm_struct *active_mm;"
    "  int exit_state; int exit_code; pid_t pid; pid_t tgid; task_struct *real_parent;"
    "  task_struct *parent; list_head children; list_head sibling; task_struct *group_leader;"
    "  pid *thread_pid; hlist_node pid_links[4]; list_head thread_node; u64 utime; u64 stime;"
    "  ulong nvcsw; ulong nivcsw; u64 start_time; u64 start_boottime; const cred *real_cred;"
    "  const cred *cred; char comm[16]; files_struct *files; nsproxy *nsproxy;"
    "  signal_struct *signal; ulong last_switch_count; ulong last_switch_time;"
    "  thread_struct thread; uint policy; int prio; union { u64 pushed; struct { u64 inner; }; };";

static const char storage_types[] =
    "struct file_system_type { const char *name; int fs_flags; }"
    "struct super_block { list_head s_list; uint s_dev; u8 s_blocksize_bits; ulong s_blocksize;"
    "  ulong s_flags; ulong s_magic; file_system_type *s_type; char s_id[32]; void *s_bdev;"
    "  void *s_fs_info; list_head s_inodes; }";

static const char log_types[] =
    "struct dev_printk_info { char subsystem[16]; char device[48]; }"
    "struct printk_info { u64 seq; u64 ts_nsec;"
    "  fixed struct { u16 text_len; u8 facility; u8 flags:5; u8 level:3; };"
    "  u32 caller_id; dev_printk_info dev_info; }"
    "struct prb_data_blk_lpos { ulong begin; ulong next; }"
    "struct prb_desc { atomic_long_t state_var; prb_data_blk_lpos text_blk_lpos; }"
    "struct prb_data_ring { uint size_bits; char *data; atomic_long_t head_lpos; atomic_long_t "
    "  tail_lpos; }"
    "struct prb_desc_ring { uint count_bits; prb_desc *descs; printk_info *infos;"
    "  atomic_long_t head_id; atomic_long_t tail_id; atomic_long_t last_finalized_seq; }"
    "struct printk_ringbuffer { prb_desc_ring desc_ring; prb_data_ring text_data_ring;"
    "  atomic_long_t fail; }";

static const char module_types[] =
    "enum module_state { MODULE_STATE_LIVE, MODULE_STATE_COMING, MODULE_STATE_GOING,"
    "  MODULE_STATE_UNFORMED }"
    "struct kobject { const char *name; list_head entry; kobject *parent; kset *kset; void *ktype;"
    "  uint state_initialized; }"
    "struct kset { list_head list; spinlock_t list_lock; kobject kobj; }"
    "struct module_kobject { kobject kobj; module *mod; void *drivers_dir; }"
    "struct latch_tree_node { rb_node node[2]; }"
    "struct latch_tree_root { uint seq; rb_root tree[2]; }"
    "struct mod_tree_node { module *mod; latch_tree_node node; }"
    "struct mod_tree_root { latch_tree_root root; ulong addr_min; ulong addr_max; }"
    "enum mod_mem_type { MOD_TEXT, MOD_DATA, MOD_RODATA, MOD_RO_AFTER_INIT, MOD_INIT_TEXT,"
    "  MOD_INIT_DATA, MOD_INIT_RODATA, MOD_MEM_NUM_TYPES }";

static const char table_types[] =
    "fixed struct gate_struct { u16 offset_low; u16 segment; u16 bits; u16 offset_middle;"
    "  u32 offset_high; u32 reserved; } typedef struct gate_struct gate_desc;";

static void declare_variants(struct fake *g)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_cstr(&b, task_types);
    ax_buf_cstr(&b, g->o.new_state ? "  uint __state; }" : "  volatile long state; }");
    ax_buf_cstr(&b,
                g->o.rss_percpu
                    ? "struct mm_struct { struct { void *mmap; ulong total_vm; atomic_t mm_users;"
                      "  percpu_counter rss_stat[4]; void *pgd; ulong start_code; };"
                      "  ulong cpu_bitmap[1]; }"
                    : "struct mm_rss_stat { atomic_long_t count[4]; }"
                      "struct mm_struct { struct { void *mmap; ulong total_vm; atomic_t mm_users;"
                      "  mm_rss_stat rss_stat; void *pgd; ulong start_code; };"
                      "  ulong cpu_bitmap[1]; }");
    ax_buf_cstr(&b, g->o.new_modules
                        ? "struct module_memory { void *base; uint size; mod_tree_node mtn; }"
                          "struct module { uint state; list_head list; char name[56];"
                          "  module_kobject mkobj; const char *version; module_memory mem[7];"
                          "  ulong taints; atomic_t refcnt; list_head source_list; }"
                        : "struct module_layout { void *base; uint size; uint text_size;"
                          "  uint ro_size; mod_tree_node mtn; }"
                          "struct module { uint state; list_head list; char name[56];"
                          "  module_kobject mkobj; const char *version;"
                          "  module_layout core_layout; module_layout init_layout;"
                          "  ulong taints; atomic_t refcnt; list_head source_list; }");
    ax_buf_byte(&b, 0);
    fake_declare(g, b.p);
}

void fake_declare_kernel(struct fake *g)
{
    fake_declare(g, base_types);
    fake_declare(g, "enum mm_counters { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES,"
                    "  NR_MM_COUNTERS }");
    fake_declare(g, system_types);
    fake_declare(g, "typedef u16 ushort_es;");
    fake_declare(g, pid_types);
    fake_declare(g, storage_types);
    fake_declare(g, log_types);
    fake_declare(g, module_types);
    fake_declare(g, table_types);
    declare_variants(g);
}
