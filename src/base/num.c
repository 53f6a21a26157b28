// SPDX-License-Identifier: Apache-2.0
#include "base/num.h"

#include "base/digits.h"
#include "base/wide.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The digits with a point among or zeros around them; exp10 is the exponent of the first. Where
 * what is copied has a fixed length, that is done in two moves and not by a call: of the digits'
 * room, 24 bytes and more, all can be read, and more can be written than there are digits. */
static size_t print_plain(char *out, const char *digits, size_t n, int exp10)
{
    if (exp10 < 0) {
        size_t zeros = (size_t)-exp10 + 1; /* the one before the point, too */
        memcpy(out, "0.000000", 8);
        memcpy(out + zeros, digits, 24);
        return zeros + n;
    }
    size_t whole = (size_t)exp10 + 1;
    memcpy(out, digits, 24);
    if (n <= whole) {
        memset(out + n, '0', whole - n);
        return whole;
    }
    out[whole] = '.';
    memcpy(out + whole + 1, digits + whole, 16);
    return n + 1;
}

static size_t print_exponent(char *out, const char *digits, size_t n, int exp10)
{
    size_t o = 0;
    out[o++] = digits[0];
    if (n > 1) {
        out[o++] = '.';
        memcpy(out + o, digits + 1, n - 1);
        o += n - 1;
    }
    return o + (size_t)snprintf(out + o, 8, "e%c%02d", exp10 < 0 ? '-' : '+', abs(exp10));
}

/* Most samples are whole or have few decimals: then a whole number of millionths divided by a
 * million is v again. Below 10^15 of them no other decimal of so few digits reads back as v. */
static size_t print_few_decimals(double v, char *out)
{
    uint64_t millionths = (uint64_t)(v * 1e6 + 0.5), whole = millionths / 1000000;
    if ((double)millionths / 1e6 != v)
        return 0;
    uint64_t decimals = ax_digits_eight((uint32_t)(millionths - whole * 1000000) * 100);
    size_t o = ax_digits_print(whole, out);
    if (!decimals)
        return o;
    out[o] = '.';
    ax_digits_write(decimals, out + o + 1);
    return o + 9 - (size_t)__builtin_clzll(decimals) / 8;
}

static size_t print_shortest(double v, char *out)
{
    uint64_t number;
    int exponent;
    ax_digits_shortest(v, &number, &exponent);
    char digits[24 + 16] = {0};
    size_t n = ax_digits_print(number, digits);
    int exp10 = exponent + (int)n - 1;
    return exp10 >= 21 || exp10 < -6 ? print_exponent(out, digits, n, exp10)
                                     : print_plain(out, digits, n, exp10);
}

AX_WIDE size_t ax_num_print(double v, char out[AX_NUM_TEXT])
{
    size_t o = signbit(v) != 0, few;
    if (isnan(v))
        return (size_t)snprintf(out, AX_NUM_TEXT, "NaN");
    if (isinf(v))
        return (size_t)snprintf(out, AX_NUM_TEXT, v > 0 ? "+Inf" : "-Inf");
    out[0] = '-';
    v = fabs(v);
    if (v < 1e9 && (few = print_few_decimals(v, out + o)))
        return o + few;
    if (v < 1e15 && v == (double)(uint64_t)v)
        return o + ax_digits_print((uint64_t)v, out + o);
    return o + print_shortest(v, out + o);
}

size_t ax_seconds_print(int64_t ms, char out[AX_NUM_TEXT])
{
    size_t o = 0;
    if (ms < 0)
        out[o++] = '-';
    uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, rest = v % 1000;
    o += ax_digits_print(v / 1000, out + o);
    if (rest == 0)
        return o;
    uint64_t decimals = ax_digits_eight((uint32_t)rest * 100000);
    out[o] = '.';
    ax_digits_write(decimals, out + o + 1);
    return o + 9 - (size_t)__builtin_clzll(decimals) / 8;
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"y", 365 * 86400000ll},
             {"w", 7 * 86400000ll},
             {"d", 86400000},
             {"h", 3600000},
             {"m", 60000},
             {"s", 1000},
             {"ms", 1}};

static const struct unit *unit_named(struct ax_str s)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(units); i++)
        if (ax_str_eq(s, ax_str(units[i].name)))
            return &units[i];
    return NULL;
}

static int bad_duration(struct ax_str s, struct ax_err *err)
{
    return ax_fail(err, -EINVAL, "\"%.*s\" is not a duration (expected e.g. 30s, 5m, 1h30m, 30d)",
                   (int)(s.n < 60 ? s.n : 60), s.p);
}

int ax_duration_parse(struct ax_str s, int64_t *out_ms, struct ax_err *err)
{
    int64_t total = 0;
    const struct unit *last = NULL;
    struct ax_str rest = s;
    if (ax_str_eq(s, AX_STR("0"))) {
        *out_ms = 0;
        return 0;
    }
    while (rest.n) {
        size_t d = 0, u;
        while (d < rest.n && rest.p[d] >= '0' && rest.p[d] <= '9')
            d++;
        for (u = d; u < rest.n && rest.p[u] >= 'a' && rest.p[u] <= 'z'; u++)
            ;
        uint64_t v;
        const struct unit *unit = unit_named((struct ax_str){rest.p + d, u - d});
        if (!ax_str_u64((struct ax_str){rest.p, d}, &v) || !unit || (last && unit <= last))
            return bad_duration(s, err);
        int64_t part;
        if (v > INT64_MAX || __builtin_mul_overflow((int64_t)v, unit->ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return ax_fail(err, -ERANGE, "the duration \"%.*s\" is too long",
                           (int)(s.n < 60 ? s.n : 60), s.p);
        last = unit;
        rest = (struct ax_str){rest.p + u, rest.n - u};
    }
    if (!last)
        return bad_duration(s, err);
    *out_ms = total;
    return 0;
}

size_t ax_duration_print(int64_t ms, char out[AX_NUM_TEXT])
{
    size_t o = 0;
    if (ms <= 0)
        return (size_t)snprintf(out, AX_NUM_TEXT, "0s");
    for (size_t i = 0; i < AX_ARRAY_LEN(units) && o < AX_NUM_TEXT; i++) {
        bool whole_only = units[i].ms > 86400000; /* "1y" but never "1w2d" */
        if (ms < units[i].ms || (whole_only && ms % units[i].ms))
            continue;
        o += (size_t)snprintf(out + o, AX_NUM_TEXT - o, "%lld%s", (long long)(ms / units[i].ms),
                              units[i].name);
        ms %= units[i].ms;
    }
    return o;
}

static bool digits2(const char *p, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

static bool parse_rfc3339(struct ax_str s, int64_t *out_ms)
{
    int c, y, mo, d, h, mi, sec;
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || (s.p[10] | 0x20) != 't' || s.p[13] != ':' ||
        s.p[16] != ':')
        return false;
    if (!digits2(s.p, &c) || !digits2(s.p + 2, &y) || !digits2(s.p + 5, &mo) ||
        !digits2(s.p + 8, &d) || !digits2(s.p + 11, &h) || !digits2(s.p + 14, &mi) ||
        !digits2(s.p + 17, &sec))
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || sec > 60)
        return false;
    struct tm tm = {.tm_year = c * 100 + y - 1900,
                    .tm_mon = mo - 1,
                    .tm_mday = d,
                    .tm_hour = h,
                    .tm_min = mi,
                    .tm_sec = sec};
    int64_t ms = 0, scale = 100;
    size_t i = 19;
    if (s.p[i] == '.')
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, scale /= 10)
            ms += (s.p[i] - '0') * scale;
    int64_t offset = 0;
    if (i + 1 == s.n && (s.p[i] | 0x20) == 'z') {
        offset = 0;
    } else if (i + 6 == s.n && (s.p[i] == '+' || s.p[i] == '-') && s.p[i + 3] == ':') {
        int oh, om;
        if (!digits2(s.p + i + 1, &oh) || !digits2(s.p + i + 4, &om) || oh > 23 || om > 59)
            return false;
        offset = (oh * 60 + om) * 60 * (s.p[i] == '-' ? -1 : 1);
    } else {
        return false;
    }
    *out_ms = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
    return true;
}

int ax_time_parse(struct ax_str s, int64_t *out_ms, struct ax_err *err)
{
    double sec;
    if (ax_str_double(s, &sec) && isfinite(sec) && fabs(sec) < 9e15) {
        *out_ms = (int64_t)llround(sec * 1000);
        return 0;
    }
    if (parse_rfc3339(s, out_ms))
        return 0;
    return ax_fail(err, -EINVAL,
                   "\"%.*s\" is not a time (expected seconds since 1970 or RFC 3339, e.g. "
                   "2026-01-31T12:00:00Z)",
                   (int)(s.n < 60 ? s.n : 60), s.p);
}

size_t ax_time_print(int64_t ms, char out[AX_NUM_TEXT])
{
    int64_t sec = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        sec--;
        rest += 1000;
    }
    time_t t = (time_t)sec;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || tm.tm_year > 8099 || tm.tm_year < -1900)
        return (size_t)snprintf(out, AX_NUM_TEXT, "out of range");
    /* Four digits of the year in any case, which strftime's %Y does not give. */
    size_t n = (size_t)snprintf(out, AX_NUM_TEXT, "%04d", tm.tm_year + 1900);
    n += strftime(out + n, AX_NUM_TEXT - n, "-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(out + n, AX_NUM_TEXT - n, ".%03dZ", (int)rest);
}
