// SPDX-License-Identifier: Apache-2.0
/* What goes wrong in the demo's guests. A static program that needs nothing but the kernel.
 *
 *   fault leak SECONDS      takes all the memory that is free now, evenly over SECONDS, and goes on
 *   fault busy PERCENT      keeps one CPU busy for PERCENT of the time
 *   fault breathe MB SECS   takes MB of memory and gives it back, once every SECS
 *
 * leak ends by the kernel's out-of-memory killer, for which it volunteers. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096u
#define CHUNK (64u * 1024)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

/* Memory that is really there: a page counts from its first write on. */
static void *take(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    for (size_t i = 0; i < bytes; i += PAGE)
        p[i] = (char)(i / PAGE + 1);
    return p;
}

/* MemAvailable in bytes, or 0. */
static double available(void)
{
    char line[128];
    double bytes = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "MemAvailable:", 13) == 0)
            bytes = strtod(line + 13, NULL) * 1024;
    }
    if (f)
        fclose(f);
    return bytes;
}

static int leak(double seconds)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) != 4)
        perror("oom_score_adj");
    double rate = available() / seconds, start = now(), taken = 0;
    printf("leak: %.0f KiB/s\n", rate / 1024);
    fflush(stdout);
    for (;; nap(0.2)) {
        while (taken < (now() - start) * rate && take(CHUNK))
            taken += CHUNK;
    }
}

static int busy(double percent)
{
    for (;; nap((100 - percent) / 1000)) {
        double start = now();
        while (now() - start < percent / 1000) {
        }
    }
}

static int breathe(double megabytes, double seconds)
{
    size_t bytes = (size_t)(megabytes * 1048576);
    for (;; nap(seconds / 2)) {
        void *p = take(bytes);
        nap(seconds / 2);
        if (p)
            munmap(p, bytes);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    double a = argc > 2 ? strtod(argv[2], NULL) : 0, b = argc > 3 ? strtod(argv[3], NULL) : 0;
    if (strcmp(what, "leak") == 0 && a > 0)
        return leak(a);
    if (strcmp(what, "busy") == 0 && a > 0 && a < 100)
        return busy(a);
    if (strcmp(what, "breathe") == 0 && a > 0 && b > 0)
        return breathe(a, b);
    fprintf(stderr, "usage: fault leak SECONDS | busy PERCENT | breathe MB SECONDS\n");
    return 2;
}
