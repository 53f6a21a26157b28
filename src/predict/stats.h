// SPDX-License-Identifier: Apache-2.0
/* The statistics a forecast stands on: robust slope, trend test, spread. Pure; for a few dozen
 * points (AX_STATS_MAX), so that quadratic methods are cheap and everything fits on the stack. */
#ifndef AX_PREDICT_STATS_H
#define AX_PREDICT_STATS_H

#include <stddef.h>

#define AX_STATS_MAX 32

double ax_quantile(double *v, size_t n, double q); /* linear between ranks; sorts v; n > 0 */
double ax_normal_tail(double z);                   /* P(Z > z) of a standard normal */

/* Median of the slopes between all pairs of points (Theil and Sen): up to 29 % of outliers do not
 * move it. t must rise strictly, n >= 2. */
double ax_theil_sen(const double *t, const double *y, size_t n);

/* Mann-Kendall trend test, one-sided for a fall: returns z, positive when y falls. The variance is
 * widened for autocorrelation of the detrended ranks (after Hamed and Rao, 1998), never narrowed.
 * Without that, any slowly wandering series "has a trend". */
double ax_falls_z(const double *y, const double *residual, size_t n);

/* 1.4826 x the median absolute deviation from the median: a standard deviation that outliers do
 * not inflate. */
double ax_spread(const double *v, size_t n);

#endif
