// SPDX-License-Identifier: Apache-2.0
/* How good is the forecaster? Generated load, healthy and leaking, of which the truth is known:
 *
 *   forecast [ENTITIES [SEED]]
 *
 * Half of the entities leak. A leak counts as foretold when two evaluations in a row say so at
 * least 10 minutes (in the fast run: 60 seconds) before the end; the lead is given as a share of
 * the time from its onset to the end. False alarms are episodes on healthy time. Intervals are
 * checked at every evaluation of a leak. The thresholds were chosen on other generated load of the
 * same families, not on any seed of this program. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "predict/predict.h"

#define STEPS  4320 /* 36 h of history and 36 h that are judged, by the minute */
#define JUDGED 2160

static uint64_t seed;

static double uniform(double lo, double hi)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = seed ^ seed >> 33;
    return lo + (hi - lo) * (double)(x >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform(1e-12, 1))) * cos(2 * M_PI * uniform(0, 1));
}

enum family { FLAT, DIURNAL, WANDERING, SAWTOOTH, BOTH, JUMPS, CACHE, BATCH, WALK, FAMILIES };
static const char *const family_name[] = {"flat",     "diurnal",     "wandering",
                                          "sawtooth", "diurnal+saw", "jumps",
                                          "cache",    "nightly job", "random walk"};
enum shape { LINEAR, ACCELERATING, STEPPED, DECELERATING, SHAPES };
static const char *const shape_name[] = {"linear", "accelerating", "stepped", "decelerating"};

static void add_wave(double *x)
{
    double height = uniform(5, 15), phase = uniform(0, 1440);
    for (int i = 0; i < STEPS; i++)
        x[i] += height * sin(2 * M_PI * (i - phase) / 1440);
}

static void add_saw(double *x)
{
    double period = uniform(30, 480), height = uniform(5, 20), phase = uniform(0, 480);
    for (int i = 0; i < STEPS; i++)
        x[i] += height * fmod((i + phase) / period, 1);
}

static void add_wander(double *x, double pull, double sigma)
{
    double v = 0;
    for (int i = 0; i < STEPS; i++) {
        v += -pull * v + sigma * normal();
        v = fmin(30, fmax(-25, v));
        x[i] += v;
    }
}

static void add_jumps(double *x)
{
    double v = 0;
    for (int i = 0; i < STEPS; i++) {
        if (uniform(0, 1) < 2.0 / 1440)
            v += uniform(-8, 8);
        x[i] += v;
    }
}

static void add_cache(double *x, double base)
{
    double start = uniform(0, STEPS), tau = uniform(120, 900), top = uniform(88, 95);
    for (int i = (int)start; i < STEPS; i++)
        x[i] += (top - base) * (1 - exp(-(i - start) / tau));
}

static void add_job(double *x)
{
    double height = uniform(20, 40), phase = uniform(0, 1440), length = uniform(60, 400);
    for (int i = 0; i < STEPS; i++) {
        double q = fmod(i - phase + 1440, 1440);
        x[i] += q < length ? height * q / length : 0;
    }
}

/* Percent used, of a healthy entity. */
static void healthy(enum family f, double *x)
{
    double base = uniform(25, 55), pull = 1 / uniform(240, 720);
    for (int i = 0; i < STEPS; i++)
        x[i] = base;
    switch (f) {
    case DIURNAL: add_wave(x); break;
    case BOTH: add_wave(x), add_saw(x); break;
    case SAWTOOTH: add_saw(x); break;
    case WANDERING: add_wander(x, pull, uniform(3, 7) * sqrt(2 * pull)); break;
    case WALK: add_wander(x, 0, uniform(0.05, 0.15)); break;
    case JUMPS: add_jumps(x); break;
    case CACHE: add_cache(x, base); break;
    case BATCH: add_job(x); break;
    case FLAT:
    case FAMILIES: break;
    }
    double keep = uniform(0.5, 0.95), sigma = uniform(0.2, 1), v = 0;
    for (int i = 0; i < STEPS; i++) {
        v = keep * v + sigma * normal();
        x[i] = fmin(97, fmax(1, x[i] + v));
    }
}

static double grown(enum shape s, double f)
{
    switch (s) {
    case ACCELERATING: return pow(f, 1.7);
    case STEPPED: return floor(f * 12) / 12;
    case DECELERATING: return pow(f, 0.7);
    case LINEAR:
    case SHAPES: break;
    }
    return f;
}

/* Puts a leak of 2 to 24 hours on x; returns the step at which all is used, 0 when none is. */
static int add_leak(enum shape s, double *x, int *onset)
{
    double length = uniform(120, 1440), before = 0;
    int start = *onset = JUDGED + (int)uniform(0, 360);
    for (int i = start - 120; i < start; i++)
        before += x[i] / 120;
    for (int i = start; i < STEPS; i++) {
        x[i] += (100 - before) * grown(s, (i - start) / length);
        if (x[i] >= 100)
            return i;
    }
    return 0;
}

struct score {
    int leaks[SHAPES], found[SHAPES], false_alarms[FAMILIES], leads;
    double quiet[FAMILIES], lead[100000]; /* quiet: entity-days, or hours in the fast run */
    long asked, inside;
};
static struct score score;

struct run {
    double unit_s; /* length of a step */
    int every, min_lead;
};

static struct ax_prediction foretell(const double *x, int upto, double unit_s)
{
    static int64_t t[STEPS];
    static double left[STEPS];
    for (int i = 0; i <= upto; i++) {
        t[i] = (int64_t)(i * unit_s * 1000);
        left[i] = fmax(0, 100 - x[i]);
    }
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_forecast_input in = {t, left, (size_t)upto + 1, 100, t[upto]};
    struct ax_prediction p = {0};
    ax_forecast(&in, &a, &p);
    ax_arena_free(&a);
    return p;
}

static void judge(const struct run *r, const double *x, enum family f, enum shape s, int onset,
                  int end)
{
    int hits = 0, quiet_until = onset ? onset : STEPS, last = -1000000, first = 0;
    for (int i = JUDGED; i < (end ? end : STEPS); i += r->every) {
        struct ax_prediction p = foretell(x, i, r->unit_s);
        hits = p.verdict == AX_PREDICT_EXHAUST ? hits + 1 : 0;
        if (hits < 2)
            continue;
        if (i < quiet_until) {
            score.false_alarms[f] += i - last > 10;
            last = i;
        } else if (end) {
            double truth = (end - i) * r->unit_s;
            score.asked++;
            score.inside += p.seconds[0] <= truth && truth <= p.seconds[2];
            if (!first && end - i >= r->min_lead)
                first = i;
        }
    }
    score.quiet[f] += (quiet_until - JUDGED) * r->unit_s / 86400;
    if (!end || (end - onset) < 3 * r->min_lead)
        return;
    score.leaks[s]++;
    score.found[s] += first > 0;
    if (first && score.leads < 100000)
        score.lead[score.leads++] = (double)(end - first) / (end - onset);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* P(at most k) of a Poisson count with that mean. */
static double poisson(int k, double mean)
{
    double sum = 0;
    for (int i = 0; i <= k; i++)
        sum += exp(-mean + i * log(mean) - lgamma(i + 1.0));
    return sum;
}

/* The mean at which P(at most k) falls to p: the bounds of the exact interval. */
static double mean_where(int k, double p)
{
    double lo = 1e-9, hi = 4 * k + 30;
    for (int i = 0; i < 100; i++) {
        double mid = (lo + hi) / 2;
        if (poisson(k, mid) > p)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static void report(const char *title)
{
    int leaks = 0, found = 0, wrong = 0;
    double days = 0;
    printf("%s\n", title);
    for (int s = 0; s < SHAPES; s++) {
        printf("  leaks, %-13s %4d of %4d foretold\n", shape_name[s], score.found[s],
               score.leaks[s]);
        leaks += score.leaks[s], found += score.found[s];
    }
    for (int f = 0; f < FAMILIES; f++) {
        printf("  quiet, %-13s %4d false alarms in %.1f entity-days\n", family_name[f],
               score.false_alarms[f], score.quiet[f]);
        wrong += score.false_alarms[f], days += score.quiet[f];
    }
    qsort(score.lead, (size_t)score.leads, sizeof score.lead[0], by_value);
    printf("  recall %.3f, median lead %.2f of onset to end\n", (double)found / leaks,
           score.leads ? score.lead[score.leads / 2] : 0);
    printf("  false alarms per entity-day %.4f, 95 %% interval %.4f to %.4f\n", wrong / days,
           wrong ? mean_where(wrong - 1, 0.975) / days : 0, mean_where(wrong, 0.025) / days);
    printf("  coverage of the 90 %% interval %.3f of %ld forecasts\n",
           (double)score.inside / (double)score.asked, score.asked);
}

static void measure(const char *title, const struct run *r, int entities, uint64_t from)
{
    static double x[STEPS];
    score = (struct score){0};
    for (int k = 0; k < entities; k++) {
        seed = from * 1000003 + (uint64_t)k * 7919;
        for (int warm = 0; warm < 8; warm++)
            uniform(0, 1);
        enum family f = (enum family)(k % FAMILIES);
        enum shape s = (enum shape)(k / FAMILIES % SHAPES);
        int onset = 0, end = 0;
        healthy(f, x);
        if (k >= entities / 2)
            end = add_leak(s, x, &onset);
        judge(r, x, f, s, onset, end);
    }
    report(title);
}

int main(int argc, char **argv)
{
    int entities = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 180;
    uint64_t from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1001;
    if (entities < 2 || entities > 100000) {
        fprintf(stderr, "usage: forecast [ENTITIES (2 to 100000) [SEED]]\n");
        return 2;
    }
    measure("slow: a sample a minute, leaks of 2 to 24 hours", &(struct run){60, 5, 10}, entities,
            from);
    measure("fast: the same load, thirty times faster, a sample every 2 s", &(struct run){2, 5, 30},
            entities, from);
    return 0;
}
