// SPDX-License-Identifier: Apache-2.0
#include "api/monasca.h"

#include "base/num.h"

#include <errno.h>

int ax_monasca_tenant(const struct ax_request *q, struct ax_str *out, struct ax_err *err)
{
    struct ax_str named = ax_param(q, "tenant_id");
    if (named.n == 0 || ax_str_eq(named, q->tenant)) {
        *out = q->tenant;
        return 0;
    }
    return ax_who_tenant(&q->who, named, out, err);
}

int ax_monasca_limit(const struct ax_request *q, uint32_t *out, struct ax_err *err)
{
    struct ax_str v = ax_param(q, "limit");
    uint32_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return ax_fail(err, -EINVAL, "limit \"%.*s\" is not a whole number",
                           (int)(v.n < 40 ? v.n : 40), v.p);
        n = n * 10 + (uint32_t)(v.p[i] - '0');
        n = n < AX_MONASCA_LIMIT ? n : AX_MONASCA_LIMIT; /* what is more is that */
    }
    *out = v.n ? n : AX_MONASCA_LIMIT;
    return 0;
}

int ax_monasca_page(const struct ax_request *q, struct ax_monasca_page *out, struct ax_err *err)
{
    struct ax_str v = ax_param(q, "offset");
    uint64_t offset = 0;
    if (v.n && (!ax_str_u64(v, &offset) || offset > INT64_MAX))
        return ax_fail(err, -EINVAL, "offset \"%.*s\" is not a whole number",
                       (int)(v.n < 40 ? v.n : 40), v.p);
    out->offset = offset;
    return ax_monasca_limit(q, &out->limit, err);
}

int ax_monasca_time(struct ax_str s, int64_t *out, struct ax_err *err)
{
    char text[48];
    size_t n = s.n;
    bool iso = n >= 10 && n <= 40 && s.p[4] == '-' && s.p[7] == '-';
    if (iso) {
        memcpy(text, s.p, n);
        if (n == 10) {
            memcpy(text + n, "T00:00:00", 9);
            n += 9;
        }
        if (text[10] == ' ')
            text[10] = 'T';
        bool zone = (text[n - 1] | 0x20) == 'z' ||
                    (n > 6 && text[n - 3] == ':' && (text[n - 6] == '+' || text[n - 6] == '-'));
        if (!zone)
            text[n++] = 'Z';
        iso = ax_time_parse((struct ax_str){text, n}, out, NULL) == 0;
    }
    return iso ? 0
               : ax_fail(err, -EINVAL,
                         "\"%.*s\" is not a time as ISO 8601 has it, e.g. 2026-01-31T12:00:00Z",
                         (int)(s.n < 60 ? s.n : 60), s.p);
}

/* ---- which metrics ---- */

static struct ax_matcher *more(struct ax_monasca_filter *f, enum ax_match_op op, struct ax_str name,
                               struct ax_str value)
{
    struct ax_matcher *m = &f->matchers[f->select.nmatchers++];
    *m = (struct ax_matcher){op, name, value, NULL};
    return m;
}

/* A regular expression that matches the alternatives and nothing else. */
static int any_of(struct ax_matcher *m, struct ax_strs alternatives, struct ax_err *err)
{
    struct ax_buf pattern = AX_BUF_INIT;
    for (size_t k = 0; k < alternatives.n; k++) {
        struct ax_str one = alternatives.v[k];
        if (k)
            ax_buf_byte(&pattern, '|');
        for (size_t i = 0; i < one.n; i++) {
            if (strchr("\\.+*?()[]{}^$", one.p[i]))
                ax_buf_byte(&pattern, '\\');
            ax_buf_byte(&pattern, (uint8_t)one.p[i]);
        }
    }
    m->op = AX_MATCH_RE;
    int rc = ax_regex_new(ax_buf_view(&pattern), &m->re, err);
    ax_buf_free(&pattern);
    return rc;
}

/* The values as they were asked for: one, or one|other. */
static struct ax_str said(struct ax_strs values, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    for (size_t i = 0; i < values.n; i++) {
        ax_buf_cstr(&text, i ? "|" : "");
        ax_buf_str(&text, values.v[i]);
    }
    return ax_arena_str(a, ax_buf_view(&text));
}

static int check_dimension(const struct ax_dimension *d, struct ax_err *err)
{
    int rc = d->values.n ? 0 : ax_monasca_check_dimension(d->name, AX_STR("any"), err);
    for (size_t i = 0; rc == 0 && i < d->values.n; i++)
        rc = ax_monasca_check_dimension(d->name, d->values.v[i], err);
    return rc;
}

static int dimension(struct ax_monasca_filter *f, const struct ax_dimension *d, struct ax_arena *a,
                     struct ax_err *err)
{
    int rc = check_dimension(d, err);
    if (rc < 0)
        return rc;
    f->dimensions[f->ndimensions++] = (struct ax_label){d->name, said(d->values, a)};
    if (d->values.n == 0)
        more(f, AX_MATCH_NE, d->name, AX_STR(""));
    else if (d->values.n == 1)
        more(f, AX_MATCH_EQ, d->name, d->values.v[0]);
    else
        return any_of(more(f, AX_MATCH_EQ, d->name, AX_STR("")), d->values, err);
    return 0;
}

int ax_monasca_dimensions(struct ax_request *q, const char *name, struct ax_dimensions *out,
                          struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf all = AX_BUF_INIT;
    struct ax_str list;
    size_t pos = 0;
    while (ax_param_next(q, name, &pos, &list)) {
        ax_buf_cstr(&all, all.n && list.n ? "," : "");
        ax_buf_str(&all, list);
    }
    int rc = ax_dimensions_parse(ax_buf_view(&all), &q->arena, out, err);
    return rc < 0 ? ax_err_wrap(err, "parameter %s", name) : 0;
}

static int dimensions(struct ax_request *q, struct ax_monasca_filter *f, struct ax_err *err)
{
    struct ax_dimensions d;
    int rc = ax_monasca_dimensions(q, "dimensions", &d, err);
    if (rc < 0)
        return rc;
    f->dimensions = AX_NEWS(&q->arena, struct ax_label, d.n);
    f->matchers = AX_NEWS(&q->arena, struct ax_matcher, d.n + 1); /* and the name's */
    f->select.matchers = f->matchers;
    for (size_t i = 0; rc == 0 && i < d.n; i++)
        rc = dimension(f, &d.v[i], &q->arena, err);
    return rc < 0 ? ax_err_wrap(err, "parameter dimensions") : 0;
}

static int metric_name(struct ax_request *q, const char *parameter, struct ax_monasca_filter *f,
                       struct ax_err *err)
{
    struct ax_str name = ax_param(q, parameter);
    if (name.n == 0)
        return 0;
    more(f, AX_MATCH_EQ, AX_STR("__name__"), name);
    int rc = ax_monasca_check_name(name, err);
    return rc < 0 ? ax_err_wrap(err, "parameter %s", parameter) : 0;
}

int ax_monasca_span(const struct ax_request *q, int64_t *start, int64_t *end, struct ax_err *err)
{
    struct ax_str from = ax_param(q, "start_time"), to = ax_param(q, "end_time");
    int rc = from.n ? ax_monasca_time(from, start, err) : 0;
    if (rc < 0)
        return ax_err_wrap(err, "parameter start_time");
    rc = to.n ? ax_monasca_time(to, end, err) : 0;
    if (rc < 0)
        return ax_err_wrap(err, "parameter end_time");
    if (from.n && to.n && *end <= *start)
        return ax_fail(err, -EDOM, "end_time must be after start_time");
    return 0;
}

static int times(struct ax_request *q, struct ax_store_select *s, struct ax_err *err)
{
    int64_t before = s->maxt;
    int rc = ax_monasca_span(q, &s->mint, &before, err);
    s->maxt = before - 1;
    return rc;
}

int ax_monasca_filter(struct ax_request *q, const char *name, struct ax_monasca_filter *f,
                      struct ax_err *err)
{
    *f = (struct ax_monasca_filter){.select = {.mint = INT64_MIN / 2, .maxt = INT64_MAX / 2}};
    int rc = ax_monasca_tenant(q, &f->select.tenant, err);
    if (rc == 0)
        rc = dimensions(q, f, err);
    if (rc == 0)
        rc = metric_name(q, name, f, err);
    return rc == 0 ? times(q, &f->select, err) : rc;
}

void ax_monasca_filter_free(struct ax_monasca_filter *f)
{
    for (size_t i = 0; i < f->select.nmatchers; i++)
        ax_regex_free(f->matchers[i].re);
}
