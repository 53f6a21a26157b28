// SPDX-License-Identifier: Apache-2.0
/* An attachment: one guest's kernel, found and understood. Inner header of the readers. */
#ifndef AX_VMI_KERNEL_H
#define AX_VMI_KERNEL_H

#include "vmi/plan.h"
#include "vmi/types.h"
#include "vmi/vmi.h"

#define AX_MAX_CPUS 512

struct ax_vmi {
    struct ax_guest guest;
    struct ax_vmcoreinfo info;
    struct ax_kallsyms kallsyms; /* count = 0: not found */
    struct ax_plan plan;
    struct ax_vmi_options options;
    char release[66], build_id[48];
    uint64_t moved;    /* by KASLR */
    uint64_t uts_name; /* struct new_utsname: six names of 65 bytes */
    bool has_types;
    char types_missing[AX_ERR_TEXT]; /* why not */
    int64_t attach_ns;
    struct ax_vmi_counts counts;
    unsigned torn; /* walks repeated in this poll */
    struct ax_types types[AX_TYPES];

    /* CPUs, looked at anew by each poll */
    uint32_t cpus;
    uint64_t per_cpu[AX_MAX_CPUS];
};

/* What the plan says. */
static inline uint64_t ax_sym(const struct ax_vmi *v, enum ax_plan_symbol s)
{
    return v->plan.symbol[s];
}
static inline int32_t ax_off(const struct ax_vmi *v, enum ax_plan_member m)
{
    return v->plan.member[m];
}
static inline int32_t ax_const(const struct ax_vmi *v, enum ax_plan_constant c)
{
    return v->plan.constant[c];
}

/* How many bytes of a struct hold all of these members (8 bytes each); 0 when one is not known.
 * What is read at ax_off() of them lies within. */
size_t ax_span(const struct ax_vmi *v, const enum ax_plan_member *m, size_t n);

/* Are all of them known? Else fails with -ENOTSUP, naming the first that is not. */
int ax_need_symbols(const struct ax_vmi *v, const enum ax_plan_symbol *s, size_t n,
                    struct ax_err *err);
int ax_need_members(const struct ax_vmi *v, const enum ax_plan_member *m, size_t n,
                    struct ax_err *err);

/* One look at the describing page, the page tables and the first task: is it still this kernel? */
bool ax_kernel_is_there(struct ax_vmi *v);

/* The list of CPUs for this poll; per-CPU variables lie at symbol + per_cpu[cpu]. */
void ax_kernel_cpus(struct ax_vmi *v);

/* A value at symbol (+ offset), or AX_UNKNOWN when symbol or memory are not there. */
int64_t ax_kernel_long(struct ax_vmi *v, enum ax_plan_symbol s, int64_t offset);
int64_t ax_kernel_int(struct ax_vmi *v, enum ax_plan_symbol s, int64_t offset);

/* The scheduler's clock, ns since about boot: the latest of all CPUs; 0 when it cannot be read. */
uint64_t ax_kernel_scheduler_clock(struct ax_vmi *v);

/* struct percpu_counter: the common count and what each CPU has added since. */
int64_t ax_kernel_percpu_counter(struct ax_vmi *v, uint64_t va);

/* The guest's wall clock, ms since the epoch; INT64_MIN + 1 when it cannot be told. */
int64_t ax_kernel_time_ms(struct ax_vmi *v);

/* Ticks (jiffies) per second. */
double ax_kernel_ticks(struct ax_vmi *v, uint64_t jiffies);

/* No kernel was found: says what is there instead. Returns -ENOENT. */
int ax_say_what_else(struct ax_ram *r, struct ax_err *err);

/* The readers, one per part. 0, or an error: -EAGAIN torn or out of budget, -ENOTSUP not on this
 * kernel, -EIO memory that is not there. */
int ax_read_system(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_memory(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_processes(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r,
                      struct ax_err *err);
int ax_read_network(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_storage(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_modules(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_integrity(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r,
                      struct ax_err *err);
int ax_read_log(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);
int ax_read_stacks(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err);

#endif
