// SPDX-License-Identifier: Apache-2.0
/* Between reading the table of symbols (kallsyms.c) and finding it (kallsyms_find.c). */
#ifndef AX_VMI_KALLSYMS_INNER_H
#define AX_VMI_KALLSYMS_INNER_H

#include "vmi/kallsyms.h"

/* The stream of names, of which a stretch is held while it is walked. Begin with {.k = k}. */
struct ax_names {
    struct ax_kallsyms *k;
    const uint8_t *p;
    uint64_t from, n; /* the stretch: offsets in the stream */
    uint64_t at;
};

/* The tokens of the next name, or NULL; moves on behind them. */
const uint8_t *ax_names_next(struct ax_names *s, unsigned *len);

/* Type letter and name as text; longer ones are cut. */
void ax_names_expand(const struct ax_kallsyms *k, const uint8_t *tokens, unsigned len,
                     char out[AX_SYMBOL_NAME]);

/* The address of a symbol by its number, in the table's encoding. */
bool ax_kallsyms_address(struct ax_kallsyms *k, uint32_t symbol, uint64_t *out);

/* Is there an order by name where seqs says? Trying costs little. */
bool ax_kallsyms_ordered(struct ax_kallsyms *k);

#endif
