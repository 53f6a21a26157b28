// SPDX-License-Identifier: Apache-2.0
#include "predict/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

double ax_quantile(double *v, size_t n, double q)
{
    AX_ASSERT(n > 0);
    qsort(v, n, sizeof *v, by_value);
    double rank = q * (double)(n - 1);
    size_t i = (size_t)rank;
    if (i + 1 >= n)
        return v[n - 1];
    return v[i] + (rank - (double)i) * (v[i + 1] - v[i]);
}

double ax_normal_tail(double z)
{
    return 0.5 * erfc(z / sqrt(2));
}

double ax_theil_sen(const double *t, const double *y, size_t n)
{
    AX_ASSERT(n >= 2 && n <= AX_STATS_MAX);
    double slope[AX_STATS_MAX * (AX_STATS_MAX - 1) / 2];
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            slope[k++] = (y[j] - y[i]) / (t[j] - t[i]);
    return ax_quantile(slope, k, 0.5);
}

/* Ranks from 1; ties get their mean rank. */
static void ranks(const double *y, size_t n, double *rank)
{
    for (size_t i = 0; i < n; i++) {
        double below = 0, same = 0;
        for (size_t j = 0; j < n; j++) {
            below += y[j] < y[i];
            same += y[j] == y[i];
        }
        rank[i] = below + (same + 1) / 2;
    }
}

/* By how much autocorrelation of the detrended ranks widens the variance of S. Lags up to a third
 * of the series, only while significant: noise in far lags would widen or narrow at random. */
static double widening(const double *residual, size_t n)
{
    double r[AX_STATS_MAX], mean = (double)(n + 1) / 2, total = 0, sum = 0, dn = (double)n;
    ranks(residual, n, r);
    for (size_t i = 0; i < n; i++)
        total += (r[i] - mean) * (r[i] - mean);
    if (total <= 0)
        return 1;
    for (size_t lag = 1; lag <= n / 3; lag++) {
        double c = 0, dl = (double)lag;
        for (size_t i = 0; i + lag < n; i++)
            c += (r[i] - mean) * (r[i + lag] - mean);
        if (c / total < 1.64 / sqrt(dn))
            break;
        sum += (dn - dl) * (dn - dl - 1) * (dn - dl - 2) * c / total;
    }
    return 1 + 2 / (dn * (dn - 1) * (dn - 2)) * sum;
}

double ax_falls_z(const double *y, const double *residual, size_t n)
{
    AX_ASSERT(n >= 3 && n <= AX_STATS_MAX);
    double s = 0, dn = (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            s += (y[i] > y[j]) - (y[i] < y[j]);
    double var = dn * (dn - 1) * (2 * dn + 5) / 18 * widening(residual, n);
    if (s == 0)
        return 0;
    return (s > 0 ? s - 1 : s + 1) / sqrt(var);
}

double ax_spread(const double *v, size_t n)
{
    AX_ASSERT(n > 0 && n <= AX_STATS_MAX);
    double a[AX_STATS_MAX];
    memcpy(a, v, n * sizeof *v);
    double mid = ax_quantile(a, n, 0.5);
    for (size_t i = 0; i < n; i++)
        a[i] = fabs(v[i] - mid);
    return 1.4826 * ax_quantile(a, n, 0.5);
}
