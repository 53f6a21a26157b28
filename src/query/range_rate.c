// SPDX-License-Identifier: Apache-2.0
/* Range functions about change: rate and its relatives, trends, and counting of changes. */
#include "query/eval.h"

#include <math.h>

/* From the first sample to the last; of a counter, with what it lost by resets: the value before
 * each fall. */
static double change_of(const struct ax_window *w, bool counter)
{
    double change = w->v[w->n - 1] - w->v[0];
    for (size_t i = 1; counter && i < w->n; i++)
        if (w->v[i] < w->v[i - 1])
            change += w->v[i - 1];
    return change;
}

/* The change between the first and the last sample, stretched to the window's edges: fully where
 * the gap there is less than 1.1 sample distances, else by half a distance. A counter is never
 * stretched back beyond the point where a straight line would have it zero. */
double ax_extrapolate(const struct ax_window *w, double change, bool counter)
{
    double sampled = (double)(w->t[w->n - 1] - w->t[0]) / 1000;
    double distance = sampled / (double)(w->n - 1);
    double before = (double)(w->t[0] - w->start) / 1000;
    double after = (double)(w->end - w->t[w->n - 1]) / 1000;
    if (before >= distance * 1.1)
        before = distance / 2;
    if (counter && change > 0 && w->v[0] >= 0) {
        double zero = sampled * (w->v[0] / change);
        if (zero < before)
            before = zero;
    }
    if (after >= distance * 1.1)
        after = distance / 2;
    return change * ((sampled + before + after) / sampled);
}

static bool extrapolate(const struct ax_window *w, bool counter, double *out)
{
    if (w->n < 2)
        return false;
    *out = ax_extrapolate(w, change_of(w, counter), counter);
    return true;
}

bool ax_fn_rate(const struct ax_window *w, const double *args, double *out)
{
    if (!extrapolate(w, true, out))
        return false;
    *out /= (double)(w->end - w->start) / 1000;
    return true;
}

bool ax_fn_increase(const struct ax_window *w, const double *args, double *out)
{
    return extrapolate(w, true, out);
}

bool ax_fn_delta(const struct ax_window *w, const double *args, double *out)
{
    return extrapolate(w, false, out);
}

bool ax_fn_irate(const struct ax_window *w, const double *args, double *out)
{
    if (w->n < 2)
        return false;
    double last = w->v[w->n - 1], before = w->v[w->n - 2];
    double change = last < before ? last : last - before; /* after a reset it began at 0 */
    *out = change / ((double)(w->t[w->n - 1] - w->t[w->n - 2]) / 1000);
    return true;
}

bool ax_fn_idelta(const struct ax_window *w, const double *args, double *out)
{
    if (w->n < 2)
        return false;
    *out = w->v[w->n - 1] - w->v[w->n - 2];
    return true;
}

/* Least squares with times in seconds relative to `origin`. */
static void regress(const struct ax_window *w, int64_t origin, double *slope, double *intercept)
{
    struct ax_sum sx = {0}, sy = {0}, sxy = {0}, sxx = {0};
    bool flat = true;
    for (size_t i = 0; i < w->n; i++) {
        double x = (double)(w->t[i] - origin) / 1000, y = w->v[i];
        flat &= y == w->v[0];
        ax_sum_add(&sx, x);
        ax_sum_add(&sy, y);
        ax_sum_add(&sxy, x * y);
        ax_sum_add(&sxx, x * x);
    }
    if (flat) {
        *slope = isinf(w->v[0]) ? NAN : 0;
        *intercept = isinf(w->v[0]) ? NAN : w->v[0];
        return;
    }
    double n = (double)w->n, x = ax_sum_value(&sx), y = ax_sum_value(&sy);
    *slope = (ax_sum_value(&sxy) - x * y / n) / (ax_sum_value(&sxx) - x * x / n);
    *intercept = y / n - *slope * x / n;
}

bool ax_fn_deriv(const struct ax_window *w, const double *args, double *out)
{
    double intercept;
    if (w->n < 2)
        return false;
    regress(w, w->t[0], out, &intercept);
    return true;
}

bool ax_fn_predict_linear(const struct ax_window *w, const double *args, double *out)
{
    double slope, intercept;
    if (w->n < 2)
        return false;
    regress(w, w->at, &slope, &intercept);
    *out = slope * args[0] + intercept;
    return true;
}

bool ax_fn_changes(const struct ax_window *w, const double *args, double *out)
{
    size_t n = 0;
    for (size_t i = 1; i < w->n; i++)
        n += w->v[i] != w->v[i - 1] && !(isnan(w->v[i]) && isnan(w->v[i - 1]));
    *out = (double)n;
    return true;
}

bool ax_fn_resets(const struct ax_window *w, const double *args, double *out)
{
    size_t n = 0;
    for (size_t i = 1; i < w->n; i++)
        n += w->v[i] < w->v[i - 1];
    *out = (double)n;
    return true;
}

/* Holt's double exponential smoothing. args: factors of the level and of the trend. */
bool ax_fn_smooth(const struct ax_window *w, const double *args, double *out)
{
    if (w->n < 2)
        return false;
    double before = 0, level = w->v[0], trend = w->v[1] - w->v[0];
    for (size_t i = 1; i < w->n; i++) {
        if (i > 1)
            trend = args[1] * (level - before) + (1 - args[1]) * trend;
        before = level;
        level = args[0] * w->v[i] + (1 - args[0]) * (level + trend);
    }
    *out = level;
    return true;
}
