// SPDX-License-Identifier: Apache-2.0
/* How time is cut into blocks: 2 hours while it is fresh, days when the day is over, stretches of
 * 32 days when those are. Each width divides the next, so blocks only ever nest. Pure. */
#ifndef AX_STORE_PARTITION_H
#define AX_STORE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

/* Times on disk that are farther than this from the epoch are damage: nobody may have sent them. */
#define AX_STORE_TIME_MAX (1ll << 61)
static inline bool ax_store_time_ok(int64_t t)
{
    return t >= -AX_STORE_TIME_MAX && t <= AX_STORE_TIME_MAX;
}

/* So long after its end a partition is flushed, and not sooner than that again for what came later
 * still. */
#define AX_LATE_MS (15 * 60000)

struct ax_partition {
    int64_t start, end; /* end is not in it */
};

struct ax_partition ax_partition_of(int64_t t, int64_t now);

#endif
