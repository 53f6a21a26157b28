// SPDX-License-Identifier: Apache-2.0
/* A block: an immutable file with samples of one stretch of time.
 *
 *   payloads   columns of times and, for each series in turn, values of its chunks (values.h), each
 *              but the columns with its u32 CRC32C behind it
 *   symbols    u32 count, u32 offset[count + 1], bytes of the strings, sorted, each once
 *   postings   { u32 name, u32 value, u64 offset, u64 length } sorted by name and value, and the
 *              portable CRoaring bitmaps of series numbers they point to
 *   labels     of each series: one bit for each label of the series before, lowest first, whether
 *              it has it too; varint how many others, and varint number of each among the postings
 *   series     u40 offset[nseries + 1], entries: varint nchunks, varint file offset of the first
 *              chunk, and of each chunk what entry.h says
 *   columns    struct ax_block_column for each column of times
 *   footer     struct ax_block_footer, with a CRC32C for every part and one of its own
 *
 * Chunks with the same times share one column of them: what is polled together is stamped together.
 * Series numbers are the block's own.
 *
 * Symbols, postings and labels are in memory while the block is open. Entries, columns and chunks
 * are read when they are asked for, so that what the disk cannot give back costs only what it was.
 *
 * Version 1 had no columns, but codec.h's chunks, which have their times in them; and no labels
 * apart, but in each entry varint nlabels, { varint name, varint value } as symbol numbers. */
#ifndef AX_STORE_BLOCK_H
#define AX_STORE_BLOCK_H

#include "model/sample.h"
#include "store/entry.h"
#include "store/match.h"

#define AX_BLOCK_VERSION 2
#define AX_BLOCK_OFFSET  5 /* bytes of an offset among the entries; 8 in version 1 */

enum ax_block_section {
    AX_SYMBOLS,
    AX_SERIES,
    AX_POSTING_INDEX,
    AX_POSTINGS,
    AX_COLUMNS, /* not in version 1, nor are these */
    AX_LABELS,
    AX_SECTIONS
};

struct ax_block_footer {
    char magic[8]; /* "AXBLOCK\n" */
    uint32_t version;
    uint32_t crc; /* of the footer with this field 0 */
    uint64_t order;
    int64_t mint, maxt;
    uint64_t nseries, nchunks, nsamples;
    int64_t origin; /* the first chunk of a series is told against it */
    struct {
        uint64_t at, len;
        uint64_t crc;
    } section[AX_SECTIONS];
};

struct ax_block_footer_1 { /* of version 1 */
    char magic[8];
    uint32_t version;
    uint32_t crc;
    uint64_t order;
    int64_t mint, maxt;
    uint64_t nseries, nchunks, nsamples;
    struct {
        uint64_t at, len;
        uint64_t crc;
    } section[AX_COLUMNS];
};

struct ax_posting_entry {
    uint32_t name, value;
    uint64_t at, len;
};

struct ax_block_column {
    uint64_t at; /* of values.h's times in the file */
    uint32_t len, crc;
};

struct ax_block {
    uint32_t version;
    uint64_t file;  /* number in its name */
    uint64_t order; /* what was written later has a higher one, and wins */
    int64_t mint, maxt;
    uint64_t nchunks, nsamples, size;
    uint32_t nseries;
    int damaged; /* atomic: something could not be read or did not match its checksum */
    int refs;    /* atomic */
    int fd;
    int64_t origin;
    uint64_t series_at, columns_at;     /* where these sections begin */
    struct ax_str section[AX_SECTIONS]; /* owned; of these two only the length */
    struct ax_block_mark *marks;        /* places in the labels to begin from, see block_names.c */
    struct ax_tenant_parts *parts;      /* see tenants.h; under head */
    bool whole;                         /* of who is keeping: writing it anew failed */
};

#define AX_BLOCK_NAME 40
void ax_block_name(uint64_t file, char out[AX_BLOCK_NAME]); /* "blocks/0000000001.axb" */

/* Opens the file and checks everything but the chunks. -EBADMSG: damaged. */
int ax_block_open(int dirfd, uint64_t file, struct ax_block **out, struct ax_err *err);
static inline uint64_t ax_block_offset(const struct ax_block *b)
{
    return b->version == 1 ? 8 : AX_BLOCK_OFFSET;
}
/* For who looks closer at a file: b->fd and b->size are set. The footer of any version; -EBADMSG.
 */
int ax_block_footer_read(const struct ax_block *b, struct ax_block_footer *f);
/* Reads the section and checks it: into memory, or (NULL) piece by piece. */
int ax_block_section_read(const struct ax_block *b, const struct ax_block_footer *f, int which,
                          char *into);
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
enum {
    AX_READ_OFFSETS,
    AX_READ_ENTRIES,
    AX_READ_CHUNKS,
    AX_READ_COLUMNS,
    AX_READ_TIMES,
    AX_BLOCK_WINDOWS
};
struct ax_block_numbers { /* of one series' labels among the postings: they rise */
    uint32_t v[AX_LABELS_MAX];
    uint32_t n;
};
struct ax_block_reader {
    struct ax_block *block;
    struct ax_block_numbers numbers; /* of the series before `next` */
    uint32_t next;                   /* 0: none has been read */
    size_t labels_at;                /* where its labels are told */
    struct ax_block_window window[AX_BLOCK_WINDOWS];
    struct ax_block_times *times; /* columns decoded last */
    uint64_t until;               /* chunks up to there will be asked for one after the other */
};
void ax_block_reader_done(struct ax_block_reader *r);
/* What the section of the series has of one: `bad` when it cannot be read. Valid until the next. */
struct ax_reader ax_block_entry(struct ax_block_reader *r, uint32_t series);

/* The canonical labels of a series, put together into out; false (and b->damaged) when they cannot
 * be read. Quickest in rising order. */
bool ax_block_labels(struct ax_block_reader *r, uint32_t series, struct ax_buf *out);

/* Walks the chunks of a series in order of time; one walk at a time on one reader. When it ends
 * with `r.bad`, the rest could not be read, and b->damaged says so. */
struct ax_block_cursor {
    struct ax_reader r;
    uint64_t left, at;
    struct ax_entry_state before;
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
