// SPDX-License-Identifier: Apache-2.0
/* One record of the write-ahead log: labels that its segment has not named yet, and samples.
 *
 *   u32 magic  u32 length  u32 CRC32C of the payload  payload
 *
 *   payload: varint count, { varint pair, varint length, name, varint length, value } ...
 *            varint count, { zigzag ref - ref before, varint n, { zigzag pair - pair of the series
 *                            before in the same place } } ...
 *            { control byte, ... } per series until the end:
 *
 *     bits 0-3  zero bytes dropped from the first value     bit 4  one sample only
 *     bit 5     first time as that of the series before     bit 6  ref = ref before + 1
 *     [zigzag ref difference] [varint n] [zigzag time difference] 8 - zeros bytes of the value
 *     each further sample: control byte (bits 0-3 zeros, bit 4 same step), [zigzag step], value
 *
 * A ref is the series id, a pair the pair number of the process that wrote; they mean nothing
 * outside their segment. In segments of version 1 there are no pairs, and a series is named by
 * { varint ref, varint length, canonical label bytes }. */
#ifndef AX_STORE_WAL_RECORD_H
#define AX_STORE_WAL_RECORD_H

#include "intake/intake.h"

#define AX_WAL_MAGIC       0x31525841u /* "AXR1" */
#define AX_WAL_RECORD_HEAD 12
#define AX_WAL_RECORD_MAX  (256u << 20)

/* What a segment has named so far: by number, the last segment that named it. Zeroed to begin; to
 * be freed with ax_wal_names_free. */
struct ax_wal_names {
    uint32_t *series, *pairs;
    uint32_t nseries, npairs;
};
void ax_wal_names_free(struct ax_wal_names *names);

/* Appends a record with the batch, for segment number `segment`. */
void ax_wal_encode(struct ax_buf *out, const struct ax_batch *b, struct ax_intake *in,
                   struct ax_wal_names *names, uint32_t segment);

struct ax_wal_visitor {
    void *ctx;
    bool (*pair)(void *ctx, uint64_t pair, const struct ax_label *l);
    bool (*series)(void *ctx, uint64_t ref, const uint64_t *pairs, size_t n);
    bool (*labels)(void *ctx, uint64_t ref, struct ax_labels labels); /* version 1 */
    bool (*samples)(void *ctx, uint64_t ref, const struct ax_sample *s, size_t n);
};
/* Walks a payload whose checksum was right; false when it makes no sense all the same, or when a
 * visitor said so. */
bool ax_wal_decode(const uint8_t *payload, size_t n, uint32_t version,
                   const struct ax_wal_visitor *v);

#endif
