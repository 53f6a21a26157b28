// SPDX-License-Identifier: Apache-2.0
/* The evaluator's inside. A node is evaluated over all steps at once:
 *
 *   grid     start, start + step, ...                       n steps; n == 1 is the instant query
 *   scalar   v[n]                                           one number per step
 *   vector   columns, each { labels, v[n], has[n bits] }    has: is there a sample at this step?
 *   matrix   series of samples, and per step a window on them (what range functions take)
 *
 * Labels are worked out once per column, not per step. NaN is a value: only `has` says that there
 * is none. Everything lives in one scratch arena for the time of the query; every cell that is made
 * counts against the limit of samples, which so bounds the memory. */
#ifndef AX_QUERY_EVAL_H
#define AX_QUERY_EVAL_H

#include "query/tree.h"

struct ax_grid {
    int64_t start, step;
    size_t n;
};
static inline int64_t ax_grid_time(const struct ax_grid *g, size_t k)
{
    return g->start + (int64_t)k * g->step;
}

struct ax_column {
    struct ax_labels labels;
    double *v;
    uint64_t *has;
};
static inline bool ax_has(const struct ax_column *c, size_t k)
{
    return c->has[k / 64] >> (k % 64) & 1;
}
static inline void ax_set(struct ax_column *c, size_t k, double v)
{
    c->v[k] = v;
    c->has[k / 64] |= 1ull << (k % 64);
}
static inline void ax_unset(struct ax_column *c, size_t k)
{
    c->has[k / 64] &= ~(1ull << (k % 64));
}

struct ax_value {
    enum ax_value_type type;
    double *scalar;
    struct ax_str string;
    struct ax_column *v; /* of a vector */
    size_t n;
    bool ordered; /* the order of the columns means something: sort, topk */
};

struct ax_eval {
    const struct ax_source *source;
    struct ax_arena *a;
    int64_t start, end; /* of the whole query, for @ start() and @ end() */
    int64_t lookback;
    /* The labels that the aggregation above looks at, when those of the series are of no other use:
     * then selectors may leave out the rest. NULL: all labels. */
    const struct ax_names *only;
    uint64_t left; /* cells and samples that may still be made */
    int64_t deadline_ns;
    uint64_t spent; /* since the clock was looked at */
    struct ax_str warning;
    struct ax_err *err;
};

/* --- eval.c: dispatch and bookkeeping */
int ax_eval_node(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out);
int ax_eval_charge(struct ax_eval *e, uint64_t cells); /* -E2BIG past the limit */
int ax_eval_alive(struct ax_eval *e);                  /* -ETIMEDOUT past the deadline */
/* The same, but looks at the clock only now and then: after so many samples. */
#define AX_SPEND_MAX 4096
static inline int ax_eval_spend(struct ax_eval *e, uint64_t samples)
{
    e->spent += samples;
    if (e->spent < AX_SPEND_MAX)
        return 0;
    e->spent = 0;
    return ax_eval_alive(e);
}
int ax_column_init(struct ax_eval *e, const struct ax_grid *g, struct ax_labels labels,
                   struct ax_column *out);
/* A vector with n columns, each with the labels of `like` (NULL: none) and no samples yet. */
int ax_vector_init(struct ax_eval *e, const struct ax_grid *g, size_t n,
                   const struct ax_value *like, struct ax_value *out);
int ax_scalar_init(struct ax_eval *e, const struct ax_grid *g, struct ax_value *out);
/* Columns whose labels have become equal are merged; where two have a value at one step, that is
 * an error (-EDOM) with this text. */
#define AX_SAME_LABELS "vector cannot contain metrics with the same labelset"
int ax_vector_merge(struct ax_eval *e, const struct ax_grid *g, struct ax_value *v,
                    const char *text);

/* --- eval_select.c: samples and their windows */
int ax_eval_selector(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     bool timestamps, struct ax_value *out);
/* The samples in (start, end], in ms; at: the step's own time. */
struct ax_window {
    const int64_t *t;
    const double *v;
    size_t n;
    int64_t start, end, at;
};
struct ax_samples {
    struct ax_series *v;
    size_t n;
    struct ax_when when;
    int64_t range;
    bool stored;           /* may have staleness markers, which windows do not show */
    const int64_t *t;      /* times of the series that windows were filled of last */
    size_t nt, in_windows; /* how many these are, and how many all windows together hold */
};
int ax_eval_samples(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                    struct ax_samples *out);
/* The windows of all steps, still without samples; then those of a series in them. */
struct ax_window *ax_samples_windows(struct ax_eval *e, const struct ax_samples *s,
                                     const struct ax_grid *g);
void ax_windows_fill(struct ax_window *w, size_t n, const struct ax_series *series);
/* Those of series i, which loses its staleness markers; always with the same windows. */
void ax_samples_fill(struct ax_eval *e, struct ax_samples *s, size_t i, struct ax_window *w,
                     size_t n);

/* --- signature.c: parts of label sets; all results are canonical, and made in the arena (or views
 * of the set given). part: in *room instead, which has as many bytes as the set: the labels that
 * are listed (keep) or are not. */
struct ax_labels ax_labels_part(struct ax_labels set, const struct ax_names *names, bool keep,
                                bool drop_name, char *room);
struct ax_labels ax_labels_keep(struct ax_arena *a, struct ax_labels set,
                                const struct ax_names *names);
struct ax_labels ax_labels_drop(struct ax_arena *a, struct ax_labels set,
                                const struct ax_names *names, bool name_too);
struct ax_labels ax_labels_nameless(struct ax_arena *a, struct ax_labels set);
/* `set` with name=value, or without name when the value is empty. */
int ax_labels_with(struct ax_arena *a, struct ax_labels set, struct ax_str name,
                   struct ax_str value, struct ax_labels *out, struct ax_err *err);

/* --- eval_binary.c, eval_aggregate.c */
int ax_eval_binary(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   struct ax_value *out);
int ax_eval_aggregate(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                      struct ax_value *out);

/* --- functions.c: the table */
#define AX_ARGS_MAX 5

enum ax_function_flags {
    AX_FN_KEEPS_NAME = 1, /* for range functions */
    AX_FN_READS_TIME = 2, /* differs between steps even over constant arguments */
    AX_FN_VARIADIC = 4    /* the last argument may be repeated */
};
/* What a range function gives for one window: false = nothing. args: its scalar arguments at this
 * step, in order. */
typedef bool ax_range_fn(const struct ax_window *w, const double *args, double *out);
/* What it gives for all windows of one series, where they overlap so much that to look at each
 * anew would cost too much. room: for two doubles per sample of the series. */
struct ax_slide {
    const struct ax_series *series;
    const struct ax_window *w;
    size_t n;
    void *room;
    struct ax_column *out;
};
typedef int ax_slide_fn(struct ax_eval *e, const struct ax_slide *s);
typedef int ax_call_fn(struct ax_eval *e, const struct ax_node *call, const struct ax_grid *g,
                       struct ax_value *out);

struct ax_function {
    const char *name;
    enum ax_value_type returns;
    uint8_t min, max; /* arguments; with AX_FN_VARIADIC max is not looked at */
    enum ax_value_type args[AX_ARGS_MAX];
    unsigned flags;
    /* one of these: */
    double (*math)(double); /* of every value of the one argument */
    ax_range_fn *range;     /* of every window of the matrix argument */
    ax_slide_fn *slide;     /* beside range; may be NULL */
    double (*date)(int64_t seconds);
    ax_call_fn *call; /* anything else */
};
const struct ax_function *ax_function_find(struct ax_str name);
int ax_eval_call(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *out);

/* --- eval_range.c */
/* Do the series of this selector surely have different labels after this range function? */
bool ax_stays_distinct(const struct ax_function *f, const struct ax_node *of);
int ax_eval_range_call(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                       struct ax_value *out);
ax_range_fn ax_fn_rate, ax_fn_increase, ax_fn_delta, ax_fn_irate, ax_fn_idelta, ax_fn_deriv,
    ax_fn_predict_linear, ax_fn_changes, ax_fn_resets, ax_fn_avg, ax_fn_min, ax_fn_max, ax_fn_sum,
    ax_fn_count, ax_fn_last, ax_fn_first, ax_fn_present, ax_fn_quantile, ax_fn_stddev, ax_fn_stdvar,
    ax_fn_smooth;
/* range_slide.c, range_marks.c: the same results, sums to within rounding */
ax_slide_fn ax_slide_sum, ax_slide_avg, ax_slide_min, ax_slide_max, ax_slide_rate,
    ax_slide_increase, ax_slide_changes, ax_slide_resets;
/* rate and its relatives, of two samples at least; change: what resets took away is in it. */
double ax_extrapolate(const struct ax_window *w, double change, bool counter);

/* --- eval_functions.c, eval_labels.c, eval_dates.c, histogram.c */
ax_call_fn ax_call_time, ax_call_vector, ax_call_scalar, ax_call_timestamp, ax_call_sort,
    ax_call_sort_desc, ax_call_absent, ax_call_absent_over_time, ax_call_clamp, ax_call_clamp_min,
    ax_call_clamp_max, ax_call_round, ax_call_pi, ax_call_label_replace, ax_call_label_join,
    ax_call_histogram_quantile;
int ax_absent_labels(struct ax_arena *a, const struct ax_node *arg, struct ax_labels *out,
                     struct ax_err *err);
double ax_date_minute(int64_t s), ax_date_hour(int64_t s), ax_date_day_of_week(int64_t s),
    ax_date_day_of_month(int64_t s), ax_date_day_of_year(int64_t s),
    ax_date_days_in_month(int64_t s), ax_date_month(int64_t s), ax_date_year(int64_t s);

/* --- stats.c: sums that do not lose digits */
struct ax_sum {
    double sum, carry;
};
void ax_sum_add(struct ax_sum *s, double x);
double ax_sum_value(const struct ax_sum *s);
bool ax_sum_finite(const struct ax_sum *s);
struct ax_sum ax_sum_of(const double *v, size_t n); /* as ax_sum_add of one after the other */
struct ax_mean {
    struct ax_sum s; /* of the values, or of the mean once the sum would overflow */
    double n;
    bool overflowed;
};
void ax_mean_add(struct ax_mean *m, double x);
double ax_mean_value(const struct ax_mean *m);
double ax_mean_of(const double *v, size_t n);
struct ax_variance {
    struct ax_sum mean, squares;
    double n;
};
void ax_variance_add(struct ax_variance *v, double x);
double ax_variance_value(const struct ax_variance *v);
/* Linear between ranks, NaN lowest; sorts v. */
double ax_quantile_of(double q, double *v, size_t n);
/* By value, NaN first. For qsort over doubles. */
int ax_double_cmp(const void *a, const void *b);

#endif
