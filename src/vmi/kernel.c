// SPDX-License-Identifier: Apache-2.0
#include "vmi/kernel.h"

#include <errno.h>

int ax_need_symbols(const struct ax_vmi *v, const enum ax_plan_symbol *s, size_t n,
                    struct ax_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!v->plan.symbol[s[i]])
            return ax_fail(err, -ENOTSUP, "this kernel has no symbol %s in kallsyms",
                           ax_plan_symbol_name(s[i]));
    return 0;
}

int ax_need_members(const struct ax_vmi *v, const enum ax_plan_member *m, size_t n,
                    struct ax_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (v->plan.member[m[i]] < 0)
            return v->has_types ? ax_fail(err, -ENOTSUP, "this kernel's types have no %s",
                                          ax_plan_member_name(m[i]))
                                : ax_fail(err, -ENOTSUP, "%s", v->types_missing);
    return 0;
}

size_t ax_span(const struct ax_vmi *v, const enum ax_plan_member *m, size_t n)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        if (ax_off(v, m[i]) < 0)
            return 0;
        if ((size_t)ax_off(v, m[i]) + 8 > end)
            end = (size_t)ax_off(v, m[i]) + 8;
    }
    return end;
}

bool ax_kernel_is_there(struct ax_vmi *v)
{
    char name[17];
    uint64_t task = ax_sym(v, AX_SYM_init_task);
    int32_t comm = ax_off(v, AX_OFF_task_comm);
    if (!ax_vmcoreinfo_same(v->guest.ram, &v->info))
        return false;
    if (!task || comm < 0)
        return true;
    return ax_guest_text(&v->guest, task + (uint64_t)comm, name, 16) &&
           ax_str_starts(ax_str(name), AX_STR("swapper"));
}

void ax_kernel_cpus(struct ax_vmi *v)
{
    uint32_t n = 1;
    uint64_t table = ax_sym(v, AX_SYM___per_cpu_offset);
    v->cpus = 0;
    if (!table)
        return;
    if (ax_sym(v, AX_SYM_nr_cpu_ids))
        (void)ax_guest_u32(&v->guest, ax_sym(v, AX_SYM_nr_cpu_ids), &n);
    if (n > AX_MAX_CPUS)
        n = AX_MAX_CPUS;
    if (ax_guest_read(&v->guest, table, v->per_cpu, n * sizeof *v->per_cpu))
        v->cpus = n;
}

int64_t ax_kernel_long(struct ax_vmi *v, enum ax_plan_symbol s, int64_t offset)
{
    uint64_t value, va = ax_sym(v, s);
    if (!va || offset < 0 || !ax_guest_u64(&v->guest, va + (uint64_t)offset, &value))
        return AX_UNKNOWN;
    return (int64_t)value;
}

int64_t ax_kernel_int(struct ax_vmi *v, enum ax_plan_symbol s, int64_t offset)
{
    uint32_t value;
    uint64_t va = ax_sym(v, s);
    if (!va || offset < 0 || !ax_guest_u32(&v->guest, va + (uint64_t)offset, &value))
        return AX_UNKNOWN;
    return (int32_t)value;
}

uint64_t ax_kernel_scheduler_clock(struct ax_vmi *v)
{
    uint64_t latest = 0, now;
    int32_t at = ax_off(v, AX_OFF_rq_clock);
    for (uint32_t cpu = 0; cpu < v->cpus && at >= 0 && ax_sym(v, AX_SYM_runqueues); cpu++) {
        uint64_t rq = ax_sym(v, AX_SYM_runqueues) + v->per_cpu[cpu];
        if (ax_guest_u64(&v->guest, rq + (uint64_t)at, &now) && now > latest)
            latest = now;
    }
    return latest;
}

int64_t ax_kernel_percpu_counter(struct ax_vmi *v, uint64_t va)
{
    uint64_t count, counters;
    int32_t at_count = ax_off(v, AX_OFF_percpu_counter_count);
    int32_t at_counters = ax_off(v, AX_OFF_percpu_counter_counters);
    if (at_count < 0 || at_counters < 0 ||
        !ax_guest_u64(&v->guest, va + (uint64_t)at_count, &count) ||
        !ax_guest_u64(&v->guest, va + (uint64_t)at_counters, &counters))
        return AX_UNKNOWN;
    uint64_t sum = count; /* wraps rather than overflows: these are the guest's numbers */
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++) {
        uint32_t part;
        if (ax_guest_u32(&v->guest, counters + v->per_cpu[cpu], &part))
            sum += (uint64_t)(int64_t)(int32_t)part;
    }
    return (int64_t)sum;
}
