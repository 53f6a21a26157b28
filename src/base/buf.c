// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/err.h"
#include "base/num.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX (1ul << 30)

void ax_buf_free(struct ax_buf *b)
{
    free(b->p);
    *b = (struct ax_buf){.max = b->max};
}

void ax_buf_clear(struct ax_buf *b)
{
    b->n = 0;
    b->overflow = false;
}

char *ax_buf_reserve(struct ax_buf *b, size_t n)
{
    size_t max = b->max ? b->max : DEFAULT_MAX;
    if (b->overflow || n > max || b->n > max - n) {
        b->overflow = true;
        return NULL;
    }
    if (b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        while (cap < b->n + n)
            cap *= 2;
        b->p = ax_realloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void ax_buf_add(struct ax_buf *b, const void *p, size_t n)
{
    char *at = n ? ax_buf_reserve(b, n) : NULL;
    if (!at)
        return;
    memcpy(at, p, n);
    b->n += n;
}

void ax_buf_byte(struct ax_buf *b, uint8_t c)
{
    ax_buf_add(b, &c, 1);
}

void ax_buf_str(struct ax_buf *b, struct ax_str s)
{
    ax_buf_add(b, s.p, s.n);
}

void ax_buf_cstr(struct ax_buf *b, const char *s)
{
    ax_buf_add(b, s, strlen(s));
}

void ax_buf_printf(struct ax_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    AX_ASSERT(n >= 0);
    char *at = ax_buf_reserve(b, (size_t)n + 1);
    if (!at)
        return;
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void ax_buf_u32le(struct ax_buf *b, uint32_t v)
{
    uint8_t raw[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    ax_buf_add(b, raw, sizeof raw);
}

void ax_buf_u64le(struct ax_buf *b, uint64_t v)
{
    ax_buf_u32le(b, (uint32_t)v);
    ax_buf_u32le(b, (uint32_t)(v >> 32));
}

void ax_buf_varint(struct ax_buf *b, uint64_t v)
{
    uint8_t raw[10];
    size_t n = 0;
    do {
        raw[n] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
        n++;
    } while (v);
    ax_buf_add(b, raw, n);
}

void ax_buf_double(struct ax_buf *b, double v)
{
    char text[AX_NUM_TEXT];
    ax_buf_add(b, text, ax_num_print(v, text));
}

struct ax_str ax_buf_view(const struct ax_buf *b)
{
    return (struct ax_str){b->p, b->n};
}
