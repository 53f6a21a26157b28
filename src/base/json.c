// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/err.h"
#include "base/num.h"

#include <math.h>
#include <string.h>

static void before_value(struct ax_json *j)
{
    if (j->depth == 0)
        return;
    bool object = j->level[j->depth - 1].object;
    AX_ASSERT(!object || j->after_key);
    if (!object && j->level[j->depth - 1].used)
        ax_buf_byte(j->out, ',');
    j->level[j->depth - 1].used = true;
    j->after_key = false;
}

static void open_level(struct ax_json *j, bool object)
{
    before_value(j);
    AX_ASSERT(j->depth < AX_JSON_DEPTH);
    j->level[j->depth].object = object;
    j->level[j->depth].used = false;
    j->depth++;
    ax_buf_byte(j->out, object ? '{' : '[');
}

void ax_json_obj(struct ax_json *j)
{
    open_level(j, true);
}

void ax_json_arr(struct ax_json *j)
{
    open_level(j, false);
}

void ax_json_end(struct ax_json *j)
{
    AX_ASSERT(j->depth > 0 && !j->after_key);
    j->depth--;
    ax_buf_byte(j->out, j->level[j->depth].object ? '}' : ']');
}

static void put_escaped(struct ax_buf *out, unsigned char c)
{
    switch (c) {
    case '"': ax_buf_cstr(out, "\\\""); break;
    case '\\': ax_buf_cstr(out, "\\\\"); break;
    case '\n': ax_buf_cstr(out, "\\n"); break;
    case '\t': ax_buf_cstr(out, "\\t"); break;
    case '\r': ax_buf_cstr(out, "\\r"); break;
    default: ax_buf_printf(out, "\\u%04x", c); break;
    }
}

static bool is_plain(struct ax_str s)
{
    bool odd = false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        odd |= (c < 0x20) | (c >= 0x80) | (c == '"') | (c == '\\');
    }
    return !odd;
}

static void put_string(struct ax_buf *out, struct ax_str s)
{
    if (is_plain(s)) { /* nearly all */
        char *at = ax_buf_reserve(out, s.n + 2);
        if (!at)
            return;
        at[0] = '"';
        if (s.n)
            memcpy(at + 1, s.p, s.n);
        at[s.n + 1] = '"';
        out->n += s.n + 2;
        return;
    }
    ax_buf_byte(out, '"');
    size_t from = 0, len;
    for (size_t i = 0; i < s.n; i += len) {
        unsigned char c = (unsigned char)s.p[i];
        size_t whole = ax_str_character((struct ax_str){s.p + i, s.n - i});
        len = whole ? whole : 1;
        if (whole && c >= 0x20 && c != '"' && c != '\\')
            continue;
        ax_buf_add(out, s.p + from, i - from);
        from = i + 1;
        if (whole)
            put_escaped(out, c);
        else
            ax_buf_cstr(out, "\xef\xbf\xbd");
    }
    ax_buf_add(out, s.p + from, s.n - from);
    ax_buf_byte(out, '"');
}

void ax_json_key_str(struct ax_json *j, struct ax_str key)
{
    AX_ASSERT(j->depth > 0 && j->level[j->depth - 1].object && !j->after_key);
    if (j->level[j->depth - 1].used)
        ax_buf_byte(j->out, ',');
    j->level[j->depth - 1].used = true;
    put_string(j->out, key);
    ax_buf_byte(j->out, ':');
    j->after_key = true;
}

void ax_json_key(struct ax_json *j, const char *key)
{
    ax_json_key_str(j, ax_str(key));
}

void ax_json_str(struct ax_json *j, struct ax_str s)
{
    before_value(j);
    put_string(j->out, s);
}

void ax_json_cstr(struct ax_json *j, const char *s)
{
    if (s)
        ax_json_str(j, ax_str(s));
    else
        ax_json_null(j);
}

void ax_json_int(struct ax_json *j, int64_t v)
{
    before_value(j);
    ax_buf_printf(j->out, "%lld", (long long)v);
}

void ax_json_num(struct ax_json *j, double v)
{
    if (!isfinite(v)) {
        ax_json_null(j);
        return;
    }
    before_value(j);
    ax_buf_double(j->out, v);
}

void ax_json_bool(struct ax_json *j, bool v)
{
    before_value(j);
    ax_buf_cstr(j->out, v ? "true" : "false");
}

void ax_json_null(struct ax_json *j)
{
    before_value(j);
    ax_buf_cstr(j->out, "null");
}

void ax_json_time(struct ax_json *j, int64_t ms)
{
    char text[AX_NUM_TEXT];
    if (ms == 0)
        ax_json_null(j);
    else
        ax_json_str(j, (struct ax_str){text, ax_time_print(ms, text)});
}

void ax_json_raw(struct ax_json *j, struct ax_str json)
{
    before_value(j);
    ax_buf_str(j->out, json);
}
