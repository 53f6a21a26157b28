// SPDX-License-Identifier: Apache-2.0
/* Dimensions in queries: name, name:value, name:value|value, divided by commas. */
#include "alarm/stream/query.h"

#include <errno.h>
#include <stdlib.h>

/* Cuts at the first ":" or "%3A". */
static bool cut_colon(struct ax_str s, struct ax_str *name, struct ax_str *value)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t n = s.p[i] == ':';
        if (!n && s.n - i >= 3 && strncasecmp(s.p + i, "%3a", 3) == 0)
            n = 3;
        if (!n)
            continue;
        *name = (struct ax_str){s.p, i};
        *value = (struct ax_str){s.p + i + n, s.n - i - n};
        return true;
    }
    return false;
}

static struct ax_strs cut_all(struct ax_str text, char sep, struct ax_arena *a)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == sep;
    struct ax_str *v = AX_NEWS(a, struct ax_str, n);
    for (size_t i = 0; i < n; i++)
        ax_str_cut(&text, sep, &v[i]);
    return (struct ax_strs){v, n};
}

int ax_dimensions_parse(struct ax_str text, struct ax_arena *a, struct ax_dimensions *out,
                        struct ax_err *err)
{
    if (!text.n) {
        *out = (struct ax_dimensions){0};
        return 0;
    }
    struct ax_strs parts = cut_all(ax_arena_str(a, text), ',', a);
    struct ax_dimension *v = AX_NEWS(a, struct ax_dimension, parts.n);
    if (parts.n > AX_LABELS_MAX)
        return ax_fail(err, -EINVAL, "dimensions: more than %d are given", AX_LABELS_MAX);
    for (size_t i = 0; i < parts.n; i++) {
        struct ax_str value;
        v[i].name = parts.v[i];
        bool valued = cut_colon(parts.v[i], &v[i].name, &value);
        if (valued)
            v[i].values = cut_all(value, '|', a);
        if (!v[i].name.n || v[i].name.n > 255 || (valued && !value.n))
            return ax_fail(err, -EINVAL,
                           "dimensions: found \"%.*s\", expected NAME, NAME:VALUE or "
                           "NAME:VALUE|VALUE",
                           (int)(parts.v[i].n < 60 ? parts.v[i].n : 60), parts.v[i].p);
    }
    *out = (struct ax_dimensions){v, parts.n};
    return 0;
}

static bool has_value(const struct ax_dimension *d, struct ax_str value)
{
    for (size_t i = 0; i < d->values.n; i++)
        if (ax_str_eq(d->values.v[i], value))
            return true;
    return !d->values.n;
}

bool ax_dimension_in(const struct ax_dimension *d, const struct ax_label *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(v[i].name, d->name) && has_value(d, v[i].value))
            return true;
    return false;
}

/* The JSON of a member, or of the beginning of one that has any value. No string can have it
 * inside: quotes in strings are escaped. */
static struct ax_str member(struct ax_str name, const struct ax_str *value, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_json_obj(&j);
    ax_json_key_str(&j, name);
    ax_json_str(&j, value ? *value : AX_STR(""));
    ax_json_end(&j);
    struct ax_str s = ax_buf_view(&text);
    size_t end = value ? 1 : 2; /* } alone, or the closing quote too */
    return ax_arena_str(a, (struct ax_str){s.p + 1, s.n - 1 - end});
}

void ax_where_dimensions(struct ax_where *w, const char *column, const struct ax_dimensions *d)
{
    for (size_t i = 0; i < d->n; i++) {
        size_t n = d->v[i].values.n ? d->v[i].values.n : 1;
        ax_buf_cstr(&w->text, " AND (");
        for (size_t k = 0; k < n; k++) {
            ax_buf_printf(&w->text, "%sinstr(%s, ?) > 0", k ? " OR " : "", column);
            ax_where_str(
                w, member(d->v[i].name, d->v[i].values.n ? &d->v[i].values.v[k] : NULL, w->arena));
        }
        ax_buf_cstr(&w->text, ")");
    }
}

/* ---- conditions of statements ---- */

static struct ax_parameter *parameter(struct ax_where *w)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 16;
        w->v = ax_arena_grow(w->arena, w->v, w->cap * sizeof *w->v, cap * sizeof *w->v);
        w->cap = cap;
    }
    return &w->v[w->n++];
}

void ax_where_str(struct ax_where *w, struct ax_str s)
{
    *parameter(w) = (struct ax_parameter){.text = true, .s = s};
}

void ax_where_int(struct ax_where *w, int64_t v)
{
    *parameter(w) = (struct ax_parameter){.i = v};
}

void ax_where_bind(const struct ax_where *w, struct ax_stmt *q)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].text)
            ax_stmt_str(q, w->v[i].s);
        else
            ax_stmt_int(q, w->v[i].i);
}

int ax_where_severity(struct ax_where *w, struct ax_str text, struct ax_err *err)
{
    struct ax_str part;
    enum ax_severity s;
    bool first = true;
    if (!text.n)
        return 0;
    ax_buf_cstr(&w->text, " AND d.severity IN (");
    while (ax_str_cut(&text, '|', &part)) {
        if (!ax_severity_parse(part, &s))
            return ax_fail(err, -EINVAL, "severity \"%.*s\" is none of LOW, MEDIUM, HIGH, CRITICAL",
                           (int)(part.n < 40 ? part.n : 40), part.p);
        ax_buf_printf(&w->text, "%s%d", first ? "" : ", ", (int)s);
        first = false;
    }
    ax_buf_cstr(&w->text, ")");
    return 0;
}

int ax_where_order(struct ax_where *w, struct ax_str sort_by, const struct ax_sort_key *keys,
                   size_t nkeys, const char *last, struct ax_err *err)
{
    struct ax_str part, name, way;
    ax_buf_cstr(&w->text, " ORDER BY ");
    while (sort_by.n && ax_str_cut(&sort_by, ',', &part)) {
        size_t i = 0;
        struct ax_str rest = part;
        way = AX_STR("asc");
        bool ok = ax_str_word(&rest, &name);
        if (ok && ax_str_word(&rest, &way))
            ok = !ax_str_word(&rest, &(struct ax_str){0});
        bool down = ok && way.n == 4 && strncasecmp(way.p, "desc", 4) == 0;
        ok = ok && (down || (way.n == 3 && strncasecmp(way.p, "asc", 3) == 0));
        while (ok && i < nkeys && !ax_str_eq(name, ax_str(keys[i].name)))
            i++;
        if (!ok || i == nkeys)
            return ax_fail(err, -EINVAL, "sort_by: \"%.*s\" is no column that can be sorted by",
                           (int)(part.n < 60 ? part.n : 60), part.p);
        ax_buf_printf(&w->text, "%s %s, ", keys[i].column, down ? "DESC" : "ASC");
    }
    ax_buf_cstr(&w->text, last);
    return 0;
}
