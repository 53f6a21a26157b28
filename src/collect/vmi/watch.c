// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/watch_inner.h"

#define WAITING_MS 2000
#define SUSPECT_MS 3000 /* a clock that stands still for so long is worth a closer look */
#define TEXT_SHOWN 300  /* of what the guest wrote */

void ax_watch_tell(struct ax_telling *t, const char *what, const char *detail, const char *severity,
                   struct ax_str text)
{
    if (t->n < AX_SIGNS)
        t->out[t->n++] = (struct ax_sign){what, detail, severity, text};
}

void ax_watch_recover(struct ax_telling *t, bool *was, const char *what, const char *text)
{
    if (*was)
        ax_watch_tell(t, "recovered", what, "info", ax_str(text));
    *was = false;
}

int64_t ax_watch_grown(int64_t now, int64_t before)
{
    int64_t n;
    if (now == AX_UNKNOWN || before == AX_UNKNOWN || now < before)
        return 0;
    return __builtin_sub_overflow(now, before, &n) ? INT64_MAX : n;
}

/* ---- the kernel's log, where it was read: the newest line that has the words ---- */

static struct ax_str last_line(const struct ax_look *tasks, const char *words)
{
    if (!ax_watch_has(tasks, AX_PART_LOG))
        return AX_STR_NULL;
    for (size_t i = tasks->now->n_messages; i-- > 0;) {
        struct ax_str text = tasks->now->messages[i].text;
        const char *at = text.n ? memmem(text.p, text.n, words, strlen(words)) : NULL;
        if (at)
            return (struct ax_str){at, text.n - (size_t)(at - text.p)};
    }
    return AX_STR_NULL;
}

struct ax_str ax_watch_shown(struct ax_str text)
{
    return ax_str_within(text, TEXT_SHOWN);
}

struct ax_str ax_watch_with_line(struct ax_telling *t, const struct ax_look *tasks,
                                 const char *words, struct ax_str text)
{
    struct ax_str line = last_line(tasks, words);
    return line.n ? ax_arena_printf(t->a, "%.*s: %.*s", AX_STR_ARG(text),
                                    AX_STR_ARG(ax_watch_shown(line)))
                  : text;
}

/* ---- panic ---- */

static void look_for_panic(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    const struct ax_system *s = ax_watch_vitals(l);
    if (s->state != AX_GUEST_PANICKED || w->panicked)
        return;
    w->panicked = true;
    ax_watch_tell(
        t, "panicked", "", "critical",
        ax_watch_with_line(t, &l->tasks, "Kernel panic",
                           ax_arena_printf(t->a, "panicked: its kernel has stopped on CPU %lld",
                                           (long long)s->panic_cpu)));
}

/* ---- a clock that stands still ---- */

static void look_for_hang(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    const struct ax_system *s = ax_watch_vitals(l);
    if (!l->running || !w->known || s->jiffies != w->jiffies || w->panicked) {
        w->moved_ms = l->vital.now_ms;
        if (s->jiffies != w->jiffies)
            ax_watch_recover(t, &w->hung, "hung", "goes on: its clock moves again");
        return;
    }
    int64_t still = l->vital.now_ms - w->moved_ms;
    if (still < AX_HUNG_MS || w->hung)
        return;
    w->hung = true;
    ax_watch_tell(
        t, "hung", "", "critical",
        ax_arena_printf(t->a,
                        "hangs: its clock has stood still for %lld s while its hypervisor says "
                        "that it runs",
                        (long long)(still / 1000)));
}

/* All that was told of the kernel before ends with it. */
static void look_for_reboot(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    double uptime = ax_watch_vitals(l)->uptime;
    if (w->known && uptime + 1 < w->uptime) {
        ax_watch_tell(t, "rebooted", "", "info",
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
            vital->now_ms - w->window.ms >= AX_WINDOW_MS / 2) ||
           (w->due_ms && vital->now_ms >= w->due_ms) ||
           (w->waiting_ms && s->uninterruptible > 0 &&
            vital->now_ms - w->waiting_ms >= WAITING_MS) ||
           ax_watch_grown(s->oom_kills, w->oom_kills);
}

bool ax_watch_wants_storage(const struct ax_look *vital)
{
    return vital->now->system.uninterruptible > 0;
}

size_t ax_watch_step(struct ax_watch *w, const struct ax_looks *l, struct ax_arena *a,
                     struct ax_sign out[AX_SIGNS])
{
    struct ax_telling t = {.out = out, .a = a};
    look_for_reboot(w, l, &t);
    look_for_panic(w, l, &t);
    look_for_hang(w, l, &t);
    if (!w->panicked && !w->hung) {
        ax_watch_starvation(w, l, &t);
        ax_watch_stuck(w, l, &t);
    }
    ax_watch_taints(w, l, &t);
    ax_watch_oom(w, l, &t);
    ax_watch_filesystems(w, l, &t);
    w->jiffies = ax_watch_vitals(l)->jiffies;
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
