// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/watch.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW_MS    4000 /* over which starvation is judged */
#define WAITING_MS   1000 /* two looks in a row with tasks in D */
#define LAG_MS       2000 /* by which the clock of a guest that idles may lag */
#define SUSPECT_MS   3000 /* a clock that stands still for so long is worth a closer look */
#define FRAMES_SHOWN 4
#define TEXT_SHOWN   300 /* of what the guest wrote */

struct telling {
    struct ax_sign *out;
    size_t n;
    struct ax_arena *a;
};

static void tell(struct telling *t, const char *what, const char *detail, const char *severity,
                 struct ax_str text)
{
    if (t->n < AX_SIGNS)
        t->out[t->n++] = (struct ax_sign){what, detail, severity, text};
}

static void recover(struct telling *t, bool *was, const char *what, const char *text)
{
    if (*was)
        tell(t, "recovered", what, "info", ax_str(text));
    *was = false;
}

/* Any numbers: they are the guest's. */
static int64_t grown(int64_t now, int64_t before)
{
    int64_t n;
    if (now == AX_UNKNOWN || before == AX_UNKNOWN || now < before)
        return 0;
    return __builtin_sub_overflow(now, before, &n) ? INT64_MAX : n;
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    return a == AX_UNKNOWN || b == AX_UNKNOWN || __builtin_add_overflow(a, b, &n) ? AX_UNKNOWN : n;
}

static const struct ax_system *vitals(const struct ax_looks *l)
{
    return &l->vital.now->system;
}

static bool has(const struct ax_look *l, unsigned part)
{
    return l->now && l->now->parts & part;
}

/* ---- the kernel's log, where it was read: the newest line that has the words ---- */

static struct ax_str last_line(const struct ax_look *tasks, const char *words)
{
    if (!has(tasks, AX_PART_LOG))
        return AX_STR_NULL;
    for (size_t i = tasks->now->n_messages; i-- > 0;) {
        struct ax_str text = tasks->now->messages[i].text;
        const char *at = text.n ? memmem(text.p, text.n, words, strlen(words)) : NULL;
        if (at)
            return (struct ax_str){at, text.n - (size_t)(at - text.p)};
    }
    return AX_STR_NULL;
}

static struct ax_str shown(struct ax_str text)
{
    return ax_str_within(text, TEXT_SHOWN);
}

static struct ax_str with_line(struct telling *t, const struct ax_look *tasks, const char *words,
                               struct ax_str text)
{
    struct ax_str line = last_line(tasks, words);
    return line.n ? ax_arena_printf(t->a, "%.*s: %.*s", AX_STR_ARG(text), AX_STR_ARG(shown(line)))
                  : text;
}

/* ---- panic ---- */

static void look_for_panic(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    const struct ax_system *s = vitals(l);
    if (s->state != AX_GUEST_PANICKED || w->panicked)
        return;
    w->panicked = true;
    tell(t, "panicked", "", "critical",
         with_line(t, &l->tasks, "Kernel panic",
                   ax_arena_printf(t->a, "panicked: its kernel has stopped on CPU %lld",
                                   (long long)s->panic_cpu)));
}

/* ---- a clock that stands still ---- */

static void look_for_hang(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    const struct ax_system *s = vitals(l);
    if (!l->running || !w->known || s->jiffies != w->jiffies || w->panicked) {
        w->moved_ms = l->vital.now_ms;
        if (s->jiffies != w->jiffies)
            recover(t, &w->hung, "hung", "goes on: its clock moves again");
        return;
    }
    int64_t still = l->vital.now_ms - w->moved_ms;
    if (still < AX_HUNG_MS || w->hung)
        return;
    w->hung = true;
    tell(t, "hung", "", "critical",
         ax_arena_printf(t->a,
                         "hangs: its clock has stood still for %lld s while its hypervisor says "
                         "that it runs",
                         (long long)(still / 1000)));
}

/* ---- starvation: time goes by, and nobody but one gets to run ---- */

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
    if (!has(l, AX_PART_PROCESSES) || !l->before || !(l->before->parts & AX_PART_PROCESSES) ||
        span_us <= 0)
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

static void tell_starvation(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    double share = 0;
    const struct ax_process *p = find_culprit(&l->tasks, t->a, &share);
    if (has(&l->tasks, AX_PART_PROCESSES) && !p && !w->starving)
        return; /* the next look at the tasks may tell who it is */
    long long waiting = (long long)vitals(l)->runnable;
    w->starved = true;
    tell(t, "starved", p ? "culprit" : "", "critical",
         p ? ax_arena_printf(t->a,
                             "starves: %s (pid %d) takes %.0f %% of a CPU, and %lld tasks wait for "
                             "one",
                             p->name, p->pid, share * 100, waiting)
           : ax_arena_printf(t->a, "starves: its tasks do not get to run, and %lld wait for a CPU",
                             waiting));
}

/* Judged once in a window: time has gone by in the guest, next to no task was switched to, and more
 * are ready than there are CPUs. */
static void look_for_starvation(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    const struct ax_system *s = vitals(l);
    int64_t span = l->vital.now_ms - w->window.ms;
    if (w->known && w->window.ms && span < WINDOW_MS)
        return;
    double passed = s->uptime - w->window.uptime;
    bool starving =
        w->known && w->window.ms && span < 4 * WINDOW_MS && passed >= 2 && s->cpus_online > 0 &&
        s->runnable > s->cpus_online && s->switches != AX_UNKNOWN &&
        (double)grown(s->switches, w->window.switches) <= 2 * passed * (double)s->cpus_online;
    if (starving && !w->starved)
        tell_starvation(w, l, t);
    if (!starving)
        recover(t, &w->starved, "starved", "no longer starves: its tasks run again");
    w->starving = starving;
    w->window.ms = l->vital.now_ms;
    w->window.switches = s->switches;
    w->window.uptime = s->uptime;
}

/* ---- storage that does not answer ---- */

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
    if (!has(l, AX_PART_STORAGE) || !l->before || !(l->before->parts & AX_PART_STORAGE))
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
    for (size_t i = 0; has(l, AX_PART_PROCESSES) && i < l->now->n_processes; i++) {
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
    for (size_t i = 0; has(l, AX_PART_STACKS) && i < l->now->n_stacks; i++)
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
                              AX_STR_ARG(shown(s->frames[k])));
    return out;
}

static struct ax_str stuck_text(const struct ax_process *p, int64_t waited_ms,
                                const struct ax_disk *d, const struct ax_looks *l,
                                const struct ax_watch *w, struct ax_arena *a)
{
    struct ax_str disk = AX_STR(""), task = AX_STR("");
    if (d)
        disk = ax_arena_printf(a, "%s%.*s has %lld requests under way and completes none",
                               p ? "; " : "", AX_STR_ARG(shown(d->name)), (long long)d->in_flight);
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

static void look_for_stuck(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    const struct ax_disk *d = find_frozen(&l->storage, t->a);
    const struct ax_process *p = find_blocked(&l->tasks);
    int64_t blocked_ms = follow_blocked(w, &l->tasks, p), frozen_ms = 0;
    int64_t waiting = vitals(l)->uninterruptible;
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
        tell(t, "stuck", d ? "storage" : "", "critical", stuck_text(p, blocked_ms, d, l, w, t->a));
    } else if (!p && !d && (l->tasks.fresh || l->storage.fresh)) {
        recover(t, &w->stuck, "stuck", "is no longer stuck");
    }
}

/* ---- what happens once ---- */

static const char *const taints[] = {"a proprietary module was loaded",
                                     "a module was loaded by force",
                                     "the kernel runs on hardware out of its specification",
                                     "a module was unloaded by force",
                                     "the processor reported a machine check",
                                     "bad memory was met (bad page)",
                                     "user space asked for it",
                                     "the kernel has died in one place (oops or BUG)",
                                     "an ACPI table was overridden",
                                     "the kernel warned of a fault of its own",
                                     "a staging driver was loaded",
                                     "a firmware bug was worked around",
                                     "a module from outside the kernel was loaded",
                                     "an unsigned module was loaded",
                                     "a CPU was locked up for long (soft lockup)",
                                     "the kernel was live-patched",
                                     "an auxiliary flag was set",
                                     "the kernel was built with a randomised layout",
                                     "a test module was loaded"};
/* Machine check, bad page, oops, warning, soft lockup: faults. The rest are facts. */
#define FAULTY_TAINTS (1u << 4 | 1u << 5 | 1u << 7 | 1u << 9 | 1u << 14)

static void look_for_taints(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    uint64_t now = vitals(l)->tainted, fresh = w->known ? now & ~w->tainted : 0;
    struct ax_str text = AX_STR("");
    w->tainted = now;
    if (!fresh)
        return;
    for (unsigned i = 0; i < 64; i++) {
        if (!(fresh & 1ull << i))
            continue;
        struct ax_str one =
            i < AX_ARRAY_LEN(taints) ? ax_str(taints[i]) : ax_arena_printf(t->a, "taint bit %u", i);
        text = ax_arena_printf(t->a, "%.*s%s%.*s", AX_STR_ARG(text), text.n ? "; " : "",
                               AX_STR_ARG(one));
    }
    tell(t, "tainted", "", fresh & FAULTY_TAINTS ? "warning" : "info",
         ax_arena_printf(t->a, "has a tainted kernel: %.*s", AX_STR_ARG(text)));
}

static void look_for_oom(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    int64_t kills = vitals(l)->oom_kills;
    int64_t n = w->known ? grown(kills, w->oom_kills) : 0;
    w->oom_kills = kills;
    if (n)
        tell(t, "oom-kill", "", "warning",
             with_line(t, &l->tasks, "Killed process",
                       ax_arena_printf(t->a, "ran out of memory: its kernel killed %lld process%s",
                                       (long long)n, n == 1 ? "" : "es")));
}

static void look_at_filesystems(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    int64_t errors = 0;
    bool read_only = false;
    struct ax_str worst = AX_STR("");
    if (!l->storage.fresh || !has(&l->storage, AX_PART_STORAGE))
        return;
    for (size_t i = 0; i < l->storage.now->n_filesystems; i++) {
        const struct ax_filesystem *f = &l->storage.now->filesystems[i];
        if (f->errors <= 0) /* unknown, too */
            continue;
        errors = __builtin_add_overflow(errors, f->errors, &errors) ? INT64_MAX : errors;
        read_only |= f->read_only;
        worst = f->device;
    }
    int64_t before = w->fs_errors;
    bool was_known = w->fs_errors > 0 || w->read_only || l->storage.before;
    w->fs_errors = errors;
    bool turned = read_only && !w->read_only;
    w->read_only = read_only;
    if (was_known && (errors > before || turned))
        tell(t, "filesystem-error", "", "critical",
             ax_arena_printf(t->a, "has a file system with errors: %.*s%s",
                             AX_STR_ARG(shown(worst)),
                             read_only ? ", which can only be read now" : ""));
}

/* All that was told of the kernel before ends with it. */
static void look_for_reboot(struct ax_watch *w, const struct ax_looks *l, struct telling *t)
{
    double uptime = vitals(l)->uptime;
    if (w->known && uptime + 1 < w->uptime) {
        tell(t, "rebooted", "", "info",
             ax_arena_printf(t->a, "has rebooted: its kernel runs since %.0f s", uptime));
        *w = (struct ax_watch){0};
    }
    w->uptime = uptime;
}

bool ax_watch_wants_all(const struct ax_watch *w, const struct ax_look *vital)
{
    const struct ax_system *s = &vital->now->system;
    if (!w->known)
        return false;
    bool still = s->jiffies == w->jiffies && vital->now_ms - w->moved_ms >= SUSPECT_MS;
    return (s->state == AX_GUEST_PANICKED && !w->panicked) || (still && !w->hung) ||
           (w->starving && !w->starved) || w->stuck || w->frozen_ms ||
           (s->cpus_online > 0 && s->runnable > s->cpus_online && !w->starved &&
            vital->now_ms - w->window.ms >= WINDOW_MS / 2) ||
           (w->due_ms && vital->now_ms >= w->due_ms) ||
           (w->waiting_ms && s->uninterruptible > 0 &&
            vital->now_ms - w->waiting_ms >= WAITING_MS) ||
           grown(s->oom_kills, w->oom_kills);
}

size_t ax_watch_step(struct ax_watch *w, const struct ax_looks *l, struct ax_arena *a,
                     struct ax_sign out[AX_SIGNS])
{
    struct telling t = {.out = out, .a = a};
    look_for_reboot(w, l, &t);
    look_for_panic(w, l, &t);
    look_for_hang(w, l, &t);
    if (!w->panicked && !w->hung) {
        look_for_starvation(w, l, &t);
        look_for_stuck(w, l, &t);
    }
    look_for_taints(w, l, &t);
    look_for_oom(w, l, &t);
    look_at_filesystems(w, l, &t);
    w->jiffies = vitals(l)->jiffies;
    w->known = true;
    return t.n;
}

void ax_watch_paused(struct ax_watch *w)
{
    w->known = false;
    w->window.ms = 0;
    w->frozen_ms = w->waiting_ms = w->due_ms = 0;
    w->blocked.pid = 0;
}
