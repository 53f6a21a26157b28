// SPDX-License-Identifier: Apache-2.0
#include "ingest/scan.h"

#include "ingest/import.h"

#include <errno.h>
#include <stdio.h>

void ax_scan_blanks(struct ax_scan *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n'))
        c->p++;
}

bool ax_scan_take(struct ax_scan *c, char ch)
{
    ax_scan_blanks(c);
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    return true;
}

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

int ax_scan_string(struct ax_scan *c, struct ax_str *out)
{
    bool escaped = false;
    if (!ax_scan_take(c, '"'))
        return ax_scan_expected(c, "a string");
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
    if (escaped && !unescape(*out, c->arena, out))
        return ax_import_bad(c->why, "a string has a broken escape:", *out);
    return 0;
}

struct ax_str ax_scan_token(struct ax_scan *c)
{
    ax_scan_blanks(c);
    const char *from = c->p;
    while (c->p < c->end && *c->p && !strchr(" \t\r,:{}[]\"", *c->p))
        c->p++;
    return (struct ax_str){from, (size_t)(c->p - from)};
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
