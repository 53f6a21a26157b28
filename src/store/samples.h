// SPDX-License-Identifier: Apache-2.0
/* Runs of samples as two columns. Pure. */
#ifndef AX_STORE_SAMPLES_H
#define AX_STORE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* Sorts by time and keeps, of samples with one time, the one that came last in the columns: the
 * order of writing. Returns how many are left. Cheap when they are in order already. */
size_t ax_samples_tidy(int64_t *t, double *v, size_t n);

#endif
