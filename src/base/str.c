// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ax_str ax_str(const char *cstr)
{
    return (struct ax_str){cstr, cstr ? strlen(cstr) : 0};
}

int ax_str_cmp(struct ax_str a, struct ax_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool ax_str_starts(struct ax_str s, struct ax_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool ax_str_ends(struct ax_str s, struct ax_str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct ax_str ax_str_trim(struct ax_str s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool ax_str_cut(struct ax_str *rest, char sep, struct ax_str *out)
{
    if (!rest->p)
        return false;
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!at) {
        *out = *rest;
        *rest = AX_STR_NULL;
        return true;
    }
    *out = (struct ax_str){rest->p, (size_t)(at - rest->p)};
    rest->n -= out->n + 1;
    rest->p = at + 1;
    return true;
}

bool ax_str_word(struct ax_str *rest, struct ax_str *out)
{
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
        rest->p++;
        rest->n--;
    }
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    if (n == 0)
        return false;
    *out = (struct ax_str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return true;
}

bool ax_str_u64(struct ax_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool ax_str_i64(struct ax_str s, int64_t *out)
{
    bool neg = s.n && s.p[0] == '-';
    struct ax_str digits = neg ? (struct ax_str){s.p + 1, s.n - 1} : s;
    uint64_t v;
    if (!ax_str_u64(digits, &v) || v > (uint64_t)INT64_MAX + (neg ? 1 : 0))
        return false;
    *out = neg ? (int64_t)(~v + 1) : (int64_t)v;
    return true;
}

bool ax_str_double(struct ax_str s, double *out)
{
    char buf[400]; /* longer than any finite double that a person or a program writes */
    if (s.n == 0 || s.n >= sizeof buf || is_space(s.p[0]))
        return false;
    memcpy(buf, s.p, s.n);
    buf[s.n] = '\0';
    char *end;
    double v = strtod(buf, &end);
    if (end != buf + s.n)
        return false;
    *out = v;
    return true;
}

static size_t utf8_len(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static unsigned decode(const unsigned char *p, size_t len)
{
    unsigned c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

size_t ax_str_shown(struct ax_str s, bool *fit)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t len = utf8_len(p, s.n);
    unsigned c = decode(p, len);
    bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
    bool turns = (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    *fit = len > 0 && !control && !turns;
    return len ? len : 1;
}

size_t ax_str_clean(char *p, size_t n)
{
    size_t to = 0;
    for (size_t at = 0; at < n;) {
        bool fit;
        size_t len = ax_str_shown((struct ax_str){p + at, n - at}, &fit);
        if (fit)
            memmove(p + to, p + at, len);
        else
            p[to] = '?';
        to += fit ? len : 1;
        at += len;
    }
    return to;
}

size_t ax_str_characters(struct ax_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

size_t ax_str_character(struct ax_str s)
{
    return s.n ? utf8_len((const unsigned char *)s.p, s.n) : 0;
}

struct ax_str ax_str_within(struct ax_str s, size_t max)
{
    if (s.n <= max)
        return s;
    for (size_t n = max, back = 0; n > 0 && back < 4; n--, back++)
        if (((unsigned char)s.p[n] & 0xc0) != 0x80)
            return (struct ax_str){s.p, n};
    return (struct ax_str){s.p, max}; /* no UTF-8 */
}

bool ax_str_utf8(struct ax_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_len(p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}
