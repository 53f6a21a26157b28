// SPDX-License-Identifier: Apache-2.0
/* What a query reads: the memtables and blocks of one moment, and which of their series match. */
#ifndef AX_STORE_SNAPSHOT_H
#define AX_STORE_SNAPSHOT_H

#include "store/inner.h"

struct ax_snapshot {
    struct ax_store *store;
    const struct ax_store_select *sel;
    unsigned age;                    /* which count of readers it is in, see ageing.c */
    int64_t doubt;                   /* the store's */
    struct ax_memtable *mem[2];      /* older, newer; either may be NULL */
    struct ax_block_list blocks;     /* that overlap the time asked for, by rising order */
    struct ax_block_reader *readers; /* one for each block */
    roaring_bitmap_t *head;          /* matching ids of the head's index */
};

/* Where a series lies in the snapshot's blocks. */
struct ax_series_ref {
    uint32_t block;  /* place in the list of blocks */
    uint32_t series; /* the block's own number */
};

int ax_snapshot_take(struct ax_store *s, const struct ax_store_select *sel, struct ax_snapshot *out,
                     struct ax_err *err);
void ax_snapshot_release(struct ax_snapshot *snap);
/* The matching series of one block: a new bitmap of its own numbers. */
roaring_bitmap_t *ax_snapshot_match(const struct ax_snapshot *snap, uint32_t block);

static inline bool ax_snapshot_overlaps(const struct ax_snapshot *snap, int64_t mint, int64_t maxt)
{
    return mint <= snap->sel->maxt && maxt >= snap->sel->mint;
}

#endif
