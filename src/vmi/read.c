// SPDX-License-Identifier: Apache-2.0
#include "vmi/kernel.h"

#include "base/clock.h"

#include <errno.h>

struct part {
    enum ax_part part;
    enum ax_scope scope;
    int (*read)(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
};

static const struct part parts[] = {
    {AX_PART_SYSTEM, AX_SCOPE_STATISTICS, ax_read_system},
    {AX_PART_MEMORY, AX_SCOPE_STATISTICS, ax_read_memory},
    {AX_PART_NETWORK, AX_SCOPE_STATISTICS, ax_read_network},
    {AX_PART_STORAGE, AX_SCOPE_STATISTICS, ax_read_storage},
    {AX_PART_PROCESSES, AX_SCOPE_PROCESSES, ax_read_processes},
    {AX_PART_MODULES, AX_SCOPE_PROCESSES, ax_read_modules},
    {AX_PART_INTEGRITY, AX_SCOPE_PROCESSES, ax_read_integrity},
    {AX_PART_LOG, AX_SCOPE_DIAGNOSIS, ax_read_log},
    {AX_PART_STACKS, AX_SCOPE_DIAGNOSIS, ax_read_stacks},
};

struct ax_str ax_vmi_vmcoreinfo(const struct ax_vmi *v)
{
    return (struct ax_str){v->info.text, v->info.n};
}

enum ax_scope ax_vmi_scope_needed(unsigned wanted)
{
    enum ax_scope scope = AX_SCOPE_STATISTICS;
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++)
        if (wanted & parts[i].part && parts[i].scope > scope)
            scope = parts[i].scope;
    return scope;
}

unsigned ax_vmi_parts_of(enum ax_scope scope)
{
    unsigned all = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++)
        if (parts[i].scope <= scope)
            all |= parts[i].part;
    return all;
}

static void note_missing(struct ax_arena *a, struct ax_reading *r, enum ax_part part,
                         const struct ax_err *why)
{
    if (!r->missing)
        r->missing = AX_NEWS(a, struct ax_missing, AX_PARTS);
    r->missing[r->n_missing++] =
        (struct ax_missing){.part = part, .reason = ax_arena_str(a, ax_str(why->text))};
}

static int read_parts(struct ax_vmi *v, unsigned wanted, struct ax_arena *a, struct ax_reading *r,
                      struct ax_err *err)
{
    int first = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++) {
        struct ax_err why;
        if (!(wanted & parts[i].part))
            continue;
        int rc = parts[i].read(v, a, r, &why);
        if (rc == 0) {
            r->parts |= parts[i].part;
            continue;
        }
        v->counts.given_up += rc == -EAGAIN;
        note_missing(a, r, parts[i].part, &why);
        if (first == 0)
            first = ax_fail(err, rc, "%s", why.text);
    }
    return first;
}

int ax_vmi_read(struct ax_vmi *v, unsigned wanted, struct ax_arena *a, struct ax_reading *out,
                struct ax_err *err)
{
    enum ax_scope needed = ax_vmi_scope_needed(wanted);
    if (wanted & AX_PART_PROCESSES)
        wanted |= AX_PART_SYSTEM; /* ages need the clock */
    if (needed > v->options.scope)
        return ax_fail(err, -EPERM, "this needs scope %s, and %s is granted", ax_scope_name(needed),
                       ax_scope_name(v->options.scope));
    int64_t begin = ax_thread_cpu_ns();
    ax_guest_begin(&v->guest, v->options.step_limit);
    v->torn = 0;
    if (!ax_kernel_is_there(v))
        return ax_fail(err, -ESTALE, "the guest no longer runs kernel %s: it was restarted",
                       v->release);
    ax_kernel_cpus(v);
    *out = (struct ax_reading){.kernel = ax_arena_str(a, ax_str(v->release)),
                               .build_id = ax_arena_str(a, ax_str(v->build_id)),
                               .attach_ns = v->attach_ns};
    int rc = read_parts(v, wanted, a, out, err);
    v->counts.polls++;
    v->counts.retried += v->torn;
    out->torn = v->torn;
    out->poll_ns = ax_thread_cpu_ns() - begin;
    return rc;
}

struct ax_vmi_counts ax_vmi_counts(const struct ax_vmi *v)
{
    return v->counts;
}

struct ax_ram_counts ax_vmi_ram_counts(const struct ax_vmi *v)
{
    return ax_ram_counts(v->guest.ram);
}
