// SPDX-License-Identifier: Apache-2.0
/* A day in half a minute. The server under test gets its time from here (clock.c, preloaded), so
 * that partitions end, are flushed and merged all the time, with the product as it is. */
#ifndef AX_TESTS_FAST_CLOCK_H
#define AX_TESTS_FAST_CLOCK_H

#include <stdint.h>

#define FAST_CLOCK_ENV   "AUSPEX_TEST_CLOCK" /* ns since the epoch at which it began to run fast */
#define FAST_CLOCK_TIMES 3600
#define FAST_SLEEP_TIMES 20 /* sleeps are shorter by this */

static inline int64_t fast_clock(int64_t began_ns, int64_t real_ns)
{
    return began_ns + (real_ns - began_ns) * FAST_CLOCK_TIMES;
}

#endif
