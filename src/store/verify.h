// SPDX-License-Identifier: Apache-2.0
/* Inside verifying: what is told, and how far it is. */
#ifndef AX_STORE_VERIFY_H
#define AX_STORE_VERIFY_H

#include "store/store.h"

struct ax_verify {
    const struct ax_store_verifier *to;
    struct ax_store_verified sums;
    uint64_t total; /* bytes there are */
    int dirfd;
};

void ax_verify_fault(struct ax_verify *v, const char *file, uint64_t from, uint64_t to,
                     const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void ax_verify_read(struct ax_verify *v, uint64_t bytes); /* so much more is done */

/* block_check.c: all of one block, by its number. */
void ax_verify_block(struct ax_verify *v, uint64_t file);

#endif
