// SPDX-License-Identifier: Apache-2.0
/* Does a fall go on to the end, or does it flatten out before? */
#ifndef AX_PREDICT_BEND_H
#define AX_PREDICT_BEND_H

#include <stdbool.h>
#include <stddef.h>

#define AX_BEND_MAX 32 /* points */

/* By how much the story that the fall goes on explains the points better than the best story of one
 * that stops short: points times the logarithm of the ratio of their residual sums, so below zero
 * when stopping short explains them better. To go on means to reach zero and `beyond` times what is
 * left now below it. `swings`: what a sine wave explains besides is
 * nobody's error. t rises strictly, 8 <= n <= AX_BEND_MAX; -Inf when nothing falls. */
double ax_bend_goes_on(const double *t, const double *left, size_t n, double beyond, bool swings);

#endif
