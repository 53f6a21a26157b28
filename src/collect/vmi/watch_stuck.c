// SPDX-License-Identifier: Apache-2.0
/* Storage that does not answer: tasks that wait for it, and disks that complete nothing. */
#include "collect/vmi/watch_inner.h"

#include <stdlib.h>

#define LAG_MS       2000 /* by which the clock of a guest that idles may lag */
#define FRAMES_SHOWN 4

static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    return a == AX_UNKNOWN || b == AX_UNKNOWN || __builtin_add_overflow(a, b, &n) ? AX_UNKNOWN : n;
}

static int64_t completed(const struct ax_disk *d)
{
    return sum(d->reads, d->writes);
}

static int by_name(const void *a, const void *b)
{
    const struct ax_disk *const *x = a, *const *y = b;
    return ax_str_cmp((*x)->name, (*y)->name);
}

/* Those with requests on their way, in order: who took the worker over claims as many as it likes.
 */
static size_t sort_busy(const struct ax_reading *r, struct ax_arena *a, const struct ax_disk ***out)
{
    const struct ax_disk **v = AX_NEWS(a, const struct ax_disk *, r->n_disks + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->n_disks; i++)
        if (r->disks[i].in_flight > 0 && completed(&r->disks[i]) != AX_UNKNOWN)
            v[n++] = &r->disks[i];
    qsort(v, n, sizeof *v, by_name);
    *out = v;
    return n;
}

/* A disk with requests on their way that has completed none since the look before. */
static const struct ax_disk *find_frozen(const struct ax_look *l, struct ax_arena *a)
{
    const struct ax_disk **before;
    if (!ax_watch_has(l, AX_PART_STORAGE) || !l->before || !(l->before->parts & AX_PART_STORAGE))
        return NULL;
    size_t n = sort_busy(l->before, a, &before);
    for (size_t i = 0; i < l->now->n_disks; i++) {
        const struct ax_disk *d = &l->now->disks[i];
        const struct ax_disk **b =
            d->in_flight > 0 ? bsearch(&d, before, n, sizeof d, by_name) : NULL;
        if (b && completed(d) == completed(*b))
            return d;
    }
    return NULL;
}

static const struct ax_process *find_blocked(const struct ax_look *l)
{
    const struct ax_process *found = NULL;
    for (size_t i = 0; ax_watch_has(l, AX_PART_PROCESSES) && i < l->now->n_processes; i++) {
        const struct ax_process *p = &l->now->processes[i];
        if (p->state == 'D' && p->pid > 0 && p->blocked_us > 0 &&
            (!found || p->blocked_us > found->blocked_us))
            found = p;
    }
    return found;
}

/* For how long it has waited. The scheduler's clock stands still while the guest idles, so that a
 * look may tell of less; but who was not switched to in between has waited since the earliest
 * moment that any look told. No more than LAG_MS is added: the guest may have been stopped without
 * our knowing. */
static int64_t follow_blocked(struct ax_watch *w, const struct ax_look *l,
                              const struct ax_process *p)
{
    int64_t told = p ? p->blocked_us / 1000 : 0, since = l->now_ms - told;
    if (!p) {
        w->blocked.pid = 0;
        return 0;
    }
    if (w->blocked.pid == p->pid && w->blocked.start_us == p->start_us &&
        w->blocked.switches == p->switches && w->blocked.since_ms < since)
        since = w->blocked.since_ms;
    w->blocked.pid = p->pid;
    w->blocked.start_us = p->start_us;
    w->blocked.switches = p->switches;
    w->blocked.since_ms = since;
    return l->now_ms - since < told + LAG_MS ? l->now_ms - since : told + LAG_MS;
}

/* A look then would tell. */
static void set_due(struct ax_watch *w, const struct ax_look *l, int64_t waited_ms)
{
    int64_t at = l->now_ms + AX_STUCK_MS - waited_ms;
    if (w->waiting_ms && waited_ms > 0 && waited_ms < AX_STUCK_MS && !w->stuck &&
        (!w->due_ms || at < w->due_ms))
        w->due_ms = at;
}

static const struct ax_stack *find_stack(const struct ax_look *l, int32_t pid)
{
    for (size_t i = 0; ax_watch_has(l, AX_PART_STACKS) && i < l->now->n_stacks; i++)
        if (l->now->stacks[i].pid == pid)
            return &l->now->stacks[i];
    return NULL;
}

static struct ax_str stack_of(const struct ax_look *l, int32_t pid, struct ax_arena *a)
{
    const struct ax_stack *s = find_stack(l, pid);
    struct ax_str out = AX_STR("");
    for (size_t k = 0; s && k < s->n_frames && k < FRAMES_SHOWN; k++)
        out = ax_arena_printf(a, "%.*s%s%.*s", AX_STR_ARG(out), k ? " < " : ", in ",
                              AX_STR_ARG(ax_watch_shown(s->frames[k])));
    return out;
}

static struct ax_str stuck_text(const struct ax_process *p, int64_t waited_ms,
                                const struct ax_disk *d, const struct ax_looks *l,
                                const struct ax_watch *w, struct ax_arena *a)
{
    struct ax_str disk = AX_STR(""), task = AX_STR("");
    if (d)
        disk = ax_arena_printf(a, "%s%.*s has %lld requests under way and completes none",
                               p ? "; " : "", AX_STR_ARG(ax_watch_shown(d->name)),
                               (long long)d->in_flight);
    if (p) {
        struct ax_str stack = stack_of(&l->tasks, p->pid, a);
        task = ax_arena_printf(a, "%s (pid %d) has not moved for %lld s%.*s", p->name, p->pid,
                               (long long)(waited_ms / 1000), AX_STR_ARG(stack));
    } else {
        task = ax_arena_printf(a, "for %lld s ",
                               (long long)((l->storage.now_ms - w->frozen_ms) / 1000));
    }
    return ax_arena_printf(a, "is stuck: %.*s%.*s", AX_STR_ARG(task), AX_STR_ARG(disk));
}

void ax_watch_stuck(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    const struct ax_disk *d = find_frozen(&l->storage, t->a);
    const struct ax_process *p = find_blocked(&l->tasks);
    int64_t blocked_ms = follow_blocked(w, &l->tasks, p), frozen_ms = 0;
    int64_t waiting = ax_watch_vitals(l)->uninterruptible;
    if (waiting <= 0)
        w->waiting_ms = 0;
    else if (!w->waiting_ms)
        w->waiting_ms = l->vital.now_ms;
    if (!d)
        w->frozen_ms = 0;
    else if (!w->frozen_ms)
        w->frozen_ms = l->storage.before_ms;
    if (d)
        frozen_ms = l->storage.now_ms - w->frozen_ms;
    p = blocked_ms >= AX_STUCK_MS ? p : NULL;
    w->due_ms = 0;
    set_due(w, &l->tasks, blocked_ms);
    set_due(w, &l->storage, frozen_ms);
    if ((p || frozen_ms >= AX_STUCK_MS) && !w->stuck) {
        w->stuck = true;
        ax_watch_tell(t, "stuck", d ? "storage" : "", "critical",
                      stuck_text(p, blocked_ms, d, l, w, t->a));
    } else if (!p && !d && (l->tasks.fresh || l->storage.fresh)) {
        ax_watch_recover(t, &w->stuck, "stuck", "is no longer stuck");
    }
}
