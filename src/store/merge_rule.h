// SPDX-License-Identifier: Apache-2.0
/* When are blocks of one partition worth merging? Pure.
 *
 * Each merge writes its samples once more, and each block costs every query something. So a
 * partition that is being filled is left alone, but for the number of its blocks; when nothing more
 * comes it becomes one block, if possible by one merge. */
#ifndef AX_STORE_MERGE_RULE_H
#define AX_STORE_MERGE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AX_MERGE_FILLING 8 /* more blocks than this are too many while they become more */
#define AX_MERGE_SETTLED 4 /* and so many otherwise, however uneven */

/* How many of the newest of n blocks, told by their sizes from the oldest, shall become one: 0, or
 * at least 2. */
size_t ax_merge_count(const uint64_t *size, size_t n, bool filling);

#endif
