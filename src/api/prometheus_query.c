// SPDX-License-Identifier: Apache-2.0
/* Expressions: /api/v1/query and query_range, in Prometheus's JSON. */
#include "api/inner.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_STEPS      11000
#define TIMEOUT_MS     30000
#define MAX_TIMEOUT_MS 120000

#define POINT_TEXT   (2 * AX_NUM_TEXT + 8) /* bytes that one printed point fits in */
#define POINT_HEAD   32                    /* of these, its time and what is around it */
#define RESERVED_MAX (64u << 20)

static void put_time(struct ax_json *j, int64_t ms)
{
    char text[AX_NUM_TEXT];
    ax_json_raw(j, (struct ax_str){text, ax_seconds_print(ms, text)});
}

/* How a point begins: [1795314600.25," and no more than POINT_HEAD bytes. */
struct stamp {
    int64_t t;
    size_t n;
    char text[POINT_HEAD];
};

static size_t print_head(int64_t t, char *out)
{
    out[0] = '[';
    size_t n = 1 + ax_seconds_print(t, out + 1);
    out[n] = ',';
    out[n + 1] = '"';
    return n + 2;
}

/* Behind its head: 12.5"] */
static size_t print_tail(double v, char *out)
{
    size_t n = ax_num_print(v, out);
    memcpy(out + n, "\"]", 2);
    return n + 2;
}

static void put_point(struct ax_json *j, const struct ax_point *p)
{
    char text[POINT_TEXT];
    size_t n = print_head(p->t, text);
    ax_json_raw(j, (struct ax_str){text, n + print_tail(p->v, text + n)});
}

/* The times of the steps, which all series of a range share, as text: printed once. */
struct stamps {
    struct stamp *v;
    size_t n;
};

static struct stamps print_stamps(struct ax_arena *a, const struct ax_query_options *o)
{
    struct stamps s = {.n = (size_t)((o->end - o->start) / o->step) + 1};
    s.v = ax_arena_room(a, s.n * sizeof *s.v);
    for (size_t k = 0; k < s.n; k++) {
        char text[POINT_TEXT] = {0};
        s.v[k].t = o->start + (int64_t)k * o->step;
        s.v[k].n = print_head(s.v[k].t, text);
        AX_ASSERT(s.v[k].n <= POINT_HEAD);
        memcpy(s.v[k].text, text, POINT_HEAD);
    }
    return s;
}

/* What answers mostly consist of, and so printed straight into the answer. */
static void put_points(struct ax_json *j, const struct stamps *s, const struct ax_point *p,
                       size_t n)
{
    ax_json_arr(j);
    char *start = ax_buf_reserve(j->out, n * POINT_TEXT), *at = start;
    for (size_t i = 0, k = 0; start && i < n; i++) {
        while (k < s->n && s->v[k].t < p[i].t)
            k++;
        if (k < s->n && s->v[k].t == p[i].t) {
            memcpy(at, s->v[k].text, POINT_HEAD);
            at += s->v[k].n;
        } else {
            at += print_head(p[i].t, at);
        }
        at += print_tail(p[i].v, at);
        *at++ = ',';
    }
    if (start && n)
        at--;
    j->out->n += (size_t)(at - start);
    ax_json_end(j);
}

static void put_series(struct ax_json *j, const struct stamps *stamps,
                       const struct ax_query_result *res)
{
    ax_json_arr(j);
    for (size_t i = 0; i < res->n; i++) {
        const struct ax_result_series *s = &res->series[i];
        ax_json_obj(j);
        ax_json_key(j, "metric");
        ax_labels_json(j, s->labels);
        if (res->type == AX_VECTOR) {
            ax_json_key(j, "value");
            put_point(j, &s->v[0]);
        } else {
            ax_json_key(j, "values");
            put_points(j, stamps, s->v, s->n);
        }
        ax_json_end(j);
    }
    ax_json_end(j);
}

/* Room for about the whole answer, so that it is not moved while it grows. */
static void expect_result(struct ax_buf *out, const struct ax_query_result *res)
{
    size_t n = 256;
    for (size_t i = 0; i < res->n && n < RESERVED_MAX; i++)
        n += 64 + 2 * res->series[i].labels.bytes.n + res->series[i].n * 36;
    ax_buf_reserve(out, n < RESERVED_MAX ? n : RESERVED_MAX);
}

static void put_result(struct ax_request *q, struct ax_reply *r, const struct ax_query_result *res,
                       const struct ax_query_options *o)
{
    static const char *const types[] = {"scalar", "vector", "matrix", "string"};
    struct ax_json j = {.out = &r->body};
    expect_result(&r->body, res);
    ax_json_obj(&j);
    ax_json_key(&j, "status");
    ax_json_cstr(&j, "success");
    ax_json_key(&j, "data");
    ax_json_obj(&j);
    ax_json_key(&j, "resultType");
    ax_json_cstr(&j, types[res->type]);
    ax_json_key(&j, "result");
    if (res->type == AX_SCALAR) {
        put_point(&j, &res->scalar);
    } else if (res->type == AX_STRING) {
        ax_json_arr(&j);
        put_time(&j, o->start);
        ax_json_str(&j, res->string);
        ax_json_end(&j);
    } else {
        struct stamps stamps = {0};
        if (o->step && res->n > 1)
            stamps = print_stamps(&q->arena, o);
        put_series(&j, &stamps, res);
    }
    ax_json_end(&j);
    if (res->warning.n) {
        ax_json_key(&j, "warnings");
        ax_json_arr(&j);
        ax_json_str(&j, res->warning);
        ax_json_end(&j);
    }
    ax_json_end(&j);
}

static void bad_parameter(struct ax_reply *r, const char *text)
{
    ax_reply_prometheus_error(r, 400, "bad_data", text);
}

static void query_failed(struct ax_reply *r, const struct ax_err *err)
{
    switch (err->code) {
    case -ETIMEDOUT: ax_reply_prometheus_error(r, 503, "timeout", err->text); break;
    case -EIO: ax_reply_prometheus_error(r, 500, "internal", err->text); break;
    default: ax_reply_prometheus_error(r, 422, "execution", err->text); break;
    }
}

/* A duration as seconds ("15", "0.5") or in PromQL's notation ("15s"). */
static int param_duration(const struct ax_request *q, const char *name, int64_t otherwise,
                          int64_t *out, struct ax_err *err)
{
    struct ax_str v = ax_param(q, name);
    double seconds;
    if (v.n == 0) {
        *out = otherwise;
        return 0;
    }
    if (ax_str_double(v, &seconds) && seconds > -1e12 && seconds < 1e12) {
        *out = (int64_t)(seconds * 1000);
        return 0;
    }
    int rc = ax_duration_parse(v, out, err);
    return rc < 0 ? ax_err_wrap(err, "invalid parameter \"%s\"", name) : 0;
}

static void evaluate(struct ax_request *q, struct ax_reply *r, struct ax_query_options *o)
{
    struct ax_err err = {0};
    int64_t timeout;
    struct ax_expr *e;
    if (param_duration(q, "timeout", TIMEOUT_MS, &timeout, &err) < 0) {
        bad_parameter(r, err.text);
        return;
    }
    if (timeout <= 0 || timeout > MAX_TIMEOUT_MS)
        timeout = MAX_TIMEOUT_MS;
    if (ax_expr_parse(ax_param(q, "query"), &q->arena, &e, &err) < 0) {
        ax_err_wrap(&err, "invalid parameter \"query\"");
        bad_parameter(r, err.text);
        return;
    }
    enum ax_value_type type = ax_expr_type(e);
    if (o->step && type != AX_SCALAR && type != AX_VECTOR) {
        ax_expr_free(e);
        bad_parameter(r, "invalid parameter \"query\": invalid expression type for range query, "
                         "must be Scalar or instant Vector");
        return;
    }
    o->max_samples = ax_api_rooms(q->api)->max_query_samples;
    o->deadline_ns = ax_mono_ns() + timeout * 1000000;
    struct ax_source src = ax_source_of_store(ax_api_rooms(q->api)->store, q->tenant);
    struct ax_query_result res = {0};
    if (ax_query_eval(e, &src, o, &q->arena, &res, &err) < 0)
        query_failed(r, &err);
    else
        put_result(q, r, &res, o);
    ax_expr_free(e);
}

void ax_query(struct ax_request *q, struct ax_reply *r)
{
    struct ax_query_options o = {0};
    struct ax_err err;
    if (ax_param_time(q, "time", ax_now_ms(), &o.start, &err) < 0) {
        bad_parameter(r, err.text);
        return;
    }
    o.end = o.start;
    evaluate(q, r, &o);
}

static int range_of(struct ax_request *q, struct ax_query_options *o, struct ax_err *err)
{
    const char *const required[] = {"start", "end", "step"};
    for (size_t i = 0; i < AX_ARRAY_LEN(required); i++)
        if (ax_param(q, required[i]).n == 0)
            return ax_fail(err, -EINVAL, "invalid parameter \"%s\": it is missing", required[i]);
    if (ax_param_time(q, "start", 0, &o->start, err) < 0 ||
        ax_param_time(q, "end", 0, &o->end, err) < 0 ||
        param_duration(q, "step", 0, &o->step, err) < 0)
        return err->code;
    if (o->end < o->start)
        return ax_fail(err, -EINVAL, "invalid parameter \"end\": it lies before start");
    if (o->step <= 0)
        return ax_fail(err, -EINVAL,
                       "invalid parameter \"step\": zero or negative steps are not accepted, try "
                       "a positive number");
    if ((o->end - o->start) / o->step > MAX_STEPS)
        return ax_fail(err, -EINVAL,
                       "exceeded the limit of %d points per series: use a longer step or a "
                       "shorter range",
                       MAX_STEPS);
    return 0;
}

void ax_query_range(struct ax_request *q, struct ax_reply *r)
{
    struct ax_query_options o = {0};
    struct ax_err err;
    if (range_of(q, &o, &err) < 0)
        bad_parameter(r, err.text);
    else
        evaluate(q, r, &o);
}
