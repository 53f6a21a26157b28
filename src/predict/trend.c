// SPDX-License-Identifier: Apache-2.0
/* A window is cut into bins. Of each bin the most that was left is kept: the envelope. A garbage
 * collector or a cache that fills and empties moves the samples, a leak moves the envelope:
 *
 *     left |''.   .'.   .'.            bins        the line is fitted to the tops
 *          |   '.'   '.'   '.   .'.   |  |  |
 *          |                 '.'   '.
 *          +-------------------------- time
 *
 * The fall of the envelope must then survive six objections, in the order of enum ax_trend_state.
 */
#include "predict/trend.h"

#include <math.h>

#include "predict/bend.h"
#include "predict/stats.h"

/* Chosen on generated load; bench/forecast.c measures what they are worth on other load. */
static const struct {
    double z_falls;        /* corrected Mann-Kendall */
    double z_wander;       /* fall against a random walk's wandering */
    double noise;          /* fall in spreads of the noise around the line */
    double step_share;     /* of the fall, in one jump */
    double known_margin;   /* spreads below the lowest level known */
    double beyond;         /* zero a fall must lead, in what is left now, not to count as bending */
    double goes_on;        /* by so much that story must be the better one */
    double goes_on_swings; /* the same, in windows where swings are left out */
    int64_t swings_ms;     /* up to which window a swing is not a bend */
    int64_t known_ms;      /* how far back a level counts as known, at least */
    int known_windows;
} rule = {4.0, 3.0, 6.0, 0.5, 1.0, 0.4, 3.0, 2.0, 180 * 1000ll, 25 * 3600 * 1000ll, 12};

/* How far the end may be from where the line says, 90 times in 100: chosen on generated leaks
 * as true over foretold time (bench/forecast.c checks it), which hardly depends on the horizon in
 * windows. */
static const struct {
    double soonest, latest; /* factors */
    double bins;            /* and that much on top of the latest */
} sure = {0.5, 1.8, 1.0};

struct envelope {
    double t[AX_TREND_BINS]; /* seconds before now, so negative */
    double most[AX_TREND_BINS], least[AX_TREND_BINS];
    size_t n;       /* filled bins */
    size_t from;    /* index of the first sample of the window */
    double spacing; /* of bins, seconds */
};

struct fit {
    double slope, level; /* level: of the line at now */
    double residual[AX_TREND_BINS];
    double spread; /* of the residuals */
};

static void fill(const struct ax_history *h, int64_t window_ms, size_t bins, struct envelope *e)
{
    int64_t start = h->now - window_ms, at = -1;
    e->from = h->n;
    e->spacing = (double)window_ms / 1000 / (double)bins;
    for (size_t i = h->n; i-- > 0 && h->t[i] > start;)
        e->from = i;
    for (size_t i = e->from; i < h->n && h->t[i] <= h->now; i++) {
        int64_t bin = (h->t[i] - start - 1) * (int64_t)bins / window_ms;
        double t = (double)(h->t[i] - h->now) / 1000, v = h->left[i];
        if (bin != at) {
            at = bin;
            e->t[e->n] = t;
            e->most[e->n] = e->least[e->n] = v;
            e->n++;
        } else if (v > e->most[e->n - 1]) {
            e->t[e->n - 1] = t;
            e->most[e->n - 1] = v;
        } else if (v < e->least[e->n - 1]) {
            e->least[e->n - 1] = v;
        }
    }
}

static void fit_line(const struct envelope *e, struct fit *f)
{
    double off[AX_TREND_BINS];
    f->slope = ax_theil_sen(e->t, e->most, e->n);
    for (size_t i = 0; i < e->n; i++)
        f->residual[i] = off[i] = e->most[i] - f->slope * e->t[i];
    f->level = ax_quantile(off, e->n, 0.5);
    for (size_t i = 0; i < e->n; i++)
        f->residual[i] -= f->level;
    f->spread = ax_spread(f->residual, e->n);
}

/* The fall measured against what a random walk with these steps would do: squares of differences
 * over `lag` bins tell wandering (they grow with the lag) from noise (they do not). */
static double wander_z(const struct envelope *e, double slope, double fall)
{
    size_t lag = e->n / 4, k = 0;
    double sum = 0;
    for (size_t i = 0; i + lag < e->n; i++, k++) {
        double dt = e->t[i + lag] - e->t[i], d = e->most[i + lag] - e->most[i] - slope * dt;
        sum += d * d / (dt / e->spacing);
    }
    double per_bin = sum / (double)k, bins = -e->t[0] / e->spacing;
    return fall / (sqrt(per_bin * bins) + 1e-12 * fall);
}

static double largest_jump(const struct envelope *e)
{
    double jump = 0;
    for (size_t i = 1; i < e->n; i++)
        jump = fmax(jump, e->most[i - 1] - e->most[i]);
    return jump;
}

/* The lowest level that the resource is known to have come back from: of all samples before the
 * window, as far back as a day and twelve windows. +Inf when there is none. */
static double lowest_known(const struct ax_history *h, int64_t window_ms, const struct envelope *e)
{
    int64_t back = rule.known_windows * window_ms;
    int64_t since = h->now - (back > rule.known_ms ? back : rule.known_ms);
    double low = INFINITY;
    for (size_t i = e->from; i-- > 0 && h->t[i] > since;)
        low = fmin(low, h->left[i]);
    return low;
}

static bool lowest_now(const struct ax_history *h, int64_t window_ms, const struct envelope *e,
                       const struct fit *f)
{
    double present = e->most[e->n - 1], low = lowest_known(h, window_ms, e);
    for (size_t i = 0; i + 1 < e->n; i++)
        if (e->most[i] + f->spread < present)
            return false;
    return present < low - rule.known_margin * f->spread;
}

static double late_slope(const struct envelope *e)
{
    size_t half = e->n / 2;
    return ax_theil_sen(e->t + half, e->most + half, e->n - half);
}

static void project(const struct envelope *e, const struct fit *f, struct ax_trend *out)
{
    double slope = (f->slope + fmin(0, late_slope(e))) / 2, off[AX_TREND_BINS], dip[AX_TREND_BINS];
    size_t third = e->n - e->n / 3, k = 0;
    for (size_t i = third; i < e->n; i++, k++)
        off[k] = e->most[i] - slope * e->t[i];
    for (size_t i = 0; i < e->n; i++)
        dip[i] = e->most[i] - e->least[i];
    double level = fmax(0, ax_quantile(off, k, 0.5));
    double usual = ax_quantile(dip, e->n, 0.5), deep = ax_quantile(dip, e->n, 0.9);
    out->seconds[0] = sure.soonest * fmax(0, level - deep) / -slope;
    out->seconds[1] = fmax(0, level - usual) / -slope;
    out->seconds[2] = sure.latest * level / -slope + sure.bins * e->spacing;
}

static void judge(const struct ax_history *h, const struct envelope *e, struct ax_trend *out)
{
    struct fit f;
    fit_line(e, &f);
    out->slope = f.slope;
    out->state = AX_TREND_LEVEL;
    double fall = f.slope * e->t[0], jump = largest_jump(e);
    if (f.slope >= 0)
        return;
    double z = ax_falls_z(e->most, f.residual, e->n), w = wander_z(e, f.slope, fall);
    out->p_value = ax_normal_tail(fmin(z, w));
    if (z < rule.z_falls || w < rule.z_wander || fall < rule.noise * f.spread)
        return;
    out->state = AX_TREND_STEP;
    if (jump > rule.step_share * fall)
        return;
    out->state = AX_TREND_KNOWN;
    if (!lowest_now(h, out->window_ms, e, &f))
        return;
    out->state = AX_TREND_BENDS;
    bool swings = out->window_ms <= rule.swings_ms;
    double goes_on = ax_bend_goes_on(e->t, e->most, e->n, rule.beyond, swings);
    if (goes_on < (swings ? rule.goes_on_swings : rule.goes_on))
        return;
    project(e, &f, out);
    bool near = out->seconds[1] * 1000 <= (double)(AX_TREND_AHEAD * out->window_ms);
    out->state = near ? AX_TREND_FALLS : AX_TREND_FAR;
}

void ax_trend_look(const struct ax_history *h, int64_t window_ms, struct ax_trend *out)
{
    struct envelope e = {0};
    size_t bins = AX_TREND_BINS;
    fill(h, window_ms, bins, &e);
    bool enough = e.n >= bins * 2 / 3;
    if (!enough) { /* fewer and wider bins, of which more must be filled */
        e = (struct envelope){0};
        bins = AX_TREND_BINS / 2;
        fill(h, window_ms, bins, &e);
    }
    *out = (struct ax_trend){.state = AX_TREND_SPARSE,
                             .window_ms = window_ms,
                             .bins = bins,
                             .filled = e.n,
                             .samples = h->n - e.from,
                             .age_ms = h->now - h->t[h->n - 1],
                             .p_value = 1};
    if (!enough && e.n < bins * 5 / 6)
        return;
    out->state = AX_TREND_STALE;
    if ((double)out->age_ms > 3000 * e.spacing)
        return;
    judge(h, &e, out);
}
