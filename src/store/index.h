// SPDX-License-Identifier: Apache-2.0
/* The head's label index: name -> value -> set of series ids. Grows only. Under the head's lock. */
#ifndef AX_STORE_INDEX_H
#define AX_STORE_INDEX_H

#include "store/match.h"

struct ax_index;

struct ax_index *ax_index_new(void);
void ax_index_free(struct ax_index *ix);
/* Makes the series findable; the second time does nothing. The label bytes must outlive the index.
 */
void ax_index_add(struct ax_index *ix, uint32_t id, struct ax_labels labels);
bool ax_index_has(const struct ax_index *ix, uint32_t id);
struct ax_index_view ax_index_view(const struct ax_index *ix);

#endif
