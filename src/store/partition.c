// SPDX-License-Identifier: Apache-2.0
#include "store/partition.h"

#define HOUR  3600000ll
#define DAY   (24 * HOUR)
#define GRACE HOUR /* late samples of a day that has just ended still go to small blocks */

static struct ax_partition aligned(int64_t t, int64_t width)
{
    int64_t start = t / width * width;
    if (start > t)
        start -= width;
    return (struct ax_partition){start, start + width};
}

struct ax_partition ax_partition_of(int64_t t, int64_t now)
{
    struct ax_partition p = aligned(t, 32 * DAY);
    if (p.end + 2 * DAY <= now)
        return p;
    p = aligned(t, DAY);
    return p.end + GRACE <= now ? p : aligned(t, 2 * HOUR);
}
