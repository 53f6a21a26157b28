// SPDX-License-Identifier: Apache-2.0
/* The samples that are not in a block yet, by series id.
 *
 *   series ─┬─ open: the newest up to 32 samples as they came, any order
 *           └─ chunk ─> chunk ─> ...   encoded, each sorted in itself; they may overlap
 *
 * Chunks never change once made, so a reader that holds a reference decodes them without a lock;
 * the open samples it copies under the head's lock. Append under that lock in write mode. */
#ifndef AX_STORE_MEMTABLE_H
#define AX_STORE_MEMTABLE_H

#include "model/sample.h"

#define AX_OPEN_SAMPLES 32

struct ax_mem_chunk {
    struct ax_mem_chunk *older;
    int64_t mint, maxt;
    uint16_t len;
    uint8_t n;
    uint8_t data[];
};

struct ax_mem_series {
    struct ax_sample *open;
    struct ax_mem_chunk *chunks; /* newest first */
    int64_t mint, maxt;
    uint32_t nchunks;
    uint8_t nopen, cap;
};

struct ax_memtable {
    struct ax_mem_series **series; /* by id, NULL = has no samples here */
    uint32_t nseries;
    struct ax_arena slab; /* series and chunks */
    uint64_t samples, chunks, open_bytes;
    int64_t mint, maxt; /* of all samples; mint > maxt when empty */
    int refs;           /* atomic */
};

struct ax_memtable *ax_mem_new(void);
struct ax_memtable *ax_mem_ref(struct ax_memtable *m); /* NULL gives NULL */
void ax_mem_unref(struct ax_memtable *m);              /* the last one frees; NULL is fine */
void ax_mem_append(struct ax_memtable *m, uint32_t id, const struct ax_sample *s, size_t n);
/* NULL when the series has nothing here. */
const struct ax_mem_series *ax_mem_series(const struct ax_memtable *m, uint32_t id);
uint64_t ax_mem_bytes(const struct ax_memtable *m);

#endif
