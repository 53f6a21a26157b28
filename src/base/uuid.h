// SPDX-License-Identifier: Apache-2.0
/* Identifiers that are made anywhere and clash nowhere (RFC 9562). */
#ifndef AX_BASE_UUID_H
#define AX_BASE_UUID_H

#include "base/str.h"

#define AX_UUID_TEXT 36

struct ax_uuid {
    uint8_t b[16];
};

struct ax_uuid ax_uuid_random(void); /* version 4: 122 bits of chance */
/* Version 7: by time, in ms, so that rows stand in the order in which they were made; 74 bits of
 * chance. */
struct ax_uuid ax_uuid_at(int64_t now);
void ax_uuid_print(const struct ax_uuid *u, char out[AX_UUID_TEXT + 1]);
/* Only as it is printed: lower case, with its hyphens. */
bool ax_uuid_parse(struct ax_str s, struct ax_uuid *out);

#endif
