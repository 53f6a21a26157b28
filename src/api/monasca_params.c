// SPDX-License-Identifier: Apache-2.0
#include "api/monasca.h"

#include "base/num.h"

#include <errno.h>

#define MAX_DIMENSIONS 256 /* in one query */

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
static int any_of(struct ax_matcher *m, struct ax_str alternatives, struct ax_err *err)
{
    struct ax_buf pattern = AX_BUF_INIT;
    struct ax_str one;
    while (ax_str_cut(&alternatives, '|', &one)) {
        if (pattern.n)
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

/* key, key:value or key:value|value */
static int dimension(struct ax_monasca_filter *f, struct ax_str text, struct ax_err *err)
{
    struct ax_str value = text, name, one;
    ax_str_cut(&value, ':', &name);
    struct ax_str alternatives = value.n ? value : AX_STR("any");
    if (f->ndimensions == MAX_DIMENSIONS)
        return ax_fail(err, -EINVAL, "more than %d dimensions", MAX_DIMENSIONS);
    while (ax_str_cut(&alternatives, '|', &one)) {
        int rc = ax_monasca_check_dimension(name, one, err);
        if (rc < 0)
            return rc;
    }
    f->dimensions[f->ndimensions++] = (struct ax_label){name, value};
    if (value.n == 0)
        more(f, AX_MATCH_NE, name, AX_STR(""));
    else if (!memchr(value.p, '|', value.n))
        more(f, AX_MATCH_EQ, name, value);
    else
        return any_of(more(f, AX_MATCH_EQ, name, value), value, err);
    return 0;
}

static int dimensions(struct ax_request *q, struct ax_monasca_filter *f, struct ax_err *err)
{
    struct ax_str list, one;
    size_t pos = 0;
    int rc = 0;
    while (rc == 0 && ax_param_next(q, "dimensions", &pos, &list))
        while (rc == 0 && list.n && ax_str_cut(&list, ',', &one))
            rc = dimension(f, one, err);
    return rc < 0 ? ax_err_wrap(err, "parameter dimensions") : 0;
}

static int times(struct ax_request *q, struct ax_store_select *s, struct ax_err *err)
{
    struct ax_str start = ax_param(q, "start_time"), end = ax_param(q, "end_time");
    int64_t before = INT64_MAX / 2;
    int rc = start.n ? ax_monasca_time(start, &s->mint, err) : 0;
    if (rc < 0)
        return ax_err_wrap(err, "parameter start_time");
    rc = end.n ? ax_monasca_time(end, &before, err) : 0;
    if (rc < 0)
        return ax_err_wrap(err, "parameter end_time");
    if (start.n && end.n && before <= s->mint)
        return ax_fail(err, -EDOM, "end_time must be after start_time");
    s->maxt = before - 1;
    return 0;
}

int ax_monasca_filter(struct ax_request *q, const char *name, struct ax_monasca_filter *f,
                      struct ax_err *err)
{
    struct ax_str metric = ax_param(q, name);
    *f = (struct ax_monasca_filter){.select = {.mint = INT64_MIN / 2, .maxt = INT64_MAX / 2}};
    f->matchers = AX_NEWS(&q->arena, struct ax_matcher, MAX_DIMENSIONS + 1);
    f->dimensions = AX_NEWS(&q->arena, struct ax_label, MAX_DIMENSIONS);
    f->select.matchers = f->matchers;
    int rc = ax_monasca_tenant(q, &f->select.tenant, err);
    if (rc == 0 && metric.n) {
        more(f, AX_MATCH_EQ, AX_STR("__name__"), metric);
        rc = ax_monasca_check_name(metric, err);
        if (rc < 0)
            return ax_err_wrap(err, "parameter %s", name);
    }
    if (rc == 0)
        rc = dimensions(q, f, err);
    return rc == 0 ? times(q, &f->select, err) : rc;
}

void ax_monasca_filter_free(struct ax_monasca_filter *f)
{
    for (size_t i = 0; i < f->select.nmatchers; i++)
        ax_regex_free(f->matchers[i].re);
}
