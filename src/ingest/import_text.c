// SPDX-License-Identifier: Apache-2.0
/* Prometheus's text exposition and OpenMetrics:
 *     name{label="value",...} VALUE [TIME] [# {...} VALUE [TIME]]
 * TIME is in ms in the former, in seconds in the latter, and where it has a point in both. Comments
 * (HELP, TYPE, EOF) are passed over, exemplars counted. */
#include "ingest/import.h"

#include <errno.h>

struct cursor {
    const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
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

static struct ax_str left(const struct cursor *c)
{
    return (struct ax_str){c->p, (size_t)(c->end - c->p)};
}

/* Up to a blank or one of the characters that end a name. */
static struct ax_str name(struct cursor *c)
{
    skip_blanks(c);
    const char *from = c->p;
    while (c->p < c->end && !strchr(" \t{}=,\"", *c->p))
        c->p++;
    return (struct ax_str){from, (size_t)(c->p - from)};
}

static struct ax_str unescape(struct ax_str s, struct ax_arena *a)
{
    char *out = ax_arena_room(a, s.n), *at = out;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        char next = c == '\\' && i + 1 < s.n ? s.p[i + 1] : 0;
        if (next == '\\' || next == '"' || next == 'n') {
            c = next == 'n' ? '\n' : next;
            i++;
        }
        *at++ = c;
    }
    return (struct ax_str){out, (size_t)(at - out)};
}

/* Behind the opening quote, to behind the closing one. */
static bool quoted(struct cursor *c, struct ax_arena *a, struct ax_str *out)
{
    const char *from = c->p;
    bool escaped = false;
    for (; c->p < c->end && *c->p != '"'; c->p++)
        if (*c->p == '\\') {
            escaped = true;
            if (++c->p == c->end)
                return false;
        }
    if (c->p == c->end)
        return false;
    *out = (struct ax_str){from, (size_t)(c->p++ - from)};
    if (escaped)
        *out = unescape(*out, a);
    return true;
}

/* Behind the opening brace, to behind the closing one. */
static int labels(struct cursor *c, struct ax_arena *a, struct ax_labels_builder *b,
                  struct ax_err *why)
{
    while (!take(c, '}')) {
        struct ax_str n = name(c), v;
        if (n.n == 0 || !take(c, '='))
            return ax_import_bad(why, "expected label=\"value\" or } at", left(c));
        if (!take(c, '"') || !quoted(c, a, &v))
            return ax_import_bad(why, "expected a value in quotes for label", n);
        ax_labels_add(b, n, v);
        if (!take(c, ',') && (skip_blanks(c), c->p == c->end || *c->p != '}'))
            return ax_import_bad(why, "expected , or } at", left(c));
    }
    return 0;
}

static int series(struct cursor *c, struct ax_arena *a, struct ax_labels_builder *b,
                  struct ax_err *why)
{
    struct ax_str metric = name(c);
    if (!ax_metric_name_ok(metric))
        return ax_import_bad(why, "expected the name of a metric, found", metric);
    ax_labels_add(b, AX_STR("__name__"), metric);
    return take(c, '{') ? labels(c, a, b, why) : 0;
}

static bool read_time(const struct ax_import *im, struct ax_str s, int64_t *out)
{
    bool seconds = im->format == AX_IMPORT_OPENMETRICS || memchr(s.p, '.', s.n);
    return seconds ? ax_import_seconds(s, out) : ax_str_i64(s, out);
}

/* What follows the series. */
static int sample(struct ax_import_lines *l, struct cursor *c, struct ax_err *why)
{
    struct ax_str rest = left(c), word = AX_STR_NULL;
    struct ax_sample s = {.t = l->im->now};
    if (!ax_str_word(&rest, &word) || !ax_import_value(word, &s.v))
        return ax_import_bad(why, "expected a value, found", word);
    bool more = ax_str_word(&rest, &word);
    if (more && word.p[0] != '#') {
        if (!read_time(l->im, word, &s.t))
            return ax_import_bad(why,
                                 l->im->format == AX_IMPORT_OPENMETRICS
                                     ? "expected a time in seconds since 1970, found"
                                     : "expected a time in ms since 1970, found",
                                 word);
        more = ax_str_word(&rest, &word);
    }
    if (more && word.p[0] != '#')
        return ax_import_bad(why, "expected the end of the line, found", word);
    int rc = ax_gather_sample(&l->g, s);
    if (rc == 0)
        l->g.d->exemplars += more;
    return rc;
}

/* One more sample of the series taken last. */
static void take_more(struct ax_import_lines *l)
{
    struct ax_batch *b = l->g.d->out;
    struct ax_batch_series *last = &b->v[b->n - 1];
    if (last->samples + last->n != l->g.samples) { /* a new piece has begun */
        ax_gather_take(&l->g, *last);
        return;
    }
    last->n++;
    b->samples++;
    l->g.samples++;
    l->g.room--;
    l->g.n = 0;
}

static bool is_last(const struct ax_import_lines *l, struct ax_str s)
{
    if (!l->last.n || !ax_str_starts(s, l->last))
        return false;
    struct cursor c = {s.p + l->last.n, s.p + s.n};
    bool blank = c.p < c.end && (*c.p == ' ' || *c.p == '\t');
    return blank && !take(&c, '{'); /* a blank may stand before the labels, too */
}

int ax_import_text_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why)
{
    struct cursor c = {line.p, line.p + line.n};
    struct ax_labels_builder b;
    skip_blanks(&c);
    struct ax_str s = left(&c);
    if (s.n == 0 || s.p[0] == '#')
        return 0;
    bool known = is_last(l, s);
    b.n = 0;
    b.too_many = false;
    int rc = 0;
    if (known)
        c.p += l->last.n;
    else
        rc = series(&c, l->g.d->out->arena, &b, why);
    struct ax_str key = ax_str_trim((struct ax_str){s.p, (size_t)(c.p - s.p)});
    if (rc == 0)
        rc = sample(l, &c, why);
    if (rc < 0)
        return rc;
    if (known)
        take_more(l);
    else if ((rc = ax_gather_take_any(&l->g, &b, why)) == 0)
        l->last = key;
    return rc;
}
