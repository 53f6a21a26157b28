// SPDX-License-Identifier: Apache-2.0
/* RAM that is put together of others: each block lies in one block of one of them. */
#include "vmi/ram_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct origin { /* of the block with the same index */
    struct ax_ram *ram;
    size_t block;
    uint64_t offset; /* in it */
};

struct pieces_ram {
    struct ax_ram ram;
    struct ax_ram *others[AX_RAM_BLOCKS]; /* each once */
    size_t n_others;
    struct origin from[AX_RAM_BLOCKS];
};

static const struct origin *origin(const struct ax_ram *r, size_t block)
{
    return &((const struct pieces_ram *)r)->from[block];
}

static const uint8_t *pieces_at(struct ax_ram *r, size_t block, uint64_t offset, size_t len)
{
    const struct origin *o = origin(r, block);
    return o->ram->source->at(o->ram, o->block, o->offset + offset, len);
}

static void pieces_begin(struct ax_ram *r)
{
    struct pieces_ram *p = (struct pieces_ram *)r;
    for (size_t i = 0; i < p->n_others; i++)
        ax_ram_begin(p->others[i]);
}

static bool pieces_data(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end)
{
    const struct origin *o = origin(r, block);
    uint64_t from = o->offset + *offset, to = 0, last = o->offset + r->blocks[block].size;
    if (!o->ram->source->data(o->ram, o->block, &from, &to) || from >= last)
        return false;
    *offset = from - o->offset;
    *end = (to < last ? to : last) - o->offset;
    return true;
}

static void pieces_drop(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end)
{
    const struct origin *o = origin(r, block);
    o->ram->source->drop(o->ram, o->block, o->offset + offset, o->offset + end);
}

static void pieces_close(struct ax_ram *r)
{
    free(r); /* the others are not ours */
}

static struct ax_ram_counts pieces_counts(const struct ax_ram *r)
{
    const struct pieces_ram *p = (const struct pieces_ram *)r;
    struct ax_ram_counts sum = r->counts;
    for (size_t i = 0; i < p->n_others; i++) {
        struct ax_ram_counts c = ax_ram_counts(p->others[i]);
        sum.calls += c.calls;
        sum.bytes += c.bytes;
        sum.holes += c.holes;
    }
    return sum;
}

#define SOURCE                                                                                     \
    .at = pieces_at, .begin = pieces_begin, .data = pieces_data, .drop = pieces_drop,              \
    .close = pieces_close, .counts = pieces_counts
static const struct ax_ram_source copying = {SOURCE}, viewing = {SOURCE, .contiguous = true};

static bool find_origin(const struct ax_ram_piece *piece, struct origin *out)
{
    struct ax_ram *r = piece->ram;
    for (size_t i = 0; i < r->n_blocks; i++) {
        const struct ax_ram_block *b = &r->blocks[i];
        uint64_t offset = piece->from - b->gpa;
        if (piece->from >= b->gpa && offset < b->size && piece->size <= b->size - offset) {
            *out = (struct origin){r, i, offset};
            return true;
        }
    }
    return false;
}

/* `at` of a block is the number of its piece (in pages, as blocks are counted) until they are in
 * order. */
static int order(struct pieces_ram *p, const struct ax_ram_piece *pieces, size_t n,
                 struct ax_err *err)
{
    struct ax_ram_block blocks[AX_RAM_BLOCKS];
    for (size_t i = 0; i < n && i < AX_RAM_BLOCKS; i++)
        blocks[i] = (struct ax_ram_block){pieces[i].gpa, pieces[i].size, i * AX_PAGE};
    int rc = ax_ram_init(&p->ram, &viewing, blocks, n, 0, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct ax_ram_piece *piece = &pieces[p->ram.blocks[i].at / AX_PAGE];
        p->ram.blocks[i].at = 0;
        if (piece->from % AX_PAGE || !find_origin(piece, &p->from[i]))
            rc = ax_fail(err, -EINVAL,
                         "the piece of RAM at 0x%" PRIx64 " is not where it should be", piece->gpa);
    }
    return rc;
}

static void list_others(struct pieces_ram *p)
{
    for (size_t i = 0; i < p->ram.n_blocks; i++) {
        bool known = false;
        for (size_t k = 0; k < p->n_others; k++)
            known |= p->others[k] == p->from[i].ram;
        if (!known)
            p->others[p->n_others++] = p->from[i].ram;
        if (!ax_ram_contiguous(p->from[i].ram))
            p->ram.source = &copying;
    }
}

int ax_ram_open_pieces(struct ax_ram **out, const struct ax_ram_piece *pieces, size_t n,
                       struct ax_err *err)
{
    struct pieces_ram *p = ax_calloc(1, sizeof *p);
    int rc = order(p, pieces, n, err);
    if (rc < 0) {
        free(p);
        return rc;
    }
    list_others(p);
    *out = &p->ram;
    return 0;
}
