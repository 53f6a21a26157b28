// SPDX-License-Identifier: Apache-2.0
#include "predict/reason.h"

#include <math.h>
#include <stdio.h>

#define TEXT 40

/* "71 MiB", "612 KiB": three figures at most. */
static const char *bytes(double v, char out[TEXT])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t u = 0;
    for (; fabs(v) >= 1024 && u + 1 < AX_ARRAY_LEN(unit); u++)
        v /= 1024;
    snprintf(out, TEXT, fabs(v) < 10 && u > 0 ? "%.1f %s" : "%.0f %s", v, unit[u]);
    return out;
}

static const char *span(int64_t ms, char out[TEXT])
{
    int64_t s = ms / 1000;
    if (s < 120)
        snprintf(out, TEXT, "%lld s", (long long)s);
    else if (s < 7200)
        snprintf(out, TEXT, "%lld min", (long long)s / 60);
    else if (s < 172800)
        snprintf(out, TEXT, "%lld h", (long long)s / 3600);
    else
        snprintf(out, TEXT, "%lld days", (long long)s / 86400);
    return out;
}

static const char *chance(double p, char out[TEXT])
{
    snprintf(out, TEXT, p < 0.0001 ? "p < 0.0001" : "p = %.4f", p);
    return out;
}

static struct ax_str fall(const struct ax_trend *t, double left, double capacity, const char *but,
                          struct ax_arena *a)
{
    char s[TEXT], w[TEXT], p[TEXT], l[TEXT], c[TEXT];
    return ax_arena_printf(a,
                           "falls by %s/s over the last %s (%zu of %zu bins, %s); %s of %s left%s",
                           bytes(-t->slope, s), span(t->window_ms, w), t->filled, t->bins,
                           chance(t->p_value, p), bytes(left, l), bytes(capacity, c), but);
}

struct ax_str ax_trend_reason(const struct ax_trend *t, double left, double capacity,
                              struct ax_arena *a)
{
    char w[TEXT], s[TEXT];
    switch (t->state) {
    case AX_TREND_SPARSE:
        return ax_arena_printf(a, "too little history: %zu of %zu bins of %s have samples",
                               t->filled, t->bins, span(t->window_ms, w));
    case AX_TREND_STALE:
        return ax_arena_printf(a, "the newest sample is %s old", span(t->age_ms, s));
    case AX_TREND_LEVEL:
        return ax_arena_printf(a, "no lasting fall over the last %s or less",
                               span(t->window_ms, w));
    case AX_TREND_STEP: return fall(t, left, capacity, ", but most of it in one step", a);
    case AX_TREND_KNOWN: return fall(t, left, capacity, ", but it has been this low before", a);
    case AX_TREND_BENDS: return fall(t, left, capacity, ", but it flattens out before the end", a);
    case AX_TREND_FAR:
        return fall(t, left, capacity, ", farther away than this window can tell", a);
    case AX_TREND_FALLS: break;
    }
    return fall(t, left, capacity, "", a);
}
