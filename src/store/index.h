// SPDX-License-Identifier: Apache-2.0
/* The head's label index: pair -> set of series ids, name -> its pairs. Under the head's lock. */
#ifndef AX_STORE_INDEX_H
#define AX_STORE_INDEX_H

#include "intake/intake.h"
#include "store/match.h"

struct ax_index;

struct ax_index *ax_index_new(struct ax_intake *in);
void ax_index_free(struct ax_index *ix); /* NULL is fine */
/* Makes the series findable; it is not there yet. */
void ax_index_add(struct ax_index *ix, uint32_t id);
/* The opposite; while the intake still has its labels. */
void ax_index_remove(struct ax_index *ix, uint32_t id);
bool ax_index_has(const struct ax_index *ix, uint32_t id);
struct ax_index_view ax_index_view(const struct ax_index *ix);

#endif
