// SPDX-License-Identifier: Apache-2.0
/* init_task and those behind it: processes with their threads, and the table of their numbers.
 *
 *   init_task.tasks <-> leader.tasks <-> leader.tasks ...
 *   leader.signal.thread_head <-> leader.thread_node <-> thread.thread_node ... */
#include "inner.h"

#include <stdio.h>
#include <stdlib.h>

#define POISON UINT64_C(0xdead000000000122)

void fake_list_init(struct fake *g, uint64_t head)
{
    fake_put(g, head, "list_head.next", head);
    fake_put(g, head, "list_head.prev", head);
}

void fake_list_add_tail(struct fake *g, uint64_t head, uint64_t node)
{
    uint64_t last = fake_get(g, head, "list_head.prev");
    fake_put(g, node, "list_head.next", head);
    fake_put(g, node, "list_head.prev", last);
    fake_put(g, last, "list_head.next", node);
    fake_put(g, head, "list_head.prev", node);
}

/* --- Table of process numbers: a tree of 64 slots a node ----------------------------------- */

static uint64_t new_node(struct fake *g, unsigned shift)
{
    uint64_t node = fake_heap_alloc(g, fake_size(g, "xa_node"));
    fake_put(g, node, "xa_node.shift", shift);
    return node;
}

static void pid_table_put(struct fake *g, uint64_t number, uint64_t pid)
{
    uint64_t ns = fake_symbol(g, "init_pid_ns");
    uint64_t head = fake_get(g, ns, "pid_namespace.idr.idr_rt.xa_head"), node = head & ~3ull;
    if (!node) {
        node = new_node(g, 6);
        fake_put(g, ns, "pid_namespace.idr.idr_rt.xa_head", node | 2);
    }
    unsigned shift = (unsigned)fake_get(g, node, "xa_node.shift");
    while (number >> (shift + 6)) { /* one storey more */
        uint64_t above = new_node(g, shift += 6);
        fake_u64(g, above + fake_offset(g, "xa_node.slots"), node | 2);
        fake_put(g, above, "xa_node.count", 1);
        fake_put(g, node, "xa_node.parent", above);
        fake_put(g, ns, "pid_namespace.idr.idr_rt.xa_head", above | 2);
        node = above;
    }
    for (; shift > 0; shift -= 6) {
        uint64_t slot = node + fake_offset(g, "xa_node.slots") + 8 * (number >> shift & 63), below;
        memcpy(&below, fake_at(g, slot), 8);
        if (!below) {
            below = new_node(g, shift - 6) | 2;
            fake_put(g, below & ~3ull, "xa_node.parent", node);
            fake_put(g, node, "xa_node.count", fake_get(g, node, "xa_node.count") + 1);
            fake_u64(g, slot, below);
        }
        node = below & ~3ull;
    }
    fake_u64(g, node + fake_offset(g, "xa_node.slots") + 8 * (number & 63), pid);
    fake_put(g, node, "xa_node.count", fake_get(g, node, "xa_node.count") + 1);
}

/* A thread has its number as a task, the first one of a process also as the process's. */
static void number_task(struct fake *g, uint64_t task, int32_t number)
{
    uint64_t pid = fake_heap_alloc(g, fake_size(g, "pid"));
    unsigned kinds = fake_get(g, task, "task_struct.tgid") == (uint64_t)number ? 2 : 1;
    fake_put(g, pid, "pid.count", 1);
    fake_put(g, pid, "pid.numbers[0].nr", (uint64_t)number);
    fake_put(g, pid, "pid.numbers[0].ns", fake_symbol(g, "init_pid_ns"));
    for (unsigned kind = 0; kind < kinds; kind++) { /* PIDTYPE_PID, PIDTYPE_TGID */
        uint64_t link = task + fake_offset(g, "task_struct.pid_links") + 16ull * kind;
        uint64_t head = pid + fake_offset(g, "pid.tasks") + 8ull * kind;
        fake_u64(g, head, link);
        fake_put(g, link, "hlist_node.pprev", head);
    }
    fake_put(g, task, "task_struct.thread_pid", pid);
    pid_table_put(g, (uint64_t)number, pid);
    uint64_t threads = fake_symbol(g, "nr_threads");
    fake_u32(g, threads, *(uint32_t *)(void *)fake_at(g, threads) + 1);
}

/* --- Tasks --------------------------------------------------------------------------------- */

static uint64_t rss_part(struct fake *g, uint64_t total)
{
    uint64_t at = g->percpu_base + (g->percpu_size + 3) / 4 * 4;
    if (g->percpu_size + 8 > FAKE_PERCPU) /* many processes: they share the last */
        return at - 4;
    g->percpu_size = at + 4 - g->percpu_base;
    for (unsigned cpu = 0; cpu < g->o.cpus; cpu++)
        fake_u32(g, g->percpu_chunk[cpu] + at - g->percpu_base, cpu ? 1 : (uint32_t)total);
    return at;
}

static void count_pages(struct fake *g, uint64_t mm, const char *counter, uint64_t pages)
{
    char path[64];
    uint64_t k = fake_constant(g, counter);
    if (!g->o.rss_percpu) {
        snprintf(path, sizeof path, "mm_struct.rss_stat.count[%u]", (unsigned)k);
        fake_put(g, mm, path, pages);
        return;
    }
    /* Each CPU but the first has counted one, the first took pages away again. */
    int64_t first = -3;
    uint64_t others = g->o.cpus - 1;
    snprintf(path, sizeof path, "mm_struct.rss_stat[%u].count", (unsigned)k);
    fake_put(g, mm, path, pages - others - (uint64_t)first);
    snprintf(path, sizeof path, "mm_struct.rss_stat[%u].counters", (unsigned)k);
    fake_put(g, mm, path, rss_part(g, (uint64_t)first));
}

static void put_state(struct fake *g, uint64_t task, char state)
{
    uint64_t v = state == 'S' ? 1 : state == 'D' ? 2 : state == 'T' ? 4 : state == 'I' ? 0x402 : 0;
    fake_put(g, task, g->o.new_state ? "task_struct.__state" : "task_struct.state", v);
    fake_put(g, task, "task_struct.exit_state", state == 'Z' ? 0x20 : state == 'X' ? 0x10 : 0);
}

static uint64_t new_signal(struct fake *g)
{
    uint64_t s = fake_heap_alloc(g, fake_size(g, "signal_struct"));
    fake_list_init(g, s + fake_offset(g, "signal_struct.thread_head"));
    return s;
}

static uint64_t new_task(struct fake *g, const struct fake_process *p, uint64_t at, uint64_t signal)
{
    fake_put_text(g, at, "task_struct.comm", p->name);
    fake_put(g, at, "task_struct.tgid", (uint64_t)p->pid);
    fake_put(g, at, "task_struct.signal", signal);
    fake_put(g, at, "task_struct.flags", p->kernel_thread ? 0x00200040 : 0x00400000);
    fake_put(g, at, "task_struct.start_boottime", (uint64_t)p->start_ns);
    fake_put(g, at, "task_struct.start_time", (uint64_t)p->start_ns);
    fake_put(g, at, "task_struct.nvcsw", (uint64_t)p->switches - 2);
    fake_put(g, at, "task_struct.nivcsw", 2);
    put_state(g, at, p->state);
    uint64_t cred = fake_heap_alloc(g, fake_size(g, "cred"));
    fake_put(g, cred, "cred.uid", p->uid);
    fake_put(g, cred, "cred.euid", 77);
    fake_put(g, cred, "cred.suid", 78);
    fake_put(g, at, "task_struct.cred", cred);
    fake_put(g, at, "task_struct.real_cred", cred);
    fake_list_init(g, at + fake_offset(g, "task_struct.tasks"));
    fake_list_init(g, at + fake_offset(g, "task_struct.children"));
    fake_list_add_tail(g, signal + fake_offset(g, "signal_struct.thread_head"),
                       at + fake_offset(g, "task_struct.thread_node"));
    fake_put(g, signal, "signal_struct.nr_threads",
             fake_get(g, signal, "signal_struct.nr_threads") + 1);
    return at;
}

/* The scheduler's clock has it right, and twice as much fell to ticks: only their shares count. */
static void put_cpu_time(struct fake *g, uint64_t task, uint64_t user, uint64_t sys)
{
    fake_put(g, task, "task_struct.utime", 2 * user);
    fake_put(g, task, "task_struct.stime", 2 * sys);
    fake_put(g, task, "task_struct.se.sum_exec_runtime", user + sys);
}

/* CPU time: a third in threads that have ended, the rest spread over those that run. */
static void add_threads(struct fake *g, struct fake_process *p, uint64_t signal)
{
    uint64_t user = (uint64_t)p->user_ns, sys = (uint64_t)p->system_ns;
    fake_put(g, signal, "signal_struct.utime", 2 * (user / 3));
    fake_put(g, signal, "signal_struct.stime", 2 * (sys / 3));
    fake_put(g, signal, "signal_struct.sum_sched_runtime", user / 3 + sys / 3);
    user -= user / 3, sys -= sys / 3;
    for (int32_t i = 1; i < p->threads; i++) {
        struct fake_process q = *p;
        snprintf(q.name, sizeof q.name, "thread-%d", i);
        uint64_t t = new_task(g, &q, fake_heap_alloc(g, fake_size(g, "task_struct")), signal);
        fake_put(g, t, "task_struct.pid", (uint64_t)(p->pid + i));
        fake_put(g, t, "task_struct.mm", fake_get(g, p->task, "task_struct.mm"));
        fake_put(g, t, "task_struct.group_leader", p->task);
        fake_put(g, t, "task_struct.real_parent", fake_get(g, p->task, "task_struct.real_parent"));
        put_cpu_time(g, t, 1000, 500);
        user -= 1000, sys -= 500;
        number_task(g, t, p->pid + i);
    }
    put_cpu_time(g, p->task, user, sys);
}

static uint64_t task_of(struct fake *g, int32_t pid)
{
    for (size_t i = 0; i < g->n_processes; i++)
        if (g->processes[i].pid == pid)
            return g->processes[i].task;
    return fake_symbol(g, "init_task");
}

static void add_process(struct fake *g, struct fake_process p)
{
    uint64_t signal = new_signal(g);
    p.task = new_task(g, &p, fake_heap_alloc(g, fake_size(g, "task_struct")), signal);
    fake_put(g, p.task, "task_struct.pid", (uint64_t)p.pid);
    fake_put(g, p.task, "task_struct.group_leader", p.task);
    fake_put(g, p.task, "task_struct.real_parent", task_of(g, p.ppid));
    fake_put(g, p.task, "task_struct.parent", task_of(g, p.ppid));
    if (!p.kernel_thread && p.state != 'Z') {
        uint64_t mm = fake_heap_alloc(g, fake_size(g, "mm_struct"));
        fake_put(g, p.task, "task_struct.mm", mm);
        count_pages(g, mm, "MM_FILEPAGES", (uint64_t)p.rss_pages / 4);
        count_pages(g, mm, "MM_SHMEMPAGES", (uint64_t)p.rss_pages / 8);
        count_pages(g, mm, "MM_ANONPAGES",
                    (uint64_t)(p.rss_pages - p.rss_pages / 4 - p.rss_pages / 8));
        count_pages(g, mm, "MM_SWAPENTS", (uint64_t)p.swap_pages);
    }
    number_task(g, p.task, p.pid);
    add_threads(g, &p, signal);
    if (!p.hidden)
        fake_list_add_tail(g, fake_symbol(g, "init_task") + fake_offset(g, "task_struct.tasks"),
                           p.task + fake_offset(g, "task_struct.tasks"));
    if ((g->n_processes & (g->n_processes - 1)) == 0)
        g->processes = ax_realloc(g->processes,
                                  (g->n_processes ? 2 * g->n_processes : 1) * sizeof *g->processes);
    g->processes[g->n_processes++] = p;
    g->next_pid = p.pid + p.threads + (int32_t)fake_below(g, 40);
}

static void add_init(struct fake *g)
{
    struct fake_process swapper = {
        .name = "swapper/0", .state = 'R', .kernel_thread = true, .switches = 2};
    uint64_t at = fake_data_of(g, "init_task", "task_struct");
    swapper.task = new_task(g, &swapper, at, new_signal(g));
    fake_put(g, at, "task_struct.real_parent", at);
    fake_put(g, at, "task_struct.group_leader", at);
    fake_data_of(g, "init_pid_ns", "pid_namespace");
    add_process(g, (struct fake_process){.pid = 1,
                                         .name = "systemd",
                                         .state = 'S',
                                         .threads = 1,
                                         .rss_pages = 3000,
                                         .user_ns = 90000000,
                                         .system_ns = 60000000,
                                         .switches = 900,
                                         .start_ns = 10000000});
    add_process(g, (struct fake_process){.pid = 2,
                                         .name = "kthreadd",
                                         .state = 'S',
                                         .threads = 1,
                                         .kernel_thread = true,
                                         .switches = 40,
                                         .start_ns = 10000000});
    add_process(g, (struct fake_process){.pid = 3,
                                         .ppid = 2,
                                         .name = "kworker/0:0",
                                         .state = 'I',
                                         .threads = 1,
                                         .kernel_thread = true,
                                         .system_ns = 3000,
                                         .switches = 44,
                                         .start_ns = 20000000});
}

static struct fake_process some_process(struct fake *g, size_t i)
{
    static const char states[] = "SSRSDSTSZS";
    struct fake_process p = {
        .pid = g->next_pid,
        .ppid = i < 4 ? 1 : g->processes[3 + fake_below(g, i)].pid,
        .uid = (uint32_t)fake_below(g, 2000),
        .state = states[i % 10],
        .threads = i % 5 == 2 ? 4 : 1,
        .rss_pages = (int64_t)fake_below(g, 100000),
        .swap_pages = (int64_t)fake_below(g, 1000),
        .user_ns = (int64_t)fake_below(g, UINT64_C(1) << 36) + 100000,
        .system_ns = (int64_t)fake_below(g, UINT64_C(1) << 34) + 100000,
        .switches = 2 + (int64_t)fake_below(g, 100000),
        .start_ns = (int64_t)(i * 1000000000 + 5000000),
    };
    snprintf(p.name, sizeof p.name, "prog-%zu", i);
    if (p.state == 'Z')
        p.rss_pages = p.swap_pages = 0;
    return p;
}

void fake_tasks(struct fake *g)
{
    add_init(g);
    for (size_t i = 0; i < g->o.processes; i++)
        add_process(g, some_process(g, i));
    if (g->o.hidden_process) {
        struct fake_process p = some_process(g, 1);
        snprintf(p.name, sizeof p.name, "%s", g->o.hidden_process);
        p.hidden = true;
        add_process(g, p);
    }
}

size_t fake_processes(struct fake *g, const struct fake_process **out)
{
    *out = g->processes;
    return g->n_processes;
}

uint64_t fake_fork(struct fake *g, const char *name, char state)
{
    struct fake_process p = some_process(g, g->o.processes + 1);
    snprintf(p.name, sizeof p.name, "%s", name);
    p.state = state;
    p.threads = 1;
    add_process(g, p);
    return g->processes[g->n_processes - 1].task;
}

void fake_exit(struct fake *g, uint64_t task)
{
    uint64_t node = task + fake_offset(g, "task_struct.tasks");
    uint64_t next = fake_get(g, node, "list_head.next"), prev = fake_get(g, node, "list_head.prev");
    fake_put(g, next, "list_head.prev", prev);
    fake_put(g, prev, "list_head.next", next);
    fake_put(g, node, "list_head.prev", POISON);
    for (size_t i = 0; i < g->n_processes; i++)
        if (g->processes[i].task == task)
            g->processes[i] = g->processes[--g->n_processes];
}
