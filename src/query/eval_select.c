// SPDX-License-Identifier: Apache-2.0
/* Samples from the source, and from subqueries, which are treated as a source of samples too. */
#include "query/eval.h"

#include "base/wide.h"
#include <errno.h>

#define DEFAULT_SUBQUERY_STEP 60000
#define TIME_LIMIT            (1ll << 60) /* keeps sums of times and durations from overflowing */

static int64_t clip(int64_t t)
{
    return t > TIME_LIMIT ? TIME_LIMIT : t < -TIME_LIMIT ? -TIME_LIMIT : t;
}

/* The time that step k looks at. */
static int64_t moment(const struct ax_eval *e, const struct ax_when *w, const struct ax_grid *g,
                      size_t k)
{
    int64_t t = ax_grid_time(g, k);
    if (w->at == AX_AT_TIME)
        t = w->at_ms;
    else if (w->at != AX_AT_NONE)
        t = w->at == AX_AT_START ? e->start : e->end;
    return clip(t) - w->offset;
}

/* Series with samples in (first moment - reach, last moment]. */
static int load(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g, int64_t reach,
                bool newest, struct ax_series_set *out)
{
    struct ax_store_select sel = {
        .tenant = e->source->tenant,
        .matchers = n->selector.matchers,
        .nmatchers = n->selector.nmatchers,
        .mint = moment(e, &n->selector.when, g, 0) - reach + 1,
        .maxt = moment(e, &n->selector.when, g, g->n - 1),
        .max_samples = e->left ? e->left : 1,
        .only = e->only ? e->only->v : NULL,
        .nonly = e->only ? e->only->n : 0,
    };
    *out = (struct ax_series_set){0};
    int rc =
        (newest ? e->source->last : e->source->select)(e->source->self, &sel, e->a, out, e->err);
    if (rc < 0)
        return rc;
    if (out->warning.n)
        e->warning = out->warning;
    uint64_t samples = 0;
    for (size_t i = 0; i < out->n; i++)
        samples += out->v[i].n;
    return ax_eval_charge(e, samples);
}

/* The newest sample that is not older than the look-back, at each of the times. */
static void newest_at(const struct ax_series *s, const int64_t *at, size_t n, int64_t lookback,
                      bool timestamps, struct ax_column *out)
{
    for (size_t k = 0, next = 0; k < n; k++) {
        while (next < s->n && s->t[next] <= at[k])
            next++;
        if (next && s->t[next - 1] > at[k] - lookback && !ax_is_stale(s->v[next - 1]))
            ax_set(out, k, timestamps ? (double)s->t[next - 1] / 1000 : s->v[next - 1]);
    }
}

int ax_eval_selector(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     bool timestamps, struct ax_value *out)
{
    struct ax_series_set set;
    int rc = load(e, n, g, e->lookback, g->n == 1, &set);
    if (rc == 0)
        rc = ax_vector_init(e, g, set.n, NULL, out);
    if (rc < 0)
        return rc;
    int64_t *at = AX_NEWS(e->a, int64_t, g->n);
    for (size_t k = 0; k < g->n; k++)
        at[k] = moment(e, &n->selector.when, g, k);
    for (size_t i = 0; i < set.n && rc == 0; i++) {
        out->v[i].labels = set.v[i].labels;
        newest_at(&set.v[i], at, g->n, e->lookback, timestamps, &out->v[i]);
        rc = i % 256 ? 0 : ax_eval_alive(e);
    }
    return rc;
}

AX_WIDE static bool any_stale(const struct ax_series *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n; i++) /* without a way out: several at a time */
        any |= ax_is_stale(s->v[i]);
    return any;
}

/* Ranges do not see staleness markers. */
static void drop_stale(struct ax_eval *e, struct ax_series *s)
{
    size_t n = 0;
    if (!any_stale(s))
        return;
    int64_t *t = AX_NEWS(e->a, int64_t, s->n);
    double *v = AX_NEWS(e->a, double, s->n);
    for (size_t i = 0; i < s->n; i++)
        if (!ax_is_stale(s->v[i])) {
            t[n] = s->t[i];
            v[n++] = s->v[i];
        }
    s->t = t;
    s->v = v;
    s->n = n;
}

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t r = t % step;
    return t - (r < 0 ? r + step : r);
}

static void column_to_series(struct ax_eval *e, const struct ax_column *c, const struct ax_grid *g,
                             struct ax_series *out)
{
    int64_t *t = AX_NEWS(e->a, int64_t, g->n);
    double *v = AX_NEWS(e->a, double, g->n);
    size_t n = 0;
    for (size_t k = 0; k < g->n; k++)
        if (ax_has(c, k)) {
            t[n] = ax_grid_time(g, k);
            v[n++] = c->v[k];
        }
    *out = (struct ax_series){c->labels, t, v, n};
}

/* The child once on its own grid, absolute multiples of its step, over the union of all windows. */
static int eval_subquery(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                         struct ax_samples *out)
{
    int64_t step = n->subquery.step ? n->subquery.step : DEFAULT_SUBQUERY_STEP;
    int64_t after = moment(e, &n->subquery.when, g, 0) - n->subquery.range;
    int64_t first = floor_to(after, step) + step;
    int64_t last = floor_to(moment(e, &n->subquery.when, g, g->n - 1), step);
    if (last < first)
        return 0;
    uint64_t steps = (uint64_t)(last - first) / (uint64_t)step + 1;
    int rc = ax_eval_charge(e, steps);
    if (rc < 0)
        return rc;
    struct ax_grid inner = {first, step, (size_t)steps};
    struct ax_value v;
    rc = ax_eval_node(e, n->subquery.arg, &inner, &v);
    if (rc == 0)
        rc = ax_eval_charge(e, steps * v.n);
    if (rc < 0)
        return rc;
    out->n = v.n;
    out->v = AX_NEWS(e->a, struct ax_series, v.n);
    for (size_t i = 0; i < v.n; i++)
        column_to_series(e, &v.v[i], &inner, &out->v[i]);
    return 0;
}

int ax_eval_samples(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                    struct ax_samples *out)
{
    *out = (struct ax_samples){0};
    if (n->kind == AX_NODE_SUBQUERY) {
        out->when = n->subquery.when;
        out->range = n->subquery.range;
        return eval_subquery(e, n, g, out);
    }
    AX_ASSERT(n->kind == AX_NODE_SELECTOR);
    out->when = n->selector.when;
    out->range = n->selector.range;
    struct ax_series_set set;
    int rc = load(e, n, g, out->range, false, &set);
    if (rc < 0)
        return rc;
    out->stored = true;
    out->v = set.v;
    out->n = set.n;
    return 0;
}

struct ax_window *ax_samples_windows(struct ax_eval *e, const struct ax_samples *s,
                                     const struct ax_grid *g)
{
    struct ax_window *w = AX_NEWS(e->a, struct ax_window, g->n);
    for (size_t k = 0; k < g->n; k++) {
        int64_t end = moment(e, &s->when, g, k);
        w[k] = (struct ax_window){.start = end - s->range, .end = end, .at = ax_grid_time(g, k)};
    }
    return w;
}

/* The first sample from `from` on that is behind the time. Steps are mostly alike, so it is tried
 * whether that is as far as it was before. */
static inline size_t first_behind(const int64_t *t, size_t n, size_t from, int64_t time,
                                  size_t *far)
{
    size_t at = from + *far;
    if (at <= n && (at == from || t[at - 1] <= time) && (at == n || t[at] > time))
        return at;
    for (at = from; at < n && t[at] <= time;)
        at++;
    *far = at - from;
    return at;
}

void ax_windows_fill(struct ax_window *w, size_t n, const struct ax_series *series)
{
    const int64_t *t = series->t;
    size_t lo = 0, hi = 0, lo_far = 0, hi_far = 0;
    for (size_t k = 0; k < n; k++) {
        if (k && w[k].start >= w[k - 1].end) /* the one before has passed them all */
            lo = hi;
        lo = first_behind(t, series->n, lo, w[k].start, &lo_far);
        hi = first_behind(t, series->n, hi < lo ? lo : hi, w[k].end, &hi_far);
        w[k].n = hi - lo;
        w[k].t = t + lo;
        w[k].v = series->v + lo;
    }
}

void ax_samples_fill(struct ax_eval *e, struct ax_samples *s, size_t i, struct ax_window *w,
                     size_t n)
{
    struct ax_series *series = &s->v[i];
    if (s->stored) /* only now: then the cache has them when they are looked at again */
        drop_stale(e, series);
    if (s->t && s->t == series->t && s->nt == series->n) { /* series often share their times */
        for (size_t k = 0; k < n; k++)
            w[k].v = series->v + (w[k].t - series->t);
        return;
    }
    ax_windows_fill(w, n, series);
    s->t = series->t;
    s->nt = series->n;
    s->in_windows = 0;
    for (size_t k = 0; k < n; k++)
        s->in_windows += w[k].n;
}
