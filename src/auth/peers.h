// SPDX-License-Identifier: Apache-2.0
/* Inside the room: how often an address was refused lately. Each may fail 20 times at once and then
 * every 3 seconds, with each kind of credentials for itself: an agent whose token was revoked must
 * not keep the people behind the same address from their passwords. Bounded: 4096 addresses, of
 * which the one that failed longest ago makes room. An IPv6 address counts with its whole /64. Any
 * thread. */
#ifndef AX_AUTH_PEERS_H
#define AX_AUTH_PEERS_H

#include "base/str.h"

struct ax_peers;
struct ax_peers *ax_peers_new(void);
void ax_peers_free(struct ax_peers *p);
enum ax_peers_kind { AX_PEERS_TOKEN, AX_PEERS_KEYSTONE, AX_PEERS_PASSWORD };
/* May this one try again? An empty address always may. */
bool ax_peers_may(struct ax_peers *p, enum ax_peers_kind kind, struct ax_str peer, int64_t now);
void ax_peers_failed(struct ax_peers *p, enum ax_peers_kind kind, struct ax_str peer, int64_t now);

#endif
