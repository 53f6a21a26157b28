// SPDX-License-Identifier: Apache-2.0
/* Every sample of the matching series, written while it is read, however many there are.
 *
 *   for each selector, for each metric name in it:
 *       for each window of time, as wide as its samples fit into memory:  select, write
 */
#include "api/export.h"

#include "api/inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SAMPLES 500000  /* in memory at once, when no window of 1 ms has more */
#define LINE_SAMPLES   10000   /* of one series at once: a reader has to take a line whole */
#define PART_BYTES     262144u /* what is written before it is sent */

struct selector {
    struct ax_expr *owner;
    const struct ax_matcher *m;
    size_t n;
};

struct export
{
    struct ax_body stream; /* first: the API has this */
    struct ax_store *store;
    struct ax_str tenant;
    enum ax_export_format format;
    struct ax_export_csv csv;
    int64_t start, end;
    struct selector *selectors;
    size_t nselectors;

    size_t selector;      /* at work */
    struct ax_str *names; /* of its metrics */
    size_t nnames, name;
    struct ax_arena names_arena, arena; /* the latter: of the window */
    int64_t from, width;
    struct ax_series_set set; /* what the window has, and how far that is written */
    size_t series, sample;
    bool ended;
};

static void close_export(struct ax_body *s)
{
    struct export *x = (struct export *)s;
    for (size_t i = 0; i < x->nselectors; i++)
        ax_expr_free(x->selectors[i].owner);
    ax_arena_free(&x->names_arena);
    ax_arena_free(&x->arena);
    free(x);
}

/* ---- reading ---- */

static int list_names(struct export *x, struct ax_err *err)
{
    const struct selector *s = &x->selectors[x->selector];
    struct ax_store_select sel = {
        .tenant = x->tenant, .matchers = s->m, .nmatchers = s->n, .mint = x->start, .maxt = x->end};
    ax_arena_reset(&x->names_arena);
    x->name = 0;
    x->from = x->start;
    return ax_store_label_values(x->store, &sel, AX_STR("__name__"), &x->names_arena, &x->names,
                                 &x->nnames, err);
}

static int select_window(struct export *x, int64_t to, uint64_t most, struct ax_err *err)
{
    const struct selector *s = &x->selectors[x->selector];
    struct ax_matcher *m = AX_NEWS(&x->arena, struct ax_matcher, s->n + 1);
    memcpy(m, s->m, s->n * sizeof *m);
    m[s->n] = (struct ax_matcher){
        .op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = x->names[x->name]};
    struct ax_store_select sel = {.tenant = x->tenant,
                                  .matchers = m,
                                  .nmatchers = s->n + 1,
                                  .mint = x->from,
                                  .maxt = to,
                                  .max_samples = most};
    return ax_store_select(x->store, &sel, &x->arena, &x->set, err);
}

/* The next window of the metric at work; as much narrower as it must be, wider the next time. */
static int read_window(struct export *x)
{
    struct ax_err err;
    for (;;) {
        int64_t to = x->end - x->from < x->width ? x->end : x->from + x->width - 1;
        ax_arena_reset(&x->arena);
        x->set = (struct ax_series_set){0};
        int rc = select_window(x, to, x->width > 1 ? WINDOW_SAMPLES : 0, &err);
        if (rc == -E2BIG && x->width > 1) {
            int64_t span = to - x->from + 1;
            x->width = span / 2 > 1 ? span / 2 : 1;
            continue;
        }
        x->series = x->sample = 0;
        if (x->width < INT64_MAX / 4)
            x->width *= 2;
        x->ended = to == x->end;
        x->from = to + 1;
        return rc;
    }
}

/* ---- writing ---- */

/* What an earlier selector has brought is not brought again. */
static bool is_repeated(const struct export *x, struct ax_labels labels)
{
    for (size_t i = 0; i < x->selector; i++)
        if (ax_matcher_labels(x->selectors[i].m, x->selectors[i].n, labels))
            return true;
    return false;
}

static void write_some(struct export *x, struct ax_buf *out)
{
    while (x->series < x->set.n && out->n < PART_BYTES) {
        const struct ax_series *s = &x->set.v[x->series];
        size_t to = s->n - x->sample < LINE_SAMPLES ? s->n : x->sample + LINE_SAMPLES;
        if (x->sample || !is_repeated(x, s->labels))
            ax_export_write(x->format, &x->csv, s, x->sample, to, out);
        else
            to = s->n;
        x->sample = to < s->n ? to : 0;
        x->series += to == s->n;
    }
}

static int by_labels(const void *a, const void *b)
{
    return ax_labels_cmp(((const struct ax_series *)a)->labels,
                         ((const struct ax_series *)b)->labels);
}

static int fill(struct ax_body *stream, struct ax_buf *out)
{
    struct export *x = (struct export *)stream;
    struct ax_err err;
    if (x->series < x->set.n) {
        write_some(x, out);
        return 1;
    }
    if (x->ended) { /* of that metric */
        x->ended = false;
        x->from = x->start;
        x->name++;
    }
    if (x->name == x->nnames) {
        if (x->selector + 1 >= x->nselectors) {
            ax_buf_cstr(out, x->format == AX_EXPORT_OPENMETRICS ? "# EOF\n" : "");
            return 0;
        }
        x->selector++;
        return list_names(x, &err) < 0 ? -EIO : 1;
    }
    int rc = read_window(x);
    if (rc == 0 && x->set.n)
        qsort(x->set.v, x->set.n, sizeof *x->set.v, by_labels);
    return rc < 0 ? rc : 1;
}

/* ---- the request ---- */

static int read_selectors(struct ax_request *q, struct export *x, struct ax_err *err)
{
    size_t pos = 0;
    struct ax_str text;
    x->selectors = AX_NEWS(&q->arena, struct selector, q->nparams + 1);
    while (ax_param_next(q, "match[]", &pos, &text)) {
        struct selector *s = &x->selectors[x->nselectors];
        int rc = ax_selector_parse(text, &q->arena, &s->owner, &s->m, &s->n, err);
        if (rc < 0)
            return ax_err_wrap(err, "invalid parameter \"match[]\"");
        x->nselectors++;
    }
    return x->nselectors ? 0 : ax_fail(err, -EINVAL, "no match[] parameter provided");
}

/* Windows begin where there is something. */
static void clamp(struct export *x)
{
    struct ax_store_stats stats;
    ax_store_stats(x->store, &stats);
    if (x->start < stats.oldest)
        x->start = stats.oldest;
    if (x->end > stats.newest)
        x->end = stats.newest;
    if (x->end < x->start)
        x->end = x->start;
    x->width = x->end - x->start + 1;
}

static int begin(struct ax_request *q, struct export *x, struct ax_err *err)
{
    int rc = ax_param_time(q, "start", INT64_MIN / 2, &x->start, err);
    if (rc == 0)
        rc = ax_param_time(q, "end", INT64_MAX / 2, &x->end, err);
    if (rc == 0 && x->end < x->start)
        rc = ax_fail(err, -EINVAL, "\"end\" is before \"start\"");
    if (rc == 0)
        rc = read_selectors(q, x, err);
    if (rc == 0 && x->format == AX_EXPORT_CSV &&
        ax_export_csv_parse(ax_param(q, "format"), &x->csv, err) < 0)
        rc = ax_err_wrap(err, "invalid parameter \"format\"");
    if (rc < 0)
        return rc;
    clamp(x);
    return list_names(x, err);
}

static void export(struct ax_request *q, struct ax_reply *r, enum ax_export_format format,
                   const char *type)
{
    struct export *x = ax_calloc(1, sizeof *x);
    struct ax_err err;
    x->stream = (struct ax_body){.fill = fill, .close = close_export};
    x->store = ax_api_rooms(q->api)->store;
    x->tenant = q->tenant;
    x->format = format;
    if (begin(q, x, &err) < 0) {
        ax_samples_failed(r, &err);
        close_export(&x->stream);
        return;
    }
    r->type = type;
    r->stream = &x->stream;
}

void ax_export_jsonl(struct ax_request *q, struct ax_reply *r)
{
    export(q, r, AX_EXPORT_JSONL, "application/stream+json");
}

void ax_export_csv(struct ax_request *q, struct ax_reply *r)
{
    export(q, r, AX_EXPORT_CSV, "text/csv; charset=utf-8");
}

void ax_export_openmetrics(struct ax_request *q, struct ax_reply *r)
{
    export(q, r, AX_EXPORT_OPENMETRICS,
           "application/openmetrics-text; version=1.0.0; charset=utf-8");
}
