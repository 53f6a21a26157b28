// SPDX-License-Identifier: Apache-2.0
/* A growing byte buffer with a hard maximum. Past the maximum nothing more is written and
 * `overflow` stays set: check it once at the end instead of after each append. */
#ifndef AX_BASE_BUF_H
#define AX_BASE_BUF_H

#include "base/str.h"

struct ax_buf {
    char *p;
    size_t n, cap;
    size_t max;    /* 0 = 1 GiB */
    bool overflow; /* something did not fit below max */
};

#define AX_BUF_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }

void ax_buf_free(struct ax_buf *b);
void ax_buf_clear(struct ax_buf *b); /* keeps the memory */
void ax_buf_add(struct ax_buf *b, const void *p, size_t n);
void ax_buf_byte(struct ax_buf *b, uint8_t c);
void ax_buf_str(struct ax_buf *b, struct ax_str s);
void ax_buf_cstr(struct ax_buf *b, const char *s);
void ax_buf_printf(struct ax_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ax_buf_u32le(struct ax_buf *b, uint32_t v);
void ax_buf_u64le(struct ax_buf *b, uint64_t v);
void ax_buf_varint(struct ax_buf *b, uint64_t v);  /* LEB128, as protobuf */
void ax_buf_double(struct ax_buf *b, double v);    /* text, shortest that reads back (num.h) */
char *ax_buf_reserve(struct ax_buf *b, size_t n);  /* room for n more bytes, NULL past max */
struct ax_str ax_buf_view(const struct ax_buf *b); /* valid until the next append */

#endif
