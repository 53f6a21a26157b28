// SPDX-License-Identifier: Apache-2.0
#include "vmi/plan.h"

#include <errno.h>
#include <inttypes.h>

static const struct ax_symbol_wanted symbols[] = {
#define SYMBOL(name, kind) {#name, AX_SYMBOL_##kind, 0},
#include "vmi/plan.def"
};
static const struct {
    const char *id, *type, *path;
} members[] = {
#define MEMBER(id, type, path) {#id, type, path},
#include "vmi/plan.def"
};
static const struct {
    const char *id, *type;
} sizes[] = {
#define SIZE(id, type) {#id, type},
#include "vmi/plan.def"
};
static const struct {
    const char *id, *type, *name;
} constants[] = {
#define CONSTANT(id, type, name) {#id, type, name},
#include "vmi/plan.def"
};

const char *ax_plan_symbol_name(enum ax_plan_symbol s)
{
    return symbols[s].name;
}

const char *ax_plan_member_name(enum ax_plan_member m)
{
    return members[m].id;
}

/* Types are the guest's word. Readers add offsets to what they have mapped by ax_span(), so a
 * bound here keeps everything that follows small. */
#define MAX_OFFSET (1 << 20)

static int32_t offset(int64_t v)
{
    return v >= 0 && v <= MAX_OFFSET ? (int32_t)v : -1;
}

static int32_t constant(int64_t v)
{
    return v >= 0 && v <= UINT16_MAX ? (int32_t)v : AX_CONST_UNSET;
}

void ax_plan_clear(struct ax_plan *p)
{
    memset(p->symbol, 0, sizeof p->symbol);
    for (size_t i = 0; i < AX_OFFS; i++)
        p->member[i] = -1;
    for (size_t i = 0; i < AX_SIZES; i++)
        p->size[i] = -1;
    for (size_t i = 0; i < AX_CONSTS; i++)
        p->constant[i] = AX_CONST_UNSET;
}

void ax_plan_make(struct ax_plan *p, struct ax_kallsyms *k, struct ax_btf *btf)
{
    struct ax_symbol_wanted wanted[AX_SYMS];
    memcpy(wanted, symbols, sizeof wanted);
    ax_kallsyms_look_up(k, wanted, AX_SYMS);
    for (size_t i = 0; i < AX_SYMS; i++)
        p->symbol[i] = wanted[i].address;
    for (size_t i = 0; i < AX_OFFS; i++)
        p->member[i] =
            btf ? offset(ax_btf_member(btf, members[i].type, members[i].path, NULL)) : -1;
    for (size_t i = 0; i < AX_SIZES; i++)
        p->size[i] = btf ? offset(ax_btf_size(btf, sizes[i].type)) : -1;
    for (size_t i = 0; i < AX_CONSTS; i++) {
        int64_t v;
        p->constant[i] = btf && ax_btf_enum(btf, constants[i].type, constants[i].name, &v)
                             ? constant(v)
                             : AX_CONST_UNSET;
    }
}

/* Per-CPU symbols of kernels before 6.15 are small numbers, which KASLR does not move. */
static bool is_moved(uint64_t address)
{
    return address >= AX_IMAGE_VA;
}

void ax_plan_save(const struct ax_plan *p, uint64_t moved, struct ax_buf *out)
{
    for (size_t i = 0; i < AX_SYMS; i++) {
        uint64_t v = p->symbol[i];
        ax_buf_printf(out, "symbol %s %" PRIu64 "\n", symbols[i].name, is_moved(v) ? v - moved : v);
    }
    for (size_t i = 0; i < AX_OFFS; i++)
        ax_buf_printf(out, "member %s %" PRId32 "\n", members[i].id, p->member[i]);
    for (size_t i = 0; i < AX_SIZES; i++)
        ax_buf_printf(out, "size %s %" PRId32 "\n", sizes[i].id, p->size[i]);
    for (size_t i = 0; i < AX_CONSTS; i++)
        ax_buf_printf(out, "constant %s %" PRId32 "\n", constants[i].id, p->constant[i]);
}

/* The next line must be "kind name number". */
static bool take(struct ax_str *rest, const char *kind, const char *name, struct ax_str *number)
{
    struct ax_str line, word;
    return ax_str_cut(rest, '\n', &line) && ax_str_word(&line, &word) &&
           ax_str_eq(word, ax_str(kind)) && ax_str_word(&line, &word) &&
           ax_str_eq(word, ax_str(name)) && ax_str_word(&line, number);
}

static bool take_small(struct ax_str *rest, const char *kind, const char *name, int32_t *out)
{
    struct ax_str number;
    int64_t v;
    if (!take(rest, kind, name, &number) || !ax_str_i64(number, &v) || v < INT32_MIN ||
        v > MAX_OFFSET)
        return false;
    *out = (int32_t)v;
    return true;
}

static bool take_symbol(struct ax_str *rest, const char *name, uint64_t moved, uint64_t *out)
{
    struct ax_str number;
    uint64_t v;
    if (!take(rest, "symbol", name, &number) || !ax_str_u64(number, &v))
        return false;
    *out = is_moved(v) ? v + moved : v;
    return true;
}

int ax_plan_load(struct ax_plan *p, uint64_t moved, struct ax_str text, struct ax_err *err)
{
    struct ax_plan plan;
    bool ok = true;
    for (size_t i = 0; i < AX_SYMS && ok; i++)
        ok = take_symbol(&text, symbols[i].name, moved, &plan.symbol[i]);
    for (size_t i = 0; i < AX_OFFS && ok; i++)
        ok = take_small(&text, "member", members[i].id, &plan.member[i]);
    for (size_t i = 0; i < AX_SIZES && ok; i++)
        ok = take_small(&text, "size", sizes[i].id, &plan.size[i]);
    for (size_t i = 0; i < AX_CONSTS && ok; i++)
        ok = take_small(&text, "constant", constants[i].id, &plan.constant[i]);
    if (!ok)
        return ax_fail(err, -EINVAL, "the plan was made by another version of this program");
    *p = plan;
    return 0;
}
