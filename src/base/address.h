// SPDX-License-Identifier: Apache-2.0
/* Addresses as people write them. Pure. */
#ifndef AX_BASE_ADDRESS_H
#define AX_BASE_ADDRESS_H

#include "base/str.h"

/* "HOST:PORT", "[V6]:PORT" or "HOST": views of s; a port that is missing is empty. */
void ax_address_split(struct ax_str s, struct ax_str *host, struct ax_str *port);

#endif
