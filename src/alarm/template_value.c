// SPDX-License-Identifier: Apache-2.0
#include "alarm/template_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct ax_tv ax_tv_string(struct ax_str s)
{
    return (struct ax_tv){.kind = AX_TV_STRING, .s = s};
}

const char *ax_tv_type(const struct ax_tv *v)
{
    static const char *const names[] = {[AX_TV_NIL] = "<nil>",
                                        [AX_TV_BOOL] = "bool",
                                        [AX_TV_INT] = "int",
                                        [AX_TV_FLOAT] = "float64",
                                        [AX_TV_STRING] = "string",
                                        [AX_TV_LABELS] = "map[string]string",
                                        [AX_TV_SAMPLE] = "*template.sample",
                                        [AX_TV_LIST] = "template.queryResult",
                                        [AX_TV_ROOT] = "struct"};
    return names[v->kind];
}

bool ax_tv_true(const struct ax_tv *v)
{
    switch (v->kind) {
    case AX_TV_NIL: return false;
    case AX_TV_BOOL: return v->b;
    case AX_TV_INT: return v->i != 0;
    case AX_TV_FLOAT: return v->f != 0;
    case AX_TV_STRING: return v->s.n > 0;
    case AX_TV_LABELS: return v->labels.bytes.n > 0;
    case AX_TV_LIST: return v->list.n > 0;
    default: return true;
    }
}

bool ax_tv_float(const struct ax_tv *v, double *out)
{
    if (v->kind == AX_TV_FLOAT)
        *out = v->f;
    else if (v->kind == AX_TV_INT)
        *out = (double)v->i;
    else
        return v->kind == AX_TV_STRING && ax_str_double(v->s, out);
    return true;
}

static int sign(bool less, bool greater)
{
    return less ? -1 : greater ? 1 : 0;
}

bool ax_tv_compare(const struct ax_tv *a, const struct ax_tv *b, int *out)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case AX_TV_BOOL: *out = a->b == b->b ? 0 : 2; return true;
    case AX_TV_INT: *out = sign(a->i<b->i, a->i> b->i); return true;
    case AX_TV_FLOAT:
        *out = isnan(a->f) || isnan(b->f) ? 2 : sign(a->f<b->f, a->f> b->f);
        return true;
    case AX_TV_STRING: *out = ax_str_cmp(a->s, b->s); return true;
    default: return false;
    }
}

/* The fewest digits after the first that read back as the same. */
static int shortest(double v)
{
    for (int digits = 0; digits < 16; digits++) {
        char text[40];
        double back;
        int n = snprintf(text, sizeof text, "%.*e", digits, v);
        if (ax_str_double((struct ax_str){text, (size_t)n}, &back) && back == v)
            return digits;
    }
    return 16;
}

void ax_tv_print_float(double v, int digits, struct ax_buf *out)
{
    if (!isfinite(v)) {
        ax_buf_cstr(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (digits >= 0) {
        ax_buf_printf(out, "%.*g", digits ? digits : 1, v);
        return;
    }
    char text[40];
    int more = shortest(v);
    int n = snprintf(text, sizeof text, "%.*e", more, v);
    const char *e = memchr(text, 'e', (size_t)n);
    int64_t exponent = 0;
    ax_str_i64(ax_str(e[1] == '+' ? e + 2 : e + 1), &exponent);
    if (exponent < -4 || exponent >= 6)
        ax_buf_cstr(out, text);
    else
        ax_buf_printf(out, "%.*f", more > exponent ? more - (int)exponent : 0, v);
}

static void print_labels(struct ax_labels labels, struct ax_buf *out)
{
    struct ax_label l;
    bool first = true;
    ax_buf_cstr(out, "map[");
    AX_LABELS_EACH (labels, l) {
        ax_buf_printf(out, "%s%.*s:%.*s", first ? "" : " ", AX_STR_ARG(l.name),
                      AX_STR_ARG(l.value));
        first = false;
    }
    ax_buf_byte(out, ']');
}

void ax_tv_print(const struct ax_tv *v, struct ax_buf *out)
{
    switch (v->kind) {
    case AX_TV_NIL: ax_buf_cstr(out, "<no value>"); break;
    case AX_TV_BOOL: ax_buf_cstr(out, v->b ? "true" : "false"); break;
    case AX_TV_INT: ax_buf_printf(out, "%lld", (long long)v->i); break;
    case AX_TV_FLOAT: ax_tv_print_float(v->f, -1, out); break;
    case AX_TV_STRING: ax_buf_str(out, v->s); break;
    case AX_TV_LABELS: print_labels(v->labels, out); break;
    case AX_TV_SAMPLE:
        ax_buf_cstr(out, "{");
        print_labels(v->sample->labels, out);
        ax_buf_byte(out, ' ');
        ax_tv_print_float(v->sample->value, -1, out);
        ax_buf_byte(out, '}');
        break;
    case AX_TV_LIST:
        ax_buf_byte(out, '[');
        for (size_t i = 0; i < v->list.n; i++) {
            ax_buf_cstr(out, i ? " " : "");
            ax_tv_print(&v->list.v[i], out);
        }
        ax_buf_byte(out, ']');
        break;
    case AX_TV_ROOT: ax_buf_cstr(out, "{}"); break;
    }
}
