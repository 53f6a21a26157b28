// SPDX-License-Identifier: Apache-2.0
/* PromQL: parse an expression, check its types, evaluate it over a source.
 *
 * Semantics are Prometheus 3's (left-open ranges and look-back). Pure: reads no clock and does no
 * I/O but through the source. Threads: a parsed expression may be evaluated by several threads at
 * once. Memory: trees and results live in the arena they were made with. */
#ifndef AX_QUERY_QUERY_H
#define AX_QUERY_QUERY_H

#include "store/store.h"

/* Where samples come from: the embedded store or another Prometheus-compatible engine. */
struct ax_source {
    void *self;
    struct ax_str tenant;
    /* As ax_store_select / ax_store_last, for this source's tenant. */
    int (*select)(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                  struct ax_series_set *out, struct ax_err *err);
    int (*last)(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                struct ax_series_set *out, struct ax_err *err);
};
struct ax_source ax_source_of_store(struct ax_store *s, struct ax_str tenant);

struct ax_expr; /* a parsed, type-checked expression */

enum ax_value_type { AX_SCALAR, AX_VECTOR, AX_MATRIX, AX_STRING };

/* On failure err->text is Prometheus's form "LINE:COL: parse error: ...". Release with
 * ax_expr_free (compiled regexes); the arena must outlive the expression. */
int ax_expr_parse(struct ax_str text, struct ax_arena *a, struct ax_expr **out, struct ax_err *err);
void ax_expr_free(struct ax_expr *e); /* NULL is fine */
enum ax_value_type ax_expr_type(const struct ax_expr *e);
void ax_expr_print(const struct ax_expr *e, struct ax_buf *out); /* canonical form */
/* A selector alone, as match[] takes it: {a="b"}, up{...}. Free the matchers' regexes with
 * ax_expr_free on *owner. */
int ax_selector_parse(struct ax_str text, struct ax_arena *a, struct ax_expr **owner,
                      const struct ax_matcher **out, size_t *n, struct ax_err *err);

struct ax_query_options {
    int64_t start, end, step; /* ms; an instant query has start == end and step 0 */
    int64_t lookback;         /* 0 = 5 minutes */
    uint64_t max_samples;     /* 0 = 50 million */
    int64_t deadline_ns;      /* by ax_mono_ns; 0 = none; passing it is -ETIMEDOUT */
};

struct ax_point {
    int64_t t;
    double v;
};
struct ax_result_series {
    struct ax_labels labels;
    struct ax_point *v;
    size_t n;
};
struct ax_query_result {
    enum ax_value_type type;         /* instant: any of the four; range: always AX_MATRIX */
    struct ax_result_series *series; /* vector: n == 1 each; matrix: rising times; sorted by labels
                                        unless the expression sorts (sort, topk, ...) */
    size_t n;
    struct ax_point scalar;
    struct ax_str string;
    struct ax_str warning; /* empty = none */
};

/* Errors: -EDOM execution error (many-to-many matching and the like), -E2BIG too many samples or
 * more than 11,000 steps, -ETIMEDOUT, and what the source returns. */
int ax_query_eval(const struct ax_expr *e, const struct ax_source *src,
                  const struct ax_query_options *o, struct ax_arena *a, struct ax_query_result *out,
                  struct ax_err *err);

/* ---- expressions that say something of each label set by itself ----
 *
 * A comparison of a selector, arithmetic with numbers, functions over time, and what is made of
 * such by operators without on and ignoring: for one label set (names aside) they follow from the
 * newest samples of the series that have it, one for each selector. So they can be worked out from
 * windows in memory, and only when one of these has changed. */
#define AX_LOCAL_MAX   16     /* different selectors */
#define AX_LOOKBACK_MS 300000 /* what ax_query_options.lookback is by default */

struct ax_local;
struct ax_local_selector {
    struct ax_str metric;
    const struct ax_matcher *matchers;
    size_t n;
    int64_t range; /* the longest that is asked of it, ms; 0: only the newest sample is */
};
/* In the arena, with views of the expression. -EDOM: it is none; the text says what in it is not.
 */
int ax_local_compile(const struct ax_expr *e, struct ax_arena *a, struct ax_local **out,
                     struct ax_err *err);
size_t ax_local_selectors(const struct ax_local *l, const struct ax_local_selector **out);
/* Whether its value depends on the time, also while no sample comes or leaves its window: what is
 * stretched to the window's edges, as rate() is. */
bool ax_local_moves(const struct ax_local *l);

/* The newest samples that a selector found, staleness markers among them; times rise. */
struct ax_local_samples {
    const int64_t *t;
    const double *v;
    size_t n;
};
struct ax_local_value {
    double v;
    int name;     /* the selector whose metric's name the result has; -1: it has none */
    int64_t next; /* if no sample comes, there can be another value then; INT64_MAX: never */
};
/* As ax_query_eval at that time gives it; false: nothing (only `next` counts then). w: by selector.
 */
bool ax_local_eval(const struct ax_local *l, const struct ax_local_samples *w, int64_t at,
                   struct ax_local_value *out);
/* absent(): what it gives, 1 with these labels, is there when ax_local_eval is false for all. */
bool ax_local_is_absent(const struct ax_local *l);
int ax_local_absent(const struct ax_local *l, struct ax_arena *a, struct ax_labels *out,
                    struct ax_err *err);

#endif
