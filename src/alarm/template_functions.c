// SPDX-License-Identifier: Apache-2.0
/* What templates may call: the table, and Go's own functions. */
#include "alarm/template_calls.h"

#include "alarm/links.h"

int ax_tf_keep(struct ax_tcall *c, struct ax_buf *b, struct ax_tv *out)
{
    *out = ax_tv_string(ax_arena_str(c->a, ax_buf_view(b)));
    ax_buf_free(b);
    return 0;
}

int ax_tf_wants(struct ax_tcall *c, const struct ax_tv *v, enum ax_tv_kind kind)
{
    struct ax_tv wanted = {.kind = kind};
    return v->kind == kind ? 0
                           : ax_fail(c->err, -EINVAL, "wrong type for value; expected %s; got %s",
                                     ax_tv_type(&wanted), ax_tv_type(v));
}

int ax_tf_number(struct ax_tcall *c, const struct ax_tv *v, double *out)
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
static AX_TFUNCTION(last_one)
{
    *out = args[n - 1];
    return 0;
}

static AX_TFUNCTION(not_it)
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

static AX_TFUNCTION(eq)
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
    static AX_TFUNCTION(name)                                                                      \
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

static AX_TFUNCTION(len)
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
        int rc = ax_tf_wants(c, by, AX_TV_STRING);
        if (rc == 0)
            *out = ax_tv_string(ax_labels_get(of->labels, by->s));
        return rc;
    }
    int rc = ax_tf_wants(c, by, AX_TV_INT);
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

static AX_TFUNCTION(index_of)
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
    return ax_tf_keep(c, &b, out);
}

static AX_TFUNCTION(print)
{
    return print_all(c, args, n, false, out);
}

static AX_TFUNCTION(println)
{
    return print_all(c, args, n, true, out);
}

static AX_TFUNCTION(html)
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
    return ax_tf_keep(c, &b, out);
}

static AX_TFUNCTION(urlquery)
{
    struct ax_tv text;
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    print_all(c, args, n, false, &text);
    ax_link_escape(text.s, &b);
    return ax_tf_keep(c, &b, out);
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
    {"query", 1, 1, ax_tf_query, NULL},
    {"first", 1, 1, ax_tf_first, NULL},
    {"label", 2, 2, ax_tf_label, NULL},
    {"value", 1, 1, ax_tf_value, NULL},
    {"strvalue", 1, 1, ax_tf_strvalue, NULL},
    {"sortByLabel", 2, 2, ax_tf_sort_by_label, NULL},
    {"humanize", 1, 1, ax_tf_humanize, NULL},
    {"humanize1024", 1, 1, ax_tf_humanize_1024, NULL},
    {"humanizeDuration", 1, 1, ax_tf_humanize_duration, NULL},
    {"humanizePercentage", 1, 1, ax_tf_humanize_percentage, NULL},
    {"humanizeTimestamp", 1, 1, ax_tf_humanize_timestamp, NULL},
    {"toTime", 1, 1, ax_tf_humanize_timestamp, NULL},
    {"parseDuration", 1, 1, ax_tf_parse_duration, NULL},
    {"title", 1, 1, ax_tf_title, NULL},
    {"toUpper", 1, 1, ax_tf_to_upper, NULL},
    {"toLower", 1, 1, ax_tf_to_lower, NULL},
    {"match", 2, 2, ax_tf_match, NULL},
    {"reReplaceAll", 3, 3, ax_tf_replace_all, NULL},
    {"stripPort", 1, 1, ax_tf_strip_port, NULL},
    {"stripDomain", 1, 1, ax_tf_strip_domain, NULL},
    {"safeHtml", 1, 1, ax_tf_same, NULL},
    {"externalURL", 0, 0, ax_tf_external_url, NULL},
    {"pathPrefix", 0, 0, ax_tf_path_prefix, NULL},
    {"graphLink", 1, 1, ax_tf_graph_link, NULL},
    {"tableLink", 1, 1, ax_tf_table_link, NULL},
};

const struct ax_tfunction *ax_tfunction_find(struct ax_str name)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(functions); i++)
        if (ax_str_eq(name, ax_str(functions[i].name)))
            return &functions[i];
    return NULL;
}
