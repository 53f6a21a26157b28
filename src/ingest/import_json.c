// SPDX-License-Identifier: Apache-2.0
/* JSON lines: {"metric":{"__name__":"up",...},"values":[1,null,...],"timestamps":[MS,...]}
 *
 * Read in one pass, without a tree: a line may have millions of values. null is the staleness
 * marker; what JSON has no number for is a string ("Infinity", "-Infinity", "NaN", "NaN:" and its
 * bits), or bare (+Inf, -Inf, NaN), as VictoriaMetrics wrote it once. Members with other names are
 * passed over. */
#include "ingest/import.h"
#include "ingest/scan.h"

#include <errno.h>

/* ---- what the members hold ---- */

static int metric(struct ax_scan *c, struct ax_labels_builder *b)
{
    struct ax_str name, value;
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "an object of labels");
    if (ax_scan_take(c, '}'))
        return 0;
    do {
        int rc = ax_scan_string(c, &name);
        if (rc == 0 && !ax_scan_take(c, ':'))
            rc = ax_scan_expected(c, ":");
        if (rc == 0)
            rc = ax_scan_string(c, &value);
        if (rc < 0)
            return rc;
        ax_labels_add(b, name, value);
    } while (ax_scan_take(c, ','));
    return ax_scan_take(c, '}') ? 0 : ax_scan_expected(c, ", or }");
}

static int value(struct ax_scan *c, struct ax_sample *s)
{
    struct ax_str text;
    ax_scan_blanks(c);
    bool quoted = c->p < c->end && *c->p == '"';
    int rc = quoted ? ax_scan_string(c, &text) : (text = ax_scan_token(c), 0);
    if (rc < 0)
        return rc;
    if (!quoted && ax_str_eq(text, AX_STR("null")))
        s->v = ax_stale();
    else if (!ax_import_value(text, &s->v))
        return text.n ? ax_import_bad(c->why, "expected a value, found", text)
                      : ax_scan_expected(c, "a value");
    return 0;
}

static int timestamp(struct ax_scan *c, struct ax_sample *s)
{
    struct ax_str text = ax_scan_token(c);
    double v;
    if (ax_str_i64(text, &s->t))
        return 0;
    if (!text.n)
        return ax_scan_expected(c, "a time");
    if (!ax_str_double(text, &v) || !(v > -9e15 && v < 9e15) || v != (double)(int64_t)v)
        return ax_import_bad(c->why, "expected a time in whole ms since 1970, found", text);
    s->t = (int64_t)v;
    return 0;
}

static int too_few(struct ax_scan *c)
{
    return ax_fail(c->why, -EINVAL, "\"values\" and \"timestamps\" are not of one length");
}

/* The list that comes first makes the samples, the other fills them. */
static int list(struct ax_scan *c, struct ax_gather *g, bool second,
                int (*element)(struct ax_scan *, struct ax_sample *))
{
    size_t n = 0;
    if (!ax_scan_take(c, '['))
        return ax_scan_expected(c, "a list");
    if (!ax_scan_take(c, ']')) {
        do {
            struct ax_sample s = {0, 0}, *at = second && n < g->n ? &g->samples[n] : &s;
            if (second && n == g->n)
                return too_few(c);
            int rc = element(c, at);
            if (rc == 0 && !second)
                rc = ax_gather_sample(g, s);
            if (rc < 0)
                return rc;
            n++;
        } while (ax_scan_take(c, ','));
        if (!ax_scan_take(c, ']'))
            return ax_scan_expected(c, ", or ]");
    }
    return second && n != g->n ? too_few(c) : 0;
}

/* ---- the line ---- */

struct seen {
    bool metric, values, timestamps;
};

static int member(struct ax_scan *c, struct ax_gather *g, struct seen *seen,
                  struct ax_labels_builder *b)
{
    struct ax_str key;
    int rc = ax_scan_string(c, &key);
    if (rc == 0 && !ax_scan_take(c, ':'))
        rc = ax_scan_expected(c, ":");
    if (rc < 0)
        return rc;
    bool *which = ax_str_eq(key, AX_STR("metric"))       ? &seen->metric
                  : ax_str_eq(key, AX_STR("values"))     ? &seen->values
                  : ax_str_eq(key, AX_STR("timestamps")) ? &seen->timestamps
                                                         : NULL;
    if (!which)
        return ax_scan_skip(c);
    if (*which)
        return ax_import_bad(c->why, "there are two of member", key);
    *which = true;
    if (which == &seen->metric)
        return metric(c, b);
    return which == &seen->values ? list(c, g, seen->timestamps, value)
                                  : list(c, g, seen->values, timestamp);
}

static int object(struct ax_scan *c, struct ax_gather *g, struct ax_labels_builder *b)
{
    struct seen seen = {0};
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "an object");
    if (!ax_scan_take(c, '}')) {
        do {
            int rc = member(c, g, &seen, b);
            if (rc < 0)
                return rc;
        } while (ax_scan_take(c, ','));
        if (!ax_scan_take(c, '}'))
            return ax_scan_expected(c, ", or }");
    }
    ax_scan_blanks(c);
    if (c->p != c->end)
        return ax_scan_expected(c, "the end of the line");
    if (!seen.metric || !seen.values || !seen.timestamps)
        return ax_fail(c->why, -EINVAL,
                       "expected the members \"metric\", \"values\" and \"timestamps\"");
    return 0;
}

int ax_import_json_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why)
{
    struct ax_scan c = {line.p, line.p + line.n, l->g.d->out->arena, "line", why};
    struct ax_labels_builder b;
    b.n = 0;
    b.too_many = false;
    ax_scan_blanks(&c);
    if (c.p == c.end)
        return 0;
    int rc = object(&c, &l->g, &b);
    return rc == 0 && l->g.n ? ax_gather_take_any(&l->g, &b, why) : rc;
}
