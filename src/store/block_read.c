// SPDX-License-Identifier: Apache-2.0
/* Reading entries and chunks of a block, through windows: a reader that goes through the file in
 * order reads more and more ahead, one that jumps reads little more than it was asked for. */
#include "store/block.h"

#include "store/codec.h"
#include "store/crc32c.h"
#include "store/disk.h"
#include "store/values.h"

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
    if (which == AX_READ_CHUNKS && r->until > at + want)
        want = r->until - at < AHEAD_MAX ? r->until - at : AHEAD_MAX;
    return fill(b, w, at, want < most ? want : most) || fill(b, w, at, n) ? w->p : NULL;
}

/* Columns that were decoded last, by their numbers' low bits: who reads series after series meets
 * the same few again. */
#define TIMES_KEPT 16
struct ax_block_times {
    struct {
        uint32_t column, n;
        int64_t t[AX_VALUES_MAX];
    } kept[TIMES_KEPT];
};

void ax_block_reader_done(struct ax_block_reader *r)
{
    free(r->times);
    for (int i = 0; i < AX_BLOCK_WINDOWS; i++)
        free(r->window[i].p);
}

struct ax_reader ax_block_entry(struct ax_block_reader *r, uint32_t series)
{
    const struct ax_block *b = r->block;
    uint64_t len = b->section[AX_SERIES].n, width = ax_block_offset(b), from = 0, to = 0;
    uint64_t base = width * ((uint64_t)b->nseries + 1);
    const uint8_t *p = series < b->nseries ? window_bytes(r, AX_READ_OFFSETS,
                                                          b->series_at + width * series, 2 * width)
                                           : NULL;
    if (!p)
        return (struct ax_reader){.bad = true};
    memcpy(&from, p, width);
    memcpy(&to, p + width, width);
    if (from > to || to > len - base)
        return (struct ax_reader){.bad = true};
    p = window_bytes(r, AX_READ_ENTRIES, b->series_at + base + from, to - from);
    return p ? ax_reader(p, to - from) : (struct ax_reader){.bad = true};
}

struct ax_block_cursor ax_block_chunks(struct ax_block_reader *r, uint32_t series)
{
    struct ax_block_cursor c = {.r = ax_block_entry(r, series),
                                .before = ax_entry_first(r->block->origin),
                                .block = r->block};
    uint64_t nlabels = r->block->version == 1 ? ax_read_varint(&c.r) : 0;
    for (uint64_t i = 0; i < 2 * nlabels && !c.r.bad; i++)
        ax_read_varint(&c.r);
    c.left = ax_read_varint(&c.r);
    c.at = ax_read_varint(&c.r);
    if (c.r.bad)
        note_damage(c.block);
    return c;
}

bool ax_block_next(struct ax_block_cursor *c, struct ax_block_chunk *out)
{
    if (!c->left || c->r.bad)
        return false;
    c->left--;
    if (c->block->version == 1)
        ax_entry_read_1(&c->r, &c->before, out);
    else
        ax_entry_read(&c->r, &c->before, out);
    uint64_t room = c->at < c->block->size ? c->block->size - c->at : 0;
    uint64_t stored = out->len ? out->len + sizeof(uint32_t) : 0;
    if (out->mint < c->block->mint || out->maxt > c->block->maxt || stored > room)
        c->r.bad = true;
    if (c->r.bad) {
        note_damage(c->block);
        return false;
    }
    out->at = c->at;
    c->at += stored;
    return true;
}

/* What is stored at this place, when it is what the checksum says. */
static const uint8_t *payload(struct ax_block_reader *r, uint64_t at, uint32_t len)
{
    uint32_t crc;
    const uint8_t *p = window_bytes(r, AX_READ_CHUNKS, at, len + sizeof crc);
    if (!p)
        return NULL;
    memcpy(&crc, p + len, sizeof crc);
    return ax_crc32c(0, p, len) == crc ? p : NULL;
}

static bool read_column(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t)
{
    struct ax_block_column column;
    if (c->column >= r->block->section[AX_COLUMNS].n / sizeof column)
        return false;
    const uint8_t *p = window_bytes(
        r, AX_READ_COLUMNS, r->block->columns_at + c->column * sizeof column, sizeof column);
    if (!p)
        return false;
    memcpy(&column, p, sizeof column);
    if (column.len > AX_TIMES_BYTES)
        return false;
    p = window_bytes(r, AX_READ_TIMES, column.at, column.len);
    return p && ax_crc32c(0, p, column.len) == column.crc &&
           ax_times_decode(p, column.len, c->mint, t, c->n);
}

static bool read_times(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t)
{
    if (c->column == AX_NO_COLUMN) {
        uint64_t step = c->n > 1 ? (uint64_t)((c->maxt - c->mint) / (c->n - 1)) : 0;
        uint64_t at = (uint64_t)c->mint; /* behind the last it may wrap */
        for (uint32_t i = 0; i < c->n; i++, at += step)
            t[i] = (int64_t)at;
        return true;
    }
    if (!r->times)
        r->times = ax_calloc(1, sizeof *r->times);
    unsigned at = c->column % TIMES_KEPT;
    int64_t *kept = r->times->kept[at].t;
    if (r->times->kept[at].column != c->column || r->times->kept[at].n != c->n) {
        r->times->kept[at].n = 0;
        if (!read_column(r, c, kept))
            return false;
        r->times->kept[at].column = c->column;
        r->times->kept[at].n = c->n;
    }
    memcpy(t, kept, c->n * sizeof *t);
    return t[0] == c->mint && t[c->n - 1] == c->maxt;
}

static bool read_values(struct ax_block_reader *r, const struct ax_block_chunk *c, double *v)
{
    static const uint8_t none;
    const uint8_t *p = c->len ? payload(r, c->at, c->len) : &none;
    return p && ax_values_decode(p, c->len, &c->values, c->last, v, c->n);
}

static bool read_plain(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t,
                       double *v)
{
    const uint8_t *p = payload(r, c->at, c->len);
    return p && ax_chunk_decode(p, c->len, c->mint, t, v, c->n) && t[c->n - 1] == c->maxt;
}

bool ax_block_decode(struct ax_block_reader *r, const struct ax_block_chunk *c, int64_t *t,
                     double *v)
{
    bool good = c->values.kind == AX_PLAIN_CHUNK ? read_plain(r, c, t, v)
                                                 : read_times(r, c, t) && read_values(r, c, v);
    if (!good)
        note_damage(r->block);
    return good;
}
