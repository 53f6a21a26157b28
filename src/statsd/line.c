// SPDX-License-Identifier: Apache-2.0
#include "statsd/line.h"

#include <errno.h>
#include <math.h>

static int kind_of(struct ax_str type, enum ax_statsd_kind *out, struct ax_err *err)
{
    static const struct {
        const char *type;
        enum ax_statsd_kind kind;
    } kinds[] = {{"c", AX_STATSD_COUNTER}, {"g", AX_STATSD_GAUGE}, {"ms", AX_STATSD_TIMER},
                 {"h", AX_STATSD_TIMER},   {"d", AX_STATSD_TIMER}, {"s", AX_STATSD_SET}};
    for (size_t i = 0; i < AX_ARRAY_LEN(kinds); i++) {
        if (ax_str_eq(type, ax_str(kinds[i].type))) {
            *out = kinds[i].kind;
            return 0;
        }
    }
    return ax_fail(err, -ENOTSUP, "the type is none of c, g, ms, h, d and s");
}

static int value_of(struct ax_statsd_line *l, struct ax_err *err)
{
    l->value = 0;
    if (l->kind == AX_STATSD_SET)
        return l->text.n ? 0 : ax_fail(err, -EINVAL, "the value is missing");
    if (!ax_str_double(l->text, &l->value) || !isfinite(l->value))
        return ax_fail(err, -EINVAL, "the value is no number");
    return 0;
}

/* One section behind the type, and the | behind it. */
static int section(struct ax_str *rest, struct ax_arena *a, struct ax_statsd_line *l,
                   struct ax_err *err)
{
    struct ax_str s;
    if (ax_str_starts(*rest, AX_STR("#{"))) {
        *rest = (struct ax_str){rest->p + 1, rest->n - 1};
        int rc = ax_statsd_dict(rest, a, l, err);
        if (rc < 0)
            return rc;
        ax_str_cut(rest, '|', &s);
        return ax_str_trim(s).n == 0
                   ? 0
                   : ax_fail(err, -EINVAL, "there is something behind the dimensions");
    }
    ax_str_cut(rest, '|', &s);
    if (ax_str_starts(s, AX_STR("#")))
        return ax_statsd_tags((struct ax_str){s.p + 1, s.n - 1}, l, err);
    if (!ax_str_starts(s, AX_STR("@")))
        return 0;
    if (!ax_str_double((struct ax_str){s.p + 1, s.n - 1}, &l->rate) ||
        !(l->rate > 0 && l->rate <= 1))
        return ax_fail(err, -EINVAL, "the rate is not above 0 and at most 1");
    return 0;
}

int ax_statsd_parse(struct ax_str line, struct ax_arena *a, struct ax_statsd_line *out,
                    struct ax_err *err)
{
    struct ax_str rest = line, type;
    if (ax_str_starts(line, AX_STR("_e{")) || ax_str_starts(line, AX_STR("_sc|")))
        return ax_fail(err, -ENOTSUP, "events and service checks are not kept");
    out->n = 0;
    out->rate = 1;
    ax_str_cut(&rest, ':', &out->name);
    if (!rest.p || !ax_str_cut(&rest, '|', &out->text) || !ax_str_cut(&rest, '|', &type))
        return ax_fail(err, -EINVAL, "it is no name:value|type");
    int rc = kind_of(type, &out->kind, err);
    if (rc == 0)
        rc = value_of(out, err);
    while (rc == 0 && rest.p)
        rc = section(&rest, a, out, err);
    return rc;
}
