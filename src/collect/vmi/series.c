// SPDX-License-Identifier: Apache-2.0
/* Looks as series, auspex_vmi_*: what an agent in the guest would report has the names that it
 * would have there behind its own prefix. docs/metrics.md has them all. */
#include "collect/vmi/sight.h"

#include <math.h>
#include <stdlib.h>

#define TOP_N 10 /* processes by memory, and as many by CPU time */
#define US    1e-6

struct row {
    size_t offset;
    double unit;
    const char *name;
};
#define SYSTEM(member, unit, name)                                                                 \
    {                                                                                              \
        offsetof(struct ax_system, member), unit, "auspex_vmi_" name                               \
    }
#define MEMORY(member)                                                                             \
    {                                                                                              \
        offsetof(struct ax_memory, member), 1, "auspex_vmi_memory_" #member "_bytes"               \
    }
#define DISK(member, unit, name)                                                                   \
    {                                                                                              \
        offsetof(struct ax_disk, member), unit, "auspex_vmi_disk_" name                            \
    }
#define NET(member, name)                                                                          \
    {                                                                                              \
        offsetof(struct ax_netdev, member), 1, "auspex_vmi_network_" name                          \
    }
#define FS(member, name)                                                                           \
    {                                                                                              \
        offsetof(struct ax_filesystem, member), 1, "auspex_vmi_filesystem_" name                   \
    }

static const struct row system_rows[] = {
    SYSTEM(cpus_online, 1, "cpus_online"),
    SYSTEM(threads, 1, "threads"),
    SYSTEM(runnable, 1, "tasks_runnable"),
    SYSTEM(uninterruptible, 1, "tasks_uninterruptible"),
    SYSTEM(forks, 1, "forks_total"),
    SYSTEM(switches, 1, "context_switches_total"),
    SYSTEM(oom_kills, 1, "oom_kills_total"),
    SYSTEM(page_faults, 1, "page_faults_total"),
    SYSTEM(major_faults, 1, "major_page_faults_total"),
    SYSTEM(swap_in_pages, 1, "swap_in_pages_total"),
    SYSTEM(swap_out_pages, 1, "swap_out_pages_total"),
};
static const struct row memory_rows[] = {
    MEMORY(total),        MEMORY(free),
    MEMORY(available),    MEMORY(buffers),
    MEMORY(cached),       MEMORY(swap_cached),
    MEMORY(active_anon),  MEMORY(inactive_anon),
    MEMORY(active_file),  MEMORY(inactive_file),
    MEMORY(unevictable),  MEMORY(anonymous),
    MEMORY(mapped),       MEMORY(shmem),
    MEMORY(slab),         MEMORY(slab_reclaimable),
    MEMORY(kernel_stack), MEMORY(slab_unreclaimable),
    MEMORY(page_tables),  MEMORY(dirty),
    MEMORY(writeback),    MEMORY(committed),
    MEMORY(commit_limit), MEMORY(swap_total),
    MEMORY(swap_free),
};
static const struct row disk_rows[] = {
    DISK(reads, 1, "reads_total"),
    DISK(read_bytes, 1, "read_bytes_total"),
    DISK(read_us, US, "read_seconds_total"),
    DISK(writes, 1, "writes_total"),
    DISK(written_bytes, 1, "written_bytes_total"),
    DISK(write_us, US, "write_seconds_total"),
    DISK(io_us, US, "io_seconds_total"),
    DISK(in_flight, 1, "requests_in_flight"),
};
static const struct row net_rows[] = {
    NET(rx_bytes, "receive_bytes_total"),    NET(rx_packets, "receive_packets_total"),
    NET(rx_errors, "receive_errors_total"),  NET(rx_dropped, "receive_dropped_total"),
    NET(tx_bytes, "transmit_bytes_total"),   NET(tx_packets, "transmit_packets_total"),
    NET(tx_errors, "transmit_errors_total"), NET(tx_dropped, "transmit_dropped_total"),
};
static const struct row fs_rows[] = {
    FS(size, "size_bytes"), FS(free, "free_bytes"),         FS(available, "available_bytes"),
    FS(inodes, "inodes"),   FS(inodes_free, "inodes_free"), FS(errors, "errors_total"),
};

static double number(int64_t v)
{
    return v == AX_UNKNOWN ? NAN : (double)v;
}

static void emit_rows(struct ax_emitter *e, const struct ax_emit_scope *labels,
                      const struct row *rows, size_t n, const void *record,
                      const struct ax_label *extra, size_t nextra)
{
    for (size_t i = 0; i < n; i++) {
        int64_t v = *(const int64_t *)(const void *)((const char *)record + rows[i].offset);
        ax_emit_with(e, labels, rows[i].name, extra, nextra, number(v) * rows[i].unit);
    }
}

/* ---- vital signs ---- */

static void emit_pressure(struct ax_emitter *e, const struct ax_emit_scope *labels,
                          const char *resource, const struct ax_pressure *p)
{
    struct ax_str r = ax_str(resource);
    ax_emit1(e, labels, "auspex_vmi_pressure_some_seconds_total", "resource", r,
             number(p->some_us) * US);
    ax_emit1(e, labels, "auspex_vmi_pressure_full_seconds_total", "resource", r,
             number(p->full_us) * US);
}

static void emit_system(struct ax_emitter *e, const struct ax_emit_scope *labels,
                        const struct ax_system *s)
{
    static const char *const loads[] = {"auspex_vmi_load1", "auspex_vmi_load5",
                                        "auspex_vmi_load15"};
    ax_emit(e, labels, "auspex_vmi_uptime_seconds", s->uptime);
    for (size_t i = 0; i < AX_ARRAY_LEN(loads); i++)
        ax_emit(e, labels, loads[i], s->load[i]);
    for (size_t i = 0; i < AX_CPU_MODES; i++)
        ax_emit1(e, labels, "auspex_vmi_cpu_seconds_total", "mode", ax_str(ax_cpu_mode_names[i]),
                 number(s->cpu_us[i]) * US);
    if (s->has_pressure) {
        emit_pressure(e, labels, "io", &s->io);
        emit_pressure(e, labels, "memory", &s->memory);
        emit_pressure(e, labels, "cpu", &s->cpu);
    }
    ax_emit(e, labels, "auspex_vmi_tainted", (double)s->tainted);
    emit_rows(e, labels, system_rows, AX_ARRAY_LEN(system_rows), s, NULL, 0);
}

static void emit_vital(struct ax_emitter *e, const struct ax_sighted *w)
{
    const struct ax_reading *r = ax_sight_newest(&w->groups[AX_SIGHT_VITAL]);
    struct ax_label kernel = {AX_STR("release"), r->kernel};
    ax_emit_with(e, &w->labels, "auspex_vmi_kernel_info", &kernel, 1, 1);
    if (r->parts & AX_PART_SYSTEM)
        emit_system(e, &w->labels, &r->system);
    if (r->parts & AX_PART_MEMORY)
        emit_rows(e, &w->labels, memory_rows, AX_ARRAY_LEN(memory_rows), &r->memory, NULL, 0);
    ax_emit(e, &w->labels, "auspex_vmi_poll_seconds", (double)r->poll_ns / 1e9);
    ax_emit(e, &w->labels, "auspex_vmi_attach_seconds", (double)r->attach_ns / 1e9);
}

/* ---- processes: by name, since names last and numbers do not ---- */

struct program {
    struct ax_str name;
    double rss, cpu, count; /* cpu: CPUs taken between the last two looks */
};

static int by_rss(const void *a, const void *b)
{
    const struct program *x = a, *y = b;
    return (x->rss < y->rss) - (x->rss > y->rss);
}

static int by_cpu(const void *a, const void *b)
{
    const struct program *x = a, *y = b;
    return (x->cpu < y->cpu) - (x->cpu > y->cpu);
}

static int by_pid(const void *a, const void *b)
{
    const struct ax_process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static double cpu_us(const struct ax_process *p)
{
    return (double)p->user_us + (double)p->system_us;
}

static struct ax_process *sorted(const struct ax_reading *r, struct ax_arena *a)
{
    struct ax_process *v = AX_NEWS(a, struct ax_process, r->n_processes + 1);
    if (r->n_processes)
        memcpy(v, r->processes, r->n_processes * sizeof *v);
    qsort(v, r->n_processes, sizeof *v, by_pid);
    return v;
}

static size_t sum_programs(const struct ax_sight_readings *g, struct ax_arena *a,
                           struct program **out)
{
    const struct ax_reading *now = &g->v[g->now], *before = &g->v[(g->now + 2) % 3];
    double span_us = g->n > 1 ? (double)(g->at_ms[g->now] - g->at_ms[(g->now + 2) % 3]) * 1e3 : 0;
    struct ax_process *old = g->n > 1 ? sorted(before, a) : NULL;
    struct program *v = AX_NEWS(a, struct program, now->n_processes + 1);
    struct ax_map names = {.secret = ax_map_secret()};
    size_t n = 0;
    for (size_t i = 0; i < now->n_processes; i++) {
        const struct ax_process *p = &now->processes[i], *b = NULL;
        uint64_t at;
        struct ax_str name = ax_str(p->name);
        if (!ax_map_get(&names, name, &at)) {
            at = n++;
            v[at].name = name;
            ax_map_put(&names, name, at);
        }
        if (old)
            b = bsearch(p, old, before->n_processes, sizeof *old, by_pid);
        double used = b && b->start_us == p->start_us ? cpu_us(p) - cpu_us(b) : 0;
        v[at].rss += p->rss > 0 ? (double)p->rss : 0;
        v[at].cpu += used > 0 && span_us > 0 ? used / span_us : 0;
        v[at].count++;
    }
    ax_map_free(&names);
    *out = v;
    return n;
}

static void emit_states(struct ax_emitter *e, const struct ax_sighted *w,
                        const struct ax_reading *r)
{
    static const struct {
        const char *letters, *name;
    } states[] = {{"R", "running"},  {"S", "sleeping"}, {"D", "uninterruptible"},
                  {"Tt", "stopped"}, {"Z", "zombie"},   {"I", "idle"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(states); i++) {
        double n = 0;
        for (size_t k = 0; k < r->n_processes; k++)
            n += r->processes[k].state && strchr(states[i].letters, r->processes[k].state) != NULL;
        ax_emit1(e, &w->labels, "auspex_vmi_processes", "state", ax_str(states[i].name), n);
    }
}

static void emit_programs(struct ax_emitter *e, const struct ax_sighted *w)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct program *v;
    size_t n = sum_programs(&w->groups[AX_SIGHT_TASKS], &a, &v);
    qsort(v, n, sizeof *v, by_rss);
    for (size_t i = 0; i < n && i < TOP_N && v[i].rss > 0; i++) {
        ax_emit1(e, &w->labels, "auspex_vmi_process_resident_memory_bytes", "process", v[i].name,
                 v[i].rss);
        ax_emit1(e, &w->labels, "auspex_vmi_process_count", "process", v[i].name, v[i].count);
    }
    qsort(v, n, sizeof *v, by_cpu);
    for (size_t i = 0; i < n && i < TOP_N && v[i].cpu > 0; i++)
        ax_emit1(e, &w->labels, "auspex_vmi_process_cpu_ratio", "process", v[i].name, v[i].cpu);
    ax_arena_free(&a);
}

static void emit_tasks(struct ax_emitter *e, const struct ax_sighted *w)
{
    const struct ax_reading *r = ax_sight_newest(&w->groups[AX_SIGHT_TASKS]);
    for (size_t i = 0; r && r->parts & AX_PART_NETWORK && i < r->n_netdevs; i++) {
        struct ax_label device = {AX_STR("device"), r->netdevs[i].name};
        ax_emit_with(e, &w->labels, "auspex_vmi_network_up", &device, 1, r->netdevs[i].up);
        emit_rows(e, &w->labels, net_rows, AX_ARRAY_LEN(net_rows), &r->netdevs[i], &device, 1);
    }
    if (r && r->parts & AX_PART_PROCESSES) {
        emit_states(e, w, r);
        emit_programs(e, w);
    }
}

/* ---- storage ---- */

static void emit_storage(struct ax_emitter *e, const struct ax_sighted *w)
{
    const struct ax_reading *r = ax_sight_newest(&w->groups[AX_SIGHT_STORAGE]);
    if (!r || !(r->parts & AX_PART_STORAGE))
        return;
    for (size_t i = 0; i < r->n_disks; i++) {
        struct ax_label device = {AX_STR("device"), r->disks[i].name};
        emit_rows(e, &w->labels, disk_rows, AX_ARRAY_LEN(disk_rows), &r->disks[i], &device, 1);
    }
    for (size_t i = 0; i < r->n_filesystems; i++) {
        const struct ax_filesystem *f = &r->filesystems[i];
        struct ax_label labels[] = {{AX_STR("device"), f->device},
                                    {AX_STR("fstype"), f->type},
                                    {AX_STR("mountpoint"), f->mountpoint}};
        emit_rows(e, &w->labels, fs_rows, AX_ARRAY_LEN(fs_rows), f, labels, 3);
        ax_emit_with(e, &w->labels, "auspex_vmi_filesystem_readonly", labels, 3, f->read_only);
    }
}

/* ---- the round ---- */

static void label(struct ax_sighted *w, struct ax_str host_name, struct ax_emitter *e)
{
    if (w->labelled && strcmp(w->labelled_as, w->name) == 0)
        return;
    memcpy(w->labelled_as, w->name, sizeof w->labelled_as);
    struct ax_label v[] = {
        {AX_STR("job"), AX_STR("vmi")},
        {AX_STR("instance"), host_name},
        {AX_STR("handle"), ax_str(w->handle)},
        {AX_STR("vm"), ax_str(w->labelled_as)},
        {AX_STR("vm_uuid"), ax_str(w->handle + 3)},
        {AX_STR("host"), host_name},
        {AX_STR("hypervisor"), AX_STR("libvirt")},
    };
    ax_scope_new(e, &w->labels, v, AX_ARRAY_LEN(v));
    w->labelled = true;
}

static void emit_signs(struct ax_emitter *e, const struct ax_sighted *w)
{
    const struct {
        const char *name;
        bool is;
    } signs[] = {{"auspex_vmi_panicked", w->watch.panicked},
                 {"auspex_vmi_hung", w->watch.hung},
                 {"auspex_vmi_starved", w->watch.starved},
                 {"auspex_vmi_stuck", w->watch.stuck}};
    for (size_t i = 0; i < AX_ARRAY_LEN(signs); i++)
        ax_emit(e, &w->labels, signs[i].name, signs[i].is);
}

static void emit_vm(struct ax_emitter *e, struct ax_sighted *w, struct ax_str host_name)
{
    label(w, host_name, e);
    ax_emit(e, &w->labels, "auspex_vmi_up", w->up);
    ax_emit(e, &w->labels, "auspex_vmi_scope", (double)w->scope);
    ax_emit(e, &w->labels, "auspex_vmi_polls_total", (double)w->polls);
    ax_emit(e, &w->labels, "auspex_vmi_polls_failed_total", (double)w->failed);
    ax_emit(e, &w->labels, "auspex_vmi_attaches_total", (double)w->attached);
    if (!w->up || !w->groups[AX_SIGHT_VITAL].n)
        return;
    emit_vital(e, w);
    emit_signs(e, w);
    emit_tasks(e, w);
    emit_storage(e, w);
}

void ax_sight_round(struct ax_sight *s, struct ax_str host_name, const struct ax_vm_brief *v,
                    size_t n, struct ax_emitter *e)
{
    pthread_mutex_lock(&s->lock);
    ax_sight_learn(s, v, n);
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i]->here && s->v[i]->runs)
            emit_vm(e, s->v[i], host_name);
    pthread_mutex_unlock(&s->lock);
}
