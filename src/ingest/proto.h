// SPDX-License-Identifier: Apache-2.0
/* A bounded reader of protobuf's wire format. Never reads past the end; a malformed field ends the
 * walk with `bad` set. Inside ingest only. */
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

/* Reads the next field; false at the end or when the bytes are no protobuf. */
bool ax_proto_next(struct ax_proto *p);

#endif
