// SPDX-License-Identifier: Apache-2.0
#include "vmi/reading.h"

#include <math.h>

const char *const ax_part_names[AX_PARTS] = {
    "system", "memory", "network", "storage", "processes", "modules", "integrity", "log", "stacks"};
const char *const ax_cpu_mode_names[AX_CPU_MODES] = {"user",   "nice", "system",  "idle",
                                                     "iowait", "irq",  "softirq", "steal"};
static const char *const states[] = {"running", "booting", "oopsed", "panicked"};

/* The kernel's taint bits by number, as in its own documentation. */
static const char *const taints[] = {"PROPRIETARY_MODULE",
                                     "FORCED_MODULE",
                                     "CPU_OUT_OF_SPEC",
                                     "FORCED_RMMOD",
                                     "MACHINE_CHECK",
                                     "BAD_PAGE",
                                     "USER",
                                     "DIE",
                                     "OVERRIDDEN_ACPI_TABLE",
                                     "WARN",
                                     "CRAP",
                                     "FIRMWARE_WORKAROUND",
                                     "OOT_MODULE",
                                     "UNSIGNED_MODULE",
                                     "SOFTLOCKUP",
                                     "LIVEPATCH",
                                     "AUX",
                                     "RANDSTRUCT",
                                     "TEST"};

static void put_int(struct ax_json *j, const char *key, int64_t v)
{
    if (v == AX_UNKNOWN)
        return;
    ax_json_key(j, key);
    ax_json_int(j, v);
}

static void put_num(struct ax_json *j, const char *key, double v)
{
    if (!isfinite(v))
        return;
    ax_json_key(j, key);
    ax_json_num(j, v);
}

static void put_us(struct ax_json *j, const char *key, int64_t us)
{
    if (us != AX_UNKNOWN)
        put_num(j, key, (double)us / 1e6);
}

static void put_str(struct ax_json *j, const char *key, struct ax_str s)
{
    ax_json_key(j, key);
    ax_json_str(j, s);
}

static void put_bool(struct ax_json *j, const char *key, bool v)
{
    ax_json_key(j, key);
    ax_json_bool(j, v);
}

/* A name in a fixed field of the guest. */
static struct ax_str name_in(const char *p, size_t max)
{
    return (struct ax_str){p, strnlen(p, max)};
}

/* --- System and memory ---------------------------------------------------------------------- */

static void put_pressure(struct ax_json *j, const char *key, const struct ax_pressure *p)
{
    ax_json_key(j, key);
    ax_json_obj(j);
    put_us(j, "some_seconds", p->some_us);
    put_us(j, "full_seconds", p->full_us);
    put_num(j, "some_avg10", p->some_avg10);
    put_num(j, "full_avg10", p->full_avg10);
    ax_json_end(j);
}

static void put_cpu(struct ax_json *j, const struct ax_system *s)
{
    ax_json_key(j, "cpu_seconds");
    ax_json_obj(j);
    for (size_t m = 0; m < AX_CPU_MODES; m++)
        put_us(j, ax_cpu_mode_names[m], s->cpu_us[m]);
    ax_json_end(j);
    if (!s->has_pressure)
        return;
    ax_json_key(j, "pressure");
    ax_json_obj(j);
    put_pressure(j, "io", &s->io);
    put_pressure(j, "memory", &s->memory);
    put_pressure(j, "cpu", &s->cpu);
    ax_json_end(j);
}

static void put_taint(struct ax_json *j, uint64_t mask)
{
    put_int(j, "tainted", (int64_t)(mask & INT64_MAX));
    ax_json_key(j, "taint_flags");
    ax_json_arr(j);
    for (size_t i = 0; i < AX_ARRAY_LEN(taints); i++)
        if (mask >> i & 1)
            ax_json_cstr(j, taints[i]);
    ax_json_end(j);
}

static void put_system(struct ax_json *j, const struct ax_system *s)
{
    ax_json_key(j, "system");
    ax_json_obj(j);
    put_str(j, "state", ax_str(states[s->state]));
    put_int(j, "panic_cpu", s->panic_cpu);
    if (s->hostname.n)
        put_str(j, "hostname", s->hostname);
    put_num(j, "uptime_seconds", s->uptime);
    put_num(j, "time_seconds", s->time);
    put_int(j, "jiffies", (int64_t)(s->jiffies & INT64_MAX));
    put_num(j, "load1", s->load[0]);
    put_num(j, "load5", s->load[1]);
    put_num(j, "load15", s->load[2]);
    put_int(j, "cpus_online", s->cpus_online);
    put_int(j, "threads", s->threads);
    put_int(j, "runnable", s->runnable);
    put_int(j, "uninterruptible", s->uninterruptible);
    put_int(j, "forks_total", s->forks);
    put_int(j, "context_switches_total", s->switches);
    put_int(j, "oom_kills_total", s->oom_kills);
    put_int(j, "page_faults_total", s->page_faults);
    put_int(j, "major_faults_total", s->major_faults);
    put_int(j, "swap_in_pages_total", s->swap_in_pages);
    put_int(j, "swap_out_pages_total", s->swap_out_pages);
    put_taint(j, s->tainted);
    put_cpu(j, s);
    ax_json_end(j);
}

static void put_memory(struct ax_json *j, const struct ax_memory *m)
{
    const struct {
        const char *key;
        int64_t v;
    } fields[] = {
        {"total_bytes", m->total},
        {"free_bytes", m->free},
        {"available_bytes", m->available},
        {"buffers_bytes", m->buffers},
        {"cached_bytes", m->cached},
        {"swap_cached_bytes", m->swap_cached},
        {"active_anon_bytes", m->active_anon},
        {"inactive_anon_bytes", m->inactive_anon},
        {"active_file_bytes", m->active_file},
        {"inactive_file_bytes", m->inactive_file},
        {"unevictable_bytes", m->unevictable},
        {"anonymous_bytes", m->anonymous},
        {"mapped_bytes", m->mapped},
        {"shmem_bytes", m->shmem},
        {"slab_bytes", m->slab},
        {"slab_reclaimable_bytes", m->slab_reclaimable},
        {"slab_unreclaimable_bytes", m->slab_unreclaimable},
        {"kernel_stack_bytes", m->kernel_stack},
        {"page_tables_bytes", m->page_tables},
        {"dirty_bytes", m->dirty},
        {"writeback_bytes", m->writeback},
        {"committed_bytes", m->committed},
        {"commit_limit_bytes", m->commit_limit},
        {"swap_total_bytes", m->swap_total},
        {"swap_free_bytes", m->swap_free},
    };
    ax_json_key(j, "memory");
    ax_json_obj(j);
    for (size_t i = 0; i < AX_ARRAY_LEN(fields); i++)
        put_int(j, fields[i].key, fields[i].v);
    ax_json_end(j);
}

/* --- Lists ---------------------------------------------------------------------------------- */

static void put_process(struct ax_json *j, const struct ax_process *p, double uptime)
{
    ax_json_obj(j);
    put_int(j, "pid", p->pid);
    put_int(j, "ppid", p->ppid);
    put_int(j, "uid", p->uid);
    put_str(j, "name", name_in(p->name, sizeof p->name));
    put_str(j, "state", (struct ax_str){&p->state, 1});
    put_bool(j, "kernel_thread", p->kernel_thread);
    put_int(j, "threads", p->threads);
    put_int(j, "rss_bytes", p->rss);
    put_int(j, "swap_bytes", p->swap);
    put_num(j, "cpu_seconds", ((double)p->user_us + (double)p->system_us) / 1e6);
    put_us(j, "user_seconds", p->user_us);
    put_us(j, "system_seconds", p->system_us);
    put_us(j, "start_seconds", p->start_us);
    if (uptime > (double)p->start_us / 1e6)
        put_num(j, "age_seconds", uptime - (double)p->start_us / 1e6);
    put_int(j, "context_switches_total", p->switches);
    put_int(j, "open_files", p->open_files);
    if (p->state == 'D')
        put_us(j, "blocked_seconds", p->blocked_us);
    ax_json_end(j);
}

static void put_processes(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "processes");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_processes; i++)
        put_process(j, &r->processes[i], r->parts & AX_PART_SYSTEM ? r->system.uptime : 0);
    ax_json_end(j);
}

static void put_messages(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "messages");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct ax_message *m = &r->messages[i];
        ax_json_obj(j);
        put_int(j, "sequence", (int64_t)(m->sequence & INT64_MAX));
        put_us(j, "time_seconds", m->time_us);
        put_int(j, "level", m->level);
        put_int(j, "facility", m->facility);
        put_str(j, "text", m->text);
        ax_json_end(j);
    }
    ax_json_end(j);
    put_int(j, "messages_lost", (int64_t)r->messages_lost);
}

static void put_modules(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "modules");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_modules; i++) {
        const struct ax_module *m = &r->modules[i];
        ax_json_obj(j);
        put_str(j, "name", m->name);
        put_int(j, "size_bytes", m->size);
        put_int(j, "references", m->references);
        put_str(j, "state", ax_str(m->state));
        put_str(j, "taints", m->taints);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_netdev(struct ax_json *j, const struct ax_netdev *d)
{
    ax_json_obj(j);
    put_str(j, "name", d->name);
    put_bool(j, "up", d->up);
    put_bool(j, "carrier", d->carrier);
    put_int(j, "mtu", d->mtu);
    put_int(j, "receive_bytes_total", d->rx_bytes);
    put_int(j, "receive_packets_total", d->rx_packets);
    put_int(j, "receive_errors_total", d->rx_errors);
    put_int(j, "receive_dropped_total", d->rx_dropped);
    put_int(j, "transmit_bytes_total", d->tx_bytes);
    put_int(j, "transmit_packets_total", d->tx_packets);
    put_int(j, "transmit_errors_total", d->tx_errors);
    put_int(j, "transmit_dropped_total", d->tx_dropped);
    ax_json_end(j);
}

static void put_network(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "network");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_netdevs; i++)
        put_netdev(j, &r->netdevs[i]);
    ax_json_end(j);
}

static void put_disk(struct ax_json *j, const struct ax_disk *d)
{
    ax_json_obj(j);
    put_str(j, "name", d->name);
    put_int(j, "size_bytes", d->size);
    put_int(j, "reads_total", d->reads);
    put_int(j, "read_bytes_total", d->read_bytes);
    put_us(j, "read_seconds_total", d->read_us);
    put_int(j, "writes_total", d->writes);
    put_int(j, "written_bytes_total", d->written_bytes);
    put_us(j, "write_seconds_total", d->write_us);
    put_us(j, "io_seconds_total", d->io_us);
    put_int(j, "in_flight", d->in_flight);
    ax_json_end(j);
}

static void put_filesystem(struct ax_json *j, const struct ax_filesystem *f)
{
    ax_json_obj(j);
    put_str(j, "device", f->device);
    put_str(j, "type", f->type);
    if (f->mountpoint.n)
        put_str(j, "mountpoint", f->mountpoint);
    put_bool(j, "read_only", f->read_only);
    put_int(j, "size_bytes", f->size);
    put_int(j, "free_bytes", f->free);
    put_int(j, "available_bytes", f->available);
    put_int(j, "inodes", f->inodes);
    put_int(j, "inodes_free", f->inodes_free);
    put_int(j, "errors_total", f->errors);
    ax_json_end(j);
}

static void put_storage(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "disks");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_disks; i++)
        put_disk(j, &r->disks[i]);
    ax_json_end(j);
    ax_json_key(j, "filesystems");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_filesystems; i++)
        put_filesystem(j, &r->filesystems[i]);
    ax_json_end(j);
}

static void put_stacks(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "stacks");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_stacks; i++) {
        const struct ax_stack *s = &r->stacks[i];
        ax_json_obj(j);
        put_int(j, "pid", s->pid);
        put_str(j, "name", name_in(s->name, sizeof s->name));
        put_us(j, "blocked_seconds", s->blocked_us);
        ax_json_key(j, "frames");
        ax_json_arr(j);
        for (size_t f = 0; f < s->n_frames; f++)
            ax_json_str(j, s->frames[f]);
        ax_json_end(j);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_integrity(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "integrity");
    ax_json_obj(j);
    put_bool(j, "ok", r->n_tampering == 0);
    ax_json_key(j, "findings");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_tampering; i++) {
        ax_json_obj(j);
        put_str(j, "kind", ax_str(r->tampering[i].kind));
        put_str(j, "what", r->tampering[i].what);
        put_str(j, "text", r->tampering[i].text);
        ax_json_end(j);
    }
    ax_json_end(j);
    ax_json_end(j);
}

static void put_missing(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "missing");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_missing; i++) {
        ax_json_obj(j);
        put_str(j, "part", ax_str(ax_part_names[__builtin_ctz(r->missing[i].part)]));
        put_str(j, "reason", r->missing[i].reason);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_parts(struct ax_json *j, const struct ax_reading *r)
{
    static void (*const lists[AX_PARTS])(struct ax_json *, const struct ax_reading *) = {
        NULL,        NULL,          put_network,  put_storage, put_processes,
        put_modules, put_integrity, put_messages, put_stacks};
    if (r->parts & AX_PART_SYSTEM)
        put_system(j, &r->system);
    if (r->parts & AX_PART_MEMORY)
        put_memory(j, &r->memory);
    for (size_t i = 0; i < AX_PARTS; i++)
        if (lists[i] && r->parts >> i & 1)
            lists[i](j, r);
}

void ax_reading_json(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_obj(j);
    put_str(j, "kernel", r->kernel);
    put_str(j, "build_id", r->build_id);
    put_num(j, "attach_seconds", (double)r->attach_ns / 1e9);
    put_num(j, "poll_seconds", (double)r->poll_ns / 1e9);
    put_parts(j, r);
    put_missing(j, r);
    ax_json_end(j);
}
