// SPDX-License-Identifier: Apache-2.0
/* Where tasks are stuck: the kernel stacks of those that have been in state D for over a second.
 *
 * A task that does not run has left its stack pointer in its task_struct. From there up to the end
 * of the stack, each word that points into code right behind a call is taken for a return address.
 * That shows a few left-overs of former calls among the true ones, and misses none. */
#include "vmi/modules.h"
#include "vmi/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MAX_STACKS     64u
#define MAX_FRAMES     32u
#define MAX_THREADS    (1u << 16)
#define STACK_BYTES    16384u
#define CALL_BYTES     7u /* the longest call instruction */
#define STUCK_US       1000000
#define MODULES_A_STEP 16u
#define STATE_D        0x2u
#define STATE_NOLOAD   0x400u

struct search {
    struct ax_vmi *v;
    struct ax_arena *a;
    struct ax_loaded_list modules;
    uint64_t text, text_end, now_ns;
    struct ax_stack list[MAX_STACKS];
    size_t n;
};

struct task {
    uint64_t va, sp, base, ran;
    uint32_t state, pid;
};

static const enum ax_plan_member needed[] = {
    AX_OFF_task_state, AX_OFF_task_exec_start,  AX_OFF_task_pid,
    AX_OFF_task_comm,  AX_OFF_task_signal,      AX_OFF_task_sp,
    AX_OFF_task_stack, AX_OFF_task_thread_node, AX_OFF_signal_thread_head};

static bool load_task(struct ax_vmi *v, uint64_t va, struct task *t)
{
    t->va = va;
    return ax_walk_u32(v, va, AX_OFF_task_state, &t->state) &&
           ax_walk_u32(v, va, AX_OFF_task_pid, &t->pid) &&
           ax_walk_u64(v, va, AX_OFF_task_exec_start, &t->ran) &&
           ax_walk_u64(v, va, AX_OFF_task_sp, &t->sp) &&
           ax_walk_u64(v, va, AX_OFF_task_stack, &t->base);
}

static bool is_stuck(const struct search *s, const struct task *t)
{
    return (t->state & (STATE_D | STATE_NOLOAD)) == STATE_D && s->now_ns > t->ran &&
           s->now_ns - t->ran > (uint64_t)STUCK_US * 1000;
}

/* --- Return addresses ------------------------------------------------------------------------ */

/* ff /2: mod and rm say how many bytes the instruction has. */
static bool is_indirect(uint8_t modrm, unsigned bytes)
{
    unsigned mod = modrm >> 6, rm = modrm & 7, n = 2;
    if ((modrm >> 3 & 7) != 2)
        return false;
    if (mod != 3 && rm == 4)
        n++; /* SIB */
    if (mod == 1)
        n++;
    else if (mod == 2 || (mod == 0 && rm == 5))
        n += 4;
    return n == bytes;
}

static bool follows_call(struct search *s, uint64_t va)
{
    uint8_t code[CALL_BYTES];
    if (!ax_guest_read(&s->v->guest, va - CALL_BYTES, code, sizeof code))
        return false;
    if (code[CALL_BYTES - 5] == 0xe8)
        return true;
    for (unsigned n = 2; n <= CALL_BYTES; n++)
        if (code[CALL_BYTES - n] == 0xff && is_indirect(code[CALL_BYTES - n + 1], n))
            return true;
    return false;
}

/* "symbol+0x12", or "[module]+0x1234" from where the module's piece begins. */
static struct ax_str name_address(struct search *s, uint64_t va, const struct ax_loaded *m)
{
    char name[AX_SYMBOL_NAME], text[AX_SYMBOL_NAME + 24];
    uint64_t offset = va;
    if (m) {
        for (size_t i = 0; i < m->n_ranges; i++)
            if (va - m->ranges[i].from < m->ranges[i].size)
                offset = va - m->ranges[i].from;
        snprintf(text, sizeof text, "[%s]+0x%" PRIx64, m->name, offset);
    } else if (ax_kallsyms_name(&s->v->kallsyms, va, name, &offset)) {
        snprintf(text, sizeof text, "%s+0x%" PRIx64, name, offset);
    } else {
        return AX_STR_NULL;
    }
    return ax_arena_str(s->a, ax_str(text));
}

/* A guest may have thousands of modules, and each word of a stack be looked for in all of them. */
static const struct ax_loaded *find_module(struct search *s, uint64_t va)
{
    struct ax_guest *g = &s->v->guest;
    if (!ax_guest_is_kernel(g, va))
        return NULL;
    for (size_t i = 0; i < s->modules.n; i += MODULES_A_STEP)
        if (!ax_guest_spend(g))
            return NULL;
    return ax_modules_at(&s->modules, va);
}

static void add_frame(struct search *s, uint64_t va, struct ax_stack *out)
{
    const struct ax_loaded *m = NULL;
    if (out->n_frames == MAX_FRAMES)
        return;
    if (va < s->text || va >= s->text_end) {
        m = find_module(s, va);
        if (!m)
            return;
    }
    if (!follows_call(s, va))
        return;
    struct ax_str frame = name_address(s, va, m);
    if (frame.n)
        out->frames[out->n_frames++] = frame;
}

static bool read_frames(struct search *s, const struct task *t, struct ax_stack *out)
{
    uint64_t words[STACK_BYTES / 8], used = t->sp - t->base;
    if (used >= STACK_BYTES || used % 8)
        return false;
    size_t bytes = STACK_BYTES - (size_t)used;
    if (!ax_guest_read(&s->v->guest, t->sp, words, bytes))
        return false;
    out->frames = AX_NEWS(s->a, struct ax_str, MAX_FRAMES);
    for (size_t i = 0; i < bytes / 8; i++)
        add_frame(s, words[i], out);
    return true;
}

/* --- Tasks ----------------------------------------------------------------------------------- */

/* A task that went on while it was read is not stuck, and its stack is a mixture. */
static bool take_thread(void *self, uint64_t node)
{
    struct search *s = self;
    struct ax_vmi *v = s->v;
    struct task t, after;
    struct ax_stack stack = {0};
    char name[17];
    if (!load_task(v, node - (uint64_t)ax_off(v, AX_OFF_task_thread_node), &t))
        return false;
    if (!is_stuck(s, &t) || s->n == MAX_STACKS)
        return true;
    if (!ax_guest_text(&v->guest, t.va + (uint64_t)ax_off(v, AX_OFF_task_comm), name, 16) ||
        !read_frames(s, &t, &stack) || !load_task(v, t.va, &after) || after.sp != t.sp ||
        after.ran != t.ran || !is_stuck(s, &after))
        return true;
    stack.pid = (int32_t)t.pid;
    stack.blocked_us = (int64_t)((s->now_ns - t.ran) / 1000);
    memcpy(stack.name, name, sizeof stack.name - 1);
    s->list[s->n++] = stack;
    return true;
}

/* A process whose threads come and go all the time is not what we look for. */
static void look_at_process(struct search *s, uint64_t task)
{
    uint64_t signal;
    size_t before = s->n;
    if (!ax_walk_u64(s->v, task, AX_OFF_task_signal, &signal))
        return;
    for (unsigned tries = 0; tries < 3; tries++) {
        if (ax_walk_list(s->v, signal + (uint64_t)ax_off(s->v, AX_OFF_signal_thread_head),
                         MAX_THREADS, take_thread, s))
            return;
        s->n = before;
        s->v->torn++;
    }
}

int ax_read_stacks(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r, struct ax_err *err)
{
    static const enum ax_plan_symbol symbols[] = {AX_SYM__stext, AX_SYM__etext};
    struct ax_reading processes = {0};
    struct search *s = AX_NEWS(a, struct search, 1);
    *s = (struct search){.v = v, .a = a};
    int rc = ax_need_symbols(v, symbols, AX_ARRAY_LEN(symbols), err);
    if (rc == 0)
        rc = ax_need_members(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc == 0 && r->parts & AX_PART_PROCESSES)
        processes = *r;
    else if (rc == 0)
        rc = ax_read_processes(v, a, &processes, err);
    if (rc < 0)
        return rc;
    s->text = ax_sym(v, AX_SYM__stext);
    s->text_end = ax_sym(v, AX_SYM__etext);
    s->now_ns = ax_kernel_scheduler_clock(v);
    if (ax_modules_loaded(v, a, &s->modules, NULL) < 0)
        s->modules.n = 0; /* then only the kernel's own functions are named */
    for (size_t i = 0; i < processes.n_processes; i++)
        look_at_process(s, processes.processes[i].task);
    r->stacks = s->list;
    r->n_stacks = s->n;
    return 0;
}
