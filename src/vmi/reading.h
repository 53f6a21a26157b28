// SPDX-License-Identifier: Apache-2.0
/* What one look into a guest gave. Parts are read on demand; a value that this kernel does not
 * offer is AX_UNKNOWN (JSON: left out). Strings were written by the guest: any bytes, bounded.
 * Times are seconds; `start`, `since boot` and log times count from the guest's boot. */
#ifndef AX_VMI_READING_H
#define AX_VMI_READING_H

#include "base/arena.h"
#include "base/json.h"

enum ax_part {
    AX_PART_SYSTEM = 1u << 0,    /* numbers: time, load, CPU, pressure, taint, panic */
    AX_PART_MEMORY = 1u << 1,    /* numbers */
    AX_PART_NETWORK = 1u << 2,   /* devices and their counters */
    AX_PART_STORAGE = 1u << 3,   /* disks and file systems; mount points from scope processes on */
    AX_PART_PROCESSES = 1u << 4, /* scope processes */
    AX_PART_MODULES = 1u << 5,   /* scope processes */
    AX_PART_INTEGRITY = 1u << 6, /* scope processes */
    AX_PART_LOG = 1u << 7,       /* scope diagnosis */
    AX_PART_STACKS = 1u << 8,    /* scope diagnosis: stacks of tasks that are stuck */
    AX_PART_ALL = (1u << 9) - 1,
    AX_PARTS = 9
};
extern const char *const ax_part_names[AX_PARTS]; /* "system", "memory", ... */

#define AX_UNKNOWN INT64_MIN

enum ax_guest_state { AX_GUEST_RUNNING, AX_GUEST_BOOTING, AX_GUEST_OOPSED, AX_GUEST_PANICKED };

enum ax_cpu_mode {
    AX_CPU_USER,
    AX_CPU_NICE,
    AX_CPU_SYSTEM,
    AX_CPU_IDLE,
    AX_CPU_IOWAIT,
    AX_CPU_IRQ,
    AX_CPU_SOFTIRQ,
    AX_CPU_STEAL,
    AX_CPU_MODES
};
extern const char *const ax_cpu_mode_names[AX_CPU_MODES];

struct ax_pressure { /* stalled time since boot, microseconds; shares of the last 10 s, percent */
    int64_t some_us, full_us;
    double some_avg10, full_avg10;
};

struct ax_system {
    struct ax_str hostname; /* empty below scope processes */
    enum ax_guest_state state;
    int64_t panic_cpu; /* AX_UNKNOWN when it has not panicked */
    uint64_t jiffies;  /* advances while the guest's clock ticks */
    double uptime;     /* seconds */
    double time;       /* the guest's wall clock, seconds since 1970; NaN when unknown */
    double load[3];    /* 1, 5, 15 minutes */
    int64_t cpus_online;
    int64_t threads;  /* all tasks */
    int64_t runnable; /* run queues, summed */
    int64_t uninterruptible;
    int64_t forks, switches; /* since boot */
    int64_t cpu_us[AX_CPU_MODES];
    struct ax_pressure io, memory, cpu;
    uint64_t tainted; /* the kernel's mask */
    int64_t oom_kills;
    int64_t page_faults, major_faults, swap_in_pages, swap_out_pages; /* since boot */
    bool has_pressure;
};

struct ax_memory { /* bytes, with the meaning of /proc/meminfo */
    int64_t total, free, available, buffers, cached, swap_cached;
    int64_t active_anon, inactive_anon, active_file, inactive_file, unevictable;
    int64_t anonymous, mapped, shmem, slab, slab_reclaimable, slab_unreclaimable;
    int64_t kernel_stack, page_tables, dirty, writeback;
    int64_t committed, commit_limit, swap_total, swap_free;
};

struct ax_process {
    int32_t pid, ppid;
    uint32_t uid;
    char name[16]; /* NUL-terminated within */
    char state;    /* R S D T t Z X I P, as in /proc/PID/stat */
    bool kernel_thread;
    int32_t threads;
    int64_t rss, swap;          /* bytes; 0 for kernel threads */
    int64_t user_us, system_us; /* CPU time of the whole process */
    int64_t switches;           /* of its first thread */
    int64_t start_us;           /* after boot */
    int64_t open_files;         /* AX_UNKNOWN where it is not cheap */
    int64_t blocked_us;         /* how long in state D at least, as seen by us; 0 else */
    uint64_t task;              /* address; ours, never shown */
};

struct ax_message {
    uint64_t sequence;
    int64_t time_us;
    uint8_t level, facility; /* syslog's */
    struct ax_str text;
};

struct ax_module {
    struct ax_str name;
    int64_t size; /* bytes of code and data */
    int64_t references;
    const char *state;    /* live, coming, going, unformed */
    struct ax_str taints; /* letters */
};

struct ax_netdev {
    struct ax_str name;
    bool up, carrier;
    int64_t mtu;
    int64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    int64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct ax_disk {
    struct ax_str name; /* vda, vda1 */
    int64_t size;       /* bytes */
    int64_t reads, read_bytes, read_us, writes, written_bytes, write_us;
    int64_t io_us, in_flight;
};

struct ax_filesystem {
    struct ax_str device, type, mountpoint;
    bool read_only;
    int64_t size, free, available, inodes, inodes_free, errors;
};

struct ax_stack {
    int32_t pid;
    char name[16];
    int64_t blocked_us;
    struct ax_str *frames; /* "symbol+0x12", innermost first */
    size_t n_frames;
};

/* Something in the kernel that a sound kernel does not have. */
struct ax_tampering {
    const char *kind;   /* hidden_module, hidden_process, system_call, interrupt */
    struct ax_str what; /* name of the module, process, system call, vector */
    struct ax_str text; /* a sentence */
};

struct ax_missing {
    enum ax_part part;
    struct ax_str reason;
};

struct ax_reading {
    struct ax_str kernel;   /* release: 6.1.0-51-cloud-amd64 */
    struct ax_str build_id; /* hex */
    int64_t attach_ns;      /* CPU time of finding the kernel */
    int64_t poll_ns;        /* CPU time of this reading */
    unsigned parts;         /* which are there */
    unsigned torn;          /* walks that had to be repeated */

    struct ax_system system;
    struct ax_memory memory;
    struct ax_process *processes;
    size_t n_processes;
    struct ax_message *messages; /* oldest first */
    size_t n_messages;
    uint64_t messages_lost; /* overwritten while they were read */
    struct ax_module *modules;
    size_t n_modules;
    struct ax_netdev *netdevs;
    size_t n_netdevs;
    struct ax_disk *disks;
    size_t n_disks;
    struct ax_filesystem *filesystems;
    size_t n_filesystems;
    struct ax_stack *stacks;
    size_t n_stacks;
    struct ax_tampering *tampering;
    size_t n_tampering;
    struct ax_missing *missing;
    size_t n_missing;
};

/* {"kernel": ..., "attach_seconds": ..., "poll_seconds": ..., then one member per part that is
 * there: system, memory, network, disks and filesystems, processes, modules, integrity, messages,
 * stacks; missing: [{part, reason}]}. docs/introspection.md lists every name. */
void ax_reading_json(struct ax_json *j, const struct ax_reading *r);

#endif
