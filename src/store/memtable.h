// SPDX-License-Identifier: Apache-2.0
/* The samples that are not in a block yet, by series id.
 *
 *   series ─┬─ open: the newest up to 32 samples as they came, in any order, as bytes:
 *           │     control byte, [zigzag step], the bytes that differ from the value before
 *           │        bits 0-2 zero bytes at the top of the difference, 3-5 at the bottom (7 and 1:
 *           │        no difference), bit 6 the step in time is that of the sample before
 *           └─ chunk ─> chunk ─> ...   encoded (codec.h), each sorted in itself; they may overlap
 *
 * Chunks never change once made, so a reader that holds a reference decodes them without a lock;
 * the open samples it copies under the head's lock. Append under that lock in write mode. */
#ifndef AX_STORE_MEMTABLE_H
#define AX_STORE_MEMTABLE_H

#include "model/sample.h"
#include "store/slab.h"

#define AX_OPEN_SAMPLES 32
#define AX_OPEN_BYTES   (AX_OPEN_SAMPLES * 19)

struct ax_mem_chunk {
    int64_t mint;
    uint32_t older; /* piece of the slab; 0: none */
    uint32_t span;  /* ms to the newest sample; UINT32_MAX: that or more */
    uint16_t len;
    uint8_t n;
    uint8_t data[];
};

struct ax_mem_series {
    int64_t mint, maxt; /* of all samples */
    int64_t t;          /* of the sample that came last, and its value: what the next leans on */
    double v;
    int32_t step;
    uint32_t open, chunks; /* pieces of the slab; 0: none; chunks: the newest */
    uint32_t nchunks;
    uint16_t len, cap; /* bytes of the open samples */
    uint8_t nopen;
};

struct ax_memtable {
    struct ax_mem_series *series; /* by id; mint > maxt: has no samples here */
    uint32_t nseries;
    struct ax_slab slab;
    uint64_t samples, chunks;
    int64_t mint, maxt; /* of all samples; mint > maxt when empty */
    int refs;           /* atomic */
};

struct ax_memtable *ax_mem_new(void);
struct ax_memtable *ax_mem_ref(struct ax_memtable *m); /* NULL gives NULL */
void ax_mem_unref(struct ax_memtable *m);              /* the last one frees; NULL is fine */
void ax_mem_append(struct ax_memtable *m, uint32_t id, const struct ax_sample *s, size_t n);
/* NULL when the series has nothing here; valid until the next append. */
const struct ax_mem_series *ax_mem_series(const struct ax_memtable *m, uint32_t id);
const struct ax_mem_chunk *ax_mem_chunk(const struct ax_memtable *m, uint32_t piece);
int64_t ax_mem_chunk_maxt(const struct ax_mem_chunk *c); /* or later, when the span is not known */
/* Decodes the bytes of n open samples. */
void ax_mem_decode_open(const uint8_t *bytes, size_t n, int64_t *t, double *v);
uint64_t ax_mem_bytes(const struct ax_memtable *m);

#endif
