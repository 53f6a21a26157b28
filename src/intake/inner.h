// SPDX-License-Identifier: Apache-2.0
/* Inside the intake: the series table, and the raw table that spares most look-ups in it. */
#ifndef AX_INTAKE_INNER_H
#define AX_INTAKE_INNER_H

#include "base/map.h"
#include "intake/intake.h"

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

/* Ids by the bytes in which a sender wrote a series' labels; a cache that costs nothing to lose.
 *
 *   slots[] --> ax_raw {tenant, bytes, id} --next--> ax_raw --next--> ...
 *
 * Senders repeat themselves in order: `next` is what followed last time, tried first, so that a
 * walk in the usual order touches no slot. Bytes are always compared in full. */
struct ax_raw_table {
    pthread_rwlock_t lock; /* shared for a walk */
    struct ax_raw **slots; /* open addressing; NULL: free */
    size_t cap, n;
    size_t max;            /* bytes; when they are used up no more is remembered */
    size_t missed;         /* series that were not remembered for that */
    struct ax_map tenants; /* name -> number */
    struct ax_arena bytes;
};

void ax_raw_table_init(struct ax_raw_table *t, size_t max);
void ax_raw_table_free(struct ax_raw_table *t);
/* Takes in the series of the batch that have raw bytes; ids are set. Once more series had no room
 * than there are in it, it begins anew: what fills it is not what is being sent. */
void ax_raw_remember(struct ax_raw_table *t, const struct ax_batch *b);
size_t ax_raw_bytes(struct ax_raw_table *t);
struct ax_raw_table *ax_intake_raw(struct ax_intake *in);

#endif
