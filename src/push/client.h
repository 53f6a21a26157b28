// SPDX-License-Identifier: Apache-2.0
/* What both ways to the server have in common. Inside the room. */
#ifndef AX_PUSH_CLIENT_H
#define AX_PUSH_CLIENT_H

#include "push/push.h"

#include <curl/curl.h>

/* The certificates that the options name; files that cannot be read are errors. */
int ax_push_trust(CURL *curl, const struct ax_push_options *o, struct ax_err *err);
/* "a" and "b", with no slash between them that a has already; malloc'ed. */
char *ax_push_join(const char *a, const char *b);

#endif
