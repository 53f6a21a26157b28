// SPDX-License-Identifier: Apache-2.0
/* Functions that look at what happens from one sample to the next, over windows that overlap: the
 * places where something happens are listed once, and each window finds its part of the list. */
#include "query/eval.h"

#include <math.h>

struct marks {
    const size_t *at; /* rising numbers of samples that differ from the one before */
    size_t n;
    size_t from, to; /* those inside the window */
};

static bool falls(double before, double v)
{
    return v < before;
}

static bool differs(double before, double v)
{
    return v != before && !(isnan(v) && isnan(before));
}

static inline struct marks list(const struct ax_slide *s, bool (*happens)(double, double))
{
    size_t *at = s->room, n = 0;
    for (size_t i = 1; i < s->series->n; i++)
        if (happens(s->series->v[i - 1], s->series->v[i]))
            at[n++] = i;
    return (struct marks){at, n, 0, 0};
}

/* Windows only move on. What happens at a window's first sample happened before it. */
static void move(struct marks *m, const struct ax_slide *s, const struct ax_window *w)
{
    size_t lo = (size_t)(w->v - s->series->v);
    while (m->from < m->n && m->at[m->from] <= lo)
        m->from++;
    while (m->to < m->n && m->at[m->to] < lo + w->n)
        m->to++;
}

static int count(const struct ax_slide *s, struct marks m)
{
    for (size_t k = 0; k < s->n; k++) {
        const struct ax_window *w = &s->w[k];
        if (!w->n)
            continue;
        move(&m, s, w);
        ax_set(s->out, k, m.to > m.from ? (double)(m.to - m.from) : 0);
    }
    return 0;
}

int ax_slide_changes(struct ax_eval *e, const struct ax_slide *s)
{
    return count(s, list(s, differs));
}

int ax_slide_resets(struct ax_eval *e, const struct ax_slide *s)
{
    return count(s, list(s, falls));
}

static int increases(struct ax_eval *e, const struct ax_slide *s, bool per_second)
{
    struct marks m = list(s, falls);
    int rc = 0;
    for (size_t k = 0; k < s->n && rc == 0; k++) {
        const struct ax_window *w = &s->w[k];
        if (w->n < 2)
            continue;
        move(&m, s, w);
        double change = w->v[w->n - 1] - w->v[0];
        for (size_t i = m.from; i < m.to; i++)
            change += s->series->v[m.at[i] - 1];
        double v = ax_extrapolate(w, change, true);
        ax_set(s->out, k, per_second ? v / ((double)(w->end - w->start) / 1000) : v);
        rc = k % 64 ? 0 : ax_eval_alive(e); /* there may be many resets */
    }
    return rc;
}

int ax_slide_rate(struct ax_eval *e, const struct ax_slide *s)
{
    return increases(e, s, true);
}

int ax_slide_increase(struct ax_eval *e, const struct ax_slide *s)
{
    return increases(e, s, false);
}
