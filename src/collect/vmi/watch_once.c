// SPDX-License-Identifier: Apache-2.0
/* What happens once: faults that the kernel itself counts or marks. */
#include "collect/vmi/watch_inner.h"

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

void ax_watch_taints(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    uint64_t now = ax_watch_vitals(l)->tainted, fresh = w->known ? now & ~w->tainted : 0;
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
    ax_watch_tell(t, "tainted", "", fresh & FAULTY_TAINTS ? "warning" : "info",
                  ax_arena_printf(t->a, "has a tainted kernel: %.*s", AX_STR_ARG(text)));
}

void ax_watch_oom(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    int64_t kills = ax_watch_vitals(l)->oom_kills;
    int64_t n = w->known ? ax_watch_grown(kills, w->oom_kills) : 0;
    w->oom_kills = kills;
    if (n)
        ax_watch_tell(
            t, "oom-kill", "", "warning",
            ax_watch_with_line(
                t, &l->tasks, "Killed process",
                ax_arena_printf(t->a, "ran out of memory: its kernel killed %lld process%s",
                                (long long)n, n == 1 ? "" : "es")));
}

void ax_watch_filesystems(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t)
{
    int64_t errors = 0;
    bool read_only = false;
    struct ax_str worst = AX_STR("");
    if (!l->storage.fresh || !ax_watch_has(&l->storage, AX_PART_STORAGE))
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
        ax_watch_tell(t, "filesystem-error", "", "critical",
                      ax_arena_printf(t->a, "has a file system with errors: %.*s%s",
                                      AX_STR_ARG(ax_watch_shown(worst)),
                                      read_only ? ", which can only be read now" : ""));
}
