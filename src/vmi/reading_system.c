// SPDX-License-Identifier: Apache-2.0
/* The numbers of a reading, as JSON. */
#include "vmi/reading_put.h"

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

static void put_pressure(struct ax_json *j, const char *key, const struct ax_pressure *p)
{
    ax_json_key(j, key);
    ax_json_obj(j);
    ax_put_us(j, "some_seconds", p->some_us);
    ax_put_us(j, "full_seconds", p->full_us);
    ax_put_num(j, "some_avg10", p->some_avg10);
    ax_put_num(j, "full_avg10", p->full_avg10);
    ax_json_end(j);
}

static void put_cpu(struct ax_json *j, const struct ax_system *s)
{
    ax_json_key(j, "cpu_seconds");
    ax_json_obj(j);
    for (size_t m = 0; m < AX_CPU_MODES; m++)
        ax_put_us(j, ax_cpu_mode_names[m], s->cpu_us[m]);
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
    ax_put_int(j, "tainted", (int64_t)(mask & INT64_MAX));
    ax_json_key(j, "taint_flags");
    ax_json_arr(j);
    for (size_t i = 0; i < AX_ARRAY_LEN(taints); i++)
        if (mask >> i & 1)
            ax_json_cstr(j, taints[i]);
    ax_json_end(j);
}

void ax_put_system(struct ax_json *j, const struct ax_system *s)
{
    ax_json_key(j, "system");
    ax_json_obj(j);
    ax_put_str(j, "state", ax_str(states[s->state]));
    ax_put_int(j, "panic_cpu", s->panic_cpu);
    if (s->hostname.n)
        ax_put_str(j, "hostname", s->hostname);
    ax_put_num(j, "uptime_seconds", s->uptime);
    ax_put_num(j, "time_seconds", s->time);
    ax_put_int(j, "jiffies", (int64_t)(s->jiffies & INT64_MAX));
    ax_put_num(j, "load1", s->load[0]);
    ax_put_num(j, "load5", s->load[1]);
    ax_put_num(j, "load15", s->load[2]);
    ax_put_int(j, "cpus_online", s->cpus_online);
    ax_put_int(j, "threads", s->threads);
    ax_put_int(j, "runnable", s->runnable);
    ax_put_int(j, "uninterruptible", s->uninterruptible);
    ax_put_int(j, "forks_total", s->forks);
    ax_put_int(j, "context_switches_total", s->switches);
    ax_put_int(j, "oom_kills_total", s->oom_kills);
    ax_put_int(j, "page_faults_total", s->page_faults);
    ax_put_int(j, "major_faults_total", s->major_faults);
    ax_put_int(j, "swap_in_pages_total", s->swap_in_pages);
    ax_put_int(j, "swap_out_pages_total", s->swap_out_pages);
    put_taint(j, s->tainted);
    put_cpu(j, s);
    ax_json_end(j);
}

void ax_put_memory(struct ax_json *j, const struct ax_memory *m)
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
        ax_put_int(j, fields[i].key, fields[i].v);
    ax_json_end(j);
}
