// SPDX-License-Identifier: Apache-2.0
/* Functions of templates over series and numbers. */
#include "alarm/template_calls.h"

#include "alarm/humanize.h"
#include "base/num.h"

#define QUERIES_MAX 100

static struct ax_tv sample(struct ax_arena *a, struct ax_labels labels, double value)
{
    struct ax_tv_sample *s = AX_NEW(a, struct ax_tv_sample);
    *s = (struct ax_tv_sample){labels, value};
    return (struct ax_tv){.kind = AX_TV_SAMPLE, .sample = s};
}

AX_TFUNCTION(ax_tf_query)
{
    struct ax_query_result r;
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
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

AX_TFUNCTION(ax_tf_first)
{
    int rc = ax_tf_wants(c, &args[0], AX_TV_LIST);
    if (rc == 0 && args[0].list.n == 0)
        return ax_fail(c->err, -EINVAL, "first() called on vector with no elements");
    if (rc == 0)
        *out = args[0].list.v[0];
    return rc;
}

AX_TFUNCTION(ax_tf_label)
{
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = ax_tf_wants(c, &args[1], AX_TV_SAMPLE);
    if (rc == 0)
        *out = ax_tv_string(ax_labels_get(args[1].sample->labels, args[0].s));
    return rc;
}

AX_TFUNCTION(ax_tf_value)
{
    int rc = ax_tf_wants(c, &args[0], AX_TV_SAMPLE);
    if (rc == 0)
        *out = (struct ax_tv){.kind = AX_TV_FLOAT, .f = args[0].sample->value};
    return rc;
}

AX_TFUNCTION(ax_tf_strvalue)
{
    int rc = ax_tf_wants(c, &args[0], AX_TV_SAMPLE);
    if (rc == 0)
        *out = ax_tv_string(ax_labels_get(args[0].sample->labels, AX_STR("__value__")));
    return rc;
}

/* Stable: equal ones keep their order. */
AX_TFUNCTION(ax_tf_sort_by_label)
{
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = ax_tf_wants(c, &args[1], AX_TV_LIST);
    if (rc < 0)
        return rc;
    *out = args[1];
    out->list.v = AX_NEWS(c->a, struct ax_tv, args[1].list.n);
    for (size_t i = 0; i < args[1].list.n; i++) {
        struct ax_tv v = args[1].list.v[i];
        size_t k = i;
        if ((rc = ax_tf_wants(c, &v, AX_TV_SAMPLE)) < 0)
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
    int rc = ax_tf_number(c, v, &d);
    if (rc < 0)
        return rc;
    as(d, &b);
    return ax_tf_keep(c, &b, out);
}

#define HUMANIZED(name, as)                                                                        \
    AX_TFUNCTION(name)                                                                             \
    {                                                                                              \
        return humanized(c, &args[0], as, out);                                                    \
    }
HUMANIZED(ax_tf_humanize, ax_humanize_1000)
HUMANIZED(ax_tf_humanize_1024, ax_humanize_1024)
HUMANIZED(ax_tf_humanize_duration, ax_humanize_duration)
HUMANIZED(ax_tf_humanize_percentage, ax_humanize_percentage)
HUMANIZED(ax_tf_humanize_timestamp, ax_humanize_timestamp)

AX_TFUNCTION(ax_tf_parse_duration)
{
    int64_t ms;
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    if (rc == 0)
        rc = ax_duration_parse(args[0].s, &ms, c->err);
    if (rc == 0)
        *out = (struct ax_tv){.kind = AX_TV_FLOAT, .f = (double)ms / 1000};
    return rc;
}
