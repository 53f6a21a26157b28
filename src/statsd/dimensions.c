// SPDX-License-Identifier: Apache-2.0
/* The two ways to write dimensions. A name that comes twice has its last value. */
#include "statsd/line.h"

#include <errno.h>

static int add(struct ax_statsd_line *l, struct ax_str name, struct ax_str value,
               struct ax_err *err)
{
    if (!name.n || !value.n)
        return ax_fail(err, -EINVAL, "a dimension's name or value is empty");
    for (size_t i = 0; i < l->n; i++) {
        if (ax_str_eq(l->dimensions[i].name, name)) {
            l->dimensions[i].value = value;
            return 0;
        }
    }
    if (l->n == AX_STATSD_DIMENSIONS)
        return ax_fail(err, -EINVAL, "more than %d dimensions", AX_STATSD_DIMENSIONS);
    l->dimensions[l->n++] = (struct ax_label){name, value};
    return 0;
}

/* ---- {'name': 'value', "it's": 5} ---- */

static void skip_blanks(struct ax_str *s)
{
    while (s->n && s->p[0] == ' ')
        *s = (struct ax_str){s->p + 1, s->n - 1};
}

static bool take(struct ax_str *s, char c)
{
    skip_blanks(s);
    if (!s->n || s->p[0] != c)
        return false;
    *s = (struct ax_str){s->p + 1, s->n - 1};
    return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

/* The character behind \x, \u or \U, which has so many digits. */
static bool hex_escape(struct ax_str *s, size_t digits, uint32_t *out)
{
    uint32_t c = 0;
    if (s->n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        static const char hex[] = "0123456789abcdef0123456789ABCDEF";
        const char *at = s->p[i] ? strchr(hex, s->p[i]) : NULL;
        if (!at)
            return false;
        c = c << 4 | ((uint32_t)(at - hex) & 15);
    }
    *s = (struct ax_str){s->p + digits, s->n - digits};
    *out = c;
    return c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);
}

/* What stands behind a backslash, as Python prints it; the shortest escape is as long as its
 * character's bytes at most, so the text has room. */
static bool unescape(struct ax_str *s, char *out, size_t *n)
{
    uint32_t c;
    if (!s->n)
        return false;
    char letter = s->p[0];
    *s = (struct ax_str){s->p + 1, s->n - 1};
    switch (letter) {
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case '\\':
    case '\'':
    case '"': c = (unsigned char)letter; break;
    case 'x':
    case 'u':
    case 'U':
        if (!hex_escape(s, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, &c))
            return false;
        break;
    default: return false;
    }
    *n += put_utf8(out + *n, c);
    return true;
}

/* Behind the opening quote. */
static int quoted(struct ax_str *s, char quote, struct ax_arena *a, struct ax_str *out,
                  struct ax_err *err)
{
    size_t plain = 0;
    while (plain < s->n && s->p[plain] != quote && s->p[plain] != '\\')
        plain++;
    if (plain < s->n && s->p[plain] == quote) {
        *out = (struct ax_str){s->p, plain};
        *s = (struct ax_str){s->p + plain + 1, s->n - plain - 1};
        return 0;
    }
    size_t n = 0, room = s->n;
    char *text = ax_arena_room(a, room);
    while (s->n && s->p[0] != quote) {
        char c = s->p[0];
        *s = (struct ax_str){s->p + 1, s->n - 1};
        if (c != '\\')
            text[n++] = c;
        else if (!unescape(s, text, &n))
            return ax_fail(err, -EINVAL, "the dimensions have a \\ that stands for nothing");
    }
    ax_arena_shrink(a, text, room, n);
    *out = (struct ax_str){text, n};
    return take(s, quote) ? 0 : ax_fail(err, -EINVAL, "the dimensions have a quote without end");
}

/* A string, or a number or word (True) as it stands. */
static int word(struct ax_str *s, struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    skip_blanks(s);
    if (s->n > 1 && s->p[0] == 'u' && (s->p[1] == '\'' || s->p[1] == '"'))
        *s = (struct ax_str){s->p + 1, s->n - 1}; /* Python 2 */
    if (take(s, '\''))
        return quoted(s, '\'', a, out, err);
    if (take(s, '"'))
        return quoted(s, '"', a, out, err);
    size_t n = 0;
    while (n < s->n && !memchr(" ,:{}[]()'\"\\|", s->p[n], 13))
        n++;
    *out = (struct ax_str){s->p, n};
    *s = (struct ax_str){s->p + n, s->n - n};
    return n ? 0 : ax_fail(err, -EINVAL, "the dimensions are no {'name': 'value', ...}");
}

int ax_statsd_dict(struct ax_str *rest, struct ax_arena *a, struct ax_statsd_line *out,
                   struct ax_err *err)
{
    struct ax_str name, value;
    if (take(rest, '{') && take(rest, '}'))
        return 0;
    do {
        int rc = word(rest, a, &name, err);
        if (rc == 0 && !take(rest, ':'))
            rc = ax_fail(err, -EINVAL, "the dimensions lack a : behind a name");
        if (rc == 0)
            rc = word(rest, a, &value, err);
        if (rc == 0)
            rc = add(out, name, value, err);
        if (rc < 0)
            return rc;
    } while (take(rest, ','));
    return take(rest, '}') ? 0 : ax_fail(err, -EINVAL, "the dimensions lack a }");
}

/* ---- name:value,tag ---- */

int ax_statsd_tags(struct ax_str tags, struct ax_statsd_line *out, struct ax_err *err)
{
    struct ax_str tag, name;
    while (ax_str_cut(&tags, ',', &tag)) {
        struct ax_str value = ax_str_trim(tag);
        bool colon = value.n && memchr(value.p, ':', value.n);
        if (!value.n)
            continue;
        ax_str_cut(&value, ':', &name);
        if (!colon)
            value = AX_STR("True"); /* a tag alone, as Monasca's agent has it */
        else if (!value.n)
            value = AX_STR("?");
        int rc = add(out, name, value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
