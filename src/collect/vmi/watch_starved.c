// SPDX-License-Identifier: Apache-2.0
/* Starvation: time goes by, and nobody but one gets to run. */
#include "collect/vmi/watch_inner.h"

#include <stdlib.h>

static int by_task(const void *a, const void *b)
{
    const struct ax_process *const *x = a, *const *y = b;
    if ((*x)->pid != (*y)->pid)
        return (*x)->pid < (*y)->pid ? -1 : 1;
    return ((*x)->start_us > (*y)->start_us) - ((*x)->start_us < (*y)->start_us);
}

/* In order: a guest may have as many processes as it likes. */
static const struct ax_process **sorted(const struct ax_reading *r, struct ax_arena *a)
{
    const struct ax_process **v = AX_NEWS(a, const struct ax_process *, r->n_processes + 1);
    for (size_t i = 0; i < r->n_processes; i++)
        v[i] = &r->processes[i];
    qsort(v, r->n_processes, sizeof *v, by_task);
    return v;
}

static int64_t cpu_us(const struct ax_process *p)
{
    return p->user_us + p->system_us;
}

/* Who has had nearly all of a CPU between two looks at the tasks. */
static const struct ax_process *find_culprit(const struct ax_look *l, struct ax_arena *a,
                                             double *share)
{
    const struct ax_process *found = NULL;
    int64_t span_us = (l->now_ms - l->before_ms) * 1000;
    if (!ax_watch_has(l, AX_PART_PROCESSES) || !l->before ||
        !(l->before->parts & AX_PART_PROCESSES) || span_us <= 0)
        return NULL;
    const struct ax_process **before = sorted(l->before, a);
    for (size_t i = 0; i < l->now->n_processes; i++) {
        const struct ax_process *p = &l->now->processes[i];
        const struct ax_process **b =
            bsearch(&p, before, l->before->n_processes, sizeof p, by_task);
        double v = b ? (double)(cpu_us(p) - cpu_us(*b)) / (double)span_us : 0;
        if (v > 0.7 && (!found || v > *share)) {
            found = p;
            *share = v;
        }
    }
    return found;
}

static void tell_starvation(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    double share = 0;
    const struct ax_process *p = find_culprit(&l->tasks, t->a, &share);
    if (ax_watch_has(&l->tasks, AX_PART_PROCESSES) && !p && !w->starving)
        return; /* the next look at the tasks may tell who it is */
    long long waiting = (long long)ax_watch_vitals(l)->runnable;
    w->starved = true;
    ax_watch_tell(
        t, "starved", p ? "culprit" : "", "critical",
        p ? ax_arena_printf(t->a,
                            "starves: %s (pid %d) takes %.0f %% of a CPU, and %lld tasks wait for "
                            "one",
                            p->name, p->pid, share * 100, waiting)
          : ax_arena_printf(t->a, "starves: its tasks do not get to run, and %lld wait for a CPU",
                            waiting));
}

/* Judged once in a window: time has gone by in the guest, next to no task was switched to, and more
 * are ready than there are CPUs. */
void ax_watch_starvation(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    const struct ax_system *s = ax_watch_vitals(l);
    int64_t span = l->vital.now_ms - w->window.ms;
    if (w->known && w->window.ms && span < AX_WINDOW_MS)
        return;
    double passed = s->uptime - w->window.uptime;
    bool starving = w->known && w->window.ms && span < 4 * AX_WINDOW_MS && passed >= 2 &&
                    s->cpus_online > 0 && s->runnable > s->cpus_online &&
                    s->switches != AX_UNKNOWN &&
                    (double)ax_watch_grown(s->switches, w->window.switches) <=
                        2 * passed * (double)s->cpus_online;
    if (starving && !w->starved)
        tell_starvation(w, l, t);
    if (!starving)
        ax_watch_recover(t, &w->starved, "starved", "no longer starves: its tasks run again");
    w->starving = starving;
    w->window.ms = l->vital.now_ms;
    w->window.switches = s->switches;
    w->window.uptime = s->uptime;
}
