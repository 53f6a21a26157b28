// SPDX-License-Identifier: Apache-2.0
#include "store/samples.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct columns {
    int64_t *t;
    double *v;
};

static bool strictly_rising(const int64_t *t, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (t[i] <= t[i - 1])
            return false;
    return true;
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

/* Natural merge sort: what comes here is mostly a few sorted runs, one behind the other. */
static void sort_stable(int64_t *t, double *v, size_t n)
{
    struct columns a = {t, v};
    struct columns b = {ax_malloc(n * sizeof *t), ax_malloc(n * sizeof *v)};
    struct columns spare = b;
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
    if (a.t != t) {
        memcpy(t, a.t, n * sizeof *t);
        memcpy(v, a.v, n * sizeof *v);
    }
    free(spare.t);
    free(spare.v);
}

size_t ax_samples_tidy(int64_t *t, double *v, size_t n)
{
    if (strictly_rising(t, n))
        return n;
    sort_stable(t, v, n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && t[i + 1] == t[i])
            continue;
        t[kept] = t[i];
        v[kept++] = v[i];
    }
    return kept;
}
