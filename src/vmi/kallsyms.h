// SPDX-License-Identifier: Apache-2.0
/* kallsyms: the kernel's own table of its symbols, as it lies in its image.
 *
 *   names         length, then that many bytes, each a token; the first letter is the type
 *   markers       where name 0, 256, 512, ... begins in `names`
 *   token_table   256 strings; token_index says where each begins
 *   offsets       one number per symbol, in order of address
 *   seqs          numbers of the symbols in order of their names (kernels since 6.2)
 *
 * Kernels since 6.0 say in VMCOREINFO where most of that is; what is not said is derived from what
 * is next to it, and tried. In older ones the token table is searched: it has the digits in a row,
 * which nothing else has. */
#ifndef AX_VMI_KALLSYMS_H
#define AX_VMI_KALLSYMS_H

#include "vmi/guest.h"
#include "vmi/vmcoreinfo.h"

#define AX_SYMBOL_NAME 512

enum ax_kallsyms_addresses {
    AX_ADDRESSES_ABSOLUTE, /* u64 each */
    AX_ADDRESSES_RELATIVE, /* u32 from a base */
    AX_ADDRESSES_PERCPU,   /* s32: >= 0 is the value, else base - 1 - value */
    AX_ADDRESSES_PLACE,    /* s32 from where it lies itself */
    AX_ADDRESSES
};

struct ax_kallsyms {
    struct ax_guest *guest;
    uint64_t names, markers, token_table, token_index, offsets, seqs; /* virtual; seqs 0 = none */
    uint64_t relative_base;
    uint32_t count;
    uint64_t names_size; /* a bound: names end before */
    bool long_lengths;
    enum ax_kallsyms_addresses addresses;
    char tokens[256][64]; /* a copy of the token table, NUL-terminated */
};

/* -ENOENT: there is no table that gives _stext its address. */
int ax_kallsyms_find(struct ax_kallsyms *k, struct ax_guest *g, const struct ax_vmcoreinfo *info,
                     struct ax_err *err);

/* Which of several symbols of one name is meant. A preference only: kernels of 2026 call data text.
 */
enum ax_symbol_kind { AX_SYMBOL_ANY, AX_SYMBOL_TEXT, AX_SYMBOL_DATA };
struct ax_symbol_wanted {
    const char *name;
    enum ax_symbol_kind kind;
    uint64_t address; /* out: 0 = not found */
};
/* All at once: one pass over the names where there is no order by name. Returns how many it found.
 */
size_t ax_kallsyms_look_up(struct ax_kallsyms *k, struct ax_symbol_wanted *wanted, size_t n);

/* The symbol that `address` lies in; false below the first or for what is no kernel text. */
bool ax_kallsyms_name(struct ax_kallsyms *k, uint64_t address, char out[AX_SYMBOL_NAME],
                      uint64_t *offset);

#endif
