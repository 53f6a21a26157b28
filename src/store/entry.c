// SPDX-License-Identifier: Apache-2.0
#include "store/entry.h"

#include "store/codec.h"
#include "store/decimal.h"
#include "store/writer.h"

enum {
    KIND = 3, /* enum ax_values_kind */
    COLUMN = 4,
    FOLLOWS = 8, /* as many samples; one step behind, or the next column */
    SAME_E = 16,
    RAW_LAST = 32,
    SAME_LAST = 64,
    UNKNOWN = 128
};

struct ax_entry_state ax_entry_first(int64_t origin)
{
    return (struct ax_entry_state){.maxt = origin, .column = -1, .e = AX_DECIMALS};
}

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t step_of(const struct ax_block_chunk *c, const struct ax_entry_state *before)
{
    return c->n > 1 ? minus(c->maxt, c->mint) / (c->n - 1) : before->step;
}

static void go_on(struct ax_entry_state *s, const struct ax_block_chunk *c)
{
    if (c->column == AX_NO_COLUMN)
        s->step = step_of(c, s);
    else
        s->column = c->column;
    s->maxt = c->maxt;
    s->n = c->n;
    s->last = c->last;
    s->e = c->values.kind == AX_VALUES_ANY ? AX_DECIMALS : c->values.e;
    s->units = s->e < AX_DECIMALS ? c->values.units : 0;
}

static unsigned flags_of(const struct ax_entry_state *s, const struct ax_block_chunk *c)
{
    unsigned flags = c->values.kind;
    bool decimal = c->values.kind != AX_VALUES_ANY && c->values.e < AX_DECIMALS;
    if (c->column != AX_NO_COLUMN)
        flags |= COLUMN | (c->n == s->n && c->column == s->column + 1 ? FOLLOWS : 0);
    else if (c->n == s->n && step_of(c, s) == s->step && c->mint == plus(s->maxt, s->step))
        flags |= FOLLOWS;
    if (decimal && c->values.e == s->e)
        flags |= SAME_E;
    if (!decimal)
        flags |= RAW_LAST;
    if (ax_double_bits(c->last) == ax_double_bits(s->last) && (!decimal || flags & SAME_E))
        flags |= SAME_LAST;
    return flags;
}

static uint8_t *put_times(uint8_t *at, unsigned flags, const struct ax_entry_state *s,
                          const struct ax_block_chunk *c)
{
    if (!(flags & FOLLOWS)) {
        at = ax_put_varint(at, c->n);
        if (flags & COLUMN)
            at = ax_put_zigzag(at, minus(c->column, s->column + 1));
        else if (c->n > 1)
            at = ax_put_varint(at, (uint64_t)step_of(c, s));
    }
    if (flags & COLUMN || !(flags & FOLLOWS))
        at = ax_put_zigzag(at, minus(c->mint, s->maxt));
    return flags & COLUMN ? ax_put_varint(at, (uint64_t)minus(c->maxt, c->mint)) : at;
}

static uint8_t *put_last(uint8_t *at, unsigned flags, const struct ax_entry_state *s,
                         const struct ax_block_chunk *c)
{
    if (flags & SAME_LAST)
        return at;
    if (flags & RAW_LAST) {
        unsigned zeros = ax_double_zeros(c->last);
        *at++ = (uint8_t)zeros;
        return ax_put_double(at, c->last, zeros);
    }
    if (!(flags & SAME_E))
        *at++ = c->values.e;
    return ax_put_zigzag(at, minus(c->values.units, flags & SAME_E ? s->units : 0));
}

uint8_t *ax_entry_put(uint8_t *at, struct ax_entry_state *s, const struct ax_block_chunk *c)
{
    unsigned flags = flags_of(s, c);
    *at++ = (uint8_t)flags;
    at = put_last(put_times(at, flags, s, c), flags, s, c);
    if (c->values.kind != AX_VALUES_SAME)
        at = ax_put_varint(at, c->len);
    go_on(s, c);
    return at;
}

static void read_times(struct ax_reader *r, unsigned flags, const struct ax_entry_state *s,
                       struct ax_block_chunk *c)
{
    uint64_t n = s->n, step = (uint64_t)s->step;
    int64_t column = s->column + 1;
    if (!(flags & FOLLOWS)) {
        n = ax_read_varint(r);
        if (flags & COLUMN)
            column = plus(column, ax_read_zigzag(r));
        else if (n > 1)
            step = ax_read_varint(r);
    }
    bool told = flags & COLUMN || !(flags & FOLLOWS);
    c->mint = plus(s->maxt, told ? ax_read_zigzag(r) : s->step);
    uint64_t duration = flags & COLUMN ? ax_read_varint(r) : (n - 1) * step;
    c->maxt = plus(c->mint, (int64_t)duration);
    c->column = flags & COLUMN ? (uint32_t)column : AX_NO_COLUMN;
    c->n = (uint32_t)n;
    r->bad |= n < 1 || n > AX_VALUES_MAX || c->maxt < c->mint;
    if (flags & COLUMN)
        r->bad |= n < 3 || column < 0 || column >= AX_NO_COLUMN;
    else
        r->bad |= n > 1 && (step == 0 || step > (uint64_t)INT64_MAX / AX_VALUES_MAX);
}

static void read_last(struct ax_reader *r, unsigned flags, const struct ax_entry_state *s,
                      struct ax_block_chunk *c)
{
    c->values = (struct ax_values){flags & KIND, AX_DECIMALS, 0};
    c->last = s->last;
    if (flags & RAW_LAST) {
        if (!(flags & SAME_LAST))
            c->last = ax_read_double(r, ax_read_u8(r));
        return;
    }
    c->values.e = flags & SAME_E ? s->e : ax_read_u8(r);
    c->values.units = flags & SAME_E ? s->units : 0;
    if (!(flags & SAME_LAST))
        c->values.units = plus(c->values.units, ax_read_zigzag(r));
    if (c->values.e >= AX_DECIMALS)
        r->bad = true;
    else
        ax_decimals_back(&c->values.units, 1, 0, 0, c->values.e, &c->last);
}

void ax_entry_read(struct ax_reader *r, struct ax_entry_state *s, struct ax_block_chunk *c)
{
    unsigned flags = ax_read_u8(r);
    read_times(r, flags, s, c);
    read_last(r, flags, s, c);
    bool decimal = c->values.kind == AX_VALUES_DECIMAL;
    uint64_t len = c->values.kind == AX_VALUES_SAME ? 0 : ax_read_varint(r);
    c->len = (uint32_t)len;
    r->bad |= flags & UNKNOWN || c->values.kind >= AX_VALUES_KINDS || len > AX_VALUES_BYTES ||
              (decimal && flags & RAW_LAST) ||
              (c->values.kind == AX_VALUES_ANY && !(flags & RAW_LAST));
    if (!r->bad)
        go_on(s, c);
}

/* Version 1: zigzag time since the chunk before, varint duration, n, length, flags, and of the
 * doubles first, last, min, max and sum those that the flags do not make superfluous. */
enum { ALL_FIRST = 1, MIN_FIRST = 2, MAX_LAST = 4, NO_RANGE = 8 };

static double read_number(struct ax_reader *r)
{
    return ax_read_double(r, ax_read_u8(r));
}

void ax_entry_read_1(struct ax_reader *r, struct ax_entry_state *s, struct ax_block_chunk *c)
{
    c->mint = plus(s->maxt, ax_read_zigzag(r));
    c->maxt = plus(c->mint, (int64_t)ax_read_varint(r));
    uint64_t n = ax_read_varint(r), len = ax_read_varint(r);
    unsigned flags = ax_read_u8(r);
    c->last = read_number(r);
    if (!(flags & ALL_FIRST)) {
        c->last = read_number(r);
        if (!(flags & (NO_RANGE | MIN_FIRST)))
            read_number(r);
        if (!(flags & (NO_RANGE | MAX_LAST)))
            read_number(r);
    }
    if (!(flags & NO_RANGE))
        read_number(r);
    c->n = (uint32_t)n;
    c->len = (uint32_t)len;
    c->column = AX_NO_COLUMN;
    c->values = (struct ax_values){.kind = AX_PLAIN_CHUNK};
    r->bad |= n > AX_CHUNK_SAMPLES || len > AX_CHUNK_BYTES;
    s->maxt = c->maxt;
}
