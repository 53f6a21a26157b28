// SPDX-License-Identifier: Apache-2.0
/* Reading bytes from disk: bounded, and failing softly. Past the end or on a malformed number
 * `bad` is set and zeros come back: check it once at the end. */
#ifndef AX_STORE_READER_H
#define AX_STORE_READER_H

#include "base/str.h"

#include <string.h>

struct ax_reader {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct ax_reader ax_reader(const void *p, size_t n)
{
    return (struct ax_reader){p, (const uint8_t *)p + n, false};
}

static inline size_t ax_read_left(const struct ax_reader *r)
{
    return (size_t)(r->end - r->p);
}

/* The next n bytes in place, or NULL. */
static inline const uint8_t *ax_read_bytes(struct ax_reader *r, size_t n)
{
    if (r->bad || n > ax_read_left(r)) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p += n;
    return at;
}

static inline uint8_t ax_read_u8(struct ax_reader *r)
{
    const uint8_t *at = ax_read_bytes(r, 1);
    return at ? *at : 0;
}

static inline uint32_t ax_read_u32(struct ax_reader *r)
{
    uint32_t v = 0;
    const uint8_t *at = ax_read_bytes(r, 4);
    if (at)
        memcpy(&v, at, 4);
    return v;
}

static inline uint64_t ax_read_u64(struct ax_reader *r)
{
    uint64_t v = 0;
    const uint8_t *at = ax_read_bytes(r, 8);
    if (at)
        memcpy(&v, at, 8);
    return v;
}

static inline uint64_t ax_read_varint(struct ax_reader *r)
{
    uint64_t v = 0;
    if (!r->bad && r->p < r->end && *r->p < 0x80) /* most are that short */
        return *r->p++;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t c = ax_read_u8(r);
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static inline int64_t ax_read_zigzag(struct ax_reader *r)
{
    uint64_t v = ax_read_varint(r);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

/* A double whose `zeros` low bytes were dropped (see ax_put_double in writer.h). */
static inline double ax_read_double(struct ax_reader *r, unsigned zeros)
{
    uint64_t bits = 0;
    if (zeros < 8 && ax_read_left(r) >= 8) { /* eight bytes at once are quicker than just as many */
        memcpy(&bits, r->p, 8);
        bits <<= 8 * zeros;
        r->p += 8 - zeros;
    } else {
        const uint8_t *at = zeros > 8 ? NULL : ax_read_bytes(r, 8 - zeros);
        if (at)
            memcpy((char *)&bits + zeros, at, 8 - zeros);
        else
            r->bad = true;
    }
    double v;
    memcpy(&v, &bits, 8);
    return v;
}

#endif
