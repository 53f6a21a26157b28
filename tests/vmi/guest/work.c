// SPDX-License-Identifier: Apache-2.0
/* What the test guests' processes do, so that there is something to see in them.
 *
 *   work count          counts in a page that begins with "AUSPEX COUNTS HERE ", as fast as it can
 *   work spin           takes a processor for itself: real time, highest priority, for ever
 *   work storm          forks children that end at once, one after another
 *   work threads N      has N threads beside the first
 *   work blocked        waits uninterruptibly (state D) for a child that sleeps
 *   work dead           has a child that ended and is not waited for (state Z)
 *   work odd            has a name with a quote, a line's end and a byte that is no UTF-8
 *   work hold MB        holds so much memory */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u

static void *take(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        exit(1);
    for (size_t i = 0; i < bytes; i += PAGE)
        p[i] = 1;
    return p;
}

/* The mark is put together here, so that it stands in memory once. */
static void count(void)
{
    char *page = take(PAGE);
    memcpy(page, "AUSPEX COUNTS", 13);
    memcpy(page + 13, " HERE ", 6);
    mlock(page, PAGE);
    volatile unsigned long *counter = (volatile unsigned long *)(page + 64);
    for (;;)
        ++*counter;
}

static void spin(void)
{
    struct sched_param highest = {.sched_priority = 99};
    FILE *limit = fopen("/proc/sys/kernel/sched_rt_runtime_us", "w");
    if (limit) {
        fputs("-1", limit);
        fclose(limit);
    }
    if (sched_setscheduler(0, SCHED_FIFO, &highest) != 0)
        exit(1);
    for (volatile unsigned long i = 0;; i++) {
    }
}

static void storm(void)
{
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child > 0)
            waitpid(child, NULL, 0);
    }
}

static void *sleeper(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void threads(long n)
{
    pthread_t thread;
    while (n-- > 0)
        pthread_create(&thread, NULL, sleeper, NULL);
}

static void blocked(void)
{
    if (vfork() == 0) {
        for (;;)
            pause();
    }
}

static void dead(void)
{
    if (fork() == 0)
        _exit(0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    if (strcmp(what, "odd") != 0)
        prctl(PR_SET_NAME, what);
    if (strcmp(what, "count") == 0)
        count();
    else if (strcmp(what, "spin") == 0)
        spin();
    else if (strcmp(what, "storm") == 0)
        storm();
    else if (strcmp(what, "threads") == 0)
        threads(n);
    else if (strcmp(what, "blocked") == 0)
        blocked();
    else if (strcmp(what, "dead") == 0)
        dead();
    else if (strcmp(what, "odd") == 0)
        prctl(PR_SET_NAME, "o\"d\\d\n\xff");
    else if (strcmp(what, "hold") == 0)
        take((size_t)n << 20);
    else
        return 2;
    for (;;)
        pause();
}
