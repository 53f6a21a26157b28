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

#endif
