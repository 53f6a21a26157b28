// SPDX-License-Identifier: Apache-2.0
#include "store/ints.h"

#include "store/writer.h"

struct frame {
    int64_t min;
    unsigned width;
};

static struct frame measure(const int64_t *x, size_t n)
{
    int64_t min = x[0], max = x[0];
    for (size_t i = 1; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    uint64_t range = (uint64_t)max - (uint64_t)min;
    return (struct frame){min, range ? 64 - (unsigned)__builtin_clzll(range) : 0};
}

static size_t packed_bytes(unsigned width, size_t n)
{
    return (width * n + 7) / 8;
}

static size_t block_len(size_t left)
{
    return left < AX_INTS_BLOCK ? left : AX_INTS_BLOCK;
}

size_t ax_ints_size(const int64_t *x, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i += AX_INTS_BLOCK) {
        size_t len = block_len(n - i);
        struct frame f = measure(x + i, len);
        uint64_t z = ax_zigzag(f.min);
        size += (z ? (size_t)(70 - __builtin_clzll(z)) / 7 : 1) + 1 + packed_bytes(f.width, len);
    }
    return size;
}

static uint8_t *pack_block(uint8_t *at, const int64_t *x, size_t n, struct frame f)
{
    unsigned __int128 acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        acc |= (unsigned __int128)((uint64_t)x[i] - (uint64_t)f.min) << bits;
        for (bits += f.width; bits >= 8; bits -= 8, acc >>= 8)
            *at++ = (uint8_t)acc;
    }
    if (bits)
        *at++ = (uint8_t)acc;
    return at;
}

uint8_t *ax_ints_pack(uint8_t *at, const int64_t *x, size_t n)
{
    for (size_t i = 0; i < n; i += AX_INTS_BLOCK) {
        size_t len = block_len(n - i);
        struct frame f = measure(x + i, len);
        at = ax_put_zigzag(at, f.min);
        *at++ = (uint8_t)f.width;
        at = pack_block(at, x + i, len, f);
    }
    return at;
}

/* Up to 57 bits lie within 8 bytes from any bit; more may reach into a ninth. */
static uint64_t bits_at(const uint8_t *p, size_t size, size_t bit, unsigned width)
{
    size_t at = bit / 8;
    uint64_t low = 0;
    memcpy(&low, p + at, size - at < 8 ? size - at : 8);
    low >>= bit % 8;
    if (bit % 8 + width > 64)
        low |= (uint64_t)p[at + 8] << (64 - bit % 8);
    return width == 64 ? low : low & ((1ull << width) - 1);
}

static void unpack_block(const uint8_t *p, size_t size, struct frame f, int64_t *x, size_t n)
{
    uint64_t mask = (1ull << (f.width & 63)) - 1;
    size_t i = 0, bit = 0;
    if (f.width <= 57) /* the hot loop: one unaligned load for each number */
        for (; i < n && bit / 8 + 8 <= size; i++, bit += f.width) {
            uint64_t word;
            memcpy(&word, p + bit / 8, 8);
            x[i] = (int64_t)((uint64_t)f.min + (word >> bit % 8 & mask));
        }
    for (; i < n; i++, bit += f.width)
        x[i] = (int64_t)((uint64_t)f.min + bits_at(p, size, bit, f.width));
}

void ax_ints_unpack(struct ax_reader *r, int64_t *x, size_t n)
{
    for (size_t i = 0; i < n; i += AX_INTS_BLOCK) {
        size_t len = block_len(n - i);
        struct frame f = {.min = ax_read_zigzag(r), .width = ax_read_u8(r)};
        size_t size = packed_bytes(f.width, len);
        const uint8_t *p = f.width <= 64 ? ax_read_bytes(r, size) : NULL;
        if (!p) {
            r->bad = true;
            return;
        }
        if (f.width == 0)
            for (size_t k = 0; k < len; k++)
                x[i + k] = f.min;
        else
            unpack_block(p, size, f, x + i, len);
    }
}
