// SPDX-License-Identifier: Apache-2.0
/* A chunk that has everything in it: up to 240 samples of one series as bytes, without loss. Made
 * fast, for the head; blocks of version 1 have them, too. Pure functions.
 *
 * The number of samples and the time of the first are kept beside the chunk, by who keeps it. The
 * decoder is safe on any bytes. */
#ifndef AX_STORE_CODEC_H
#define AX_STORE_CODEC_H

#include "store/ints.h"
#include "store/xor.h"

#define AX_CHUNK_SAMPLES 240
#define AX_CHUNK_BYTES   (32 + 2 * AX_INTS_BYTES(AX_CHUNK_SAMPLES) + AX_XOR_BYTES(AX_CHUNK_SAMPLES))

/* Encodes 1 .. 240 samples, times strictly rising. Returns the number of bytes. */
size_t ax_chunk_encode(const int64_t *t, const double *v, size_t n, uint8_t out[AX_CHUNK_BYTES]);

/* Decodes n samples of which the first is at t0. False when the bytes are no such chunk; *t and *v
 * then hold nothing of use. */
bool ax_chunk_decode(const uint8_t *p, size_t len, int64_t t0, int64_t *t, double *v, size_t n);

#endif
