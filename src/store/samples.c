// SPDX-License-Identifier: Apache-2.0
#include "store/samples.h"

#include "base/err.h"
#include "base/wide.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MOVES 4 /* per sample: what needs more is sorted */

struct columns {
    int64_t *t;
    double *v;
};

#define AT_ONCE 64

/* Whether AT_ONCE times rise from the one before them on. */
AX_WIDE static bool all_rise(const int64_t *t)
{
    bool falls = false;
    for (int i = 0; i < AT_ONCE; i++)
        falls |= t[i] <= t[i - 1];
    return !falls;
}

/* The end of the run of strictly rising times that begins there. */
static size_t rising_end(const int64_t *t, size_t from, size_t n)
{
    size_t i = from + 1;
    while (i + AT_ONCE <= n && all_rise(t + i))
        i += AT_ONCE;
    while (i < n && t[i] > t[i - 1])
        i++;
    return i < n ? i : n;
}

static size_t run_end(const int64_t *t, size_t from, size_t n)
{
    size_t i = from + 1;
    while (i < n && t[i] >= t[i - 1])
        i++;
    return i < n ? i : n;
}

/* Merges [lo, mid) and [mid, hi) of src into dst; on equal times the left goes first. */
static void merge_runs(struct columns src, struct columns dst, size_t lo, size_t mid, size_t hi)
{
    size_t a = lo, b = mid;
    for (size_t k = lo; k < hi; k++) {
        size_t from = a < mid && (b >= hi || src.t[a] <= src.t[b]) ? a++ : b++;
        dst.t[k] = src.t[from];
        dst.v[k] = src.v[from];
    }
}

/* Natural merge sort, for what is all in disorder. */
static void sort_stable(struct columns c, struct columns spare, size_t n)
{
    struct columns a = c, b = spare;
    for (;;) {
        size_t runs = 0;
        for (size_t lo = 0; lo < n; runs++) {
            size_t mid = run_end(a.t, lo, n), hi = mid < n ? run_end(a.t, mid, n) : n;
            merge_runs(a, b, lo, mid, hi);
            lo = hi;
        }
        struct columns swap = a;
        a = b;
        b = swap;
        if (runs <= 1)
            break;
    }
    if (a.t != c.t) {
        memcpy(c.t, a.t, n * sizeof *c.t);
        memcpy(c.v, a.v, n * sizeof *c.v);
    }
}

/* Where in [0, mid), which is sorted, the first sample behind the time is: near the end, mostly. */
static size_t first_behind(const int64_t *t, size_t mid, int64_t time)
{
    size_t far = mid, step = 1, near;
    for (near = mid; near && t[near - 1] > time; step *= 2) {
        far = near;
        near = near > step ? near - step : 0;
    }
    while (near < far) {
        size_t half = near + (far - near) / 2;
        if (t[half] > time)
            far = half;
        else
            near = half + 1;
    }
    return far;
}

/* Moves the run [mid, hi) to where it belongs in what is sorted before it: only what it overlaps is
 * touched. Returns whether two samples are of one time. */
static bool move_run(struct columns c, struct columns spare, size_t lo, size_t mid, size_t hi)
{
    size_t n = mid - lo, a = 0, b = mid, to = lo;
    bool twice = lo && c.t[lo - 1] == c.t[mid];
    memcpy(spare.t, c.t + lo, n * sizeof *c.t);
    memcpy(spare.v, c.v + lo, n * sizeof *c.v);
    for (; a < n && b < hi; to++) {
        bool left = spare.t[a] <= c.t[b];
        twice |= spare.t[a] == c.t[b];
        c.t[to] = left ? spare.t[a] : c.t[b];
        c.v[to] = left ? spare.v[a] : c.v[b];
        a += left;
        b += !left;
    }
    memcpy(c.t + to, spare.t + a, (n - a) * sizeof *c.t);
    memcpy(c.v + to, spare.v + a, (n - a) * sizeof *c.v);
    return twice;
}

static size_t last_of_each_time(int64_t *t, double *v, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && t[i + 1] == t[i])
            continue;
        t[kept] = t[i];
        v[kept++] = v[i];
    }
    return kept;
}

size_t ax_samples_tidy(int64_t *t, double *v, size_t n)
{
    size_t mid = rising_end(t, 0, n), moved = 0;
    if (mid == n)
        return n;
    struct columns c = {t, v};
    struct columns spare = {ax_malloc(n * sizeof *t), ax_malloc(n * sizeof *v)};
    bool twice = false;
    while (mid < n && moved <= MOVES * n) {
        size_t hi = rising_end(t, mid, n), lo = first_behind(t, mid, t[mid]);
        twice |= move_run(c, spare, lo, mid, hi);
        moved += mid - lo;
        mid = hi;
    }
    if (mid < n)
        sort_stable(c, spare, n);
    free(spare.t);
    free(spare.v);
    return twice || mid < n ? last_of_each_time(t, v, n) : n;
}
