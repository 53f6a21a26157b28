// SPDX-License-Identifier: Apache-2.0
/* Bodies that are compressed. What a body says about its size is used as a bound, never believed.
 */
#include "ingest/ingest.h"

#include <errno.h>
#include <snappy-c.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG 25 /* 32 MiB: a wider one buys nothing for what may unpack to that much */

static const struct {
    const char *name;
    enum ax_packing packing;
} names[] = {{"identity", AX_PACKED_NOT},
             {"snappy", AX_PACKED_SNAPPY},
             {"zstd", AX_PACKED_ZSTD},
             {"gzip", AX_PACKED_GZIP}};

int ax_packing_parse(struct ax_str encoding, enum ax_packing absent, enum ax_packing *out,
                     struct ax_err *err)
{
    struct ax_str s = ax_str_trim(encoding);
    if (s.n == 0) {
        *out = absent;
        return 0;
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        if (strlen(names[i].name) == s.n && strncasecmp(names[i].name, s.p, s.n) == 0) {
            *out = names[i].packing;
            return 0;
        }
    return ax_fail(err, -ENOTSUP,
                   "the Content-Encoding \"%.*s\" is not known (known: snappy, zstd, gzip)",
                   (int)(s.n < 60 ? s.n : 60), s.p);
}

static int too_long(size_t n, struct ax_err *err)
{
    return ax_fail(err, -EFBIG, "the body unpacks to %zu bytes (limit %u)", n,
                   AX_INGEST_MAX_DECODED);
}

static int much_too_long(struct ax_err *err)
{
    return ax_fail(err, -EFBIG, "the body unpacks to more than %u bytes", AX_INGEST_MAX_DECODED);
}

size_t ax_unpacked_bound(struct ax_str body, enum ax_packing packing)
{
    unsigned long long n = AX_INGEST_MAX_DECODED;
    size_t said;
    if (packing == AX_PACKED_NOT || body.n == 0)
        n = body.n;
    else if (packing == AX_PACKED_SNAPPY)
        n = snappy_uncompressed_length(body.p, body.n, &said) == SNAPPY_OK ? said : 0;
    else if (packing == AX_PACKED_ZSTD)
        n = ZSTD_getFrameContentSize(body.p, body.n); /* unknown and error are huge */
    return n < AX_INGEST_MAX_DECODED ? (size_t)n : AX_INGEST_MAX_DECODED;
}

static int unpack_snappy(struct ax_str body, struct ax_arena *a, struct ax_str *out,
                         struct ax_err *err)
{
    size_t n;
    if (snappy_uncompressed_length(body.p, body.n, &n) != SNAPPY_OK)
        return ax_fail(err, -EBADMSG, "the body is not a snappy block (its length is unreadable)");
    if (n > AX_INGEST_MAX_DECODED)
        return too_long(n, err);
    char *p = ax_arena_room(a, n);
    if (snappy_uncompress(body.p, body.n, p, &n) != SNAPPY_OK)
        return ax_fail(err, -EBADMSG, "the body is damaged: snappy cannot unpack it");
    *out = (struct ax_str){p, n};
    return 0;
}

/* Doubles what there is, one byte past the limit at most, so that too much is noticed. */
static char *grown(struct ax_arena *a, char *p, size_t n, size_t *cap)
{
    size_t more = *cap * 2 < AX_INGEST_MAX_DECODED ? *cap * 2 : AX_INGEST_MAX_DECODED + 1;
    char *wider = ax_arena_room(a, more);
    memcpy(wider, p, n);
    *cap = more;
    return wider;
}

/* What is said of the size, or a guess: the room to begin with. */
static size_t first_room(struct ax_str body, enum ax_packing packing)
{
    size_t bound = ax_unpacked_bound(body, packing), guess = body.n * 8 + 64;
    return (bound < guess ? bound : guess) + 1;
}

static int unpack_zstd(struct ax_str body, struct ax_arena *a, struct ax_str *out,
                       struct ax_err *err)
{
    size_t cap = first_room(body, AX_PACKED_ZSTD), rc = 1;
    char *p = ax_arena_room(a, cap);
    ZSTD_inBuffer from = {body.p, body.n, 0};
    ZSTD_outBuffer to = {p, cap, 0};
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    AX_ASSERT(ctx != NULL);
    ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    while (to.pos <= AX_INGEST_MAX_DECODED) {
        if (to.pos == to.size)
            to.dst = p = grown(a, p, to.pos, &to.size);
        size_t in_before = from.pos, out_before = to.pos;
        rc = ZSTD_decompressStream(ctx, &to, &from);
        if (ZSTD_isError(rc) || (rc == 0 && from.pos == from.size) ||
            (from.pos == in_before && to.pos == out_before))
            break;
    }
    ZSTD_freeDCtx(ctx);
    if (to.pos > AX_INGEST_MAX_DECODED)
        return much_too_long(err);
    if (ZSTD_isError(rc))
        return ax_fail(err, -EBADMSG, "the body is no zstd frame, or damaged: %s",
                       ZSTD_getErrorName(rc));
    if (rc != 0)
        return ax_fail(err, -EBADMSG, "the body is cut off: its zstd frame has no end");
    *out = (struct ax_str){p, to.pos};
    return 0;
}

static int unpack_gzip(struct ax_str body, struct ax_arena *a, struct ax_str *out,
                       struct ax_err *err)
{
    size_t cap = first_room(body, AX_PACKED_GZIP);
    char *p = ax_arena_room(a, cap);
    size_t n = 0;
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)body.p, .avail_in = (unsigned)body.n};
    int rc = inflateInit2(&z, 15 + 16); /* gzip's header, and no other */
    AX_ASSERT(rc == Z_OK);
    while (n <= AX_INGEST_MAX_DECODED && (rc == Z_OK || (rc == Z_STREAM_END && z.avail_in))) {
        if (rc == Z_STREAM_END) /* several members one behind the other are one text */
            inflateReset(&z);
        if (n == cap)
            p = grown(a, p, n, &cap);
        z.next_out = (unsigned char *)p + n;
        z.avail_out = (unsigned)(cap - n);
        rc = inflate(&z, Z_NO_FLUSH);
        n = cap - z.avail_out;
    }
    inflateEnd(&z);
    if (n > AX_INGEST_MAX_DECODED)
        return much_too_long(err);
    if (rc != Z_STREAM_END)
        return ax_fail(err, -EBADMSG, "the body is no gzip stream, or damaged, or cut off");
    *out = (struct ax_str){p, n};
    return 0;
}

int ax_unpack(struct ax_str body, enum ax_packing packing, struct ax_arena *a, struct ax_str *out,
              struct ax_err *err)
{
    if (body.n > AX_INGEST_MAX_BODY)
        return ax_fail(err, -EFBIG, "the body has %zu bytes (limit %u)", body.n,
                       AX_INGEST_MAX_BODY);
    switch (packing) {
    case AX_PACKED_SNAPPY: return unpack_snappy(body, a, out, err);
    case AX_PACKED_ZSTD: return unpack_zstd(body, a, out, err);
    case AX_PACKED_GZIP: return unpack_gzip(body, a, out, err);
    case AX_PACKED_NOT: break;
    }
    *out = body;
    return 0;
}
