// SPDX-License-Identifier: Apache-2.0
/* Processes that are not in the list of tasks, but have a PID: the table of PIDs leads to them.
 *
 * A process is put into the list before its PID leads to it, and taken out after; so whoever has a
 * PID before and after a walk of the list must be met by that walk. Compared are numbers, because
 * a thread that executes a program takes its leader's number and then its place in the list. */
#include "vmi/integrity.h"
#include "vmi/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_PROCESSES  (1u << 18)
#define MAX_PIDS       (1u << 20)
#define MAX_CANDIDATES 64u
#define HLIST_NODE     16u

struct candidate {
    uint64_t pid, task; /* struct pid, struct task_struct */
    uint32_t number;
};

struct search {
    struct ax_vmi *v;
    struct ax_arena *a;
    uint32_t *listed; /* numbers of processes, ascending */
    size_t n_listed, cap;
    struct candidate missing[MAX_CANDIDATES];
    size_t n;
};

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool is_listed(const struct search *s, uint32_t number)
{
    return s->n_listed && bsearch(&number, s->listed, s->n_listed, sizeof number, compare);
}

/* --- The list of tasks ----------------------------------------------------------------------- */

static bool take_task(void *self, uint64_t node)
{
    struct search *s = self;
    uint32_t number;
    if (!ax_walk_u32(s->v, node - (uint64_t)ax_off(s->v, AX_OFF_task_tasks), AX_OFF_task_tgid,
                     &number))
        return false;
    if (s->n_listed == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        s->listed = ax_arena_grow(s->a, s->listed, s->cap * sizeof number, cap * sizeof number);
        s->cap = cap;
    }
    s->listed[s->n_listed++] = number;
    return true;
}

static bool list_tasks(void *self)
{
    struct search *s = self;
    uint64_t head = ax_sym(s->v, AX_SYM_init_task) + (uint64_t)ax_off(s->v, AX_OFF_task_tasks);
    s->n_listed = 0;
    if (!ax_walk_list(s->v, head, MAX_PROCESSES, take_task, s))
        return false;
    if (s->n_listed)
        qsort(s->listed, s->n_listed, sizeof *s->listed, compare);
    return true;
}

/* --- The table of PIDs ----------------------------------------------------------------------- */

/* The process that a struct pid leads to: false when it is no process's, or changes right now. */
static bool leads_to(struct ax_vmi *v, uint64_t pid, struct candidate *out)
{
    uint64_t kind = (uint64_t)ax_const(v, AX_CONST_PIDTYPE_TGID), first, back;
    if (!ax_walk_u64(v, pid + 8 * kind, AX_OFF_pid_tasks, &first) || first == 0)
        return false;
    out->pid = pid;
    out->task = first - (uint64_t)ax_off(v, AX_OFF_task_pid_links) - HLIST_NODE * kind;
    return ax_walk_u64(v, out->task, AX_OFF_task_thread_pid, &back) && back == pid &&
           ax_walk_u32(v, out->task, AX_OFF_task_tgid, &out->number);
}

static bool take_pid(void *self, uint64_t pid)
{
    struct search *s = self;
    struct candidate c;
    if (leads_to(s->v, pid, &c) && !is_listed(s, c.number) && s->n < MAX_CANDIDATES)
        s->missing[s->n++] = c;
    return true;
}

static bool look(void *self)
{
    struct search *s = self;
    s->n = 0;
    return ax_walk_xarray(
        s->v, ax_sym(s->v, AX_SYM_init_pid_ns) + (uint64_t)ax_off(s->v, AX_OFF_pidns_pids),
        MAX_PIDS, take_pid, s);
}

/* Who is in the list by now was born between the looks, and who has lost its PID has ended. */
static int look_again(struct search *s, struct ax_err *err)
{
    int rc = ax_walk_again(s->v, list_tasks, s, "processes", err);
    size_t n = 0;
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        struct candidate now, *was = &s->missing[i];
        if (!is_listed(s, was->number) && leads_to(s->v, was->pid, &now) && now.task == was->task &&
            now.number == was->number)
            s->missing[n++] = *was;
    }
    s->n = n;
    return rc;
}

static void report(struct ax_findings *f, const struct candidate *c)
{
    char name[17] = "", what[48], text[160];
    if (ax_off(f->v, AX_OFF_task_comm) < 0 ||
        !ax_guest_text(&f->v->guest, c->task + (uint64_t)ax_off(f->v, AX_OFF_task_comm), name, 16))
        name[0] = '\0';
    snprintf(what, sizeof what, "%u %s", c->number, name);
    snprintf(text, sizeof text, "process %u (%s) has a PID, but is not in the list of processes",
             c->number, name);
    ax_finding(f, "hidden_process", what, text);
}

int ax_hidden_processes(struct ax_findings *f, struct ax_err *err)
{
    static const enum ax_plan_symbol symbols[] = {AX_SYM_init_task, AX_SYM_init_pid_ns};
    static const enum ax_plan_member needed[] = {AX_OFF_task_tasks,     AX_OFF_task_tgid,
                                                 AX_OFF_task_pid_links, AX_OFF_task_thread_pid,
                                                 AX_OFF_pid_tasks,      AX_OFF_pidns_pids};
    struct search s = {.v = f->v, .a = f->a};
    int rc = ax_need_symbols(f->v, symbols, AX_ARRAY_LEN(symbols), err);
    if (rc == 0)
        rc = ax_need_members(f->v, needed, AX_ARRAY_LEN(needed), err);
    if (rc < 0 || ax_const(f->v, AX_CONST_PIDTYPE_TGID) < 0)
        return rc;
    rc = ax_walk_again(f->v, list_tasks, &s, "processes", err);
    if (rc == 0)
        rc = ax_walk_again(f->v, look, &s, "PIDs", err);
    for (unsigned looks = 0; rc == 0 && s.n > 0 && looks < 2; looks++)
        rc = look_again(&s, err);
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        report(f, &s.missing[i]);
    return rc;
}
