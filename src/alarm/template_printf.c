// SPDX-License-Identifier: Apache-2.0
/* Go's printf for the values that templates have. */
#include "alarm/template_inner.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>

#define WIDTH_MAX 1000

/* One %[flags][width][.precision]verb. */
struct verb {
    bool minus, plus, sharp, zero, space;
    int width, precision; /* -1: not given */
    char letter;
};

static int number(struct ax_str s, size_t *i)
{
    int n = 0;
    for (; *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '9'; (*i)++)
        n = n < WIDTH_MAX ? n * 10 + (s.p[*i] - '0') : WIDTH_MAX;
    return n < WIDTH_MAX ? n : WIDTH_MAX;
}

/* *i is behind the %. */
static struct verb read_verb(struct ax_str s, size_t *i)
{
    struct verb v = {.precision = -1};
    for (; *i < s.n && memchr("-+# 0", s.p[*i], 5); (*i)++) {
        v.minus |= s.p[*i] == '-';
        v.plus |= s.p[*i] == '+';
        v.sharp |= s.p[*i] == '#';
        v.zero |= s.p[*i] == '0';
        v.space |= s.p[*i] == ' ';
    }
    v.width = number(s, i);
    if (*i < s.n && s.p[*i] == '.') {
        (*i)++;
        v.precision = number(s, i);
    }
    if (*i < s.n)
        v.letter = s.p[(*i)++];
    return v;
}

static void pad(const struct verb *v, struct ax_str s, struct ax_buf *out)
{
    size_t width = (size_t)v->width, have = ax_str_characters(s),
           fill = have < width ? width - have : 0;
    bool zero = v->zero && !v->minus && s.n && s.p[s.n - 1] != 'f' && s.p[s.n - 1] != 'N';
    size_t lead = zero && s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
    ax_buf_add(out, s.p, lead);
    for (size_t i = 0; i < fill && !v->minus; i++)
        ax_buf_byte(out, zero ? '0' : ' ');
    ax_buf_add(out, s.p + lead, s.n - lead);
    for (size_t i = 0; i < fill && v->minus; i++)
        ax_buf_byte(out, ' ');
}

static void float_text(const struct verb *v, double f, struct ax_buf *out)
{
    if ((v->plus || v->space) && !signbit(f) && isfinite(f))
        ax_buf_byte(out, v->plus ? '+' : ' ');
    if (!isfinite(f) || v->letter == 'v' || (v->letter == 'g' && v->precision < 0)) {
        ax_tv_print_float(f, v->precision, out);
        return;
    }
    int digits = v->precision >= 0 ? v->precision : 6;
    switch (v->letter) {
    case 'f':
    case 'F': ax_buf_printf(out, "%.*f", digits, f); break;
    case 'e': ax_buf_printf(out, "%.*e", digits, f); break;
    case 'E': ax_buf_printf(out, "%.*E", digits, f); break;
    case 'G': ax_buf_printf(out, "%.*G", digits, f); break;
    default: ax_buf_printf(out, "%.*g", digits, f); break;
    }
}

static void int_text(const struct verb *v, int64_t i, struct ax_buf *out)
{
    if ((v->plus || v->space) && i >= 0)
        ax_buf_byte(out, v->plus ? '+' : ' ');
    switch (v->letter) {
    case 'x': ax_buf_printf(out, v->sharp ? "0x%llx" : "%llx", (unsigned long long)i); break;
    case 'X': ax_buf_printf(out, v->sharp ? "0X%llX" : "%llX", (unsigned long long)i); break;
    case 'o': ax_buf_printf(out, "%llo", (unsigned long long)i); break;
    default: ax_buf_printf(out, "%lld", (long long)i);
    }
}

static void string_text(const struct verb *v, struct ax_str s, struct ax_buf *out)
{
    if (v->letter == 'q') {
        struct ax_json j = {.out = out};
        ax_json_str(&j, s);
    } else if (v->letter == 'x') {
        for (size_t i = 0; i < s.n; i++)
            ax_buf_printf(out, "%02x", (unsigned char)s.p[i]);
    } else {
        size_t n = 0;
        for (int c = v->precision; n < s.n; n++)
            if (((unsigned char)s.p[n] & 0xc0) != 0x80 && v->precision >= 0 && c-- == 0)
                break;
        ax_buf_add(out, s.p, n);
    }
}

static bool fits(const struct verb *v, const struct ax_tv *x)
{
    const char *letters = x->kind == AX_TV_FLOAT    ? "vfFeEgG"
                          : x->kind == AX_TV_INT    ? "vdxXo"
                          : x->kind == AX_TV_STRING ? "vsqx"
                          : x->kind == AX_TV_BOOL   ? "vt"
                                                    : "vs";
    return v->letter && strchr(letters, v->letter);
}

static void one(const struct verb *v, const struct ax_tv *x, struct ax_buf *out)
{
    struct ax_buf text = AX_BUF_INIT;
    if (!fits(v, x)) {
        ax_buf_printf(out, "%%!%c(%s=", v->letter ? v->letter : '?', ax_tv_type(x));
        ax_tv_print(x, out);
        ax_buf_byte(out, ')');
        return;
    }
    switch (x->kind) {
    case AX_TV_FLOAT: float_text(v, x->f, &text); break;
    case AX_TV_INT: int_text(v, x->i, &text); break;
    case AX_TV_STRING: string_text(v, x->s, &text); break;
    case AX_TV_NIL: ax_buf_cstr(&text, "<nil>"); break;
    default: ax_tv_print(x, &text);
    }
    pad(v, ax_buf_view(&text), out);
    ax_buf_free(&text);
}

static void leftover(const struct ax_tv *args, size_t n, size_t used, struct ax_buf *out)
{
    for (size_t i = used; i < n; i++) {
        ax_buf_printf(out, "%s%s=", i == used ? "%!(EXTRA " : ", ", ax_tv_type(&args[i]));
        ax_tv_print(&args[i], out);
    }
    if (used < n)
        ax_buf_byte(out, ')');
}

int ax_tv_printf(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_tv *out)
{
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    if (args[0].kind != AX_TV_STRING)
        return ax_fail(c->err, -1, "wrong type for value; expected string; got %s",
                       ax_tv_type(&args[0]));
    struct ax_str format = args[0].s;
    size_t used = 1;
    for (size_t i = 0; i < format.n;) {
        if (format.p[i] != '%') {
            ax_buf_byte(&b, (uint8_t)format.p[i++]);
            continue;
        }
        i++;
        struct verb v = read_verb(format, &i);
        if (v.letter == '%')
            ax_buf_byte(&b, '%');
        else if (!v.letter)
            ax_buf_cstr(&b, "%!(NOVERB)");
        else if (used == n)
            ax_buf_printf(&b, "%%!%c(MISSING)", v.letter);
        else
            one(&v, &args[used++], &b);
    }
    leftover(args, n, used, &b);
    *out = ax_tv_string(ax_arena_str(c->a, ax_buf_view(&b)));
    ax_buf_free(&b);
    return 0;
}
