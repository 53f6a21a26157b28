// SPDX-License-Identifier: Apache-2.0
/* PromQL: what is parsed prints to a form that parses to the same, and can be evaluated over a
 * small source within bounds. What is local gives the same from windows. */
#include "kit.h"

#include "base/clock.h"
#include "query/query.h"

#include <errno.h>
#include <math.h>

#define STEP   15000
#define POINTS 80
#define SERIES 9

static struct ax_arena kept = AX_ARENA_INIT;
static struct ax_series series[SERIES];

static double value(size_t i, size_t k)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e308, 5e-324, -1};
    if (i == 0)
        return odd[k % AX_ARRAY_LEN(odd)];
    return i == 1 && k % 7 == 3 ? ax_stale() : (double)(i * k % 31) * (i == 2 ? 1 : (double)k);
}

static void make_source(void)
{
    struct ax_labels labels[SERIES] = {
        fuzz_labels(&kept, NULL, "__name__", "odd", "job", "a", NULL),
        fuzz_labels(&kept, NULL, "__name__", "up", "job", "a", "i", "1", NULL),
        fuzz_labels(&kept, NULL, "__name__", "up", "job", "b", "i", "2", NULL),
        fuzz_labels(&kept, NULL, "__name__", "x", "job", "a", NULL),
        fuzz_labels(&kept, NULL, "__name__", "h_bucket", "job", "a", "le", "0.5", NULL),
        fuzz_labels(&kept, NULL, "__name__", "h_bucket", "job", "a", "le", "1", NULL),
        fuzz_labels(&kept, NULL, "__name__", "h_bucket", "job", "a", "le", "+Inf", NULL),
        fuzz_labels(&kept, NULL, "__name__", "h_bucket", "job", "b", "le", "what", NULL),
        fuzz_labels(&kept, NULL, "job", "nameless", NULL),
    };
    for (size_t i = 0; i < SERIES; i++) {
        int64_t *t = AX_NEWS(&kept, int64_t, POINTS);
        double *v = AX_NEWS(&kept, double, POINTS);
        for (size_t k = 0; k < POINTS; k++) {
            t[k] = (int64_t)k * STEP;
            v[k] = value(i, k);
        }
        series[i] = (struct ax_series){labels[i], t, v, POINTS};
    }
}

static int select_samples(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                          struct ax_series_set *out, struct ax_err *err)
{
    struct ax_series_set set = {.v = AX_NEWS(a, struct ax_series, SERIES)};
    uint64_t samples = 0;
    for (size_t i = 0; i < SERIES; i++) {
        struct ax_series s = series[i];
        if (!ax_matcher_labels(sel->matchers, sel->nmatchers, s.labels))
            continue;
        for (; s.n && s.t[0] < sel->mint; s.n--, s.t++, s.v++)
            ;
        while (s.n && s.t[s.n - 1] > sel->maxt)
            s.n--;
        samples += s.n;
        if (s.n)
            set.v[set.n++] = s;
    }
    if (sel->max_samples && samples > sel->max_samples)
        return ax_fail(err, -E2BIG, "too many samples");
    *out = set;
    return 0;
}

static int select_last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                       struct ax_series_set *out, struct ax_err *err)
{
    int rc = select_samples(self, sel, a, out, err);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        out->v[i].t += out->v[i].n - 1;
        out->v[i].v += out->v[i].n - 1;
        out->v[i].n = 1;
    }
    return rc;
}

static void evaluate(const struct ax_expr *e, int64_t start, int64_t step, struct ax_arena *a)
{
    struct ax_source src = {NULL, AX_STR("t"), select_samples, select_last};
    struct ax_query_options o = {.start = start,
                                 .end = 1000000,
                                 .step = step,
                                 .max_samples = 100000,
                                 .deadline_ns = ax_mono_ns() + 1000000000};
    struct ax_query_result r;
    struct ax_err err = {0};
    int rc = ax_query_eval(e, &src, &o, a, &r, &err);
    AX_ASSERT(rc == 0 || (rc == err.code && err.text[0]));
    for (size_t i = 0; rc == 0 && i < r.n; i++)
        AX_ASSERT(r.series[i].n > 0);
}

static void check_print(const struct ax_expr *e, struct ax_arena *a)
{
    struct ax_buf text = AX_BUF_INIT, again = AX_BUF_INIT;
    struct ax_expr *copy;
    ax_expr_print(e, &text);
    AX_ASSERT(ax_expr_parse(ax_buf_view(&text), a, &copy, NULL) == 0);
    ax_expr_print(copy, &again);
    AX_ASSERT(ax_str_eq(ax_buf_view(&text), ax_buf_view(&again)));
    AX_ASSERT(ax_expr_type(copy) == ax_expr_type(e));
    ax_expr_free(copy);
    ax_buf_free(&text);
    ax_buf_free(&again);
}

/* ---- from windows ---- */

#define AT 1000000

static struct ax_str without_name(size_t i, struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels out = {{NULL, 0}};
    struct ax_label l;
    AX_LABELS_EACH (series[i].labels, l)
        if (!ax_str_eq(l.name, AX_STR("__name__")))
            ax_labels_add(&b, l.name, l.value);
    AX_ASSERT(ax_labels_finish(&b, a, &out, NULL) == 0);
    return out.bytes;
}

/* Of the label set of series i; false also when it is an earlier series' set, too. */
static bool local_value(const struct ax_local *l, size_t i, struct ax_arena *a, double *out)
{
    const struct ax_local_selector *selectors;
    struct ax_local_samples w[AX_LOCAL_MAX] = {0};
    struct ax_local_value v;
    size_t n = ax_local_selectors(l, &selectors);
    for (size_t k = 0; k < SERIES; k++) {
        if (!ax_str_eq(without_name(i, a), without_name(k, a)))
            continue;
        if (k < i)
            return false;
        for (size_t s = 0; s < n; s++)
            if (ax_matcher_labels(selectors[s].matchers, selectors[s].n, series[k].labels))
                w[s] = (struct ax_local_samples){series[k].t, series[k].v, series[k].n};
    }
    bool there = ax_local_eval(l, w, AT, &v);
    AX_ASSERT(v.next > AT && v.name < (int)n);
    *out = v.v;
    return there;
}

static bool has_value(const struct ax_query_result *r, double v)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->series[i].v[0].v == v || (isnan(v) && isnan(r->series[i].v[0].v)))
            return true;
    return false;
}

static void check_local(const struct ax_expr *e, struct ax_arena *a)
{
    struct ax_source src = {NULL, AX_STR("t"), select_samples, select_last};
    struct ax_query_options o = {.start = AT, .end = AT, .deadline_ns = ax_mono_ns() + 1000000000};
    struct ax_query_result r;
    struct ax_local *l;
    struct ax_err err = {0};
    size_t found = 0;
    double v;
    if (ax_local_compile(e, a, &l, &err) < 0 || ax_query_eval(e, &src, &o, a, &r, &err) < 0)
        return;
    for (size_t i = 0; i < SERIES; i++)
        if (local_value(l, i, a, &v)) {
            found++;
            AX_ASSERT(ax_local_is_absent(l) || has_value(&r, v));
        }
    AX_ASSERT(r.n == (ax_local_is_absent(l) ? found == 0 : found));
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expr *e;
    struct ax_err err = {0};
    if (!series[0].n)
        make_source();
    const struct ax_matcher *m;
    size_t nm;
    if (ax_selector_parse(fuzz_str(p, n), &a, &e, &m, &nm, &err) == 0)
        ax_expr_free(e);
    if (ax_expr_parse(fuzz_str(p, n), &a, &e, &err) < 0) {
        AX_ASSERT(err.text[0]);
    } else {
        check_print(e, &a);
        check_local(e, &a);
        enum ax_value_type type = ax_expr_type(e);
        evaluate(e, 1000000, 0, &a);
        if (type == AX_SCALAR || type == AX_VECTOR)
            evaluate(e, 700000, 30000, &a);
        ax_expr_free(e);
    }
    ax_arena_free(&a);
    return 0;
}
