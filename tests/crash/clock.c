// SPDX-License-Identifier: Apache-2.0
/* To be preloaded: see fast_clock.h. Monotonic time stays as it is. */
#include "fast_clock.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t began(void)
{
    static int64_t ns;
    const char *text = ns ? NULL : getenv(FAST_CLOCK_ENV);
    if (text)
        ns = strtoll(text, NULL, 10);
    return ns;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    long rc = syscall(SYS_clock_gettime, id, t);
    if (rc == 0 && id == CLOCK_REALTIME && began()) {
        int64_t ns = fast_clock(began(), (int64_t)t->tv_sec * 1000000000 + t->tv_nsec);
        *t = (struct timespec){ns / 1000000000, ns % 1000000000};
    }
    return (int)rc;
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    int64_t ns = ((int64_t)wanted->tv_sec * 1000000000 + wanted->tv_nsec) / FAST_SLEEP_TIMES;
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    return (int)syscall(SYS_nanosleep, &t, left);
}
