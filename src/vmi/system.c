// SPDX-License-Identifier: Apache-2.0
/* The kernel's own figures: time, load, CPU, pressure, events, whether it has panicked. */
#include "vmi/kernel.h"

#include <errno.h>
#include <math.h>

#define TIME_UNKNOWN (INT64_MIN + 1)
#define TAINT_DIE    (UINT64_C(1) << 7)

/* --- Clocks --------------------------------------------------------------------------------- */

static bool is_wall(int64_t s)
{
    return s > 1000000000 && s < INT64_C(100000000000); /* 2001 to 5138 */
}

/* What programs read without a system call: basetime[CLOCK_REALTIME], seconds first. */
static int64_t shared_seconds(struct ax_vmi *v)
{
    uint64_t data = (uint64_t)ax_kernel_long(v, AX_SYM_vdso_k_time_data, 0), s;
    int32_t clock = ax_off(v, AX_OFF_vdso_clock_data), base = ax_off(v, AX_OFF_vdso_basetime);
    if (clock < 0 || base < 0 || !ax_guest_u64(&v->guest, data + (uint64_t)(clock + base), &s))
        return AX_UNKNOWN;
    return is_wall((int64_t)s) ? (int64_t)s : AX_UNKNOWN;
}

/* struct timekeeper follows a sequence counter, whose size depends on how the kernel was built;
 * kernels since 6.13 name the struct that holds both, and some hide the symbol. */
static int64_t wall_seconds(struct ax_vmi *v)
{
    int32_t at = ax_off(v, AX_OFF_timekeeper_xtime_sec);
    int32_t named = ax_off(v, AX_OFF_tk_data_timekeeper);
    const int32_t places[] = {named, 8, 16, 64};
    for (size_t i = named < 0; i < AX_ARRAY_LEN(places) && at >= 0; i++) {
        int64_t s = ax_kernel_long(v, AX_SYM_tk_core, places[i] + (int64_t)at);
        if (is_wall(s))
            return s;
    }
    return shared_seconds(v);
}

int64_t ax_kernel_time_ms(struct ax_vmi *v)
{
    int64_t s = wall_seconds(v);
    return s == AX_UNKNOWN ? TIME_UNKNOWN : s * 1000;
}

/* Jiffies begin five minutes below the point where 32 bits wrap. */
static double uptime_of(uint64_t jiffies, double hz)
{
    double first = (double)(uint32_t)(-300 * (int32_t)lround(hz));
    return ((double)jiffies - first) / hz;
}

/* Said by tick_nsec; else the usual one that fits the scheduler's clock. */
double ax_kernel_ticks(struct ax_vmi *v, uint64_t jiffies)
{
    static const double usual[] = {250, 1000, 100, 300};
    int64_t tick = ax_kernel_long(v, AX_SYM_tick_nsec, 0);
    double seconds = (double)ax_kernel_scheduler_clock(v) / 1e9, best = 0, least = INFINITY;
    if (tick >= 100000 && tick <= 100000000)
        return 1e9 / (double)tick;
    for (size_t i = 0; i < AX_ARRAY_LEN(usual); i++) {
        double apart = fabs(uptime_of(jiffies, usual[i]) - seconds);
        if (apart < least) {
            least = apart;
            best = usual[i];
        }
    }
    return best;
}

static int read_clock(struct ax_vmi *v, struct ax_system *s, struct ax_err *err)
{
    uint64_t jiffies;
    if (!ax_sym(v, AX_SYM_jiffies_64) ||
        !ax_guest_u64(&v->guest, ax_sym(v, AX_SYM_jiffies_64), &jiffies))
        return v->kallsyms.count
                   ? ax_fail(err, -EIO, "the kernel's clock (jiffies_64) cannot be read")
                   : ax_fail(err, -ENOTSUP, "%s", v->types_missing);
    int64_t wall = wall_seconds(v);
    s->jiffies = jiffies;
    s->uptime = uptime_of(jiffies, ax_kernel_ticks(v, jiffies));
    s->time = wall == AX_UNKNOWN ? (double)NAN : (double)wall;
    return 0;
}

/* --- Per CPU -------------------------------------------------------------------------------- */

/* The idle time of /proc/stat: a CPU without tick counts it apart, up to when it went idle. */
static uint64_t idle_ns(struct ax_vmi *v, const uint8_t *tick, enum ax_plan_member at,
                        uint64_t counted, uint64_t now_ns)
{
    if (!tick)
        return counted;
    uint64_t slept = ax_load_u64(tick + ax_off(v, at));
    uint64_t entered = ax_load_u64(tick + ax_off(v, AX_OFF_tick_idle_entrytime));
    if (at == AX_OFF_tick_idle_sleeptime && now_ns > entered &&
        now_ns - entered < UINT64_C(600000000000))
        slept += now_ns - entered;
    return slept > counted ? slept : counted;
}

static const uint8_t *tick_of(struct ax_vmi *v, uint32_t cpu)
{
    static const enum ax_plan_member used[] = {
        AX_OFF_tick_idle_entrytime, AX_OFF_tick_idle_sleeptime, AX_OFF_tick_iowait_sleeptime};
    uint64_t va = ax_sym(v, AX_SYM_tick_cpu_sched);
    size_t span = ax_span(v, used, AX_ARRAY_LEN(used));
    return va && span ? ax_guest_at(&v->guest, va + v->per_cpu[cpu], span) : NULL;
}

static void add_cpu_time(struct ax_vmi *v, uint32_t cpu, uint64_t now_ns, uint64_t ns[AX_CPU_MODES])
{
    static const enum ax_plan_constant modes[AX_CPU_MODES] = {
        AX_CONST_CPUTIME_USER,    AX_CONST_CPUTIME_NICE,   AX_CONST_CPUTIME_SYSTEM,
        AX_CONST_CPUTIME_IDLE,    AX_CONST_CPUTIME_IOWAIT, AX_CONST_CPUTIME_IRQ,
        AX_CONST_CPUTIME_SOFTIRQ, AX_CONST_CPUTIME_STEAL,
    };
    /* The order has been this one since Linux 2.6; newer kernels put more behind. */
    static const int32_t usual[AX_CPU_MODES] = {0, 1, 2, 5, 6, 4, 3, 7};
    int32_t at = ax_off(v, AX_OFF_cpustat_cpustat);
    uint64_t va = ax_sym(v, AX_SYM_kernel_cpustat) + v->per_cpu[cpu] + (uint64_t)(at < 0 ? 0 : at);
    const uint8_t *p = ax_guest_at(&v->guest, va, 80), *tick = tick_of(v, cpu);
    for (size_t m = 0; m < AX_CPU_MODES && p; m++) {
        int32_t i = v->has_types ? ax_const(v, modes[m]) : usual[m];
        uint64_t t = i >= 0 && i < 10 ? ax_load_u64(p + 8 * i) : 0;
        if (m == AX_CPU_IDLE)
            t = idle_ns(v, tick, AX_OFF_tick_idle_sleeptime, t, now_ns);
        if (m == AX_CPU_IOWAIT)
            t = idle_ns(v, tick, AX_OFF_tick_iowait_sleeptime, t, now_ns);
        ns[m] += t;
    }
}

/* Counts per CPU may be negative: a task can block on one and wake on another. */
static uint64_t rq_count(struct ax_vmi *v, const uint8_t *rq, enum ax_plan_member m)
{
    return (uint64_t)(int64_t)(int32_t)ax_load_u32(rq + ax_off(v, m));
}

static void read_cpus(struct ax_vmi *v, struct ax_system *s)
{
    static const enum ax_plan_member used[] = {AX_OFF_rq_nr_running, AX_OFF_rq_nr_switches,
                                               AX_OFF_rq_nr_uninterruptible};
    size_t span = ax_sym(v, AX_SYM_runqueues) ? ax_span(v, used, AX_ARRAY_LEN(used)) : 0;
    uint64_t ns[AX_CPU_MODES] = {0}, running = 0, switches = 0, blocked = 0;
    /* A clock that says more than 30 years is no clock. */
    uint64_t now_ns = s->uptime > 0 && s->uptime < 1e9 ? (uint64_t)(s->uptime * 1e9) : 0;
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++) {
        if (ax_sym(v, AX_SYM_kernel_cpustat))
            add_cpu_time(v, cpu, now_ns, ns);
        uint64_t va = ax_sym(v, AX_SYM_runqueues) + v->per_cpu[cpu];
        const uint8_t *rq = span ? ax_guest_at(&v->guest, va, span) : NULL;
        if (!rq)
            continue;
        running += rq_count(v, rq, AX_OFF_rq_nr_running);
        switches += ax_load_u64(rq + ax_off(v, AX_OFF_rq_nr_switches));
        blocked += rq_count(v, rq, AX_OFF_rq_nr_uninterruptible);
    }
    for (size_t m = 0; m < AX_CPU_MODES; m++)
        s->cpu_us[m] =
            v->cpus && ax_sym(v, AX_SYM_kernel_cpustat) ? (int64_t)(ns[m] / 1000) : AX_UNKNOWN;
    bool known = v->cpus && span;
    s->runnable = known ? (int64_t)running : AX_UNKNOWN;
    s->switches = known ? (int64_t)switches : AX_UNKNOWN;
    s->uninterruptible = known ? (int64_t)blocked : AX_UNKNOWN;
}

static int64_t event_sum(struct ax_vmi *v, enum ax_plan_constant event)
{
    uint64_t sum = 0, part, va = ax_sym(v, AX_SYM_vm_event_states);
    int32_t at = ax_off(v, AX_OFF_vm_event_event), i = ax_const(v, event);
    if (!va || at < 0 || i < 0 || v->cpus == 0)
        return AX_UNKNOWN;
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++)
        if (ax_guest_u64(&v->guest, va + v->per_cpu[cpu] + (uint64_t)at + 8 * (uint64_t)i, &part))
            sum += part;
    return (int64_t)sum;
}

/* --- Pressure (PSI) ------------------------------------------------------------------------- */

static double average(struct ax_vmi *v, int32_t state)
{
    /* avg[state][3]: 10, 60, 300 seconds; fixed point, 11 bits behind the point */
    int64_t raw =
        ax_kernel_long(v, AX_SYM_psi_system, ax_off(v, AX_OFF_psi_avg) + 8 * 3 * (int64_t)state);
    return raw == AX_UNKNOWN ? (double)NAN : (double)raw / 2048;
}

static bool read_pressure(struct ax_vmi *v, enum ax_plan_constant some, enum ax_plan_constant full,
                          struct ax_pressure *out)
{
    int32_t s = ax_const(v, some), f = ax_const(v, full), at = ax_off(v, AX_OFF_psi_total);
    if (!ax_sym(v, AX_SYM_psi_system) || at < 0 || ax_off(v, AX_OFF_psi_avg) < 0 || s < 0 ||
        s > 16 || f > 16)
        return false;
    int64_t some_ns = ax_kernel_long(v, AX_SYM_psi_system, at + 8 * (int64_t)s);
    int64_t full_ns =
        f < 0 ? AX_UNKNOWN : ax_kernel_long(v, AX_SYM_psi_system, at + 8 * (int64_t)f);
    *out = (struct ax_pressure){
        .some_us = some_ns == AX_UNKNOWN ? AX_UNKNOWN : some_ns / 1000,
        .full_us = full_ns == AX_UNKNOWN ? AX_UNKNOWN : full_ns / 1000,
        .some_avg10 = average(v, s),
        .full_avg10 = f < 0 ? (double)NAN : average(v, f),
    };
    return true;
}

/* --- State ---------------------------------------------------------------------------------- */

static void read_state(struct ax_vmi *v, struct ax_system *s)
{
    int64_t panic_cpu = ax_kernel_int(v, AX_SYM_panic_cpu, 0);
    int64_t state = ax_kernel_int(v, AX_SYM_system_state, 0);
    int32_t running = ax_const(v, AX_CONST_SYSTEM_RUNNING);
    int64_t tainted = ax_kernel_long(v, AX_SYM_tainted_mask, 0);
    s->tainted = tainted == AX_UNKNOWN ? 0 : (uint64_t)tainted;
    s->panic_cpu = panic_cpu >= 0 ? panic_cpu : AX_UNKNOWN;
    if (panic_cpu >= 0)
        s->state = AX_GUEST_PANICKED;
    else if (state != AX_UNKNOWN && running > 0 && state < running)
        s->state = AX_GUEST_BOOTING;
    else
        s->state = s->tainted & TAINT_DIE ? AX_GUEST_OOPSED : AX_GUEST_RUNNING;
}

static int64_t online_cpus(struct ax_vmi *v)
{
    uint64_t mask[AX_MAX_CPUS / 64];
    int64_t n = ax_kernel_int(v, AX_SYM___num_online_cpus, 0);
    uint64_t va = ax_sym(v, AX_SYM___cpu_online_mask);
    size_t words = (v->cpus + 63) / 64;
    if (n > 0 && n <= AX_MAX_CPUS)
        return n;
    if (!va || words == 0 || !ax_guest_read(&v->guest, va, mask, words * 8))
        return AX_UNKNOWN;
    n = 0;
    for (size_t i = 0; i < words; i++)
        n += __builtin_popcountll(mask[i]);
    return n;
}

static void read_hostname(struct ax_vmi *v, struct ax_arena *a, struct ax_system *s)
{
    char text[66];
    if (v->options.scope < AX_SCOPE_PROCESSES ||
        !ax_guest_text(&v->guest, v->uts_name + 65, text, 65))
        return;
    s->hostname = ax_arena_str(a, ax_str(text));
}

int ax_read_system(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    struct ax_system *s = &r->system;
    int rc = read_clock(v, s, err);
    if (rc < 0)
        return rc;
    read_hostname(v, a, s);
    read_state(v, s);
    read_cpus(v, s);
    s->cpus_online = online_cpus(v);
    s->threads = ax_kernel_int(v, AX_SYM_nr_threads, 0);
    s->forks = ax_kernel_long(v, AX_SYM_total_forks, 0);
    for (int i = 0; i < 3; i++) {
        int64_t raw = ax_kernel_long(v, AX_SYM_avenrun, 8 * i);
        s->load[i] = raw == AX_UNKNOWN ? (double)NAN : (double)raw / 2048;
    }
    s->oom_kills = event_sum(v, AX_CONST_OOM_KILL);
    s->page_faults = event_sum(v, AX_CONST_PGFAULT);
    s->major_faults = event_sum(v, AX_CONST_PGMAJFAULT);
    s->swap_in_pages = event_sum(v, AX_CONST_PSWPIN);
    s->swap_out_pages = event_sum(v, AX_CONST_PSWPOUT);
    s->has_pressure = read_pressure(v, AX_CONST_PSI_IO_SOME, AX_CONST_PSI_IO_FULL, &s->io) &&
                      read_pressure(v, AX_CONST_PSI_MEM_SOME, AX_CONST_PSI_MEM_FULL, &s->memory) &&
                      read_pressure(v, AX_CONST_PSI_CPU_SOME, AX_CONST_PSI_CPU_FULL, &s->cpu);
    if (s->has_pressure && s->cpu.full_us != AX_UNKNOWN) { /* of a whole system: defined as none */
        s->cpu.full_us = 0;
        s->cpu.full_avg10 = 0;
    }
    return 0;
}
