// SPDX-License-Identifier: Apache-2.0
/* Many large bodies at once must not become more memory than was set. */
#include "api/inner.h"

bool ax_budget_take(struct ax_budget *b, uint64_t n)
{
    uint64_t held = __atomic_load_n(&b->held, __ATOMIC_RELAXED);
    do
        if (n > b->max || held > b->max - n)
            return false;
    while (!__atomic_compare_exchange_n(&b->held, &held, held + n, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return true;
}

void ax_budget_give(struct ax_budget *b, uint64_t n)
{
    uint64_t before = __atomic_fetch_sub(&b->held, n, __ATOMIC_RELAXED);
    AX_ASSERT(before >= n);
}

bool ax_request_hold(struct ax_request *q, size_t n)
{
    if (!ax_budget_take(ax_api_budget(q->api), n))
        return false;
    q->held += n;
    return true;
}
