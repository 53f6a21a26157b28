// SPDX-License-Identifier: Apache-2.0
/* Samples and batches of them.
 *
 * A batch is how samples travel between rooms: a list of series, each with its canonical labels and
 * a run of samples. All memory of a batch is in one arena, which its maker owns; who receives a
 * batch copies what it wants to keep. */
#ifndef AX_MODEL_SAMPLE_H
#define AX_MODEL_SAMPLE_H

#include "model/labels.h"

#include <string.h>

struct ax_sample {
    int64_t t; /* ms since the epoch */
    double v;
};

/* Series ids are given by the intake: dense, from 0, never reused while the process lives. */
#define AX_SERIES_NONE UINT32_MAX

struct ax_batch_series {
    struct ax_labels labels; /* may be empty when the id is known */
    const struct ax_sample *samples;
    uint32_t n;
    uint32_t id; /* AX_SERIES_NONE until it is known; only the intake gives ids */
    /* Of a series without id, when its sender is likely to write it again the same way: the labels
     * without the tenant in the order in which they came. */
    const struct ax_label *sent;
    size_t nsent;
};

struct ax_batch {
    struct ax_arena *arena;
    struct ax_batch_series *v;
    size_t n, cap;
    size_t samples; /* sum of v[].n */
    bool held;      /* it has ids already, and a walk of the intake holds them */
    bool whole;     /* the intake takes all samples or refuses all */
    bool now;       /* not to wait for other batches on the way to the disk */
};

/* Adds a series with n samples; copies the samples into the arena, not the label bytes (they must
 * live as long as the arena). */
void ax_batch_add(struct ax_batch *b, struct ax_labels labels, const struct ax_sample *s, size_t n);
/* Makes room for so many series, when that can be known beforehand. */
void ax_batch_reserve(struct ax_batch *b, size_t series);
/* The same with samples that are in the arena already: nothing is copied. */
void ax_batch_take(struct ax_batch *b, const struct ax_batch_series *s);

/* "From here on this series has no value": a NaN with these bits (Prometheus's staleness marker).
 * Other NaNs are values. */
#define AX_STALE_BITS 0x7ff0000000000002ull
double ax_stale(void);
static inline bool ax_is_stale(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits == AX_STALE_BITS;
}

#endif
