// SPDX-License-Identifier: Apache-2.0
/* Parts of dates in UTC, from seconds since the epoch. */
#include "query/eval.h"

#include <time.h>

static struct tm date_of(int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    return tm;
}

double ax_date_minute(int64_t s)
{
    return date_of(s).tm_min;
}

double ax_date_hour(int64_t s)
{
    return date_of(s).tm_hour;
}

double ax_date_day_of_week(int64_t s)
{
    return date_of(s).tm_wday;
}

double ax_date_day_of_month(int64_t s)
{
    return date_of(s).tm_mday;
}

double ax_date_day_of_year(int64_t s)
{
    return date_of(s).tm_yday + 1;
}

double ax_date_days_in_month(int64_t s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct tm tm = date_of(s);
    int64_t year = tm.tm_year + 1900ll;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[tm.tm_mon] + (tm.tm_mon == 1 && leap);
}

double ax_date_month(int64_t s)
{
    return date_of(s).tm_mon + 1;
}

double ax_date_year(int64_t s)
{
    return (double)date_of(s).tm_year + 1900;
}
