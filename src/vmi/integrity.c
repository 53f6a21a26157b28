// SPDX-License-Identifier: Apache-2.0
/* Has somebody changed the guest's kernel? Its tables of system calls and interrupts must lead into
 * its own text; what was put there by a module, or by nobody that is known, is reported.
 *
 * What cannot be seen from memory alone: registers (another table of interrupts, another entry of
 * system calls), and code that was changed in place. */
#include "vmi/integrity.h"
#include "vmi/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MAX_CALLS  1024u
#define GATES      256u
#define GATE_BYTES 16u
#define EXCEPTIONS 32u
#define MAX_TEXT   (UINT64_C(256) << 20)

struct check {
    struct ax_findings *f;
    struct ax_vmi *v;
    struct ax_loaded_list modules;
    uint64_t text, text_end;
};

void ax_finding(struct ax_findings *f, const char *kind, const char *what, const char *text)
{
    if (f->n < AX_MAX_FINDINGS)
        f->list[f->n++] = (struct ax_tampering){.kind = kind,
                                                .what = ax_arena_str(f->a, ax_str(what)),
                                                .text = ax_arena_str(f->a, ax_str(text))};
}

static bool in_text(const struct check *c, uint64_t va)
{
    return va >= c->text && va < c->text_end;
}

/* A pointer that ought to lead into the kernel's text leads elsewhere. */
static void report(const struct check *c, const char *kind, const char *what, uint64_t to)
{
    char text[256];
    const struct ax_loaded *m = ax_modules_at(&c->modules, to);
    if (m)
        snprintf(text, sizeof text, "%s is handled by module %s, not by the kernel", what, m->name);
    else
        snprintf(text, sizeof text,
                 "%s leads to 0x%" PRIx64
                 ", outside of the kernel's code and of every module in the list",
                 what, to);
    ax_finding(c->f, kind, what, text);
}

/* --- System calls ---------------------------------------------------------------------------- */

/* Those that are changed to hide something, for a readable answer. */
static const char *call_name(unsigned i)
{
    static const struct {
        unsigned number;
        const char *name;
    } names[] = {{0, "read"},     {1, "write"},        {2, "open"},           {3, "close"},
                 {4, "stat"},     {6, "lstat"},        {16, "ioctl"},         {39, "getpid"},
                 {59, "execve"},  {62, "kill"},        {63, "uname"},         {78, "getdents"},
                 {87, "unlink"},  {101, "ptrace"},     {175, "init_module"},  {217, "getdents64"},
                 {257, "openat"}, {262, "newfstatat"}, {313, "finit_module"}, {322, "execveat"}};
    for (size_t k = 0; k < AX_ARRAY_LEN(names); k++)
        if (names[k].number == i)
            return names[k].name;
    return NULL;
}

/* How long a table is: up to the next symbol. */
static unsigned table_length(struct ax_vmi *v, uint64_t table)
{
    unsigned low = 0, high = MAX_CALLS; /* entries that surely are, and perhaps are not */
    char name[AX_SYMBOL_NAME];
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        uint64_t offset;
        if (ax_kallsyms_name(&v->kallsyms, table + 8 * (uint64_t)middle, name, &offset) &&
            offset == 8 * (uint64_t)middle)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

static bool check_calls(const struct check *c, uint64_t table, const char *label, bool named)
{
    unsigned n = table_length(c->v, table);
    char what[64];
    for (unsigned i = 0; i < n; i++) {
        uint64_t to;
        if (!ax_guest_u64(&c->v->guest, table + 8 * (uint64_t)i, &to))
            return false;
        if (to == 0 || in_text(c, to)) /* 0: padding behind the last */
            continue;
        const char *name = named ? call_name(i) : NULL;
        snprintf(what, sizeof what, "%s %u%s%s%s", label, i, name ? " (" : "", name ? name : "",
                 name ? ")" : "");
        report(c, "system_call", what, to);
    }
    return true;
}

/* --- Interrupts ------------------------------------------------------------------------------ */

static uint64_t gate_target(const uint8_t *gate)
{
    return ax_load_u16(gate) | (uint64_t)ax_load_u16(gate + 6) << 16 |
           (uint64_t)ax_load_u32(gate + 8) << 32;
}

/* Exceptions that processors do not raise keep the handlers of the kernel's first moments, one
 * every 9 or 13 bytes, whose code is gone. */
static bool is_early(const struct check *c, unsigned i, uint64_t to)
{
    uint64_t early = ax_sym(c->v, AX_SYM_early_idt_handler_array);
    return i < EXCEPTIONS && early &&
           (to == early + 9 * (uint64_t)i || to == early + 13 * (uint64_t)i);
}

static bool check_interrupts(const struct check *c, uint64_t table)
{
    uint8_t gates[GATES * GATE_BYTES];
    char what[32];
    if (!ax_guest_read(&c->v->guest, table, gates, sizeof gates))
        return false;
    for (unsigned i = 0; i < GATES; i++) {
        const uint8_t *gate = gates + (size_t)i * GATE_BYTES;
        bool present = gate[5] & 0x80;
        uint64_t to = gate_target(gate);
        if (!present || in_text(c, to) || is_early(c, i, to))
            continue;
        snprintf(what, sizeof what, "interrupt %u", i);
        report(c, "interrupt", what, to);
    }
    return true;
}

/* --- All of it ------------------------------------------------------------------------------- */

static int check_tables(struct check *c, struct ax_err *err)
{
    static const enum ax_plan_symbol needed[] = {AX_SYM__stext, AX_SYM__etext,
                                                 AX_SYM_sys_call_table, AX_SYM_idt_table};
    struct ax_vmi *v = c->v;
    int rc = ax_need_symbols(v, needed, AX_ARRAY_LEN(needed), err);
    if (rc < 0)
        return rc;
    c->text = ax_sym(v, AX_SYM__stext);
    c->text_end = ax_sym(v, AX_SYM__etext);
    if (c->text < AX_IMAGE_VA || c->text_end <= c->text || c->text_end - c->text > MAX_TEXT)
        return ax_fail(err, -ENOTSUP, "where the kernel's code begins and ends cannot be told");
    rc = ax_modules_loaded(v, c->f->a, &c->modules, err);
    if (rc < 0)
        return rc;
    uint64_t compat = ax_sym(v, AX_SYM_ia32_sys_call_table);
    if (!check_calls(c, ax_sym(v, AX_SYM_sys_call_table), "system call", true) ||
        (compat && !check_calls(c, compat, "32-bit system call", false)) ||
        !check_interrupts(c, ax_sym(v, AX_SYM_idt_table)))
        return ax_fail(err, -EIO, "the tables of system calls or interrupts cannot be read");
    return 0;
}

int ax_read_integrity(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *r,
                      struct ax_err *err)
{
    struct ax_findings *f = AX_NEWS(a, struct ax_findings, 1);
    *f = (struct ax_findings){.v = v, .a = a};
    struct check c = {.f = f, .v = v};
    int rc = check_tables(&c, err);
    if (rc == 0)
        rc = ax_hidden_modules(f, err);
    if (rc == 0)
        rc = ax_hidden_processes(f, err);
    if (rc == 0) {
        r->tampering = f->list;
        r->n_tampering = f->n;
    }
    return rc;
}
