// SPDX-License-Identifier: Apache-2.0
/* What a guest says about its own memory, through the balloon driver, and when it is to be
 * believed. libvirt keeps handing out the last values when the guest has long been silent; only
 * their date tells. */
#include "collect/libvirt/vm.h"

#include <math.h>

#define KIB            1024.0
#define MISSED_PERIODS 3
#define LOW_SHARE      0.10 /* of visible memory: "it was running out" */
#define SPRING_SHARE   0.15 /* of visible memory, gained between two looks */

static double bytes(double kib)
{
    return kib * KIB; /* NaN stays NaN */
}

struct ax_vm_memory ax_vm_memory_read(const struct ax_vm_stats *s, double last_update,
                                      int64_t period_s, int64_t interval_ms, int64_t now)
{
    struct ax_vm_memory m = {NAN, NAN, NAN, NAN, true};
    if (isnan(last_update) || last_update <= 0)
        return m;
    m.age = fmax(0, (double)now / 1e3 - last_update);
    double step = fmax((double)period_s, (double)interval_ms / 1e3);
    m.silent = m.age > MISSED_PERIODS * step + 1; /* + 1: it is given in whole seconds */
    if (m.silent)
        return m;
    m.visible = bytes(s->available); /* libvirt's names mislead: available is MemTotal, */
    m.available = bytes(s->usable);  /* usable MemAvailable, */
    m.free = bytes(s->unused);       /* unused MemFree */
    return m;
}

static void report(const struct ax_vm *vm, const struct ax_vm_memory *now_m, int64_t now,
                   struct ax_seen *seen)
{
    double from = 100 * vm->before.available / now_m->visible;
    double to = 100 * now_m->available / now_m->visible;
    struct ax_event e = {
        .time = now,
        .handle = vm->handle,
        .type = AX_STR("memory"),
        .what = AX_STR("oom-suspected"),
        .detail = ax_arena_printf(seen->arena, "%.0f%% to %.0f%%", from, to),
        .text = ax_arena_printf(seen->arena,
                                "%.*s's available memory sprang from %.0f %% to %.0f %% within "
                                "%.0f s after running low: its kernel probably killed a process",
                                AX_STR_ARG(vm->name), from, to,
                                ceil((double)(now - vm->before.time) / 1e3)),
    };
    ax_seen_event(seen, &e);
}

/* A kill by the guest's kernel is seen by nobody outside. What is seen: memory was all but gone and
 * comes back at once, while nobody gave the guest any and it did not restart. */
bool ax_vm_oom_suspected(struct ax_vm *vm, const struct ax_vm_stats *s, int64_t now,
                         int64_t interval_ms, struct ax_seen *seen)
{
    const struct ax_vm_memory *m = &vm->memory;
    if (isnan(m->available) || isnan(m->visible) || m->visible <= 0)
        return false;
    bool same = vm->before.time && now - vm->before.time <= 2 * interval_ms + 1000 &&
                vm->before.id == vm->id && vm->before.current == s->current &&
                vm->before.visible == m->visible;
    bool sprang = same && vm->before.available < LOW_SHARE * m->visible &&
                  m->available - vm->before.available > SPRING_SHARE * m->visible;
    if (sprang)
        report(vm, m, now, seen);
    vm->before.id = vm->id;
    vm->before.available = m->available;
    vm->before.visible = m->visible;
    vm->before.current = s->current;
    vm->before.time = now;
    return sprang;
}
