// SPDX-License-Identifier: Apache-2.0
/* The stream, lowest bit first:
 *
 *   64 bits of the first value, then for each value after it
 *     0                                      the same bits again
 *     1 0  middle bits                       leading and trailing zeros as the last time
 *     1 1  5 bits lead, 6 bits length - 1, middle bits
 */
#include "store/xor.h"

#include "store/writer.h"

struct bits_out {
    uint8_t *at;
    uint64_t acc;
    unsigned n; /* bits waiting in acc, always below 8 between calls */
};

static void put_bits(struct bits_out *o, uint64_t v, unsigned width)
{
    while (width) {
        unsigned take = width < 32 ? width : 32;
        o->acc |= (v & ((1ull << take) - 1)) << o->n;
        v >>= take;
        width -= take;
        for (o->n += take; o->n >= 8; o->n -= 8, o->acc >>= 8)
            *o->at++ = (uint8_t)o->acc;
    }
}

uint8_t *ax_xor_pack(uint8_t *at, const double *v, size_t n)
{
    struct bits_out o = {.at = at};
    uint64_t last = ax_double_bits(v[0]);
    unsigned lead = 0, trail = 0;
    bool have_window = false;
    put_bits(&o, last, 64);
    for (size_t i = 1; i < n; i++) {
        uint64_t now = ax_double_bits(v[i]), x = now ^ last;
        last = now;
        if (!x) {
            put_bits(&o, 0, 1);
            continue;
        }
        unsigned l = (unsigned)__builtin_clzll(x), t = (unsigned)__builtin_ctzll(x);
        l = l < 31 ? l : 31;
        /* A window that wastes more bits than a new one would cost is left. */
        if (have_window && l >= lead && t >= trail && (l - lead) + (t - trail) <= 11) {
            put_bits(&o, 1, 2);
        } else {
            lead = l;
            trail = t;
            have_window = true;
            put_bits(&o, 3 | (uint64_t)lead << 2 | (uint64_t)(63 - lead - trail) << 7, 13);
        }
        put_bits(&o, x >> trail, 64 - lead - trail);
    }
    if (o.n)
        *o.at++ = (uint8_t)o.acc;
    return o.at;
}

struct bits_in {
    const uint8_t *p;
    size_t bit, end; /* in bits */
    bool bad;
};

static uint64_t get_bits(struct bits_in *in, unsigned width)
{
    if (width > in->end - in->bit) {
        in->bad = true;
        return 0;
    }
    uint64_t v = 0;
    for (unsigned done = 0; done < width;) {
        unsigned off = in->bit % 8, take = 8 - off;
        take = take < width - done ? take : width - done;
        v |= (uint64_t)(in->p[in->bit / 8] >> off & ((1u << take) - 1)) << done;
        done += take;
        in->bit += take;
    }
    return v;
}

void ax_xor_unpack(struct ax_reader *r, double *v, size_t n)
{
    struct bits_in in = {.p = r->p, .end = ax_read_left(r) * 8};
    uint64_t last = get_bits(&in, 64);
    unsigned lead = 0, len = 0;
    memcpy(&v[0], &last, 8);
    for (size_t i = 1; i < n && !in.bad; i++) {
        if (get_bits(&in, 1)) {
            if (get_bits(&in, 1)) {
                lead = (unsigned)get_bits(&in, 5);
                len = (unsigned)get_bits(&in, 6) + 1;
            }
            if (len == 0 || lead + len > 64) {
                in.bad = true;
                break;
            }
            last ^= get_bits(&in, len) << (64 - lead - len);
        }
        memcpy(&v[i], &last, 8);
    }
    r->bad |= in.bad;
    r->p += (in.bit + 7) / 8;
}
