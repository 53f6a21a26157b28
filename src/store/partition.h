// SPDX-License-Identifier: Apache-2.0
/* How time is cut into blocks: 2 hours while it is fresh, days when the day is over, stretches of
 * 32 days when those are. Each width divides the next, so blocks only ever nest. Pure. */
#ifndef AX_STORE_PARTITION_H
#define AX_STORE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

struct ax_partition {
    int64_t start, end; /* end is not in it */
};

struct ax_partition ax_partition_of(int64_t t, int64_t now);

#endif
