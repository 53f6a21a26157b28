// SPDX-License-Identifier: Apache-2.0
#include "alarm/humanize.h"

#include <math.h>

static const char *const large[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
static const char *const small[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
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

void ax_humanize_1000(double v, struct ax_buf *out)
{
    const char *prefix = "";
    if (v != 0 && isfinite(v))
        prefix = fabs(v) >= 1 ? shrink(&v, 1000, large) : magnify(&v);
    ax_buf_printf(out, "%.4g%s", v, prefix);
}

void ax_humanize_1024(double v, struct ax_buf *out)
{
    const char *prefix = isfinite(v) ? shrink(&v, 1024, binary) : "";
    ax_buf_printf(out, "%.4g%s", v, prefix);
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
        ax_buf_printf(out, "%.4g", v);
    else if (fabs(v) >= 1)
        long_duration(v, out);
    else {
        const char *prefix = v != 0 ? magnify(&v) : "";
        ax_buf_printf(out, "%.4g%ss", v, prefix);
    }
}

void ax_humanize_percentage(double v, struct ax_buf *out)
{
    ax_buf_printf(out, "%.4g%%", v * 100);
}
