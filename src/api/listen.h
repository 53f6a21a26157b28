// SPDX-License-Identifier: Apache-2.0
/* Listening sockets, and who counts as this machine. Inside the API; its door re-exports what
 * others need. */
#ifndef AX_API_LISTEN_H
#define AX_API_LISTEN_H

#include "base/err.h"
#include "base/str.h"

bool ax_host_is_loopback(struct ax_str host_and_port); /* "localhost:8070", "[::1]", "127.0.0.1" */

#endif
