// SPDX-License-Identifier: Apache-2.0
#include "ingest/proto.h"

#include <string.h>

static bool varint(struct ax_proto *p, uint64_t *out)
{
    uint64_t v = 0;
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

static bool fixed(struct ax_proto *p, size_t n)
{
    if ((size_t)(p->end - p->at) < n)
        return false;
    p->number = 0;
    for (size_t i = 0; i < n; i++)
        p->number |= (uint64_t)p->at[i] << (8 * i);
    p->at += n;
    return true;
}

static bool value(struct ax_proto *p)
{
    uint64_t n;
    switch (p->wire) {
    case AX_WIRE_VARINT: return varint(p, &p->number);
    case AX_WIRE_FIXED64: return fixed(p, 8);
    case AX_WIRE_FIXED32: return fixed(p, 4);
    case AX_WIRE_BYTES:
        if (!varint(p, &n) || n > (uint64_t)(p->end - p->at))
            return false;
        p->bytes = (struct ax_str){(const char *)p->at, (size_t)n};
        p->at += n;
        return true;
    }
    return false;
}

bool ax_proto_next(struct ax_proto *p)
{
    uint64_t tag;
    if (p->at == p->end || p->bad)
        return false;
    if (varint(p, &tag) && tag >> 3 && tag >> 3 < UINT32_MAX) {
        p->field = (uint32_t)(tag >> 3);
        p->wire = (enum ax_wire)(tag & 7);
        if (value(p))
            return true;
    }
    p->bad = true;
    return false;
}
