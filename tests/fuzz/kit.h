// SPDX-License-Identifier: Apache-2.0
/* What the fuzz targets share. A target is one file that says FUZZ_TARGET (p, n) { ... } and
 * asserts (AX_ASSERT) what must hold whatever the bytes are. */
#ifndef AX_TESTS_FUZZ_KIT_H
#define AX_TESTS_FUZZ_KIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define FUZZ_TARGET(p, n)                                                                          \
    int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);                                        \
    int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)

static inline struct ax_str fuzz_str(const uint8_t *p, size_t n)
{
    return (struct ax_str){(const char *)p, n};
}

/* A directory of this process in memory, made at the first call and removed at exit. */
const char *fuzz_dir(void);
int fuzz_dirfd(void);
/* "DIR/name"; valid until the next call. */
const char *fuzz_path(const char *name);
/* Writes a file in it; missing directories on the way are made. */
void fuzz_write(const char *name, const void *p, size_t n);
/* Removes what is in it. */
void fuzz_empty(void);

/* Makes the checksums of a block, or of a log's records, right where they can be found, so that
 * what lies behind them is reached. */
void fuzz_seal_block(uint8_t *p, size_t n);
void fuzz_seal_log(uint8_t *p, size_t n);

/* Canonical labels from "name", "value", ..., NULL; for a tenant unless that is NULL. */
struct ax_labels;
struct ax_labels fuzz_labels(struct ax_arena *a, const char *tenant, ...);

#endif
