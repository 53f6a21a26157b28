// SPDX-License-Identifier: Apache-2.0
/* Payloads of blocks: 1 byte kind (3: times), 1 byte e, 2 bytes number of samples - 1, 8 bytes last
 * value, and the payload. What decodes encodes without loss; the same bytes taken as values and
 * times come back bit by bit. */
#include "kit.h"

#include "store/decimal.h"
#include "store/values.h"
#include "store/writer.h"

#include <string.h>

#define HEAD 12

static void check_values(const double *v, size_t n)
{
    uint8_t packed[AX_VALUES_BYTES];
    double back[AX_VALUES_MAX];
    struct ax_values about;
    size_t len = ax_values_encode(v, n, &about, packed);
    AX_ASSERT(len <= sizeof packed);
    AX_CLEANUP(ax_free_ptr) uint8_t *exact = ax_malloc(len + 1);
    memcpy(exact, packed, len);
    AX_ASSERT(ax_values_decode(exact, len, &about, v[n - 1], back, n));
    AX_ASSERT(!memcmp(v, back, n * sizeof *v));
}

static void check_times(const int64_t *t, size_t n)
{
    uint8_t packed[AX_TIMES_BYTES];
    int64_t back[AX_VALUES_MAX];
    size_t len = ax_times_encode(t, n, packed);
    AX_ASSERT(len <= sizeof packed);
    AX_ASSERT(ax_times_decode(packed, len, t[0], back, n));
    AX_ASSERT(!memcmp(t, back, n * sizeof *t));
}

/* One byte tells how many of those that follow are a value's: short ones repeat, and are whole
 * numbers or decimals. */
static double next_value(const uint8_t **p, const uint8_t *end)
{
    unsigned how = *(*p)++;
    uint64_t bits = 0;
    size_t n = how & 7, left = (size_t)(end - *p);
    n = n < left ? n : left;
    memcpy(&bits, *p, n);
    *p += n;
    double v = (double)(int64_t)bits / (how & 8 ? 100 : 1);
    if (how & 16)
        memcpy(&v, &bits, sizeof v);
    return v;
}

static void check_made_up(const uint8_t *p, size_t n)
{
    int64_t t[AX_VALUES_MAX], at = 0;
    double v[AX_VALUES_MAX];
    size_t count = 0;
    for (const uint8_t *end = p + n; count < AX_VALUES_MAX && p < end; count++) {
        t[count] = at += 1 + *p * (*p & 1 ? 1ll : 1ll << 40);
        v[count] = next_value(&p, end);
    }
    if (count)
        check_values(v, count);
    if (count > 2)
        check_times(t, count);
}

FUZZ_TARGET(p, n)
{
    int64_t t[AX_VALUES_MAX];
    double v[AX_VALUES_MAX], last;
    check_made_up(p, n);
    if (n < HEAD)
        return 0;
    size_t count = 1 + p[2] + 256u * p[3], len = n - HEAD;
    memcpy(&last, p + 4, sizeof last);
    AX_CLEANUP(ax_free_ptr)
    uint8_t *exact = ax_malloc(len + 1); /* so that reading past it is seen */
    memcpy(exact, p + HEAD, len);
    struct ax_values about = {.kind = p[0], .e = p[1]};
    if (about.e < AX_DECIMALS)
        ax_decimal(last, about.e, &about.units);
    if (p[0] == 3) {
        if (ax_times_decode(exact, len, 1790000000000, t, count))
            check_times(t, count);
    } else if (ax_values_decode(exact, len, &about, last, v, count)) {
        check_values(v, count);
    }
    return 0;
}
