// SPDX-License-Identifier: Apache-2.0
/* Sums and extremes of windows that overlap, at two steps per sample however long the windows are.
 *
 *       lo          pivot       hi
 *   . . [-----------|-----------] . .      result = before[lo] with after
 *
 *   before[i]  of the samples i .. pivot-1, worked out backwards when the pivot is set
 *   after      of the samples pivot .. hi-1, carried along
 *
 * When the window has left the pivot behind, its end becomes the next pivot. Nothing is ever
 * subtracted, so what was in a window does not live on in the next one's rounding. */
#include "query/eval.h"

#include <math.h>

struct slide {
    size_t pivot, done; /* after: pivot .. done-1 */
};

/* The window's first sample, as a number in the series. */
static size_t first_of(const struct ax_slide *s, const struct ax_window *w)
{
    return (size_t)(w->v - s->series->v);
}

static struct ax_sum joined(struct ax_sum a, struct ax_sum b)
{
    ax_sum_add(&a, b.sum);
    a.carry += b.carry;
    return a;
}

static struct ax_sum slide_sum(const struct ax_slide *s, const struct ax_window *w,
                               struct slide *at, struct ax_sum *after)
{
    const double *v = s->series->v;
    struct ax_sum *before = s->room;
    size_t lo = first_of(s, w), hi = lo + w->n;
    if (lo >= at->pivot) {
        struct ax_sum sum = {0};
        for (size_t i = hi; i-- > lo;) {
            ax_sum_add(&sum, v[i]);
            before[i] = sum;
        }
        *at = (struct slide){hi, hi};
        *after = (struct ax_sum){0};
    }
    for (; at->done < hi; at->done++)
        ax_sum_add(after, v[at->done]);
    return joined(before[lo], *after);
}

/* What is not finite depends on the order of the additions: such a window is done anew. */
static int sums(struct ax_eval *e, const struct ax_slide *s, bool mean, ax_range_fn *anew)
{
    struct slide at = {0};
    struct ax_sum after = {0};
    int rc = 0;
    for (size_t k = 0; k < s->n && rc == 0; k++) {
        const struct ax_window *w = &s->w[k];
        if (!w->n)
            continue;
        struct ax_mean m = {.s = slide_sum(s, w, &at, &after), .n = (double)w->n};
        double v = mean ? ax_mean_value(&m) : ax_sum_value(&m.s);
        if (!isfinite(v)) {
            anew(w, NULL, &v);
            rc = ax_eval_alive(e);
        }
        ax_set(s->out, k, v);
    }
    return rc;
}

int ax_slide_sum(struct ax_eval *e, const struct ax_slide *s)
{
    return sums(e, s, false, ax_fn_sum);
}

int ax_slide_avg(struct ax_eval *e, const struct ax_slide *s)
{
    return sums(e, s, true, ax_fn_avg);
}

/* As ax_fn_min and ax_fn_max: NaN only where there is nothing else, of equals the first. */
static inline double extreme(double a, double b, bool max)
{
    return (max ? b > a : b < a) || isnan(a) ? b : a;
}

static inline double slide_extreme(const struct ax_slide *s, const struct ax_window *w, bool max,
                                   struct slide *at, double *after)
{
    const double *v = s->series->v;
    double *before = s->room;
    size_t lo = first_of(s, w), hi = lo + w->n;
    if (lo >= at->pivot) {
        before[hi - 1] = v[hi - 1];
        for (size_t i = hi - 1; i-- > lo;)
            before[i] = extreme(v[i], before[i + 1], max);
        *at = (struct slide){hi, hi};
        *after = NAN;
    }
    for (; at->done < hi; at->done++)
        *after = extreme(*after, v[at->done], max);
    return extreme(before[lo], *after, max);
}

static inline int extremes(const struct ax_slide *s, bool max)
{
    struct slide at = {0};
    double after = NAN;
    for (size_t k = 0; k < s->n; k++)
        if (s->w[k].n)
            ax_set(s->out, k, slide_extreme(s, &s->w[k], max, &at, &after));
    return 0;
}

int ax_slide_min(struct ax_eval *e, const struct ax_slide *s)
{
    return extremes(s, false);
}

int ax_slide_max(struct ax_eval *e, const struct ax_slide *s)
{
    return extremes(s, true);
}
