// SPDX-License-Identifier: Apache-2.0
/* Two slopes of a noisy curve, an early and a late one, say little about where it leads. So whole
 * stories are told about the window and compared by how well they fit: level up to some onset, then
 * a fall, straight or saturating:
 *
 *     left |------.                    straight: goes on to the end
 *          |       '.'-.
 *          |         '.  '--..____     saturating: comes to rest at its floor
 *          |           '.
 *          +-------------------------- time
 *
 * A floor below zero is an end as well: so may a leak that slows down be told.
 *
 * In windows of a few minutes a machine's own housekeeping swings (page lists are drained,
 * statistics come in beats), and a swing of which the window holds two or three looks like a bend.
 * There, what one swing explains is no story's error.
 */
#include "predict/bend.h"

#include <math.h>

#include "base/err.h"
#include "base/str.h"

/* How long a fall takes to saturate, in windows; the last is straight. */
static const double pace[] = {0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.7, 1, 1.2, 1.4,     1.7,
                              2,   2.4,  2.8, 3.4,  4,    5,   6,   8, 12,  INFINITY};

struct story {
    double error; /* sum of squares that it leaves; +Inf when it does not fall */
    double floor; /* where it comes to rest */
};

/* How far the fall has come, of one that begins with slope 1. */
static double fallen(double seconds, double tau)
{
    return isinf(tau) ? seconds : tau * -expm1(-seconds / tau);
}

/* Sine waves that may lie under the points: how many times they swing in the window, their values.
 */
static const double swings_in_window[] = {1.5, 1.75, 2, 2.3, 2.7, 3.2, 4};
struct waves {
    struct wave {
        double sine[AX_BEND_MAX], cosine[AX_BEND_MAX];
    } of[AX_ARRAY_LEN(swings_in_window)];
};

static void make_waves(const double *t, size_t n, struct waves *out)
{
    for (size_t k = 0; k < AX_ARRAY_LEN(out->of); k++)
        for (size_t i = 0; i < n; i++) {
            double turn = (t[i] - t[0]) / (t[n - 1] - t[0]) * swings_in_window[k];
            out->of[k].sine[i] = sin(2 * M_PI * turn);
            out->of[k].cosine[i] = cos(2 * M_PI * turn);
        }
}

/* How much of the sum of squares of r one wave explains, at best. */
static double explained(const struct waves *waves, const double *r, size_t n)
{
    double best = 0;
    for (size_t k = 0; k < AX_ARRAY_LEN(waves->of); k++) {
        const double *s = waves->of[k].sine, *c = waves->of[k].cosine;
        double cc = 0, ss = 0, cs = 0, rc = 0, rs = 0;
        for (size_t i = 0; i < n; i++) {
            cc += c[i] * c[i], ss += s[i] * s[i], cs += c[i] * s[i];
            rc += r[i] * c[i], rs += r[i] * s[i];
        }
        best = fmax(best, (rc * rc * ss - 2 * rc * rs * cs + rs * rs * cc) / (cc * ss - cs * cs));
    }
    return best;
}

/* Least squares of left = top + slope * fallen. */
static struct story tell(const double *t, const double *left, size_t n, size_t onset, double tau,
                         const struct waves *waves)
{
    double g[AX_BEND_MAX], mean_g = 0, mean = 0, gg = 0, gl = 0;
    for (size_t i = 0; i < n; i++) {
        g[i] = fallen(fmax(0, t[i] - t[onset]), tau);
        mean_g += g[i] / (double)n;
        mean += left[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        gg += (g[i] - mean_g) * (g[i] - mean_g);
        gl += (g[i] - mean_g) * (left[i] - mean);
    }
    double slope = gl / gg, top = mean - slope * mean_g, error = 0, off[AX_BEND_MAX];
    if (!(slope < 0))
        return (struct story){.error = INFINITY};
    for (size_t i = 0; i < n; i++) {
        off[i] = left[i] - top - slope * g[i];
        error += off[i] * off[i];
    }
    if (waves)
        error = fmax(error - explained(waves, off, n), 0.02 * error);
    return (struct story){error, top + slope * tau};
}

double ax_bend_goes_on(const double *t, const double *left, size_t n, double beyond, bool swings)
{
    AX_ASSERT(n >= 8 && n <= AX_BEND_MAX);
    double goes_on = INFINITY, stops = INFINITY, span = t[n - 1] - t[0];
    struct waves waves;
    if (swings)
        make_waves(t, n, &waves);
    for (size_t onset = 0; onset + n / 4 < n; onset++)
        for (size_t i = 0; i < AX_ARRAY_LEN(pace); i++) {
            struct story s = tell(t, left, n, onset, pace[i] * span, swings ? &waves : NULL);
            double *best = s.floor > -beyond * left[n - 1] ? &stops : &goes_on;
            *best = fmin(*best, s.error);
        }
    if (isinf(goes_on))
        return -INFINITY;
    double exact =
        1e-12 * left[0] * left[0] + 1e-300; /* a fit without error is not infinitely good */
    return (double)n * log((stops + exact) / (goes_on + exact));
}
