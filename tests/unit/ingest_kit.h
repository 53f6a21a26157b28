// SPDX-License-Identifier: Apache-2.0
/* What the tests of ingest share: the messages of remote write, written field by field. */
#ifndef AX_TESTS_INGEST_KIT_H
#define AX_TESTS_INGEST_KIT_H

#include "base/buf.h"

#include <string.h>

static inline void put_bytes(struct ax_buf *b, uint8_t field, struct ax_str s)
{
    ax_buf_byte(b, (uint8_t)(field << 3 | 2));
    ax_buf_varint(b, s.n);
    ax_buf_str(b, s);
}

static inline void put_label(struct ax_buf *series, const char *name, const char *value)
{
    struct ax_buf l = AX_BUF_INIT;
    put_bytes(&l, 1, ax_str(name));
    put_bytes(&l, 2, ax_str(value));
    put_bytes(series, 1, ax_buf_view(&l));
    ax_buf_free(&l);
}

static inline void put_sample(struct ax_buf *series, int64_t t, double v)
{
    struct ax_buf s = AX_BUF_INIT;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ax_buf_byte(&s, 1 << 3 | 1);
    ax_buf_u64le(&s, bits);
    ax_buf_byte(&s, 2 << 3);
    ax_buf_varint(&s, (uint64_t)t);
    put_bytes(series, 2, ax_buf_view(&s));
    ax_buf_free(&s);
}

#endif
