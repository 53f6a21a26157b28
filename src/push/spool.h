// SPDX-License-Identifier: Apache-2.0
/* What could not be sent yet, on disk: a directory with one file per entry,
 *
 *     000000000042.rw   000000000043.json   ...
 *
 * named by a number that rises with the time of adding, so that the names are the order. A file
 * appears whole (write, rename). Entries live through the end of the process; the last ones may be
 * lost when the machine itself dies, since nothing waits for the disk. Not thread-safe. */
#ifndef AX_PUSH_SPOOL_H
#define AX_PUSH_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

enum ax_spool_kind { AX_SPOOL_SAMPLES, AX_SPOOL_OBSERVATION };

struct ax_spool_entry {
    uint64_t number, size;
    enum ax_spool_kind kind;
};

struct ax_spool {
    int dir;
    uint64_t max, bytes, dropped;
    struct ax_spool_entry *v; /* by number, from `first` on */
    size_t first, n, cap;
};

/* Makes the directory when it is missing and finds what an earlier process left. */
int ax_spool_open(struct ax_spool *s, const char *path, uint64_t max, struct ax_err *err);
void ax_spool_close(struct ax_spool *s);
uint64_t ax_spool_next_number(const struct ax_spool *s); /* above all that are there */
/* Drops the oldest (counted) until it fits. */
int ax_spool_put(struct ax_spool *s, uint64_t number, enum ax_spool_kind kind, struct ax_str bytes,
                 struct ax_err *err);
const struct ax_spool_entry *ax_spool_oldest(const struct ax_spool *s); /* NULL when empty */
int ax_spool_read(const struct ax_spool *s, const struct ax_spool_entry *e, struct ax_buf *out,
                  struct ax_err *err);
void ax_spool_remove(struct ax_spool *s, uint64_t number); /* nothing when it is not there */

#endif
