// SPDX-License-Identifier: Apache-2.0
#include "alarm/template_parse.h"

#include <ctype.h>
#include <errno.h>

static int clip(size_t n)
{
    return n < 60 ? (int)n : 60;
}

struct ax_str ax_tp_left(const struct ax_tparser *p)
{
    return (struct ax_str){p->text.p + p->at, p->text.n - p->at};
}

bool ax_tp_looks_at(const struct ax_tparser *p, const char *what)
{
    return ax_str_starts(ax_tp_left(p), ax_str(what));
}

const char *ax_tp_find(struct ax_str s, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0)
            return s.p + i;
    return NULL;
}

int ax_tp_fault(struct ax_tparser *p, const char *why, struct ax_str what)
{
    struct ax_str action = {p->text.p + p->begin, p->text.n - p->begin};
    const char *close = ax_tp_find(action, "}}");
    if (!close)
        return ax_fail(p->err, -EINVAL, "found {{ without }}, expected both");
    action.n = (size_t)(close - action.p) + 2;
    return ax_fail(p->err, -EINVAL, "found %.*s%s: %s%s%.*s%s", clip(action.n), action.p,
                   action.n > 60 ? "..." : "", why, what.p ? " \"" : "", what.p ? clip(what.n) : 0,
                   what.p ? what.p : "", what.p ? "\"" : "");
}

char ax_tp_peek(const struct ax_tparser *p)
{
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

bool ax_tp_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void ax_tp_skip(struct ax_tparser *p)
{
    while (p->at < p->text.n && ax_tp_blank(p->text.p[p->at]))
        p->at++;
}

bool ax_tp_letter(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

struct ax_str ax_tp_word(struct ax_tparser *p)
{
    size_t from = p->at;
    while (ax_tp_letter(ax_tp_peek(p)))
        p->at++;
    return (struct ax_str){p->text.p + from, p->at - from};
}

/* ---- literals ---- */

static bool escape(struct ax_tparser *p, struct ax_buf *out)
{
    static const char letters[] = "abfnrtv\\'\"", bytes[] = "\a\b\f\n\r\t\v\\'\"";
    char c = ax_tp_peek(p);
    const char *simple = c ? strchr(letters, c) : NULL;
    p->at++;
    if (simple) {
        ax_buf_byte(out, (uint8_t)bytes[simple - letters]);
        return true;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    uint32_t v = 0;
    if (!digits || p->text.n - p->at < digits)
        return false;
    for (size_t i = 0; i < digits; i++, p->at++) {
        unsigned char h = (unsigned char)ax_tp_peek(p);
        if (!isxdigit(h))
            return false;
        v = v * 16 + (uint32_t)(isdigit(h) ? h - '0' : (h | 32) - 'a' + 10);
    }
    if (c == 'x' || v < 0x80) {
        ax_buf_byte(out, (uint8_t)v);
    } else if (v < 0x800) {
        ax_buf_byte(out, (uint8_t)(0xc0 | v >> 6));
        ax_buf_byte(out, (uint8_t)(0x80 | (v & 0x3f)));
    } else {
        ax_buf_byte(out, (uint8_t)(0xe0 | v >> 12));
        ax_buf_byte(out, (uint8_t)(0x80 | (v >> 6 & 0x3f)));
        ax_buf_byte(out, (uint8_t)(0x80 | (v & 0x3f)));
    }
    return true;
}

int ax_tp_string(struct ax_tparser *p, struct ax_toperand *out)
{
    char quote = ax_tp_peek(p);
    struct ax_buf b = AX_BUF_INIT;
    bool ok = true;
    p->at++;
    while (ok && p->at < p->text.n && ax_tp_peek(p) != quote) {
        char c = p->text.p[p->at++];
        if (c == '\\' && quote == '"')
            ok = escape(p, &b);
        else if (c == '\n' && quote == '"')
            ok = false;
        else
            ax_buf_byte(&b, (uint8_t)c);
    }
    ok = ok && ax_tp_peek(p) == quote;
    p->at++;
    if (ok)
        out->literal = ax_tv_string(ax_arena_str(p->a, ax_buf_view(&b)));
    ax_buf_free(&b);
    return ok ? 0 : ax_tp_fault(p, "a text that does not end", AX_STR_NULL);
}

int ax_tp_number(struct ax_tparser *p, struct ax_toperand *out)
{
    size_t from = p->at;
    bool exponent = false;
    for (char c; (c = ax_tp_peek(p)) && (ax_tp_letter(c) || c == '.' || c == '+' || c == '-');
         p->at++) {
        if ((c == '+' || c == '-') && p->at > from && !exponent)
            break;
        exponent = c == 'e' || c == 'E';
    }
    struct ax_str s = {p->text.p + from, p->at - from};
    struct ax_str digits = s.n && s.p[0] == '+' ? (struct ax_str){s.p + 1, s.n - 1} : s;
    if (ax_str_i64(digits, &out->literal.i)) {
        out->literal.kind = AX_TV_INT;
        return 0;
    }
    out->literal.kind = AX_TV_FLOAT;
    return ax_str_double(digits, &out->literal.f) ? 0 : ax_tp_fault(p, "no number:", s);
}
