// SPDX-License-Identifier: Apache-2.0
/* Reading entries and chunks of a block, through windows: a reader that goes through the file in
 * order reads more and more ahead, one that jumps reads little more than it was asked for. */
#include "store/block.h"

#include "store/codec.h"
#include "store/crc32c.h"
#include "store/disk.h"

#include <stdlib.h>

#define AHEAD_MIN 1024u
#define AHEAD_MAX (64u << 10)

static void note_damage(struct ax_block *b)
{
    __atomic_store_n(&b->damaged, 1, __ATOMIC_RELAXED);
}

static bool fill(const struct ax_block *b, struct ax_block_window *w, uint64_t at, size_t n)
{
    if (n > w->cap) {
        w->cap = n;
        w->p = ax_realloc(w->p, n);
    }
    w->at = at;
    w->n = ax_disk_read(b->fd, w->p, n, at) == 0 ? n : 0;
    return w->n > 0;
}

/* Bytes of the file; NULL when they cannot be had. What lies behind them may be unreadable. */
static const uint8_t *window_bytes(struct ax_block_reader *r, int which, uint64_t at, size_t n)
{
    struct ax_block_window *w = &r->window[which];
    const struct ax_block *b = r->block;
    if (at > b->size || n > b->size - at)
        return NULL;
    if (at >= w->at && at - w->at <= w->n && n <= w->n - (at - w->at))
        return w->p + (at - w->at);
    bool onwards = w->n && at >= w->at && at - w->at <= 2 * w->n;
    w->ahead = onwards && w->ahead < AHEAD_MAX ? w->ahead * 2 : onwards ? AHEAD_MAX : AHEAD_MIN;
    uint64_t most = b->size - at, want = n > w->ahead ? n : w->ahead;
    return fill(b, w, at, want < most ? want : most) || fill(b, w, at, n) ? w->p : NULL;
}

void ax_block_reader_done(struct ax_block_reader *r)
{
    for (int i = 0; i < AX_BLOCK_WINDOWS; i++)
        free(r->window[i].p);
}

struct ax_reader ax_block_entry(struct ax_block_reader *r, uint32_t series)
{
    const struct ax_block *b = r->block;
    uint64_t base = 8 * ((uint64_t)b->nseries + 1), len = b->section[AX_SERIES].n, bounds[2];
    const uint8_t *p = series < b->nseries
                           ? window_bytes(r, AX_READ_OFFSETS, b->series_at + 8ull * series, 16)
                           : NULL;
    if (!p)
        return (struct ax_reader){.bad = true};
    memcpy(bounds, p, sizeof bounds);
    if (bounds[0] > bounds[1] || bounds[1] > len - base)
        return (struct ax_reader){.bad = true};
    size_t n = bounds[1] - bounds[0];
    p = window_bytes(r, AX_READ_ENTRIES, b->series_at + base + bounds[0], n);
    return p ? ax_reader(p, n) : (struct ax_reader){.bad = true};
}

struct ax_block_cursor ax_block_chunks(struct ax_block_reader *r, uint32_t series)
{
    struct ax_block_cursor c = {.r = ax_block_entry(r, series), .block = r->block};
    uint64_t nlabels = ax_read_varint(&c.r);
    for (uint64_t i = 0; i < 2 * nlabels && !c.r.bad; i++)
        ax_read_varint(&c.r);
    c.left = ax_read_varint(&c.r);
    c.at = ax_read_varint(&c.r);
    if (c.r.bad)
        note_damage(c.block);
    return c;
}

static double read_number(struct ax_reader *r)
{
    return ax_read_double(r, ax_read_u8(r));
}

static void read_summary(struct ax_reader *r, struct ax_block_chunk *c)
{
    unsigned flags = ax_read_u8(r);
    c->has_range = !(flags & NO_RANGE);
    c->first = c->last = c->min = c->max = read_number(r);
    if (!(flags & ALL_FIRST)) {
        c->last = c->max = read_number(r);
        if (!(flags & (NO_RANGE | MIN_FIRST)))
            c->min = read_number(r);
        if (!(flags & (NO_RANGE | MAX_LAST)))
            c->max = read_number(r);
    }
    c->sum = c->has_range ? read_number(r) : 0;
}

bool ax_block_next(struct ax_block_cursor *c, struct ax_block_chunk *out)
{
    if (!c->left || c->r.bad)
        return false;
    c->left--;
    out->mint = (int64_t)((uint64_t)c->before + (uint64_t)ax_read_zigzag(&c->r));
    out->maxt = (int64_t)((uint64_t)out->mint + ax_read_varint(&c->r));
    uint64_t n = ax_read_varint(&c->r), len = ax_read_varint(&c->r);
    read_summary(&c->r, out);
    if (out->mint < c->block->mint || out->maxt > c->block->maxt || n > AX_CHUNK_SAMPLES ||
        c->at > c->block->size || len > AX_CHUNK_BYTES || len + 4 > c->block->size - c->at)
        c->r.bad = true;
    if (c->r.bad) {
        note_damage(c->block);
        return false;
    }
    out->n = (uint32_t)n;
    out->len = (uint32_t)len;
    out->at = c->at;
    c->at += len + 4;
    c->before = out->maxt;
    return true;
}

static bool decode(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t, double *v)
{
    uint32_t crc;
    const uint8_t *p = window_bytes(r, AX_READ_CHUNKS, c->at, c->len + sizeof crc);
    if (!p)
        return false;
    memcpy(&crc, p + c->len, sizeof crc);
    return ax_crc32c(0, p, c->len) == crc && ax_chunk_decode(p, c->len, c->mint, t, v, c->n) &&
           t[c->n - 1] == c->maxt;
}

bool ax_block_decode(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t,
                     double *v)
{
    bool good = decode(r, c, t, v);
    if (!good)
        note_damage(r->block);
    return good;
}
