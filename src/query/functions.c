// SPDX-License-Identifier: Apache-2.0
/* The one table of functions: parser, type check and evaluator all go by it. */
#include "query/eval.h"

#include <math.h>
#include <stdlib.h>

static double to_degrees(double v)
{
    return v * 180 / M_PI;
}

static double to_radians(double v)
{
    return v * M_PI / 180;
}

static double sign(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

#define MATH(name, fn)                                                                             \
    {                                                                                              \
        name, AX_VECTOR, 1, 1, {AX_VECTOR}, .math = (fn)                                           \
    }
#define RANGE(name, fn)                                                                            \
    {                                                                                              \
        name, AX_VECTOR, 1, 1, {AX_MATRIX}, .range = (fn)                                          \
    }
#define SLIDE(name, fn, sl)                                                                        \
    {                                                                                              \
        name, AX_VECTOR, 1, 1, {AX_MATRIX}, .range = (fn), .slide = (sl)                           \
    }
#define DATE(name, fn)                                                                             \
    {                                                                                              \
        name, AX_VECTOR, 0, 1, {AX_VECTOR}, .flags = AX_FN_READS_TIME, .date = (fn)                \
    }

/* Sorted by name. */
static const struct ax_function functions[] = {
    MATH("abs", fabs),
    {"absent", AX_VECTOR, 1, 1, {AX_VECTOR}, .call = ax_call_absent},
    {"absent_over_time", AX_VECTOR, 1, 1, {AX_MATRIX}, .call = ax_call_absent_over_time},
    MATH("acos", acos),
    MATH("acosh", acosh),
    MATH("asin", asin),
    MATH("asinh", asinh),
    MATH("atan", atan),
    MATH("atanh", atanh),
    SLIDE("avg_over_time", ax_fn_avg, ax_slide_avg),
    MATH("ceil", ceil),
    SLIDE("changes", ax_fn_changes, ax_slide_changes),
    {"clamp", AX_VECTOR, 3, 3, {AX_VECTOR, AX_SCALAR, AX_SCALAR}, .call = ax_call_clamp},
    {"clamp_max", AX_VECTOR, 2, 2, {AX_VECTOR, AX_SCALAR}, .call = ax_call_clamp_max},
    {"clamp_min", AX_VECTOR, 2, 2, {AX_VECTOR, AX_SCALAR}, .call = ax_call_clamp_min},
    MATH("cos", cos),
    MATH("cosh", cosh),
    RANGE("count_over_time", ax_fn_count),
    DATE("day_of_month", ax_date_day_of_month),
    DATE("day_of_week", ax_date_day_of_week),
    DATE("day_of_year", ax_date_day_of_year),
    DATE("days_in_month", ax_date_days_in_month),
    MATH("deg", to_degrees),
    RANGE("delta", ax_fn_delta),
    RANGE("deriv", ax_fn_deriv),
    {"double_exponential_smoothing",
     AX_VECTOR,
     3,
     3,
     {AX_MATRIX, AX_SCALAR, AX_SCALAR},
     .range = ax_fn_smooth},
    MATH("exp", exp),
    {"first_over_time", AX_VECTOR, 1, 1, {AX_MATRIX}, AX_FN_KEEPS_NAME, .range = ax_fn_first},
    MATH("floor", floor),
    {"histogram_quantile",
     AX_VECTOR,
     2,
     2,
     {AX_SCALAR, AX_VECTOR},
     .call = ax_call_histogram_quantile},
    {"holt_winters", AX_VECTOR, 3, 3, {AX_MATRIX, AX_SCALAR, AX_SCALAR}, .range = ax_fn_smooth},
    DATE("hour", ax_date_hour),
    RANGE("idelta", ax_fn_idelta),
    SLIDE("increase", ax_fn_increase, ax_slide_increase),
    RANGE("irate", ax_fn_irate),
    {"label_join",
     AX_VECTOR,
     3,
     4,
     {AX_VECTOR, AX_STRING, AX_STRING, AX_STRING},
     AX_FN_VARIADIC,
     .call = ax_call_label_join},
    {"label_replace",
     AX_VECTOR,
     5,
     5,
     {AX_VECTOR, AX_STRING, AX_STRING, AX_STRING, AX_STRING},
     .call = ax_call_label_replace},
    {"last_over_time", AX_VECTOR, 1, 1, {AX_MATRIX}, AX_FN_KEEPS_NAME, .range = ax_fn_last},
    MATH("ln", log),
    MATH("log10", log10),
    MATH("log2", log2),
    SLIDE("max_over_time", ax_fn_max, ax_slide_max),
    SLIDE("min_over_time", ax_fn_min, ax_slide_min),
    DATE("minute", ax_date_minute),
    DATE("month", ax_date_month),
    {"pi", AX_SCALAR, 0, 0, {0}, .call = ax_call_pi},
    {"predict_linear",
     AX_VECTOR,
     2,
     2,
     {AX_MATRIX, AX_SCALAR},
     AX_FN_READS_TIME,
     .range = ax_fn_predict_linear},
    RANGE("present_over_time", ax_fn_present),
    {"quantile_over_time", AX_VECTOR, 2, 2, {AX_SCALAR, AX_MATRIX}, .range = ax_fn_quantile},
    MATH("rad", to_radians),
    SLIDE("rate", ax_fn_rate, ax_slide_rate),
    SLIDE("resets", ax_fn_resets, ax_slide_resets),
    {"round", AX_VECTOR, 1, 2, {AX_VECTOR, AX_SCALAR}, .call = ax_call_round},
    {"scalar", AX_SCALAR, 1, 1, {AX_VECTOR}, .call = ax_call_scalar},
    MATH("sgn", sign),
    MATH("sin", sin),
    MATH("sinh", sinh),
    {"sort", AX_VECTOR, 1, 1, {AX_VECTOR}, .call = ax_call_sort},
    {"sort_desc", AX_VECTOR, 1, 1, {AX_VECTOR}, .call = ax_call_sort_desc},
    MATH("sqrt", sqrt),
    RANGE("stddev_over_time", ax_fn_stddev),
    RANGE("stdvar_over_time", ax_fn_stdvar),
    SLIDE("sum_over_time", ax_fn_sum, ax_slide_sum),
    MATH("tan", tan),
    MATH("tanh", tanh),
    {"time", AX_SCALAR, 0, 0, {0}, AX_FN_READS_TIME, .call = ax_call_time},
    {"timestamp", AX_VECTOR, 1, 1, {AX_VECTOR}, AX_FN_READS_TIME, .call = ax_call_timestamp},
    {"vector", AX_VECTOR, 1, 1, {AX_SCALAR}, .call = ax_call_vector},
    DATE("year", ax_date_year),
};

static int by_name(const void *key, const void *entry)
{
    return ax_str_cmp(*(const struct ax_str *)key,
                      ax_str(((const struct ax_function *)entry)->name));
}

const struct ax_function *ax_function_find(struct ax_str name)
{
    return bsearch(&name, functions, AX_ARRAY_LEN(functions), sizeof functions[0], by_name);
}

static int eval_math(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     struct ax_value *out)
{
    double (*fn)(double) = n->call.fn->math;
    int rc = ax_eval_node(e, n->call.args[0], g, out);
    if (rc < 0)
        return rc;
    out->ordered = false;
    for (size_t i = 0; i < out->n; i++) {
        struct ax_column *c = &out->v[i];
        c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; k < g->n; k++)
            if (ax_has(c, k))
                c->v[k] = fn(c->v[k]);
    }
    return ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

/* Parts of the date of every value, or of the time of evaluation. */
static int eval_date(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     struct ax_value *out)
{
    double (*fn)(int64_t) = n->call.fn->date;
    int rc = 0;
    if (n->call.n) {
        rc = ax_eval_node(e, n->call.args[0], g, out);
    } else {
        rc = ax_vector_init(e, g, 1, NULL, out);
        for (size_t k = 0; rc == 0 && k < g->n; k++)
            ax_set(&out->v[0], k, floor((double)ax_grid_time(g, k) / 1000));
    }
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        struct ax_column *c = &out->v[i];
        c->labels = ax_labels_nameless(e->a, c->labels);
        for (size_t k = 0; k < g->n; k++)
            if (ax_has(c, k))
                c->v[k] = fabs(c->v[k]) < 1e14 ? fn((int64_t)c->v[k]) : NAN;
    }
    out->ordered = false;
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

int ax_eval_call(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out)
{
    const struct ax_function *f = n->call.fn;
    if (f->math)
        return eval_math(e, n, g, out);
    if (f->range)
        return ax_eval_range_call(e, n, g, out);
    if (f->date)
        return eval_date(e, n, g, out);
    return f->call(e, n, g, out);
}
