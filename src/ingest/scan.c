// SPDX-License-Identifier: Apache-2.0
#include "ingest/scan.h"

#include "ingest/import.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#define MAX_DEPTH 100

int ax_scan_expected(struct ax_scan *c, const char *what)
{
    char text[80];
    ax_scan_blanks(c);
    if (c->p == c->end)
        return ax_fail(c->why, -EINVAL, "expected %s, found the end of the %s", what, c->whole);
    snprintf(text, sizeof text, "expected %s at", what);
    return ax_import_bad(c->why, text, (struct ax_str){c->p, (size_t)(c->end - c->p)});
}

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

/* The first byte from p on that is a quote, a backslash or a control character: eight at a time. */
static const char *find_special(const char *p, const char *end)
{
    const uint64_t ones = ~(uint64_t)0 / 255, highs = ones << 7;
    for (; end - p >= 8; p += 8) {
        uint64_t w, quote, back, found;
        memcpy(&w, p, 8);
        w = le64toh(w);
        quote = w ^ ones * '"';
        back = w ^ ones * '\\';
        found = ((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * ' ') & ~w);
        if (found & highs)
            return p + __builtin_ctzll(found & highs) / 8;
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= ' ')
        p++;
    return p;
}

/* What find_special found, when it is not simply the end of the string. */
static int escapes_or_worse(struct ax_scan *c, const char *from, struct ax_str *out)
{
    while (c->p < c->end && *c->p == '\\' && c->end - c->p >= 2)
        c->p = find_special(c->p + 2, c->end);
    if (c->p == c->end || *c->p == '\\')
        return ax_fail(c->why, -EINVAL, "a string has no end");
    *out = (struct ax_str){from, (size_t)(c->p - from)};
    if (*c->p != '"')
        return ax_import_bad(c->why, "a string has a control character:", *out);
    c->p++;
    return unescape(*out, c->arena, out)
               ? 0
               : ax_import_bad(c->why, "a string has a broken escape:", *out);
}

int ax_scan_string(struct ax_scan *c, struct ax_str *out)
{
    if (!ax_scan_take(c, '"'))
        return ax_scan_expected(c, "a string");
    const char *from = c->p;
    c->p = find_special(from, c->end);
    if (c->p == c->end || *c->p != '"')
        return escapes_or_worse(c, from, out);
    *out = (struct ax_str){from, (size_t)(c->p++ - from)};
    return 0;
}

struct ax_str ax_scan_token(struct ax_scan *c)
{
    static const bool ends[256] = {
        ['\0'] = true, [' '] = true, ['\t'] = true, ['\r'] = true, [','] = true, [':'] = true,
        ['{'] = true,  ['}'] = true, ['['] = true,  [']'] = true,  ['"'] = true};
    ax_scan_blanks(c);
    const char *from = c->p;
    while (c->p < c->end && !ends[(unsigned char)*c->p])
        c->p++;
    return (struct ax_str){from, (size_t)(c->p - from)};
}

bool ax_scan_null(struct ax_scan *c)
{
    ax_scan_blanks(c);
    if (c->end - c->p < 4 || memcmp(c->p, "null", 4) != 0)
        return false;
    c->p += 4;
    return true;
}

int ax_scan_skip(struct ax_scan *c)
{
    struct ax_str unused;
    unsigned depth = 0;
    do {
        ax_scan_blanks(c);
        if (c->p == c->end)
            return ax_scan_expected(c, "a value");
        if (*c->p == '"') {
            if (ax_scan_string(c, &unused) < 0)
                return c->why->code;
        } else if (*c->p == '{' || *c->p == '[') {
            depth++;
            c->p++;
        } else if (depth && (*c->p == '}' || *c->p == ']')) {
            depth--;
            c->p++;
        } else if (depth && (*c->p == ',' || *c->p == ':')) {
            c->p++;
        } else if (ax_scan_token(c).n == 0) {
            return ax_scan_expected(c, "a value");
        }
    } while (depth);
    return 0;
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static bool is_number(struct ax_str s)
{
    const char *p = s.p, *end = s.p + s.n, *from;
    p += p < end && *p == '-';
    from = p;
    p = digits(p, end);
    if (p == from || (*from == '0' && p - from > 1))
        return false;
    if (p < end && *p == '.') {
        from = ++p;
        if ((p = digits(p, end)) == from)
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '-' || *p == '+');
        from = p;
        if ((p = digits(p, end)) == from)
            return false;
    }
    return p == end;
}

static int word(struct ax_scan *c)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    struct ax_str s = ax_scan_token(c);
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (ax_str_eq(s, ax_str(words[i])))
            return 0;
    return is_number(s) ? 0
           : s.n        ? ax_import_bad(c->why, "not a value of JSON:", s)
                        : ax_scan_expected(c, "a value");
}

static int value(struct ax_scan *c, unsigned depth)
{
    struct ax_str unused;
    bool object = ax_scan_take(c, '{');
    int rc = 0;
    if (!object && !ax_scan_take(c, '['))
        return c->p < c->end && *c->p == '"' ? ax_scan_string(c, &unused) : word(c);
    if (depth == MAX_DEPTH)
        return ax_fail(c->why, -EINVAL, "values are nested deeper than %d", MAX_DEPTH);
    if (ax_scan_take(c, object ? '}' : ']'))
        return 0;
    do {
        rc = object ? ax_scan_string(c, &unused) : 0;
        if (rc == 0 && object && !ax_scan_take(c, ':'))
            rc = ax_scan_expected(c, ":");
        if (rc == 0)
            rc = value(c, depth + 1);
    } while (rc == 0 && ax_scan_take(c, ','));
    if (rc == 0 && !ax_scan_take(c, object ? '}' : ']'))
        rc = ax_scan_expected(c, object ? ", or }" : ", or ]");
    return rc;
}

int ax_scan_value(struct ax_scan *c)
{
    return value(c, 0);
}
