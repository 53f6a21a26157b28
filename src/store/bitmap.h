// SPDX-License-Identifier: Apache-2.0
/* Bitmaps as they lie in a block. CRoaring's reader stays within the bytes but trusts what they
 * say: values out of order, a run past its container or a wrong count crash it later. So these are
 * looked for once, when the block is opened. Pure. */
#ifndef AX_STORE_BITMAP_H
#define AX_STORE_BITMAP_H

#include "base/str.h"

/* True when the bytes begin with a sound bitmap in CRoaring's portable form, of values below
 * `limit`. */
bool ax_bitmap_valid(struct ax_str bytes, uint32_t limit);

#endif
