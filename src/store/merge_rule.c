// SPDX-License-Identifier: Apache-2.0
#include "store/merge_rule.h"

/* Merging a little into a lot again and again would write the lot again and again: what joins the
 * largest makes up this share of it, at least. */
static bool is_even(const uint64_t *size, size_t n, unsigned share)
{
    uint64_t sum = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += size[i];
        largest = size[i] > largest ? size[i] : largest;
    }
    return (sum - largest) * share >= largest;
}

/* While there is more to come only the like of each other: then a sample is written again as often
 * as the partition doubles. */
size_t ax_merge_count(const uint64_t *size, size_t n, bool filling)
{
    unsigned share = filling ? 1 : 2;
    size_t most = filling ? AX_MERGE_FILLING : AX_MERGE_SETTLED;
    if (!filling && n > 1 && is_even(size, n, share))
        return n;
    if (n <= most)
        return 0;
    for (size_t k = n; k > 2; k--)
        if (is_even(size + n - k, k, share))
            return k;
    return 2;
}
