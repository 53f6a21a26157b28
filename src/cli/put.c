// SPDX-License-Identifier: Apache-2.0
/* What guests, agents and other people wrote, on its way to a terminal. */
#include "cli/inner.h"

#include <stdlib.h>
#include <string.h>

static struct ax_str from(struct ax_str s, size_t at)
{
    return (struct ax_str){s.p + at, s.n - at};
}

void ax_put_str(FILE *out, struct ax_str s)
{
    bool fit;
    for (size_t at = 0, n; at < s.n; at += n) {
        n = ax_str_shown(from(s, at), &fit);
        fwrite(fit ? s.p + at : "?", 1, fit ? n : 1, out);
    }
}

void ax_put(FILE *out, const char *s)
{
    if (s)
        ax_put_str(out, ax_str(s));
}

void ax_put_lines(FILE *out, struct ax_str s)
{
    struct ax_str line;
    while (ax_str_cut(&s, '\n', &line)) {
        ax_put_str(out, line);
        if (s.p)
            fputc('\n', out);
    }
}

void ax_put_line(FILE *out, const char *s)
{
    ax_put(out, s);
    fputc('\n', out);
}

/* Blanks between the words of JSON are of ASCII; what else cannot be shown is in its texts. */
static void put_escaped(FILE *out, const char *p, size_t n)
{
    const unsigned char *c = (const unsigned char *)p;
    if (n == 3)
        fprintf(out, "\\u%04x", (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu));
    else if (n == 2)
        fprintf(out, "\\u%04x", (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu));
    else if (*c == 0x7f)
        fputs("\\u007f", out);
    else
        fputc(*c == '\n' || *c == '\t' ? *c : *c < 0x20 ? ' ' : '?', out);
}

void ax_put_json(FILE *out, struct ax_str s)
{
    size_t begin = 0;
    for (size_t at = 0, n; at < s.n; at += n) {
        bool fit;
        n = ax_str_shown(from(s, at), &fit);
        if (fit)
            continue;
        fwrite(s.p + begin, 1, at - begin, out);
        put_escaped(out, s.p + at, n);
        begin = at + n;
    }
    if (begin < s.n)
        fwrite(s.p + begin, 1, s.n - begin, out);
}

void ax_put_json_line(FILE *out, struct ax_str s)
{
    ax_put_json(out, s);
    fputc('\n', out);
}

void ax_put_json_of(FILE *out, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT);
    if (text)
        ax_put_json_line(out, ax_str(text));
    free(text);
}
