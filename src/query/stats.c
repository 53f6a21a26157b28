// SPDX-License-Identifier: Apache-2.0
#include "query/eval.h"

#include <math.h>
#include <stdlib.h>

/* Kahan-Neumaier. An infinite sum has nothing to carry: NaN in the carry would spoil it. */
void ax_sum_add(struct ax_sum *s, double x)
{
    double t = s->sum + x;
    if (isinf(t))
        s->carry = 0;
    else if (fabs(s->sum) >= fabs(x))
        s->carry += (s->sum - t) + x;
    else
        s->carry += (x - t) + s->sum;
    s->sum = t;
}

double ax_sum_value(const struct ax_sum *s)
{
    return s->sum + s->carry;
}

bool ax_sum_finite(const struct ax_sum *s)
{
    return isfinite(ax_sum_value(s));
}

/* The same sum, bit for bit, as long as nothing overflows and all is finite: what rounding lost is
 * here had without asking which of the two was the greater. */
static struct ax_sum sum_of_finite(const double *v, size_t n)
{
    double sum = 0, carry = 0;
    for (size_t i = 0; i < n; i++) {
        double t = sum + v[i], part = t - sum;
        carry += (sum - (t - part)) + (v[i] - part);
        sum = t;
    }
    return (struct ax_sum){sum, carry};
}

struct ax_sum ax_sum_of(const double *v, size_t n)
{
    struct ax_sum s = sum_of_finite(v, n);
    if (ax_sum_finite(&s))
        return s;
    s = (struct ax_sum){0};
    for (size_t i = 0; i < n; i++)
        ax_sum_add(&s, v[i]);
    return s;
}

double ax_mean_of(const double *v, size_t n)
{
    struct ax_sum s = sum_of_finite(v, n);
    if (isfinite(s.sum + s.carry))
        return s.sum / (double)n + s.carry / (double)n;
    struct ax_mean m = {0};
    for (size_t i = 0; i < n; i++)
        ax_mean_add(&m, v[i]);
    return ax_mean_value(&m);
}

/* Sums for as long as that does not overflow, from there on moves the mean along. */
void ax_mean_add(struct ax_mean *m, double x)
{
    m->n++;
    if (!m->overflowed) {
        struct ax_sum next = m->s;
        ax_sum_add(&next, x);
        if (m->n == 1 || !isinf(next.sum)) {
            m->s = next;
            return;
        }
        m->overflowed = true;
        m->s.sum /= m->n - 1;
        m->s.carry /= m->n - 1;
    }
    double q = (m->n - 1) / m->n;
    m->s.sum *= q;
    m->s.carry *= q;
    ax_sum_add(&m->s, x / m->n);
}

double ax_mean_value(const struct ax_mean *m)
{
    return m->overflowed ? ax_sum_value(&m->s) : m->s.sum / m->n + m->s.carry / m->n;
}

/* Welford's, compensated. */
void ax_variance_add(struct ax_variance *v, double x)
{
    v->n++;
    double delta = x - ax_sum_value(&v->mean);
    ax_sum_add(&v->mean, delta / v->n);
    ax_sum_add(&v->squares, delta * (x - ax_sum_value(&v->mean)));
    if (isnan(x) || isinf(x))
        v->squares.sum = NAN;
}

double ax_variance_value(const struct ax_variance *v)
{
    return ax_sum_value(&v->squares) / v->n;
}

int ax_double_cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return !!isnan(y) - !!isnan(x);
    return (x > y) - (x < y);
}

double ax_quantile_of(double q, double *v, size_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0 || q > 1)
        return q < 0 ? -INFINITY : INFINITY;
    qsort(v, n, sizeof *v, ax_double_cmp);
    double rank = q * (double)(n - 1), low = floor(rank), weight = rank - low;
    size_t lo = (size_t)low, hi = lo + 1 < n ? lo + 1 : n - 1;
    return v[lo] * (1 - weight) + v[hi] * weight;
}
