// SPDX-License-Identifier: Apache-2.0
/* A bounded reader of protobuf's wire format. Never reads past the end; a malformed field ends the
 * walk with `bad` set. In the header since the decoder lives in it. Inside ingest only. */
#ifndef AX_INGEST_PROTO_H
#define AX_INGEST_PROTO_H

#include "base/str.h"

enum ax_wire { AX_WIRE_VARINT = 0, AX_WIRE_FIXED64 = 1, AX_WIRE_BYTES = 2, AX_WIRE_FIXED32 = 5 };

struct ax_proto {
    const uint8_t *at, *end;
    bool bad;
    /* of the field read last: */
    uint32_t field;
    enum ax_wire wire;
    uint64_t number;     /* VARINT, FIXED64, FIXED32 */
    struct ax_str bytes; /* BYTES */
};

static inline struct ax_proto ax_proto(struct ax_str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    return (struct ax_proto){.at = p, .end = s.n ? p + s.n : p};
}

static inline bool ax_proto_varint(struct ax_proto *p, uint64_t *out)
{
    uint64_t v = 0;
    if (p->at < p->end && *p->at < 0x80) { /* most are that short */
        *out = *p->at++;
        return true;
    }
    for (unsigned shift = 0; shift < 64 && p->at < p->end; shift += 7) {
        uint8_t c = *p->at++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static inline bool ax_proto_fixed(struct ax_proto *p, size_t n)
{
    if ((size_t)(p->end - p->at) < n)
        return false;
    p->number = 0;
    for (size_t i = 0; i < n; i++)
        p->number |= (uint64_t)p->at[i] << (8 * i);
    p->at += n;
    return true;
}

static inline bool ax_proto_value(struct ax_proto *p)
{
    uint64_t n;
    switch (p->wire) {
    case AX_WIRE_VARINT: return ax_proto_varint(p, &p->number);
    case AX_WIRE_FIXED64: return ax_proto_fixed(p, 8);
    case AX_WIRE_FIXED32: return ax_proto_fixed(p, 4);
    case AX_WIRE_BYTES:
        if (!ax_proto_varint(p, &n) || n > (uint64_t)(p->end - p->at))
            return false;
        p->bytes = (struct ax_str){(const char *)p->at, (size_t)n};
        p->at += n;
        return true;
    }
    return false;
}

/* Reads the next field; false at the end or when the bytes are no protobuf. */
static inline bool ax_proto_next(struct ax_proto *p)
{
    uint64_t tag;
    if (p->at == p->end || p->bad)
        return false;
    if (ax_proto_varint(p, &tag) && tag >> 3 && tag >> 3 < UINT32_MAX) {
        p->field = (uint32_t)(tag >> 3);
        p->wire = (enum ax_wire)(tag & 7);
        if (ax_proto_value(p))
            return true;
    }
    p->bad = true;
    return false;
}

#endif
