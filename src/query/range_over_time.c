// SPDX-License-Identifier: Apache-2.0
/* Range functions that sum a window up: *_over_time. A window has one sample at least. */
#include "query/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool ax_fn_avg(const struct ax_window *w, const double *args, double *out)
{
    *out = ax_mean_of(w->v, w->n);
    return true;
}

bool ax_fn_sum(const struct ax_window *w, const double *args, double *out)
{
    struct ax_sum s = ax_sum_of(w->v, w->n);
    *out = ax_sum_value(&s);
    return true;
}

bool ax_fn_min(const struct ax_window *w, const double *args, double *out)
{
    double m = w->v[0];
    for (size_t i = 1; i < w->n; i++)
        if (w->v[i] < m || isnan(m))
            m = w->v[i];
    *out = m;
    return true;
}

bool ax_fn_max(const struct ax_window *w, const double *args, double *out)
{
    double m = w->v[0];
    for (size_t i = 1; i < w->n; i++)
        if (w->v[i] > m || isnan(m))
            m = w->v[i];
    *out = m;
    return true;
}

bool ax_fn_count(const struct ax_window *w, const double *args, double *out)
{
    *out = (double)w->n;
    return true;
}

bool ax_fn_last(const struct ax_window *w, const double *args, double *out)
{
    *out = w->v[w->n - 1];
    return true;
}

bool ax_fn_first(const struct ax_window *w, const double *args, double *out)
{
    *out = w->v[0];
    return true;
}

bool ax_fn_present(const struct ax_window *w, const double *args, double *out)
{
    *out = 1;
    return true;
}

bool ax_fn_quantile(const struct ax_window *w, const double *args, double *out)
{
    double few[64], *v = w->n <= AX_ARRAY_LEN(few) ? few : ax_malloc(w->n * sizeof *v);
    memcpy(v, w->v, w->n * sizeof *v);
    *out = ax_quantile_of(args[0], v, w->n);
    if (v != few)
        free(v);
    return true;
}

bool ax_fn_stdvar(const struct ax_window *w, const double *args, double *out)
{
    struct ax_variance v = {0};
    for (size_t i = 0; i < w->n; i++)
        ax_variance_add(&v, w->v[i]);
    *out = ax_variance_value(&v);
    return true;
}

bool ax_fn_stddev(const struct ax_window *w, const double *args, double *out)
{
    ax_fn_stdvar(w, args, out);
    *out = sqrt(*out);
    return true;
}
