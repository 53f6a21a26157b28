// SPDX-License-Identifier: Apache-2.0
/* Inside the room: what was found out at a cost, for a while: digest -> who. Bounded: sets of four,
 * in which the one that ends soonest makes room. Any thread. */
#ifndef AX_AUTH_CACHE_H
#define AX_AUTH_CACHE_H

#include "auth/secret.h"

struct ax_cache;
struct ax_cache *ax_cache_new(size_t sets); /* a power of two */
void ax_cache_free(struct ax_cache *c);
bool ax_cache_get(struct ax_cache *c, const uint8_t key[AX_DIGEST], int64_t now,
                  struct ax_who *out); /* out may be NULL */
void ax_cache_put(struct ax_cache *c, const uint8_t key[AX_DIGEST], int64_t until,
                  const struct ax_who *who); /* NULL: that it is known is all */
void ax_cache_clear(struct ax_cache *c);

#endif
