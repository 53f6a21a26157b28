// SPDX-License-Identifier: Apache-2.0
/* What templates may call: Go's own functions and Prometheus's. */
#include "alarm/template_inner.h"

#include "alarm/humanize.h"
#include "alarm/links.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUERIES_MAX 100

/* What the functions below have in common. */
#define FUNCTION(name)                                                                             \
    static int name(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_tv *out)

static int keep(struct ax_tcall *c, struct ax_buf *b, struct ax_tv *out)
{
    *out = ax_tv_string(ax_arena_str(c->a, ax_buf_view(b)));
    ax_buf_free(b);
    return 0;
}

static int wants(struct ax_tcall *c, const struct ax_tv *v, enum ax_tv_kind kind)
{
    struct ax_tv wanted = {.kind = kind};
    return v->kind == kind ? 0
                           : ax_fail(c->err, -EINVAL, "wrong type for value; expected %s; got %s",
                                     ax_tv_type(&wanted), ax_tv_type(v));
}

static int number(struct ax_tcall *c, const struct ax_tv *v, double *out)
{
    if (ax_tv_float(v, out))
        return 0;
    return v->kind == AX_TV_STRING
               ? ax_fail(c->err, -EINVAL, "strconv.ParseFloat: parsing \"%.*s\": invalid syntax",
                         v->s.n < 100 ? (int)v->s.n : 100, v->s.p)
               : ax_fail(c->err, -EINVAL, "can't convert %s to float", ax_tv_type(v));
}

/* ---- Go's ---- */

static struct ax_tv truth(bool b)
{
    return (struct ax_tv){.kind = AX_TV_BOOL, .b = b};
}

static bool is_false(const struct ax_tv *v)
{
    return !ax_tv_true(v);
}

/* The last that was looked at decides. */
FUNCTION(last_one)
{
    *out = args[n - 1];
    return 0;
}

FUNCTION(not_it)
{
    *out = truth(!ax_tv_true(&args[0]));
    return 0;
}

static int compare(struct ax_tcall *c, const struct ax_tv *a, const struct ax_tv *b, int *order)
{
    return ax_tv_compare(a, b, order)
               ? 0
               : ax_fail(c->err, -EINVAL, "incompatible types for comparison");
}

FUNCTION(eq)
{
    bool any = false;
    for (size_t i = 1; i < n && !any; i++) {
        int order, rc = compare(c, &args[0], &args[i], &order);
        if (rc < 0)
            return rc;
        any = order == 0;
    }
    *out = truth(any);
    return 0;
}

#define COMPARISON(name, test)                                                                     \
    FUNCTION(name)                                                                                 \
    {                                                                                              \
        int order, rc = compare(c, &args[0], &args[1], &order);                                    \
        if (rc < 0)                                                                                \
            return rc;                                                                             \
        *out = truth(test);                                                                        \
        return 0;                                                                                  \
    }
COMPARISON(ne, order != 0)
COMPARISON(lt, order < 0)
COMPARISON(le, order <= 0)
COMPARISON(gt, order > 0 && order != 2)
COMPARISON(ge, order >= 0 && order != 2)

FUNCTION(len)
{
    const struct ax_tv *v = &args[0];
    *out = (struct ax_tv){.kind = AX_TV_INT};
    struct ax_label l;
    if (v->kind == AX_TV_STRING)
        out->i = (int64_t)v->s.n;
    else if (v->kind == AX_TV_LIST)
        out->i = (int64_t)v->list.n;
    else if (v->kind == AX_TV_LABELS)
        AX_LABELS_EACH (v->labels, l)
            out->i++;
    else
        return ax_fail(c->err, -EINVAL, "len of type %s", ax_tv_type(v));
    return 0;
}

static int index_one(struct ax_tcall *c, const struct ax_tv *of, const struct ax_tv *by,
                     struct ax_tv *out)
{
    if (of->kind == AX_TV_LABELS) {
        int rc = wants(c, by, AX_TV_STRING);
        if (rc == 0)
            *out = ax_tv_string(ax_labels_get(of->labels, by->s));
        return rc;
    }
    int rc = wants(c, by, AX_TV_INT);
    if (rc < 0)
        return rc;
    bool list = of->kind == AX_TV_LIST, text = of->kind == AX_TV_STRING;
    size_t n = list ? of->list.n : text ? of->s.n : 0;
    if (!list && !text)
        return ax_fail(c->err, -EINVAL, "can't index item of type %s", ax_tv_type(of));
    if (by->i < 0 || (uint64_t)by->i >= n)
        return ax_fail(c->err, -EINVAL, "index out of range: %lld", (long long)by->i);
    *out = list ? of->list.v[by->i]
                : (struct ax_tv){.kind = AX_TV_INT, .i = (unsigned char)of->s.p[by->i]};
    return 0;
}

FUNCTION(index_of)
{
    int rc = 0;
    struct ax_tv v = args[0];
    for (size_t i = 1; i < n && rc == 0; i++) {
        struct ax_tv of = v;
        rc = index_one(c, &of, &args[i], &v);
    }
    *out = v;
    return rc;
}

/* Blanks between operands when neither is a text; with println always. */
static int print_all(struct ax_tcall *c, const struct ax_tv *args, size_t n, bool line,
                     struct ax_tv *out)
{
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    for (size_t i = 0; i < n; i++) {
        if (i && (line || (args[i].kind != AX_TV_STRING && args[i - 1].kind != AX_TV_STRING)))
            ax_buf_byte(&b, ' ');
        ax_tv_print(&args[i], &b);
    }
    if (line)
        ax_buf_byte(&b, '\n');
    return keep(c, &b, out);
}

FUNCTION(print)
{
    return print_all(c, args, n, false, out);
}

FUNCTION(println)
{
    return print_all(c, args, n, true, out);
}

FUNCTION(html)
{
    struct ax_tv text;
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    print_all(c, args, n, false, &text);
    for (size_t i = 0; i < text.s.n; i++)
        switch (text.s.p[i]) {
        case '<': ax_buf_cstr(&b, "&lt;"); break;
        case '>': ax_buf_cstr(&b, "&gt;"); break;
        case '&': ax_buf_cstr(&b, "&amp;"); break;
        case '"': ax_buf_cstr(&b, "&#34;"); break;
        case '\'': ax_buf_cstr(&b, "&#39;"); break;
        default: ax_buf_byte(&b, (uint8_t)text.s.p[i]);
        }
    return keep(c, &b, out);
}

FUNCTION(urlquery)
{
    struct ax_tv text;
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    print_all(c, args, n, false, &text);
    ax_link_escape(text.s, &b);
    return keep(c, &b, out);
}

/* ---- series ---- */

static struct ax_tv sample(struct ax_arena *a, struct ax_labels labels, double value)
{
    struct ax_tv_sample *s = AX_NEW(a, struct ax_tv_sample);
    *s = (struct ax_tv_sample){labels, value};
    return (struct ax_tv){.kind = AX_TV_SAMPLE, .sample = s};
}

FUNCTION(query)
{
    struct ax_query_result r;
    int rc = wants(c, &args[0], AX_TV_STRING);
    if (rc < 0)
        return rc;
    if (!c->world->query || c->queries++ >= QUERIES_MAX)
        return ax_fail(c->err, -EINVAL, "more than %d queries", QUERIES_MAX);
    rc = c->world->query(c->world->ctx, args[0].s, c->a, &r, c->err);
    if (rc < 0)
        return rc;
    if (r.type != AX_VECTOR && r.type != AX_SCALAR)
        return ax_fail(c->err, -EINVAL, "rule result is not a vector or scalar");
    size_t count = r.type == AX_VECTOR ? r.n : 1;
    *out = (struct ax_tv){.kind = AX_TV_LIST};
    out->list.v = AX_NEWS(c->a, struct ax_tv, count);
    out->list.n = count;
    for (size_t i = 0; i < count; i++)
        out->list.v[i] = r.type == AX_SCALAR
                             ? sample(c->a, (struct ax_labels){{NULL, 0}}, r.scalar.v)
                             : sample(c->a, r.series[i].labels, r.series[i].v[0].v);
    return 0;
}

FUNCTION(first)
{
    int rc = wants(c, &args[0], AX_TV_LIST);
    if (rc == 0 && args[0].list.n == 0)
        return ax_fail(c->err, -EINVAL, "first() called on vector with no elements");
    if (rc == 0)
        *out = args[0].list.v[0];
    return rc;
}

FUNCTION(label)
{
    int rc = wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = wants(c, &args[1], AX_TV_SAMPLE);
    if (rc == 0)
        *out = ax_tv_string(ax_labels_get(args[1].sample->labels, args[0].s));
    return rc;
}

FUNCTION(value)
{
    int rc = wants(c, &args[0], AX_TV_SAMPLE);
    if (rc == 0)
        *out = (struct ax_tv){.kind = AX_TV_FLOAT, .f = args[0].sample->value};
    return rc;
}

FUNCTION(strvalue)
{
    int rc = wants(c, &args[0], AX_TV_SAMPLE);
    if (rc == 0)
        *out = ax_tv_string(ax_labels_get(args[0].sample->labels, AX_STR("__value__")));
    return rc;
}

/* Stable: equal ones keep their order. */
FUNCTION(sort_by_label)
{
    int rc = wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = wants(c, &args[1], AX_TV_LIST);
    if (rc < 0)
        return rc;
    *out = args[1];
    out->list.v = AX_NEWS(c->a, struct ax_tv, args[1].list.n);
    for (size_t i = 0; i < args[1].list.n; i++) {
        struct ax_tv v = args[1].list.v[i];
        size_t k = i;
        if ((rc = wants(c, &v, AX_TV_SAMPLE)) < 0)
            return rc;
        struct ax_str key = ax_labels_get(v.sample->labels, args[0].s);
        for (; k > 0; k--) {
            if (ax_str_cmp(ax_labels_get(out->list.v[k - 1].sample->labels, args[0].s), key) <= 0)
                break;
            out->list.v[k] = out->list.v[k - 1];
        }
        out->list.v[k] = v;
    }
    return 0;
}

/* ---- numbers ---- */

static int humanized(struct ax_tcall *c, const struct ax_tv *v, ax_humanize *as, struct ax_tv *out)
{
    double d;
    struct ax_buf b = AX_BUF_INIT;
    int rc = number(c, v, &d);
    if (rc < 0)
        return rc;
    as(d, &b);
    return keep(c, &b, out);
}

#define HUMANIZED(name, as)                                                                        \
    FUNCTION(name)                                                                                 \
    {                                                                                              \
        return humanized(c, &args[0], as, out);                                                    \
    }
HUMANIZED(humanize, ax_humanize_1000)
HUMANIZED(humanize_1024, ax_humanize_1024)
HUMANIZED(humanize_duration, ax_humanize_duration)
HUMANIZED(humanize_percentage, ax_humanize_percentage)
HUMANIZED(humanize_timestamp, ax_humanize_timestamp)

FUNCTION(parse_duration)
{
    int64_t ms;
    int rc = wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = ax_duration_parse(args[0].s, &ms, c->err);
    if (rc == 0)
        *out = (struct ax_tv){.kind = AX_TV_FLOAT, .f = (double)ms / 1000};
    return rc;
}

/* ---- texts ---- */

static int mapped(struct ax_tcall *c, const struct ax_tv *v, int (*as)(int), struct ax_tv *out)
{
    struct ax_buf b = AX_BUF_INIT;
    int rc = wants(c, v, AX_TV_STRING);
    for (size_t i = 0; rc == 0 && i < v->s.n; i++) {
        unsigned char ch = (unsigned char)v->s.p[i];
        ax_buf_byte(&b, ch < 0x80 ? (uint8_t)as(ch) : ch);
    }
    return rc < 0 ? rc : keep(c, &b, out);
}

FUNCTION(to_upper)
{
    return mapped(c, &args[0], toupper, out);
}

FUNCTION(to_lower)
{
    return mapped(c, &args[0], tolower, out);
}

/* The first letter of each word. */
FUNCTION(title)
{
    struct ax_buf b = AX_BUF_INIT;
    int rc = wants(c, &args[0], AX_TV_STRING);
    bool begins = true;
    for (size_t i = 0; rc == 0 && i < args[0].s.n; i++) {
        unsigned char ch = (unsigned char)args[0].s.p[i];
        ax_buf_byte(&b, begins && ch < 0x80 ? (uint8_t)toupper(ch) : ch);
        begins = ch < 0x80 && !isalnum(ch) && ch != '_' && ch != '\'';
    }
    return rc < 0 ? rc : keep(c, &b, out);
}

static int regex(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_regex **out)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = wants(c, &args[i], AX_TV_STRING);
    return rc < 0 ? rc : ax_regex_new_search(args[0].s, out, c->err);
}

FUNCTION(match)
{
    struct ax_regex *re;
    int rc = regex(c, args, n, &re);
    if (rc < 0)
        return rc;
    *out = truth(ax_regex_match(re, args[1].s));
    ax_regex_free(re);
    return 0;
}

FUNCTION(replace_all)
{
    struct ax_regex *re;
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    int rc = regex(c, args, n, &re);
    if (rc < 0)
        return rc;
    ax_regex_replace(re, args[2].s, args[1].s, &b);
    ax_regex_free(re);
    return keep(c, &b, out);
}

/* HOST and :PORT of a text; false when it is none with a port. */
static bool split_port(struct ax_str s, struct ax_str *host, struct ax_str *port)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *host = (struct ax_str){s.p, colon - 1};
    *port = (struct ax_str){s.p + colon - 1, s.n - colon + 1};
    if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
        *host = (struct ax_str){host->p + 1, host->n - 2};
        return true;
    }
    return !memchr(host->p, ':', host->n);
}

FUNCTION(strip_port)
{
    struct ax_str host, port;
    int rc = wants(c, &args[0], AX_TV_STRING);
    *out = args[0];
    if (rc == 0 && split_port(args[0].s, &host, &port))
        *out = ax_tv_string(host);
    return rc;
}

static bool is_address(struct ax_str host, struct ax_arena *a)
{
    unsigned char bytes[16];
    const char *text = ax_arena_cstr(a, host);
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

FUNCTION(strip_domain)
{
    struct ax_str host, port = AX_STR_NULL;
    int rc = wants(c, &args[0], AX_TV_STRING);
    if (rc < 0)
        return rc;
    if (!split_port(args[0].s, &host, &port)) {
        host = args[0].s;
        port = AX_STR_NULL;
    }
    *out = args[0];
    const char *dot = host.n ? memchr(host.p, '.', host.n) : NULL;
    if (dot && !is_address(host, c->a))
        *out = ax_tv_string(
            ax_arena_printf(c->a, "%.*s%.*s", (int)(dot - host.p), host.p, AX_STR_ARG(port)));
    return 0;
}

FUNCTION(same)
{
    *out = args[0];
    return 0;
}

/* ---- links ---- */

FUNCTION(external_url)
{
    *out = ax_tv_string(c->world->url);
    return 0;
}

FUNCTION(path_prefix)
{
    *out = ax_tv_string(ax_link_path(c->world->url));
    return 0;
}

static int linked(struct ax_tcall *c, const struct ax_tv *v, bool table, struct ax_tv *out)
{
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    int rc = wants(c, v, AX_TV_STRING);
    if (rc < 0)
        return rc;
    ax_link_expression(AX_STR_NULL, v->s, table, &b);
    return keep(c, &b, out);
}

FUNCTION(graph_link)
{
    return linked(c, &args[0], false, out);
}

FUNCTION(table_link)
{
    return linked(c, &args[0], true, out);
}

static const struct ax_tfunction functions[] = {
    {"and", 1, SIZE_MAX, last_one, is_false},
    {"or", 1, SIZE_MAX, last_one, ax_tv_true},
    {"not", 1, 1, not_it, NULL},
    {"eq", 2, SIZE_MAX, eq, NULL},
    {"ne", 2, 2, ne, NULL},
    {"lt", 2, 2, lt, NULL},
    {"le", 2, 2, le, NULL},
    {"gt", 2, 2, gt, NULL},
    {"ge", 2, 2, ge, NULL},
    {"len", 1, 1, len, NULL},
    {"index", 1, SIZE_MAX, index_of, NULL},
    {"print", 0, SIZE_MAX, print, NULL},
    {"printf", 1, SIZE_MAX, ax_tv_printf, NULL},
    {"println", 0, SIZE_MAX, println, NULL},
    {"html", 0, SIZE_MAX, html, NULL},
    {"urlquery", 0, SIZE_MAX, urlquery, NULL},
    {"query", 1, 1, query, NULL},
    {"first", 1, 1, first, NULL},
    {"label", 2, 2, label, NULL},
    {"value", 1, 1, value, NULL},
    {"strvalue", 1, 1, strvalue, NULL},
    {"sortByLabel", 2, 2, sort_by_label, NULL},
    {"humanize", 1, 1, humanize, NULL},
    {"humanize1024", 1, 1, humanize_1024, NULL},
    {"humanizeDuration", 1, 1, humanize_duration, NULL},
    {"humanizePercentage", 1, 1, humanize_percentage, NULL},
    {"humanizeTimestamp", 1, 1, humanize_timestamp, NULL},
    {"toTime", 1, 1, humanize_timestamp, NULL},
    {"parseDuration", 1, 1, parse_duration, NULL},
    {"title", 1, 1, title, NULL},
    {"toUpper", 1, 1, to_upper, NULL},
    {"toLower", 1, 1, to_lower, NULL},
    {"match", 2, 2, match, NULL},
    {"reReplaceAll", 3, 3, replace_all, NULL},
    {"stripPort", 1, 1, strip_port, NULL},
    {"stripDomain", 1, 1, strip_domain, NULL},
    {"safeHtml", 1, 1, same, NULL},
    {"externalURL", 0, 0, external_url, NULL},
    {"pathPrefix", 0, 0, path_prefix, NULL},
    {"graphLink", 1, 1, graph_link, NULL},
    {"tableLink", 1, 1, table_link, NULL},
};

const struct ax_tfunction *ax_tfunction_find(struct ax_str name)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(functions); i++)
        if (ax_str_eq(name, ax_str(functions[i].name)))
            return &functions[i];
    return NULL;
}
