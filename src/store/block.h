// SPDX-License-Identifier: Apache-2.0
/* A block: an immutable file with samples of one stretch of time.
 *
 *   chunks     for each series in turn: payload (codec.h), u32 CRC32C of it, ...
 *   symbols    u32 count, u32 offset[count + 1], bytes of the strings, sorted, each once
 *   series     u64 offset[nseries + 1], entries: varint nlabels, { varint name, varint value } as
 *              symbol numbers; varint nchunks, varint file offset of the first chunk, { chunk } ...
 *   chunk      zigzag mint - maxt before, varint maxt - mint, varint n, varint length, flags,
 *              then the doubles first, last, min, max, sum that the flags do not make superfluous
 *   postings   { u32 name, u32 value, u64 offset, u64 length } sorted by name and value, and the
 *              portable CRoaring bitmaps of series numbers they point to
 *   footer     struct ax_block_footer, with a CRC32C for every part and one of its own
 *
 * Series numbers are the block's own; `ids` maps them to the intake's.
 *
 * Symbols and postings are in memory while the block is open. Entries and chunks are read when they
 * are asked for, so that what the disk cannot give back costs only what it was. */
#ifndef AX_STORE_BLOCK_H
#define AX_STORE_BLOCK_H

#include "model/sample.h"
#include "store/match.h"
#include "store/reader.h"

#define AX_BLOCK_VERSION 1

enum ax_block_section { AX_SYMBOLS, AX_SERIES, AX_POSTING_INDEX, AX_POSTINGS, AX_SECTIONS };

struct ax_block_footer {
    char magic[8]; /* "AXBLOCK\n" */
    uint32_t version;
    uint32_t crc; /* of the footer with this field 0 */
    uint64_t order;
    int64_t mint, maxt;
    uint64_t nseries, nchunks, nsamples;
    struct {
        uint64_t at, len;
        uint64_t crc;
    } section[AX_SECTIONS];
};

struct ax_posting_entry {
    uint32_t name, value;
    uint64_t at, len;
};

struct ax_block {
    uint64_t file;  /* number in its name */
    uint64_t order; /* what was written later has a higher one, and wins */
    int64_t mint, maxt;
    uint64_t nchunks, nsamples, size;
    uint32_t nseries;
    uint32_t *ids;  /* intake's id of each series */
    bool undefined; /* the intake had no id for some of them: these are AX_SERIES_NONE */
    int damaged;    /* atomic: something could not be read or did not match its checksum */
    int refs;       /* atomic */
    int fd;
    uint64_t series_at;                 /* where the section of the series begins */
    struct ax_str section[AX_SECTIONS]; /* owned; of the series only the length */
};

struct ax_block_chunk {
    int64_t mint, maxt;
    uint32_t n, len;
    uint64_t at;    /* of the payload in the file */
    bool has_range; /* min, max and sum are set: there is no NaN among the values */
    double first, last, min, max, sum;
};

/* Flags of a chunk's entry: which of its doubles are not written. */
enum { ALL_FIRST = 1, MIN_FIRST = 2, MAX_LAST = 4, NO_RANGE = 8 };

#define AX_BLOCK_NAME 40
void ax_block_name(uint64_t file, char out[AX_BLOCK_NAME]); /* "blocks/0000000001.axb" */

/* Opens the file and checks everything but the chunks. `define` gives ids. -EBADMSG: damaged. */
int ax_block_open(int dirfd, uint64_t file, uint32_t (*define)(void *ctx, struct ax_labels labels),
                  void *ctx, struct ax_block **out, struct ax_err *err);
struct ax_block *ax_block_ref(struct ax_block *b);
void ax_block_unref(struct ax_block *b);
struct ax_index_view ax_block_index(const struct ax_block *b);

/* One thread's reading of a block: what it has read last, and some ahead of that when it goes
 * through the file in order. Start from {.block = b}; the block must stay referenced. */
struct ax_block_window {
    uint8_t *p;
    uint64_t at; /* in the file */
    size_t n, cap, ahead;
};
enum { AX_READ_OFFSETS, AX_READ_ENTRIES, AX_READ_CHUNKS, AX_BLOCK_WINDOWS };
struct ax_block_reader {
    struct ax_block *block;
    struct ax_block_window window[AX_BLOCK_WINDOWS];
};
void ax_block_reader_done(struct ax_block_reader *r);
/* What the section of the series has of one: `bad` when it cannot be read. Valid until the next. */
struct ax_reader ax_block_entry(struct ax_block_reader *r, uint32_t series);

/* Walks the chunks of a series in order of time; one walk at a time on one reader. When it ends
 * with `r.bad`, the rest could not be read, and b->damaged says so. */
struct ax_block_cursor {
    struct ax_reader r;
    uint64_t left, at;
    int64_t before; /* maxt of the chunk before */
    struct ax_block *block;
};
struct ax_block_cursor ax_block_chunks(struct ax_block_reader *r, uint32_t series);
bool ax_block_next(struct ax_block_cursor *c, struct ax_block_chunk *out);
/* Reads, checks the checksum and decodes; false (and b->damaged) when the chunk is damaged or
 * cannot be read. */
bool ax_block_decode(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t,
                     double *v);

/* Writing: series one after the other, each with its samples in order; then finish. */
struct ax_block_writer;
int ax_block_create(int dirfd, uint64_t file, uint64_t order, struct ax_block_writer **out,
                    struct ax_err *err);
void ax_block_add(struct ax_block_writer *w, struct ax_labels labels, const int64_t *t,
                  const double *v, size_t n);
/* Writes the index and syncs file and directory; on failure the file is removed. Frees. Write
 * errors of any time come out here. */
int ax_block_finish(struct ax_block_writer *w, struct ax_err *err);
void ax_block_cancel(struct ax_block_writer *w); /* removes the file and frees */

#endif
