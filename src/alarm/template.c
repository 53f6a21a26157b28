// SPDX-License-Identifier: Apache-2.0
#include "alarm/template.h"

#include <errno.h>

#include "alarm/humanize.h"

enum part_kind { TEXT, LABEL, VALUE };

struct part {
    enum part_kind kind;
    struct ax_str text; /* of TEXT; name of LABEL */
    ax_humanize *as;    /* of VALUE, NULL = the plain number */
};

struct ax_template {
    struct ax_str text;
    struct part *parts;
    size_t n;
};

static const struct {
    const char *name;
    ax_humanize *as;
} functions[] = {
    {"humanize", ax_humanize_1000},
    {"humanize1024", ax_humanize_1024},
    {"humanizeDuration", ax_humanize_duration},
    {"humanizePercentage", ax_humanize_percentage},
};

static void add(struct ax_template *t, struct ax_arena *a, struct part p)
{
    t->parts = ax_arena_grow(a, t->parts, t->n * sizeof p, (t->n + 1) * sizeof p);
    t->parts[t->n++] = p;
}

static int clip(struct ax_str s)
{
    return s.n < 60 ? (int)s.n : 60;
}

/* What stands between {{ and }}. */
static int parse_action(struct ax_str inner, struct part *out, struct ax_err *err)
{
    struct ax_str rest = inner, what, pipe = AX_STR_NULL;
    ax_str_cut(&rest, '|', &what);
    bool piped = rest.p != NULL;
    what = ax_str_trim(what);
    pipe = ax_str_trim(rest);
    if (!piped && ax_str_starts(what, AX_STR("$labels."))) {
        *out = (struct part){LABEL, {what.p + 8, what.n - 8}, NULL};
        if (ax_label_name_ok(out->text))
            return 0;
    } else if (ax_str_eq(what, AX_STR("$value"))) {
        *out = (struct part){.kind = VALUE};
        for (size_t i = 0; piped && i < AX_ARRAY_LEN(functions); i++)
            if (ax_str_eq(pipe, ax_str(functions[i].name)))
                out->as = functions[i].as;
        if (!piped || out->as)
            return 0;
    }
    inner = ax_str_trim(inner);
    return ax_fail(err, -EINVAL,
                   "found {{ %.*s }}, expected {{ $labels.NAME }}, {{ $value }} or {{ $value | "
                   "humanize }} (also humanize1024, humanizeDuration, humanizePercentage)",
                   clip(inner), inner.p);
}

static const char *find(struct ax_str s, const char *two)
{
    for (size_t i = 0; i + 1 < s.n; i++)
        if (s.p[i] == two[0] && s.p[i + 1] == two[1])
            return s.p + i;
    return NULL;
}

static struct ax_str from(struct ax_str s, const char *p)
{
    return (struct ax_str){p, (size_t)(s.p + s.n - p)};
}

int ax_template_parse(struct ax_str text, struct ax_arena *a, struct ax_template **out, size_t *at,
                      struct ax_err *err)
{
    struct ax_template *t = AX_NEW(a, struct ax_template);
    t->text = ax_arena_str(a, text);
    for (struct ax_str rest = t->text; rest.n;) {
        const char *open = find(rest, "{{");
        size_t plain = open ? (size_t)(open - rest.p) : rest.n;
        if (plain)
            add(t, a, (struct part){TEXT, {rest.p, plain}, NULL});
        if (!open)
            break;
        *at = (size_t)(open - t->text.p);
        struct ax_str inner = from(rest, open + 2);
        const char *close = find(inner, "}}");
        if (!close)
            return ax_fail(err, -EINVAL, "found {{ without }}, expected both");
        rest = from(rest, close + 2);
        inner.n = (size_t)(close - inner.p);
        struct part p;
        int rc = parse_action(inner, &p, err);
        if (rc < 0)
            return rc;
        add(t, a, p);
    }
    *out = t;
    return 0;
}

struct ax_str ax_template_text(const struct ax_template *t)
{
    return t->text;
}

static void render_part(const struct part *p, struct ax_labels labels, double value,
                        struct ax_buf *out)
{
    if (p->kind == TEXT)
        ax_buf_str(out, p->text);
    else if (p->kind == LABEL)
        ax_buf_str(out, ax_labels_get(labels, p->text));
    else if (p->as)
        p->as(value, out);
    else
        ax_buf_double(out, value);
}

struct ax_str ax_template_render(const struct ax_template *t, struct ax_labels labels, double value,
                                 struct ax_arena *a)
{
    struct ax_buf out = {.max = AX_LABEL_VALUE_MAX};
    for (size_t i = 0; i < t->n; i++)
        render_part(&t->parts[i], labels, value, &out);
    struct ax_str s = ax_arena_str(a, ax_buf_view(&out));
    ax_buf_free(&out);
    return s;
}
