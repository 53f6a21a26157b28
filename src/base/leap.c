// SPDX-License-Identifier: Apache-2.0
#include "base/leap.h"

bool ax_leap_is_over(struct ax_leap *l, int64_t now)
{
    if (l->seen && now - l->seen > AX_LEAP_MS)
        l->leapt = now;
    else if (now < l->leapt)
        l->leapt = 0; /* back again */
    l->seen = now;
    return !l->leapt || now - l->leapt >= AX_LEAP_MS;
}
