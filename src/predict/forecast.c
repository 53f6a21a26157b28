// SPDX-License-Identifier: Apache-2.0
/* Looks at the history through windows of several lengths and reports what the most telling one
 * says. Short windows see a fast leak early; long ones see through noise; each may only look four
 * times its own length ahead, which is what keeps the short ones honest. */
#include <math.h>
#include <string.h>

#include "predict/predict.h"
#include "predict/reason.h"
#include "predict/trend.h"

static const int64_t windows_s[] = {60,   90,   120,   180,   240,   480,   900,    1800,
                                    3600, 7200, 14400, 28800, 43200, 86400, 259200, 604800};

/* Copies what can be used: finite values, nothing below zero, nothing after now. */
static struct ax_history clean(const struct ax_forecast_input *in, struct ax_arena *a)
{
    int64_t *t = AX_NEWS(a, int64_t, in->n + 1);
    double *left = AX_NEWS(a, double, in->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (!isfinite(in->left[i]) || in->t[i] > in->now)
            continue;
        t[n] = in->t[i];
        left[n++] = fmax(0, in->left[i]);
    }
    return (struct ax_history){t, left, n, in->capacity, in->now};
}

/* What was nearly used up and then sprang back (an OOM kill, a volume that was cleared) has begun
 * a new life: what came before says nothing about it, neither as a trend nor as a known level. */
static void drop_former_life(struct ax_history *h)
{
    for (size_t i = h->n; i-- > 1;) {
        bool low = h->left[i - 1] < 0.1 * h->capacity;
        if (low && h->left[i] > 0.2 * h->capacity) {
            h->t += i, h->left += i, h->n -= i;
            return;
        }
    }
}

/* How far the horizon of a forecast is from where forecasts are surest: about as far ahead as the
 * window reaches back. Much nearer, the window is older news; much farther, it is a guess. */
static double reach(const struct ax_trend *t)
{
    return fabs(log((t->seconds[1] + 1) * 1000 / (double)t->window_ms));
}

/* The window to speak of: the surest forecast, else the longest that got farthest. */
static bool better(const struct ax_trend *a, const struct ax_trend *b)
{
    if (a->state != b->state)
        return a->state > b->state;
    return a->state != AX_TREND_FALLS || reach(a) < reach(b);
}

static struct ax_trend look_through_all(const struct ax_history *h)
{
    struct ax_trend best, t;
    ax_trend_look(h, windows_s[0] * 1000, &best);
    for (size_t i = 1; i < AX_ARRAY_LEN(windows_s); i++) {
        ax_trend_look(h, windows_s[i] * 1000, &t);
        /* A history of a day has nothing to say about a week. */
        if (t.state != AX_TREND_SPARSE && better(&t, &best))
            best = t;
    }
    return best;
}

static enum ax_verdict verdict(enum ax_trend_state s)
{
    if (s == AX_TREND_FALLS)
        return AX_PREDICT_EXHAUST;
    return s == AX_TREND_SPARSE || s == AX_TREND_STALE ? AX_PREDICT_ABSTAIN : AX_PREDICT_STEADY;
}

static void abstain(const char *why, struct ax_prediction *out)
{
    out->verdict = AX_PREDICT_ABSTAIN;
    out->p_value = 1;
    out->slope = 0;
    out->window_ms = out->horizon_ms = 0;
    out->samples = 0;
    out->level = NAN;
    out->reason = ax_str(why);
}

void ax_forecast(const struct ax_forecast_input *in, struct ax_arena *a, struct ax_prediction *out)
{
    for (int q = 0; q < AX_QUANTILES; q++)
        out->seconds[q] = INFINITY;
    out->capacity = in->capacity;
    if (!(in->capacity > 0) || !isfinite(in->capacity)) {
        abstain("the capacity is not known", out);
        return;
    }
    struct ax_history h = clean(in, a);
    if (h.n == 0) {
        abstain("no samples", out);
        return;
    }
    drop_former_life(&h);
    struct ax_trend t = look_through_all(&h);
    out->verdict = verdict(t.state);
    if (out->verdict == AX_PREDICT_EXHAUST)
        memcpy(out->seconds, t.seconds, sizeof t.seconds);
    out->p_value = t.p_value;
    out->slope = t.slope;
    out->level = h.left[h.n - 1];
    out->window_ms = t.window_ms;
    out->samples = (uint32_t)t.samples;
    out->horizon_ms = AX_TREND_AHEAD * t.window_ms;
    out->reason = ax_trend_reason(&t, out->level, in->capacity, a);
}
