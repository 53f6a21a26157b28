// SPDX-License-Identifier: Apache-2.0
/* What the reading of samples is made of: the matching series one after the other, each with its
 * pieces from wherever they lie. What belongs together is told by labels: blocks have their own,
 * and the head forgets series that are over.
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
#include "store/join.h"
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

/* One series, wherever it is. */
struct ax_found {
    uint32_t id;                      /* AX_SERIES_NONE: only in blocks */
    const struct ax_head_part *part;  /* NULL: only in blocks */
    const struct ax_series_ref *refs; /* by order of the blocks */
    size_t nrefs;
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
    struct ax_join join;        /* of head parts, what is done, and blocks */
    struct ax_arena temp;       /* working memory: labels of one series */
    struct ax_buf labels;       /* the same, of one in a block */
    struct ax_series_ref *refs; /* the same: where one series is in blocks */
    size_t refs_cap;
    struct ax_pieces pieces;   /* the same: its pieces */
    struct ax_columns columns; /* the same: its samples */
    uint8_t *pair_kind;        /* by a label's number: is it wanted? */
    uint32_t npairs;
    uint32_t wanted[AX_LABELS_MAX]; /* the wanted labels of the series before, when it has an id */
    size_t nwanted;
    bool wanted_known;
    uint64_t samples, damaged;
    uint64_t surely; /* samples that the answer has at least */
};

/* begin, capture, join, each; end in any case, unless begin failed. */
int ax_reading_begin(struct ax_reading *r, struct ax_store *s, const struct ax_store_select *sel,
                     struct ax_arena *out, struct ax_err *err);
/* Takes what the memtables have of the series in r->snap.head. */
void ax_reading_capture(struct ax_reading *r);
/* Brings together the captured series and the matching ones of blocks; those with an id in `done`
 * are passed over. Without `others` only what was captured counts. */
void ax_reading_join(struct ax_reading *r, const uint32_t *done, size_t ndone, bool others);
/* Calls fn for every series, until it fails. */
typedef int ax_reading_fn(struct ax_reading *r, const struct ax_found *f, struct ax_err *err);
int ax_reading_each(struct ax_reading *r, ax_reading_fn *fn, struct ax_err *err);
int ax_reading_end(struct ax_reading *r, int rc, struct ax_series_set *out);

/* The samples of one piece; false (and noted) when they cannot be read. */
bool ax_reading_decode(struct ax_reading *r, const struct ax_piece *p, int64_t *t, double *v);
void ax_reading_damage(struct ax_reading *r, const struct ax_block *b);
/* Adds a series to the answer. t and v stay where they are: in the answer's arena. */
void ax_reading_emit(struct ax_reading *r, const struct ax_found *f, const int64_t *t,
                     const double *v, size_t n);

uint64_t ax_reading_max(const struct ax_reading *r);
int ax_reading_too_much(const struct ax_reading *r, struct ax_err *err);

#endif
