// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"

#include "base/num.h"

#include <langinfo.h>
#include <math.h>
#include <string.h>

const char *ax_j_str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

double ax_j_num(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

int64_t ax_j_time(const json_t *o, const char *key)
{
    int64_t ms = 0;
    return ax_time_parse(ax_str(ax_j_str(o, key)), &ms, NULL) == 0 ? ms : 0;
}

const json_t *ax_j_array(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_array(v) ? v : NULL;
}

char *ax_text_bytes(double v, char out[AX_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t u = 0;
    if (!isfinite(v)) {
        snprintf(out, AX_TEXT, "-");
        return out;
    }
    while (fabs(v) >= 1023.5 && u + 1 < AX_ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    snprintf(out, AX_TEXT, u && fabs(v) < 99.95 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

/* From which length on a duration is told in this unit. */
static const struct unit {
    const char *name;
    double seconds, from;
} units[] = {{"d", 86400, 2 * 86400}, {"h", 3600, 2 * 3600}, {"min", 60, 120}, {"s", 1, 0}};

static const struct unit *unit_for(double s)
{
    const struct unit *u = units;
    while (s < u->from)
        u++;
    return u;
}

char *ax_text_seconds(double s, char out[AX_TEXT])
{
    if (!isfinite(s) || fabs(s) > 1e12) {
        snprintf(out, AX_TEXT, "-");
    } else if (s < 1) {
        snprintf(out, AX_TEXT, "%.0f ms", fmax(s, 0) * 1000);
    } else {
        const struct unit *u = unit_for(s);
        snprintf(out, AX_TEXT, "%.0f %s", floor(s / u->seconds), u->name);
    }
    return out;
}

char *ax_text_ago(int64_t now, int64_t t, char out[AX_TEXT])
{
    char span[AX_TEXT];
    double s = (double)(now - t) / 1000;
    if (t == 0)
        snprintf(out, AX_TEXT, "-");
    else if (s < 1 && s > -2)
        snprintf(out, AX_TEXT, "now");
    else if (s < 0)
        snprintf(out, AX_TEXT, "in %s", ax_text_seconds(-s, span));
    else
        snprintf(out, AX_TEXT, "%s ago", ax_text_seconds(s, span));
    return out;
}

char *ax_text_time(int64_t ms, char out[AX_TEXT])
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    if (ms == 0 || !localtime_r(&t, &tm) || !strftime(out, AX_TEXT, "%Y-%m-%d %H:%M:%S", &tm))
        snprintf(out, AX_TEXT, "-");
    return out;
}

char *ax_text_number(double v, char out[AX_TEXT])
{
    snprintf(out, AX_TEXT, isfinite(v) ? "%.4g" : "-", v);
    if (fabs(v) >= 1e4 && fabs(v) < 1e15)
        snprintf(out, AX_TEXT, "%.0f", v);
    return out;
}

/* "in 8-14 min, likely 10". A range beginning in the past is told by its end alone. */
char *ax_text_within(double lo, double mid, double hi, char out[AX_TEXT])
{
    bool open = !isfinite(hi);
    double longest = fmin(open ? isfinite(mid) ? mid : lo : hi, 1e12);
    if (!isfinite(lo) && !isfinite(mid) && open) {
        snprintf(out, AX_TEXT, "-");
        return out;
    }
    if (longest <= 0) {
        snprintf(out, AX_TEXT, "any moment");
        return out;
    }
    const struct unit *u = unit_for(longest);
    double a = fmax(floor(lo / u->seconds), 0), b = ceil(hi / u->seconds);
    double m = fmax(round(mid / u->seconds), 0);
    int n;
    if (open)
        n = snprintf(out, AX_TEXT, "in over %.0f %s", a, u->name);
    else if (!(a > 0))
        n = snprintf(out, AX_TEXT, "within %.0f %s", b, u->name);
    else if (a >= b)
        return snprintf(out, AX_TEXT, "in %.0f %s", b, u->name), out;
    else
        n = snprintf(out, AX_TEXT, "in %.0f-%.0f %s", a, b, u->name);
    if (isfinite(mid))
        snprintf(out + n, (size_t)(AX_TEXT - n), ", likely %.0f", m);
    return out;
}

bool ax_text_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void ax_text_spark(const double *v, size_t n, struct ax_buf *out)
{
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i])) {
            min = fmin(min, v[i]);
            max = fmax(max, v[i]);
        }
    for (size_t i = 0; i < n; i++) {
        int step = max > min ? (int)((v[i] - min) / (max - min) * 7.999) : 3;
        if (isfinite(v[i]))
            ax_buf_add(out, (const char[]){'\xe2', '\x96', (char)(0x81 + step)}, 3);
        else
            ax_buf_byte(out, ' ');
    }
    ax_buf_byte(out, 0);
}
