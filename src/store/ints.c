// SPDX-License-Identifier: Apache-2.0
#include "store/ints.h"

#include "base/wide.h"
#include "store/bits.h"
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
        size += ax_varint_len(ax_zigzag(f.min)) + 1 + packed_bytes(f.width, len);
    }
    return size;
}

static uint8_t *pack_block(uint8_t *at, const int64_t *x, size_t n, struct frame f)
{
    struct ax_bits_out o = {.at = at};
    for (size_t i = 0; i < n; i++)
        ax_bits_put(&o, (uint64_t)x[i] - (uint64_t)f.min, f.width);
    return ax_bits_end(&o);
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

AX_WIDE void ax_bits_unpack(const uint8_t *p, size_t size, unsigned width, int64_t *x, size_t n)
{
    uint64_t mask = (1ull << (width & 63)) - 1;
    size_t i = 0, bit = 0;
    if (width <= 57) /* the hot loop: one unaligned load for each number */
        for (; i < n && bit / 8 + 8 <= size; i++, bit += width) {
            uint64_t word;
            memcpy(&word, p + bit / 8, 8);
            x[i] = (int64_t)(word >> bit % 8 & mask);
        }
    for (; i < n; i++, bit += width)
        x[i] = (int64_t)ax_bits_at(p, size, bit, width);
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
            memset(x + i, 0, len * sizeof *x);
        else
            ax_bits_unpack(p, ax_read_left(r) + size, f.width, x + i, len);
        for (size_t k = 0; k < len; k++)
            x[i + k] = (int64_t)((uint64_t)x[i + k] + (uint64_t)f.min);
    }
}
