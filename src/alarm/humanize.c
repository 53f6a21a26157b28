// SPDX-License-Identifier: Apache-2.0
#include "alarm/humanize.h"

#include <math.h>
#include <time.h>

static const char *const large[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
static const char *const small[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
static const char *const binary[] = {"", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
#define STEPS 8

static const char *shrink(double *v, double base, const char *const *prefix)
{
    int i = 0;
    for (; fabs(*v) >= base && i < STEPS; i++)
        *v /= base;
    return prefix[i];
}

static const char *magnify(double *v)
{
    int i = 0;
    for (; fabs(*v) < 1 && i < STEPS; i++)
        *v *= 1000;
    return small[i];
}

/* Go's %.4g */
static void put(double v, struct ax_buf *out)
{
    if (isfinite(v))
        ax_buf_printf(out, "%.4g", v);
    else
        ax_buf_cstr(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

void ax_humanize_1000(double v, struct ax_buf *out)
{
    const char *prefix = "";
    if (v != 0 && isfinite(v))
        prefix = fabs(v) >= 1 ? shrink(&v, 1000, large) : magnify(&v);
    put(v, out);
    ax_buf_cstr(out, prefix);
}

void ax_humanize_1024(double v, struct ax_buf *out)
{
    const char *prefix = isfinite(v) ? shrink(&v, 1024, binary) : "";
    put(v, out);
    ax_buf_cstr(out, prefix);
}

static void long_duration(double v, struct ax_buf *out)
{
    long long s = (long long)fabs(v);
    if (v < 0)
        ax_buf_byte(out, '-');
    if (s >= 86400)
        ax_buf_printf(out, "%lldd ", s / 86400);
    if (s >= 3600)
        ax_buf_printf(out, "%lldh ", s / 3600 % 24);
    if (s >= 60)
        ax_buf_printf(out, "%lldm %llds", s / 60 % 60, s % 60);
    else
        ax_buf_printf(out, "%.4gs", fabs(v));
}

void ax_humanize_duration(double v, struct ax_buf *out)
{
    if (!isfinite(v) || fabs(v) > 1e15)
        put(v, out);
    else if (fabs(v) >= 1)
        long_duration(v, out);
    else {
        const char *prefix = v != 0 ? magnify(&v) : "";
        ax_buf_printf(out, "%.4g%ss", v, prefix);
    }
}

void ax_humanize_percentage(double v, struct ax_buf *out)
{
    put(v * 100, out);
    ax_buf_byte(out, '%');
}

/* In whole milliseconds, as Prometheus has times. */
void ax_humanize_timestamp(double v, struct ax_buf *out)
{
    char text[40];
    struct tm tm;
    if (!isfinite(v) || fabs(v) > 9e9) {
        put(v, out);
        return;
    }
    int64_t ms = (int64_t)(v * 1000);
    time_t seconds = (time_t)floor((double)ms / 1000);
    int part = (int)(ms - (int64_t)seconds * 1000);
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    ax_buf_cstr(out, text);
    if (part) {
        int digits = part % 100 == 0 ? 1 : part % 10 == 0 ? 2 : 3;
        ax_buf_printf(out, ".%0*d", digits,
                      digits == 1   ? part / 100
                      : digits == 2 ? part / 10
                                    : part);
    }
    ax_buf_cstr(out, " +0000 UTC");
}
