// SPDX-License-Identifier: Apache-2.0
/* JSON lines: {"metric":{"__name__":"up",...},"values":[1,null,...],"timestamps":[MS,...]}
 *
 * Read in one pass, without a tree: a line may have millions of values. null is the staleness
 * marker; what JSON has no number for is a string ("Infinity", "-Infinity", "NaN", "NaN:" and its
 * bits), or bare (+Inf, -Inf, NaN), as VictoriaMetrics wrote it once. Members with other names are
 * passed over. */
#include "ingest/import.h"

#include <errno.h>
#include <stdio.h>

struct cursor {
    const char *p, *end;
    struct ax_import_lines *l;
    struct ax_err *why;
};

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static bool take(struct cursor *c, char ch)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    return true;
}

static int expected(struct cursor *c, const char *what)
{
    char text[80];
    skip_blanks(c);
    if (c->p == c->end)
        return ax_fail(c->why, -EINVAL, "expected %s, found the end of the line", what);
    snprintf(text, sizeof text, "expected %s at", what);
    return ax_import_bad(c->why, text, (struct ax_str){c->p, (size_t)(c->end - c->p)});
}

/* ---- strings ---- */

static bool hex4(const char *p, const char *end, uint32_t *out)
{
    uint32_t v = 0;
    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i], low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

static char *put_utf8(char *at, uint32_t v)
{
    if (v < 0x80) {
        *at++ = (char)v;
    } else if (v < 0x800) {
        *at++ = (char)(0xc0 | v >> 6);
        *at++ = (char)(0x80 | (v & 0x3f));
    } else if (v < 0x10000) {
        *at++ = (char)(0xe0 | v >> 12);
        *at++ = (char)(0x80 | (v >> 6 & 0x3f));
        *at++ = (char)(0x80 | (v & 0x3f));
    } else {
        *at++ = (char)(0xf0 | v >> 18);
        *at++ = (char)(0x80 | (v >> 12 & 0x3f));
        *at++ = (char)(0x80 | (v >> 6 & 0x3f));
        *at++ = (char)(0x80 | (v & 0x3f));
    }
    return at;
}

/* Behind "\u": one character, of one or two such; returns behind it, or NULL. */
static const char *unicode(const char *p, const char *end, uint32_t *out)
{
    uint32_t low;
    if (!hex4(p, end, out))
        return NULL;
    p += 4;
    if (*out < 0xd800 || *out > 0xdfff)
        return p;
    if (*out > 0xdbff || end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4(p + 2, end, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return NULL; /* half a pair is no character */
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return p + 6;
}

static bool unescape(struct ax_str s, struct ax_arena *a, struct ax_str *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *text = ax_arena_room(a, s.n), *at = text; /* an escape is longer than what it means */
    const char *end = s.p + s.n;
    for (const char *p = s.p; p < end;) {
        const char *known;
        uint32_t v;
        if (*p != '\\') {
            *at++ = *p++;
        } else if (end - p < 2) {
            return false;
        } else if (p[1] == 'u') {
            if (!(p = unicode(p + 2, end, &v)))
                return false;
            at = put_utf8(at, v);
        } else if (p[1] && (known = strchr(from, p[1]))) {
            *at++ = to[known - from];
            p += 2;
        } else {
            return false;
        }
    }
    *out = (struct ax_str){text, (size_t)(at - text)};
    return true;
}

static int string(struct cursor *c, struct ax_str *out)
{
    bool escaped = false;
    if (!take(c, '"'))
        return expected(c, "a string");
    const char *from = c->p;
    for (; c->p < c->end && *c->p != '"'; c->p++)
        if (*c->p == '\\') {
            escaped = true;
            if (++c->p == c->end)
                break;
        }
    if (c->p == c->end)
        return ax_fail(c->why, -EINVAL, "a string has no end");
    *out = (struct ax_str){from, (size_t)(c->p++ - from)};
    if (escaped && !unescape(*out, c->l->g.d->out->arena, out))
        return ax_import_bad(c->why, "a string has a broken escape:", *out);
    return 0;
}

/* ---- what the members hold ---- */

static int metric(struct cursor *c, struct ax_labels_builder *b)
{
    struct ax_str name, value;
    if (!take(c, '{'))
        return expected(c, "an object of labels");
    if (take(c, '}'))
        return 0;
    do {
        int rc = string(c, &name);
        if (rc == 0 && !take(c, ':'))
            rc = expected(c, ":");
        if (rc == 0)
            rc = string(c, &value);
        if (rc < 0)
            return rc;
        ax_labels_add(b, name, value);
    } while (take(c, ','));
    return take(c, '}') ? 0 : expected(c, ", or }");
}

static struct ax_str token(struct cursor *c)
{
    skip_blanks(c);
    const char *from = c->p;
    while (c->p < c->end && *c->p && !strchr(" \t\r,:{}[]\"", *c->p))
        c->p++;
    return (struct ax_str){from, (size_t)(c->p - from)};
}

static int value(struct cursor *c, struct ax_sample *s)
{
    struct ax_str text;
    skip_blanks(c);
    bool quoted = c->p < c->end && *c->p == '"';
    int rc = quoted ? string(c, &text) : (text = token(c), 0);
    if (rc < 0)
        return rc;
    if (!quoted && ax_str_eq(text, AX_STR("null")))
        s->v = ax_stale();
    else if (!ax_import_value(text, &s->v))
        return text.n ? ax_import_bad(c->why, "expected a value, found", text)
                      : expected(c, "a value");
    return 0;
}

static int timestamp(struct cursor *c, struct ax_sample *s)
{
    struct ax_str text = token(c);
    double v;
    if (ax_str_i64(text, &s->t))
        return 0;
    if (!text.n)
        return expected(c, "a time");
    if (!ax_str_double(text, &v) || !(v > -9e15 && v < 9e15) || v != (double)(int64_t)v)
        return ax_import_bad(c->why, "expected a time in whole ms since 1970, found", text);
    s->t = (int64_t)v;
    return 0;
}

static int too_few(struct cursor *c)
{
    return ax_fail(c->why, -EINVAL, "\"values\" and \"timestamps\" are not of one length");
}

/* The list that comes first makes the samples, the other fills them. */
static int list(struct cursor *c, bool second, int (*element)(struct cursor *, struct ax_sample *))
{
    struct ax_gather *g = &c->l->g;
    size_t n = 0;
    if (!take(c, '['))
        return expected(c, "a list");
    if (!take(c, ']')) {
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
        } while (take(c, ','));
        if (!take(c, ']'))
            return expected(c, ", or ]");
    }
    return second && n != g->n ? too_few(c) : 0;
}

/* A value of any kind. */
static int skip(struct cursor *c)
{
    struct ax_str unused;
    unsigned depth = 0;
    do {
        skip_blanks(c);
        if (c->p == c->end)
            return expected(c, "a value");
        if (*c->p == '"') {
            if (string(c, &unused) < 0)
                return c->why->code;
        } else if (*c->p == '{' || *c->p == '[') {
            depth++;
            c->p++;
        } else if (depth && (*c->p == '}' || *c->p == ']')) {
            depth--;
            c->p++;
        } else if (depth && (*c->p == ',' || *c->p == ':')) {
            c->p++;
        } else if (token(c).n == 0) {
            return expected(c, "a value");
        }
    } while (depth);
    return 0;
}

/* ---- the line ---- */

struct seen {
    bool metric, values, timestamps;
};

static int member(struct cursor *c, struct seen *seen, struct ax_labels_builder *b)
{
    struct ax_str key;
    int rc = string(c, &key);
    if (rc == 0 && !take(c, ':'))
        rc = expected(c, ":");
    if (rc < 0)
        return rc;
    bool *which = ax_str_eq(key, AX_STR("metric"))       ? &seen->metric
                  : ax_str_eq(key, AX_STR("values"))     ? &seen->values
                  : ax_str_eq(key, AX_STR("timestamps")) ? &seen->timestamps
                                                         : NULL;
    if (!which)
        return skip(c);
    if (*which)
        return ax_import_bad(c->why, "there are two of member", key);
    *which = true;
    if (which == &seen->metric)
        return metric(c, b);
    return which == &seen->values ? list(c, seen->timestamps, value)
                                  : list(c, seen->values, timestamp);
}

static int object(struct cursor *c, struct ax_labels_builder *b)
{
    struct seen seen = {0};
    if (!take(c, '{'))
        return expected(c, "an object");
    if (!take(c, '}')) {
        do {
            int rc = member(c, &seen, b);
            if (rc < 0)
                return rc;
        } while (take(c, ','));
        if (!take(c, '}'))
            return expected(c, ", or }");
    }
    skip_blanks(c);
    if (c->p != c->end)
        return expected(c, "the end of the line");
    if (!seen.metric || !seen.values || !seen.timestamps)
        return ax_fail(c->why, -EINVAL,
                       "expected the members \"metric\", \"values\" and \"timestamps\"");
    return 0;
}

int ax_import_json_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why)
{
    struct cursor c = {line.p, line.p + line.n, l, why};
    struct ax_labels_builder b;
    b.n = 0;
    b.too_many = false;
    skip_blanks(&c);
    if (c.p == c.end)
        return 0;
    int rc = object(&c, &b);
    return rc == 0 && l->g.n ? ax_gather_take_any(&l->g, &b, why) : rc;
}
