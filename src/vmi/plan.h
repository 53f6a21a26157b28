// SPDX-License-Identifier: Apache-2.0
/* The plan of a kernel build: where its symbols and members are. Made once from kallsyms and BTF,
 * good for every guest that runs the same build. */
#ifndef AX_VMI_PLAN_H
#define AX_VMI_PLAN_H

#include "base/buf.h"
#include "vmi/btf.h"
#include "vmi/kallsyms.h"

enum ax_plan_symbol {
#define SYMBOL(name, kind) AX_SYM_##name,
#include "vmi/plan.def"
    AX_SYMS
};
enum ax_plan_member {
#define MEMBER(id, type, path) AX_OFF_##id,
#include "vmi/plan.def"
    AX_OFFS
};
enum ax_plan_size {
#define SIZE(id, type) AX_SIZE_##id,
#include "vmi/plan.def"
    AX_SIZES
};
enum ax_plan_constant {
#define CONSTANT(id, type, name) AX_CONST_##id,
#include "vmi/plan.def"
    AX_CONSTS
};

#define AX_CONST_UNSET INT32_MIN

struct ax_plan {
    uint64_t symbol[AX_SYMS];    /* address in this guest; 0 = not there */
    int32_t member[AX_OFFS];     /* bytes; -1 = not there */
    int32_t size[AX_SIZES];      /* bytes; -1 = not there */
    int32_t constant[AX_CONSTS]; /* AX_CONST_UNSET = not there */
};

void ax_plan_clear(struct ax_plan *p); /* nothing is there */

/* Symbols from kallsyms; members, sizes and constants from BTF (NULL: none are set). */
void ax_plan_make(struct ax_plan *p, struct ax_kallsyms *k, struct ax_btf *btf);

const char *ax_plan_symbol_name(enum ax_plan_symbol s);
const char *ax_plan_member_name(enum ax_plan_member m); /* struct.member, for messages */

/* As text, addresses as if the kernel had not been moved by `moved` (KASLR). Loading takes only
 * what has every name that this program knows: -EINVAL. */
void ax_plan_save(const struct ax_plan *p, uint64_t moved, struct ax_buf *out);
int ax_plan_load(struct ax_plan *p, uint64_t moved, struct ax_str text, struct ax_err *err);

#endif
