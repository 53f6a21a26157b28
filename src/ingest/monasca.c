// SPDX-License-Identifier: Apache-2.0
/* Monasca's metrics: one {"name", "dimensions", "timestamp", "value", "value_meta"}, or a list of
 * them. All are taken or none. A metric's name is the label __name__, its dimensions are labels. */
#include "ingest/gather.h"
#include "ingest/import.h"
#include "ingest/scan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define NAME_MAX_CHARS 255
#define META_MAX       16
#define META_MAX_BYTES 2048

enum member { NAME = 1, DIMENSIONS = 2, TIMESTAMP = 4, VALUE = 8, META = 16 };

struct metric {
    struct ax_labels_builder labels; /* the name first */
    struct ax_sample sample;
    struct ax_str meta; /* as it stands in the text; p == NULL: none */
    size_t nmeta;
    unsigned seen; /* enum member */
};

/* The bytes that a word must not have; others than these are free. */
static bool has_any(struct ax_str s, const bool forbidden[256])
{
    bool found = false;
    for (size_t i = 0; i < s.n; i++)
        found |= forbidden[(unsigned char)s.p[i]];
    return found;
}

#define FORBIDDEN                                                                                  \
    ['<'] = true, ['>'] = true, ['='] = true, ['{'] = true, ['}'] = true, [','] = true,            \
    ['"'] = true, ['\\'] = true, [';'] = true, ['&'] = true
static const bool not_in_dimensions[256] = {FORBIDDEN};
static const bool not_in_names[256] = {FORBIDDEN, ['('] = true, [')'] = true, [' '] = true};

static int check_word(struct ax_scan *c, const char *what, struct ax_str s,
                      const bool forbidden[256], const char *list)
{
    if (s.n == 0)
        return ax_fail(c->why, -EINVAL, "%s is empty", what);
    if (s.n > NAME_MAX_CHARS && ax_str_characters(s) > NAME_MAX_CHARS)
        return ax_fail(c->why, -EINVAL, "%s has %zu characters (limit %d)", what,
                       ax_str_characters(s), NAME_MAX_CHARS);
    if (has_any(s, forbidden)) {
        char text[96];
        snprintf(text, sizeof text, "none of %s may be in %s:", list, what);
        return ax_import_bad(c->why, text, s);
    }
    return ax_str_utf8(s) ? 0 : ax_fail(c->why, -EINVAL, "%s is not UTF-8", what);
}

int ax_monasca_check_name(struct ax_str name, struct ax_err *err)
{
    struct ax_scan c = {.why = err};
    return check_word(&c, "a metric's name", name, not_in_names, "<>={},\"\\;&() and space");
}

int ax_monasca_check_dimension(struct ax_str name, struct ax_str value, struct ax_err *err)
{
    struct ax_scan c = {.why = err};
    int rc = check_word(&c, "a dimension's name", name, not_in_dimensions, "<>={},\"\\;&");
    if (rc == 0 && name.p[0] == '_')
        rc = ax_import_bad(err, "a dimension's name must not begin with _:", name);
    return rc == 0 ? check_word(&c, "a dimension's value", value, not_in_dimensions, "<>={},\"\\;&")
                   : rc;
}

/* ---- the members ---- */

/* {"name":"value",...}: calls each for every pair. */
static int pairs(struct ax_scan *c, const char *what,
                 int (*each)(struct ax_scan *c, struct metric *m, struct ax_str name,
                             struct ax_str value),
                 struct metric *m)
{
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, what);
    if (ax_scan_take(c, '}'))
        return 0;
    do {
        struct ax_str name, value;
        int rc = ax_scan_string(c, &name);
        if (rc == 0 && !ax_scan_take(c, ':'))
            rc = ax_scan_expected(c, ":");
        if (rc == 0)
            rc = ax_scan_string(c, &value);
        if (rc == 0)
            rc = each(c, m, name, value);
        if (rc < 0)
            return rc;
    } while (ax_scan_take(c, ','));
    return ax_scan_take(c, '}') ? 0 : ax_scan_expected(c, ", or }");
}

static int dimension(struct ax_scan *c, struct metric *m, struct ax_str name, struct ax_str value)
{
    ax_labels_add(&m->labels, name, value);
    return 0;
}

static int meta_entry(struct ax_scan *c, struct metric *m, struct ax_str name, struct ax_str value)
{
    m->nmeta++;
    return check_word(c, "a name in value_meta", name, (const bool[256]){0}, "");
}

static int meta(struct ax_scan *c, struct metric *m)
{
    ax_scan_blanks(c);
    const char *from = c->p;
    int rc = pairs(c, "an object of strings", meta_entry, m);
    if (rc < 0)
        return rc;
    m->meta = (struct ax_str){from, (size_t)(c->p - from)};
    if (!ax_str_utf8(m->meta))
        return ax_fail(c->why, -EINVAL, "value_meta is not UTF-8");
    if (m->nmeta > META_MAX)
        return ax_fail(c->why, -EINVAL, "value_meta has %zu entries (limit %d)", m->nmeta,
                       META_MAX);
    if (ax_str_characters(m->meta) > META_MAX_BYTES)
        return ax_fail(c->why, -EINVAL, "value_meta has %zu characters (limit %d)",
                       ax_str_characters(m->meta), META_MAX_BYTES);
    if (m->nmeta == 0)
        m->meta = AX_STR_NULL;
    return 0;
}

/* A number as JSON has it: no words, no hexadecimal, no + in front. */
static int number(struct ax_scan *c, const char *what, double *out)
{
    struct ax_str s = ax_scan_token(c);
    bool plain = s.n && (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9'));
    for (size_t i = 0; plain && i < s.n; i++)
        plain = (s.p[i] >= '0' && s.p[i] <= '9') || memchr("+-.eE", s.p[i], 5);
    if (!plain || !ax_import_value(s, out))
        return s.n ? ax_import_bad(c->why, what, s) : ax_scan_expected(c, "a number");
    return isfinite(*out) ? 0 : ax_import_bad(c->why, "too large a number:", s);
}

static int timestamp(struct ax_scan *c, struct metric *m)
{
    double ms;
    int rc = number(c, "expected a time in ms since 1970, found", &ms);
    if (rc == 0 && !(fabs(ms) < 9e15))
        rc = ax_fail(c->why, -EINVAL, "timestamp %g is no time in ms since 1970", ms);
    m->sample.t = rc == 0 ? (int64_t)ms : 0;
    return rc;
}

static enum member member_of(struct ax_str key)
{
    return ax_str_eq(key, AX_STR("name"))         ? NAME
           : ax_str_eq(key, AX_STR("dimensions")) ? DIMENSIONS
           : ax_str_eq(key, AX_STR("timestamp"))  ? TIMESTAMP
           : ax_str_eq(key, AX_STR("value"))      ? VALUE
           : ax_str_eq(key, AX_STR("value_meta")) ? META
                                                  : 0;
}

static int member(struct ax_scan *c, struct metric *m)
{
    struct ax_str key;
    int rc = ax_scan_string(c, &key);
    if (rc == 0 && !ax_scan_take(c, ':'))
        rc = ax_scan_expected(c, ":");
    if (rc < 0)
        return rc;
    enum member which = member_of(key);
    if (m->seen & which)
        return ax_import_bad(c->why, "there are two of member", key);
    if (which & (DIMENSIONS | META) && ax_scan_null(c))
        return 0;
    m->seen |= which;
    switch (which) {
    case NAME: return ax_scan_string(c, &m->labels.v[0].value);
    case DIMENSIONS: return pairs(c, "an object of strings", dimension, m);
    case TIMESTAMP: return timestamp(c, m);
    case VALUE: return number(c, "expected a number as value, found", &m->sample.v);
    case META: return meta(c, m);
    }
    return ax_scan_value(c);
}

static int metric(struct ax_scan *c, struct metric *m)
{
    m->labels.v[0] = (struct ax_label){.name = AX_STR("__name__")};
    m->labels.n = 1;
    m->labels.too_many = false;
    m->seen = 0;
    m->nmeta = 0;
    m->meta = AX_STR_NULL;
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "a metric");
    if (!ax_scan_take(c, '}')) {
        do {
            int rc = member(c, m);
            if (rc < 0)
                return rc;
        } while (ax_scan_take(c, ','));
        if (!ax_scan_take(c, '}'))
            return ax_scan_expected(c, ", or }");
    }
    unsigned missing = (NAME | TIMESTAMP | VALUE) & ~m->seen;
    if (!missing)
        return 0;
    return ax_fail(c->why, -EINVAL, "%s is missing",
                   missing & NAME        ? "name"
                   : missing & TIMESTAMP ? "timestamp"
                                         : "value");
}

/* ---- into the batch ---- */

/* Names are checked when the series is new: what is known was checked then. */
static int check_labels(const struct ax_labels_builder *b, struct ax_err *why)
{
    int rc = ax_monasca_check_name(b->v[0].value, why);
    for (size_t i = 1; rc == 0 && i < b->n; i++)
        rc = ax_monasca_check_dimension(b->v[i].name, b->v[i].value, why);
    if (rc == 0 && b->too_many)
        rc = ax_fail(why, -EINVAL, "a metric has more than %d dimensions", AX_LABELS_MAX - 1);
    return rc;
}

static int take(struct ax_gather *g, struct metric *m, struct ax_monasca *out, struct ax_err *why)
{
    uint32_t id;
    struct ax_labels_builder *b = &m->labels;
    int rc = ax_gather_sample(g, m->sample);
    if (rc < 0)
        return rc;
    if (!b->too_many && ax_walk_find(g->d->walk, b->v, b->n, &id)) {
        ax_gather_take(g, (struct ax_batch_series){.id = id});
    } else {
        rc = check_labels(b, why);
        if (rc == 0)
            rc = ax_gather_take_new(g, b, why);
        if (rc < 0)
            return rc;
    }
    if (!m->meta.p)
        return 0;
    if (out->nmetas == out->cap_metas) {
        size_t cap = out->cap_metas ? out->cap_metas * 2 : 64;
        out->metas = ax_arena_grow(g->d->out->arena, out->metas,
                                   out->cap_metas * sizeof *out->metas, cap * sizeof *out->metas);
        out->cap_metas = cap;
    }
    out->metas[out->nmetas++] =
        (struct ax_monasca_meta){(uint32_t)(g->d->out->n - 1), m->sample.t, m->meta};
    return 0;
}

static int take_all(struct ax_scan *c, struct ax_gather *g, struct ax_monasca *out)
{
    static _Thread_local struct metric m; /* large: it has room for the most labels */
    bool list = ax_scan_take(c, '[');
    size_t n = 0;
    if (list && ax_scan_take(c, ']'))
        return 0;
    do {
        int rc = metric(c, &m);
        if (rc == 0)
            rc = take(g, &m, out, c->why);
        if (rc < 0 && list)
            return ax_err_wrap(c->why, "metric %zu of the list", n + 1);
        if (rc < 0)
            return rc;
        n++;
    } while (list && ax_scan_take(c, ','));
    if (list && !ax_scan_take(c, ']'))
        return ax_scan_expected(c, ", or ]");
    ax_scan_blanks(c);
    return c->p == c->end ? 0 : ax_scan_expected(c, "the end");
}

/* Whether it was JSON at all: another fault than that of a metric. */
static int judge(struct ax_str body, struct ax_arena *a, struct ax_err *err)
{
    struct ax_err why;
    struct ax_scan c = {body.p, body.p + body.n, a, "body", &why};
    bool json = ax_scan_value(&c) == 0;
    ax_scan_blanks(&c);
    json = json && c.p == c.end;
    if (!json && err)
        err->code = -EBADMSG;
    return json ? -EINVAL : -EBADMSG;
}

int ax_monasca_decode(struct ax_decoding *d, struct ax_str body, struct ax_monasca *out,
                      struct ax_err *err)
{
    struct ax_scan c = {body.p, body.p + body.n, d->out->arena, "body", err};
    struct ax_gather g = {
        .d = d, .whole = body, .piece = body.n / 256, .any_name = true, .err = err};
    *out = (struct ax_monasca){0};
    d->out->held = true;
    int rc = take_all(&c, &g, out);
    return rc == -EINVAL ? judge(body, d->out->arena, err) : rc;
}
