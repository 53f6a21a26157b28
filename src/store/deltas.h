// SPDX-License-Identifier: Apache-2.0
/* Differences of neighbours, and back. They wrap, so that any numbers come back. */
#ifndef AX_STORE_DELTAS_H
#define AX_STORE_DELTAS_H

#include <stddef.h>
#include <stdint.h>

/* x[i] becomes x[i] - x[i-1], from the end; x[0] stays. */
static inline void ax_differentiate(int64_t *x, size_t n)
{
    for (size_t i = n; i-- > 1;)
        x[i] = (int64_t)((uint64_t)x[i] - (uint64_t)x[i - 1]);
}

static inline void ax_integrate(int64_t *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        x[i] = (int64_t)((uint64_t)x[i] + (uint64_t)x[i - 1]);
}

#endif
