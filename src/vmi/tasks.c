// SPDX-License-Identifier: Apache-2.0
/* Processes: the list that begins and ends at init_task.
 *
 *   init_task <-> init <-> kthreadd <-> ... <-> the newest <-> init_task
 *
 * The guest changes the list while we walk. A node counts only if it points back to the one that
 * led to it, before and after its forward pointer is read: a process that ended is poisoned there,
 * and one that took its place points elsewhere. Memory of two neighbours that ended may become that
 * of two new neighbours at the end of the list, while we are kept waiting between them: so the
 * node before must still be the process that it was. The walk must come back to its begin. If not,
 * it is thrown away and done again. */
#include "vmi/kernel.h"

#include <errno.h>

#define MAX_PROCESSES (1u << 18)
#define MAX_THREADS   (1u << 16)
#define MAX_FDS       (1u << 20)
#define WORDS_A_STEP  64u /* of a map of open files */

#define STATE_SLEEPING 0x1u
#define STATE_BLOCKED  0x2u
#define STATE_NOLOAD   0x400u
#define STATE_RTLOCK   0x1000u
#define STATE_FROZEN   0x8000u
#define EXIT_MASK      0x30u
#define REPORT_MASK    0x7fu
#define FLAG_KTHREAD   0x00200000u

static const enum ax_plan_member needed[] = {
    AX_OFF_task_tasks,      AX_OFF_task_state,  AX_OFF_task_exit_state, AX_OFF_task_flags,
    AX_OFF_task_pid,        AX_OFF_task_comm,   AX_OFF_task_parent,     AX_OFF_task_utime,
    AX_OFF_task_stime,      AX_OFF_task_nvcsw,  AX_OFF_task_nivcsw,     AX_OFF_task_start,
    AX_OFF_task_mm,         AX_OFF_task_signal, AX_OFF_task_cred,       AX_OFF_task_files,
    AX_OFF_task_exec_start, AX_OFF_task_ran,
};

/* What one walk has at hand. */
struct walk {
    struct ax_vmi *v;
    struct ax_arena *a;
    size_t from, span; /* bytes of task_struct that hold all that is read */
    struct ax_process *list;
    size_t n, cap;
    uint64_t now_ns; /* the scheduler's clock: the latest of all CPUs */
};

static uint64_t field(const struct walk *w, const uint8_t *task, enum ax_plan_member m)
{
    return ax_load_u64(task + ((size_t)ax_off(w->v, m) - w->from));
}

static uint32_t field32(const struct walk *w, const uint8_t *task, enum ax_plan_member m)
{
    return ax_load_u32(task + ((size_t)ax_off(w->v, m) - w->from));
}

/* The letter of /proc/PID/stat. */
static char state_letter(uint32_t state, uint32_t exit_state)
{
    uint32_t report = (state | exit_state) & REPORT_MASK;
    if (exit_state & EXIT_MASK)
        return exit_state & 0x20 ? 'Z' : 'X';
    if ((state & (STATE_BLOCKED | STATE_NOLOAD)) == (STATE_BLOCKED | STATE_NOLOAD))
        return 'I';
    if (state & (STATE_RTLOCK | STATE_FROZEN))
        return 'D';
    if (report == 0)
        return 'R';
    return "SDTtXZP"[31 - __builtin_clz(report)];
}

/* --- What hangs on a task ------------------------------------------------------------------- */

static uint64_t counter_total(struct ax_vmi *v, const uint8_t *mm, int32_t i)
{
    if (ax_off(v, AX_OFF_mm_rss_count) >= 0) /* until 6.1: plain counters */
        return ax_load_u64(mm + ax_off(v, AX_OFF_mm_rss_count) + 8 * i);
    const uint8_t *c =
        mm + ax_off(v, AX_OFF_mm_rss_stat) + i * v->plan.size[AX_SIZE_percpu_counter];
    uint64_t sum = ax_load_u64(c + ax_off(v, AX_OFF_percpu_counter_count));
    uint64_t counters = ax_load_u64(c + ax_off(v, AX_OFF_percpu_counter_counters));
    for (uint32_t cpu = 0; cpu < v->cpus; cpu++) {
        const uint8_t *p = ax_guest_at(&v->guest, counters + v->per_cpu[cpu], 4);
        sum += p ? (uint64_t)(int64_t)(int32_t)ax_load_u32(p) : 0;
    }
    return sum;
}

/* Bytes of mm_struct up to behind its four counters; 0 = not known here. */
static size_t rss_span(const struct ax_vmi *v)
{
    int32_t size = v->plan.size[AX_SIZE_percpu_counter];
    if (ax_off(v, AX_OFF_mm_rss_count) >= 0)
        return (size_t)ax_off(v, AX_OFF_mm_rss_count) + 4 * 8;
    if (ax_off(v, AX_OFF_mm_rss_stat) < 0 || size < 16 || size > 256 ||
        ax_off(v, AX_OFF_percpu_counter_count) < 0 ||
        ax_off(v, AX_OFF_percpu_counter_count) > size - 8 ||
        ax_off(v, AX_OFF_percpu_counter_counters) < 0 ||
        ax_off(v, AX_OFF_percpu_counter_counters) > size - 8)
        return 0;
    return (size_t)ax_off(v, AX_OFF_mm_rss_stat) + 4 * (size_t)size;
}

static int64_t clamp_pages(uint64_t pages)
{
    return pages < UINT64_C(1) << 40 ? (int64_t)pages * AX_PAGE : 0; /* negative for a moment */
}

static void read_rss(struct walk *w, uint64_t mm, struct ax_process *p)
{
    enum { FILE_PAGES, ANON_PAGES, SWAP_ENTS, SHMEM_PAGES };
    size_t span = rss_span(w->v);
    const uint8_t *at = span ? ax_guest_at(&w->v->guest, mm, span) : NULL;
    if (!at) {
        p->rss = p->swap = AX_UNKNOWN;
        return;
    }
    p->rss = clamp_pages(counter_total(w->v, at, FILE_PAGES)) +
             clamp_pages(counter_total(w->v, at, ANON_PAGES)) +
             clamp_pages(counter_total(w->v, at, SHMEM_PAGES));
    p->swap = clamp_pages(counter_total(w->v, at, SWAP_ENTS));
}

/* CPU time in ns: user and system as the ticks that fell on them, ran as the scheduler's clock. */
struct cpu_time {
    uint64_t user, system, ran;
};

static void add_task(const struct walk *w, const uint8_t *task, struct cpu_time *c)
{
    c->user += field(w, task, AX_OFF_task_utime);
    c->system += field(w, task, AX_OFF_task_stime);
    c->ran += field(w, task, AX_OFF_task_ran);
}

/* What ended threads have used. */
static void add_ended(const struct walk *w, const uint8_t *sig, struct cpu_time *c)
{
    c->user += ax_load_u64(sig + ax_off(w->v, AX_OFF_signal_utime));
    c->system += ax_load_u64(sig + ax_off(w->v, AX_OFF_signal_stime));
    if (ax_off(w->v, AX_OFF_signal_ran) >= 0)
        c->ran += ax_load_u64(sig + ax_off(w->v, AX_OFF_signal_ran));
}

/* False, and *c as it was, when the list of threads changed while it was walked. */
static bool add_threads(struct walk *w, uint64_t signal, const uint8_t *sig, uint32_t threads,
                        struct cpu_time *c)
{
    struct ax_vmi *v = w->v;
    struct cpu_time sum = {0};
    uint64_t head = signal + (uint64_t)ax_off(v, AX_OFF_signal_thread_head);
    uint64_t node = ax_load_u64(sig + ax_off(v, AX_OFF_signal_thread_head));
    for (uint32_t i = 0; node != head; i++) {
        uint64_t task = node - (uint64_t)ax_off(v, AX_OFF_task_thread_node);
        const uint8_t *t = ax_guest_at(&v->guest, task + w->from, w->span);
        if (!t || i >= threads + 64 || !ax_guest_u64(&v->guest, node, &node))
            return false;
        add_task(w, t, &sum);
    }
    *c = sum;
    return true;
}

/* As the kernel tells it in /proc: ticks miss much of what runs shortly, so the scheduler's clock
 * says how much it was, and the ticks only how it is shared out. */
static void share_out(const struct cpu_time *c, struct ax_process *p)
{
    uint64_t ticks = c->user + c->system, total = c->ran ? c->ran : ticks, system = 0;
    if (ticks) {
        unsigned __int128 share = (unsigned __int128)total * c->system / ticks;
        system = share < total ? (uint64_t)share : total; /* the guest's sum may have wrapped */
    }
    p->system_us = (int64_t)(system / 1000);
    p->user_us = (int64_t)((total - system) / 1000);
}

static void read_signal(struct walk *w, const uint8_t *task, struct ax_process *p)
{
    static const enum ax_plan_member used[] = {AX_OFF_signal_nr_threads, AX_OFF_signal_thread_head,
                                               AX_OFF_signal_utime, AX_OFF_signal_stime,
                                               AX_OFF_task_thread_node};
    static const enum ax_plan_member with_ran[] = {
        AX_OFF_signal_nr_threads, AX_OFF_signal_thread_head, AX_OFF_signal_utime,
        AX_OFF_signal_stime,      AX_OFF_task_thread_node,   AX_OFF_signal_ran};
    struct cpu_time c = {0};
    uint64_t signal = field(w, task, AX_OFF_task_signal);
    size_t span = ax_off(w->v, AX_OFF_signal_ran) >= 0
                      ? ax_span(w->v, with_ran, AX_ARRAY_LEN(with_ran))
                      : ax_span(w->v, used, AX_ARRAY_LEN(used));
    const uint8_t *sig = span ? ax_guest_at(&w->v->guest, signal, span) : NULL;
    uint32_t threads = sig ? ax_load_u32(sig + ax_off(w->v, AX_OFF_signal_nr_threads)) : 1;
    p->threads = threads <= MAX_THREADS ? (int32_t)threads : 0;
    add_task(w, task, &c);
    if (sig && threads > 1 && threads <= MAX_THREADS)
        (void)add_threads(w, signal, sig, threads, &c);
    if (sig)
        add_ended(w, sig, &c);
    share_out(&c, p);
}

static int64_t open_files(struct walk *w, uint64_t files)
{
    static const enum ax_plan_member used[] = {AX_OFF_fdt_max_fds, AX_OFF_fdt_open_fds};
    struct ax_guest *g = &w->v->guest;
    size_t span = ax_span(w->v, used, AX_ARRAY_LEN(used));
    uint64_t fdt, n = 0;
    if (files == 0)
        return 0;
    if (!span || ax_off(w->v, AX_OFF_files_fdt) < 0 ||
        !ax_guest_u64(g, files + (uint64_t)ax_off(w->v, AX_OFF_files_fdt), &fdt))
        return AX_UNKNOWN;
    const uint8_t *t = ax_guest_at(g, fdt, span);
    uint32_t max = t ? ax_load_u32(t + ax_off(w->v, AX_OFF_fdt_max_fds)) : MAX_FDS + 1;
    if (max > MAX_FDS)
        return AX_UNKNOWN;
    uint64_t bits = ax_load_u64(t + ax_off(w->v, AX_OFF_fdt_open_fds));
    const uint8_t *map = ax_guest_at(g, bits, (max + 63) / 64 * 8);
    for (uint32_t i = 0; map && i < (max + 63) / 64; i++) {
        if (i % WORDS_A_STEP == WORDS_A_STEP - 1 && !ax_guest_spend(g))
            return AX_UNKNOWN;
        n += (uint64_t)__builtin_popcountll(ax_load_u64(map + 8 * (size_t)i));
    }
    return map ? (int64_t)n : AX_UNKNOWN;
}

/* --- One process ---------------------------------------------------------------------------- */

static uint32_t uid_of(struct walk *w, uint64_t cred)
{
    uint32_t uid = 0;
    if (ax_off(w->v, AX_OFF_cred_uid) >= 0)
        (void)ax_guest_u32(&w->v->guest, cred + (uint64_t)ax_off(w->v, AX_OFF_cred_uid), &uid);
    return uid;
}

static void read_process(struct walk *w, uint64_t va, const uint8_t *task, struct ax_process *p)
{
    struct ax_vmi *v = w->v;
    uint64_t mm = field(w, task, AX_OFF_task_mm);
    *p = (struct ax_process){.task = va, .pid = (int32_t)field32(w, task, AX_OFF_task_pid)};
    memcpy(p->name, task + ((size_t)ax_off(v, AX_OFF_task_comm) - w->from), sizeof p->name - 1);
    p->kernel_thread = field32(w, task, AX_OFF_task_flags) & FLAG_KTHREAD;
    p->state =
        state_letter(field32(w, task, AX_OFF_task_state), field32(w, task, AX_OFF_task_exit_state));
    p->switches = (int64_t)(field(w, task, AX_OFF_task_nvcsw) + field(w, task, AX_OFF_task_nivcsw));
    p->start_us = (int64_t)(field(w, task, AX_OFF_task_start) / 1000);
    uint64_t parent = field(w, task, AX_OFF_task_parent);
    uint32_t ppid = 0;
    (void)ax_guest_u32(&v->guest, parent + (uint64_t)ax_off(v, AX_OFF_task_pid), &ppid);
    p->ppid = (int32_t)ppid;
    p->uid = uid_of(w, field(w, task, AX_OFF_task_cred));
    read_signal(w, task, p);
    if (mm && !p->kernel_thread)
        read_rss(w, mm, p);
    p->open_files = open_files(w, field(w, task, AX_OFF_task_files));
    uint64_t ran = field(w, task, AX_OFF_task_exec_start);
    if (p->state == 'D' && w->now_ns > ran)
        p->blocked_us = (int64_t)((w->now_ns - ran) / 1000);
}

static struct ax_process *next_slot(struct walk *w)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 128;
        w->list = ax_arena_grow(w->a, w->list, w->cap * sizeof *w->list, cap * sizeof *w->list);
        w->cap = cap;
    }
    return &w->list[w->n++];
}

/* --- The walk ------------------------------------------------------------------------------- */

static bool points_back(const struct walk *w, const uint8_t *task, uint64_t to)
{
    return ax_load_u64(task + ((size_t)ax_off(w->v, AX_OFF_task_tasks) - w->from) + 8) == to;
}

/* Is it still who was read there? No two processes begin in the same nanosecond with one PID. */
static bool is_same(const struct walk *w, const uint8_t *task, const struct ax_process *p)
{
    return (int32_t)field32(w, task, AX_OFF_task_pid) == p->pid &&
           (int64_t)(field(w, task, AX_OFF_task_start) / 1000) == p->start_us;
}

static bool walk_once(struct walk *w)
{
    struct ax_guest *g = &w->v->guest;
    uint64_t list = (uint64_t)ax_off(w->v, AX_OFF_task_tasks);
    uint64_t head = ax_sym(w->v, AX_SYM_init_task) + list, before = head, node, last;
    const uint8_t *last_task = NULL;
    w->n = 0;
    if (!ax_guest_u64(g, head, &node))
        return false;
    while (node != head) {
        const uint8_t *task = ax_guest_at(g, node - list + w->from, w->span);
        if (!task || w->n == MAX_PROCESSES || !points_back(w, task, before))
            return false;
        read_process(w, node - list, task, next_slot(w));
        uint64_t next = field(w, task, AX_OFF_task_tasks);
        if (!points_back(w, task, before) ||
            (last_task && !is_same(w, last_task, &w->list[w->n - 2])))
            return false;
        last_task = task;
        before = node;
        node = next;
    }
    return ax_guest_u64(g, head + 8, &last) && last == before;
}

int ax_read_processes(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r,
                      struct ax_err *err)
{
    struct walk w = {.v = v, .a = a, .from = SIZE_MAX, .now_ns = ax_kernel_scheduler_clock(v)};
    int rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    enum ax_plan_symbol list = AX_SYM_init_task;
    if (rc == 0)
        rc = ax_need_symbols(v, &list, 1, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < AX_ARRAY_LEN(needed); i++)
        if ((size_t)ax_off(v, needed[i]) < w.from)
            w.from = (size_t)ax_off(v, needed[i]);
    w.span = ax_span(v, needed, AX_ARRAY_LEN(needed)) + 8 - w.from; /* names and list heads: 16 */
    for (unsigned tries = 0; tries < 3 && !v->guest.exhausted; tries++) {
        if (walk_once(&w)) {
            r->processes = w.list;
            r->n_processes = w.n;
            return 0;
        }
        v->torn++;
    }
    return ax_fail(err, -EAGAIN,
                   v->guest.exhausted
                       ? "the list of processes does not end within this poll's budget"
                       : "the list of processes changed under each of three looks");
}
