// SPDX-License-Identifier: Apache-2.0
/* Chunks: one byte with the number of samples, then the bytes of a chunk. What decodes encodes
 * without loss; the same bytes taken as samples come back bit by bit. */
#include "kit.h"

#include "store/codec.h"

#include <string.h>

static void check_round_trip(const int64_t *t, const double *v, size_t n)
{
    uint8_t packed[AX_CHUNK_BYTES];
    int64_t t2[AX_CHUNK_SAMPLES];
    double v2[AX_CHUNK_SAMPLES];
    size_t len = ax_chunk_encode(t, v, n, packed);
    AX_ASSERT(len <= sizeof packed);
    AX_ASSERT(ax_chunk_decode(packed, len, t[0], t2, v2, n));
    AX_ASSERT(!memcmp(t, t2, n * sizeof *t) && !memcmp(v, v2, n * sizeof *v));
}

static void check_samples(const uint8_t *p, size_t n)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    size_t count = 0;
    for (; count < AX_CHUNK_SAMPLES && n >= 10; p += 10, n -= 10, count++) {
        int64_t step = 1 + p[0] + 256 * p[1];
        t[count] = count ? t[count - 1] + step : step;
        memcpy(&v[count], p + 2, 8);
    }
    if (count)
        check_round_trip(t, v, count);
}

FUZZ_TARGET(p, n)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    if (!n)
        return 0;
    AX_CLEANUP(ax_free_ptr) uint8_t *exact = ax_malloc(n); /* so that reading past it is seen */
    memcpy(exact, p, n);
    if (ax_chunk_decode(exact + 1, n - 1, 1790000000000, t, v, p[0]))
        check_round_trip(t, v, p[0]);
    check_samples(p, n);
    return 0;
}
