// SPDX-License-Identifier: Apache-2.0
#include "store/crc32c.h"

#include <string.h>

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];

__attribute__((constructor)) static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        table[i] = c;
    }
}

uint32_t ax_crc32c_portable(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *at = p;
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *p,
                                                                 size_t n)
{
    const uint8_t *at = p;
    uint64_t c = ~crc;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    uint32_t r = (uint32_t)c;
    while (n--)
        r = __builtin_ia32_crc32qi(r, *at++);
    return ~r;
}

uint32_t ax_crc32c(uint32_t crc, const void *p, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, p, n)
                                            : ax_crc32c_portable(crc, p, n);
}
#else
uint32_t ax_crc32c(uint32_t crc, const void *p, size_t n)
{
    return ax_crc32c_portable(crc, p, n);
}
#endif
