// SPDX-License-Identifier: Apache-2.0
/* Inside the intake: the series table. */
#ifndef AX_INTAKE_INNER_H
#define AX_INTAKE_INNER_H

#include "model/sample.h"

#include <pthread.h>

/* Label sets by id and ids by label set.
 *
 *   slots[]  open addressing by XXH3 of the canonical bytes: {hash, id}
 *   pages[]  id / PAGE -> array of PAGE label views; pages never move, so that a reader who has an
 *            id needs no lock
 *   bytes    the copies of the labels, in order of arrival */
#define AX_SERIES_PAGE  4096u
#define AX_SERIES_PAGES 4096u /* 16.7 million series */

struct ax_series_slot {
    uint64_t hash;
    uint32_t id; /* AX_SERIES_NONE: free */
};

struct ax_series_table {
    pthread_rwlock_t lock; /* slots, n, bytes */
    struct ax_series_slot *slots;
    size_t cap;
    uint32_t n, max;
    struct ax_labels *pages[AX_SERIES_PAGES];
    struct ax_arena bytes;
};

void ax_series_table_init(struct ax_series_table *t, uint32_t max);
void ax_series_table_free(struct ax_series_table *t);
bool ax_series_table_find(struct ax_series_table *t, struct ax_labels l, uint32_t *id);
uint32_t ax_series_table_define(struct ax_series_table *t, struct ax_labels l);
struct ax_labels ax_series_table_get(struct ax_series_table *t, uint32_t id);
uint32_t ax_series_table_count(struct ax_series_table *t);

#endif
