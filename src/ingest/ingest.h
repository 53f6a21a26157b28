// SPDX-License-Identifier: Apache-2.0
/* Samples and observations that others send: decoders from wire formats to batches. All of them are
 * bounded, fuzzed, and give an error with the place of the fault; none of them allocates outside
 * the arena it is given. No I/O, no clock. Threads: any, with an arena each. */
#ifndef AX_INGEST_INGEST_H
#define AX_INGEST_INGEST_H

#include "intake/intake.h"
#include "model/resource.h"

#define AX_INGEST_MAX_BODY    (16u << 20) /* bytes as sent */
#define AX_INGEST_MAX_DECODED (32u << 20) /* bytes after decompression */
#define AX_INGEST_MAX_SAMPLES (4u << 20)  /* more fit only when they are empty */

/* Prometheus remote write v1: snappy block over a protobuf WriteRequest. Series whose labels are
 * invalid are left out and counted (*bad, first reason in err with return 0); a broken body is
 * -EBADMSG, one that is too large -EFBIG. Series that the intake knows come with their id and
 * without labels; the walk, of the same tenant, holds them. */
int ax_remote_write_decode(struct ax_str body, struct ax_str tenant, struct ax_walk *walk,
                           struct ax_batch *out, uint64_t *bad, struct ax_err *err);

/* The JSON document of POST /auspex/v1/observations (docs/api.md). */
int ax_observation_decode(struct ax_str body, struct ax_arena *a, struct ax_observation *out,
                          struct ax_err *err);

#endif
