// SPDX-License-Identifier: Apache-2.0
/* Introspection: what a Linux guest's kernel knows, read from the guest's memory, without agent,
 * profile or pause. Attaching finds the kernel's own descriptions of itself (VMCOREINFO, kallsyms,
 * BTF) and compiles them into a plan: addresses of symbols, offsets of members. A poll follows the
 * plan.
 *
 *   ram.h -> guest.h (addresses) -> vmcoreinfo, kallsyms, btf -> plan -> tasks, memory, log, ...
 *
 * The guest is somebody else's and may lie. Every pointer, count, string and list is bounded, a
 * cycle is an error, a poll has a budget of steps. A list that changed while it was walked is
 * walked again, up to three times, then that part is given up (-EAGAIN) and counted; it is never
 * patched together. User-space memory is out of reach: the one translation of addresses
 * (guest.h) takes those of the kernel's half only.
 *
 * The right to look is not decided here (warrant/), but its scope is enforced here, by the
 * functions that read. Runs in a process of its own, which an inspector
 * (vmi/inspector.h) starts and asks.
 *
 * Threads: one attachment, one thread. Memory: a reading lives in the caller's arena. */
#ifndef AX_VMI_VMI_H
#define AX_VMI_VMI_H

#include "base/arena.h"
#include "base/err.h"
#include "model/scope.h"
#include "vmi/extract.h"
#include "vmi/inspector.h"
#include "vmi/ram.h"
#include "vmi/reading.h"

struct ax_vmi;

/* Where plans are kept from one attachment to the next. A plan follows from the bytes of the
 * kernel's own tables, and its key is a hash over these bytes with a secret of this machine: a
 * guest that calls itself another kernel gets a plan of its own. */
struct ax_plan_store {
    void *self;
    uint64_t secret;
    bool (*get)(void *self, const char *key, struct ax_buf *out); /* false: there is none */
    void (*put)(void *self, const char *key, struct ax_str plan);
};

struct ax_vmi_options {
    enum ax_scope scope;               /* the most that polls of this attachment may read */
    const struct ax_plan_store *plans; /* NULL = none are kept */
    int64_t now_ms;                    /* wall clock; 0 = unknown (a dump) */
    uint64_t step_limit; /* reads per poll; 0 = 8 million, or 1 where each is a call */
};

/* Finds the kernel. Takes the ram in any case (ax_vmi_detach closes it).
 * -ENOENT: no Linux kernel found (the text says what was seen instead: nothing yet, Windows, a
 * boot loader, encrypted memory); -ENOTSUP: a Linux kernel that cannot be read, and why. */
int ax_vmi_attach(struct ax_vmi **out, struct ax_ram *ram, const struct ax_vmi_options *o,
                  struct ax_err *err);
void ax_vmi_detach(struct ax_vmi *v); /* takes NULL */

/* Reads the parts asked for. 0 when all of them could be read, else the code of the first that
 * could not (the others are there; reading->parts says which, and each missing part has its
 * reason in reading->missing). -EPERM: a part is beyond the scope; nothing was read.
 * -ESTALE: the guest has rebooted or is another kernel now: detach and attach anew. */
int ax_vmi_read(struct ax_vmi *v, unsigned parts, struct ax_arena *a, struct ax_reading *out,
                struct ax_err *err);

/* The text in which the kernel describes itself; as long as it is attached. */
struct ax_str ax_vmi_vmcoreinfo(const struct ax_vmi *v);

enum ax_scope ax_vmi_scope_needed(unsigned parts);
unsigned ax_vmi_parts_of(enum ax_scope scope);

struct ax_vmi_counts {
    uint64_t polls, retried, given_up; /* given_up: parts, after three torn walks or no budget */
};
struct ax_vmi_counts ax_vmi_counts(const struct ax_vmi *v);
struct ax_ram_counts ax_vmi_ram_counts(const struct ax_vmi *v);

#endif
