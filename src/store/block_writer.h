// SPDX-License-Identifier: Apache-2.0
/* A block while it is written: chunks by block_write.c, and what leads to them by block_index.c. */
#ifndef AX_STORE_BLOCK_WRITER_H
#define AX_STORE_BLOCK_WRITER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/block.h"

#define AX_BLOCK_HUGE (1ul << 40) /* sections are as large as the data makes them */

struct ax_written_series {
    uint32_t labels, nlabels;    /* in w->labels */
    size_t entries, entries_len; /* in w->entries */
    uint64_t at, nchunks;
};

struct ax_written_label {
    uint32_t name, value; /* symbols, by arrival */
};

struct ax_recent_column {
    uint32_t n, number;
    int64_t t[AX_VALUES_MAX];
};

struct ax_block_writer {
    int dirfd, fd, rc;
    char name[AX_BLOCK_NAME];
    struct ax_buf out, entries, columns;
    struct ax_buf payloads; /* of the series in work */
    uint64_t at;            /* file offset behind `out` */
    struct ax_written_series *series;
    size_t nseries, cap;
    struct ax_block_footer footer;
    struct ax_map symbols;           /* string -> its number, by arrival */
    struct ax_written_label *labels; /* of all series */
    uint32_t nlabels, labels_cap;
    uint32_t *rank; /* by a symbol's number: its place in sorted order */
    struct ax_arena arena;
    struct ax_map columns_seen; /* first time and bytes -> number */
    struct ax_arena column_arena;
    struct ax_recent_column *recent;
};

void ax_block_put(struct ax_block_writer *w, const void *p, size_t n);
/* Writes all sections. */
void ax_block_put_index(struct ax_block_writer *w);

#endif
