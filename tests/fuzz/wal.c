// SPDX-License-Identifier: Apache-2.0
/* A segment of the write-ahead log. The first byte says whether the checksums of its records are
 * made right; the rest is the file. */
#include "kit.h"

#include "base/file.h"
#include "store/wal.h"

#include <string.h>

static uint32_t intern(void *ctx, const struct ax_label *l)
{
    static uint32_t pairs;
    for (size_t i = 0; i < l->name.n + l->value.n; i++) /* so that reading beyond would be seen */
        *(volatile char *)&(char){i < l->name.n ? l->name.p[i] : l->value.p[i - l->name.n]};
    return l->value.n ? pairs++ : AX_PAIR_NONE;
}

static uint32_t define(void *ctx, const uint32_t *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        AX_ASSERT(pairs[i] != AX_PAIR_NONE);
    return (*(uint32_t *)ctx)++;
}

static void take(void *ctx, const struct ax_batch *b)
{
    for (size_t k = 0; k < b->n; k++) {
        AX_ASSERT(b->v[k].n > 0 && b->v[k].id < *(uint32_t *)ctx);
        for (size_t i = 0; i < b->v[k].n; i++) /* so that reading beyond them would be seen */
            *(volatile int64_t *)&(int64_t){b->v[k].samples[i].t};
    }
}

static void warn(void *ctx, const char *text)
{
    AX_ASSERT(text[0]);
}

FUZZ_TARGET(p, n)
{
    static uint8_t copy[1 << 16];
    uint32_t ids = 0;
    struct ax_wal_replay r = {
        .ctx = &ids, .pair = intern, .define = define, .take = take, .warn = warn};
    if (n < 2 || n > sizeof copy)
        return 0;
    memcpy(copy, p + 1, n - 1);
    if (p[0] & 1)
        fuzz_seal_log(copy, n - 1);
    fuzz_write("wal/0000000001.wal", copy, n - 1);
    AX_ASSERT(ax_mkdirs(fuzz_path("blocks"), NULL) == 0); /* a store has both folders */
    AX_ASSERT(ax_wal_replay(fuzz_dirfd(), 0, &r, NULL) == 0);
    AX_ASSERT(r.next_segment == 2 && r.bytes <= n);
    return 0;
}
