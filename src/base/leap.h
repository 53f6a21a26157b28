// SPDX-License-Identifier: Apache-2.0
/* Who deletes what is old believes no clock that leapt ahead: what is deleted is gone, and who set
 * the clock wrong has an hour to set it right. Pure; one thread at a time. */
#ifndef AX_BASE_LEAP_H
#define AX_BASE_LEAP_H

#include <stdbool.h>
#include <stdint.h>

#define AX_LEAP_MS 3600000

struct ax_leap {
    int64_t
        seen; /* the clock, last; at first some time that it surely has been, 0 = none is known */
    int64_t leapt; /* when it leapt, by itself; 0 = it did not */
};

/* To be asked again and again, with what the clock says: may it be believed? */
bool ax_leap_is_over(struct ax_leap *l, int64_t now);

#endif
