// SPDX-License-Identifier: Apache-2.0
/* The newest samples of a series, as a condition needs them: those of its range, the newest one
 * that is not in the future, and those that are.
 *
 *   t, v:  [ . . . | first ... first + n - 1 | room ]     times rise
 *
 * Pure; one lock of the owner's. */
#ifndef AX_ALARM_STREAM_TRAIL_H
#define AX_ALARM_STREAM_TRAIL_H

#include "model/sample.h"

struct ax_trail {
    int64_t *t;
    double *v; /* behind t, in the same memory */
    uint32_t first, n, cap;
};

/* Puts it where its time belongs. There is one sample of a time: of two the one that `wins`. */
void ax_trail_put(struct ax_trail *tr, const struct ax_sample *s, bool wins);
/* Drops what is not needed at `now` or later; range 0: the newest alone is. */
void ax_trail_trim(struct ax_trail *tr, int64_t now, int64_t range);
void ax_trail_end(struct ax_trail *tr);
size_t ax_trail_bytes(const struct ax_trail *tr);

#endif
