// SPDX-License-Identifier: Apache-2.0
/* The stream, lowest bit first:
 *
 *   64 bits of the first value, then for each value after it
 *     0                                      the same bits again
 *     1 0  middle bits                       leading and trailing zeros as the last time
 *     1 1  5 bits lead, 6 bits length - 1, middle bits
 */
#include "store/xor.h"

#include "store/bits.h"
#include "store/writer.h"

uint8_t *ax_xor_pack(uint8_t *at, const double *v, size_t n)
{
    struct ax_bits_out o = {.at = at};
    uint64_t last = ax_double_bits(v[0]);
    unsigned lead = 0, trail = 0;
    bool have_window = false;
    ax_bits_put(&o, last, 64);
    for (size_t i = 1; i < n; i++) {
        uint64_t now = ax_double_bits(v[i]), x = now ^ last;
        last = now;
        if (!x) {
            ax_bits_put(&o, 0, 1);
            continue;
        }
        unsigned l = (unsigned)__builtin_clzll(x), t = (unsigned)__builtin_ctzll(x);
        l = l < 31 ? l : 31;
        /* A window that wastes more bits than a new one would cost is left. */
        if (have_window && l >= lead && t >= trail && (l - lead) + (t - trail) <= 11) {
            ax_bits_put(&o, 1, 2);
        } else {
            lead = l;
            trail = t;
            have_window = true;
            ax_bits_put(&o, 3 | (uint64_t)lead << 2 | (uint64_t)(63 - lead - trail) << 7, 13);
        }
        ax_bits_put(&o, x >> trail, 64 - lead - trail);
    }
    return ax_bits_end(&o);
}

#define HEAD 13 /* bits: two of control, lead, length */

void ax_xor_unpack(struct ax_reader *r, double *v, size_t n)
{
    const uint8_t *p = r->p;
    size_t size = ax_read_left(r), end = size * 8, bit = 64;
    uint64_t last = ax_bits_at(p, size, 0, 64);
    unsigned lead = 0, len = 0;
    bool bad = end < bit;
    memcpy(&v[0], &last, 8);
    for (size_t i = 1; i < n && !bad; i++) {
        uint64_t head = ax_bits_at(p, size, bit, HEAD);
        bit++;
        if (head & 1) {
            if (head & 2) {
                lead = (unsigned)(head >> 2 & 31);
                len = (unsigned)(head >> 7) + 1;
            }
            bit += head & 2 ? HEAD - 1 : 1;
            if (len == 0 || lead + len > 64) {
                bad = true;
                break;
            }
            last ^= ax_bits_at(p, size, bit, len) << (64 - lead - len);
            bit += len;
        }
        bad = bit > end; /* what lies behind counted as zeros */
        memcpy(&v[i], &last, 8);
    }
    r->bad |= bad;
    if (!r->bad)
        r->p += (bit + 7) / 8;
}
