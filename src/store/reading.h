// SPDX-License-Identifier: Apache-2.0
/* What the reading of samples is made of: the matching series one after the other, each with its
 * pieces from wherever they lie.
 *
 *     written first                                          written last
 *     block  block  ...  frozen memtable's chunks, open   active's chunks, open
 *     `----- refs -----' `------------------ head part ------------------------'
 *
 * Of two samples of one time, the one written last counts. */
#ifndef AX_STORE_READING_H
#define AX_STORE_READING_H

#include "store/codec.h"
#include "store/columns.h"
#include "store/snapshot.h"

/* Some samples of one series: a chunk of a block, a chunk of a memtable, or open ones in the order
 * in which they came. */
struct ax_piece {
    struct ax_block_reader *block; /* NULL: of a memtable */
    const uint8_t *bytes;          /* encoded, of a memtable */
    const uint8_t *open;           /* bytes of open samples */
    struct ax_block_chunk chunk;   /* of a memtable: mint, maxt, n, len; open: only n */
};

/* What one series has in the memtables. */
struct ax_head_part {
    uint32_t id;
    uint32_t n;
    struct ax_piece *v;
};

struct ax_pieces {
    struct ax_piece *v;
    size_t n, cap;
};

struct ax_reading {
    struct ax_snapshot snap;
    struct ax_arena *out, scratch;
    struct ax_series *v; /* the answer, of `out` */
    size_t n, cap;
    struct ax_head_part *head; /* by rising id */
    size_t nhead;
    struct ax_pieces pieces;   /* working memory: of one series in blocks */
    struct ax_columns columns; /* the same: its samples */
    uint8_t *pair_kind;        /* by a label's number: is it wanted? */
    uint32_t npairs;
    uint32_t wanted[AX_LABELS_MAX]; /* the wanted labels of the series before */
    size_t nwanted;
    uint64_t samples, damaged;
};

/* begin, then (after what can be answered at once was taken out of the snapshot) capture, then
 * each; end in any case, unless begin failed. */
int ax_reading_begin(struct ax_reading *r, struct ax_store *s, const struct ax_store_select *sel,
                     struct ax_arena *out, struct ax_err *err);
void ax_reading_capture(struct ax_reading *r);
/* Calls fn for every series: its refs into blocks, and its part of the head; either may be none. */
typedef int ax_reading_fn(struct ax_reading *r, uint32_t id, const struct ax_series_ref *refs,
                          size_t nrefs, const struct ax_head_part *part, struct ax_err *err);
int ax_reading_each(struct ax_reading *r, ax_reading_fn *fn, struct ax_err *err);
int ax_reading_end(struct ax_reading *r, int rc, struct ax_series_set *out);

/* The samples of one piece; false (and noted) when they cannot be read. */
bool ax_reading_decode(struct ax_reading *r, const struct ax_piece *p, int64_t *t, double *v);
void ax_reading_damage(struct ax_reading *r, const struct ax_block *b);
/* Adds a series to the answer. t and v stay where they are: in the answer's arena. */
void ax_reading_emit(struct ax_reading *r, uint32_t id, const int64_t *t, const double *v,
                     size_t n);

uint64_t ax_reading_max(const struct ax_reading *r);
int ax_reading_too_much(const struct ax_reading *r, struct ax_err *err);

#endif
