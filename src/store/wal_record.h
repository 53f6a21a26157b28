// SPDX-License-Identifier: Apache-2.0
/* One record of the write-ahead log: the labels of series that its segment has not named yet, and
 * samples.
 *
 *   u32 magic  u32 length  u32 CRC32C of the payload  payload
 *
 *   payload: varint count, { varint ref, varint length, label bytes } ...
 *            { control byte, ... } per series until the end:
 *
 *     bits 0-3  zero bytes dropped from the first value     bit 4  one sample only
 *     bit 5     first time as that of the series before     bit 6  ref = ref before + 1
 *     [zigzag ref difference] [varint n] [zigzag time difference] 8 - zeros bytes of the value
 *     each further sample: control byte (bits 0-3 zeros, bit 4 same step), [zigzag step], value
 *
 * A ref is the series id of the process that wrote; it means nothing outside its segment. */
#ifndef AX_STORE_WAL_RECORD_H
#define AX_STORE_WAL_RECORD_H

#include "model/sample.h"

#define AX_WAL_MAGIC       0x31525841u /* "AXR1" */
#define AX_WAL_RECORD_HEAD 12
#define AX_WAL_RECORD_MAX  (256u << 20)

/* Appends a record with the batch; `is_new` says whether a series' labels must be in it. */
void ax_wal_encode(struct ax_buf *out, const struct ax_batch *b,
                   bool (*is_new)(void *ctx, uint32_t id), void *ctx);

struct ax_wal_visitor {
    void *ctx;
    bool (*define)(void *ctx, uint64_t ref, struct ax_labels labels);
    bool (*samples)(void *ctx, uint64_t ref, const struct ax_sample *s, size_t n);
};
/* Walks a payload whose checksum was right; false when it makes no sense all the same, or when a
 * visitor said so. */
bool ax_wal_decode(const uint8_t *payload, size_t n, const struct ax_wal_visitor *v);

#endif
