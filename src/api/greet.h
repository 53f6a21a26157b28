// SPDX-License-Identifier: Apache-2.0
/* Who sent a request, and for whom: told before anything else is done with it. Inside the API.
 *
 *   begin: takes what the head says; knows most at once
 *   ask:   on a worker, where a password has to be hashed or Keystone to be asked (slow)
 *   greet: may they? and whose things is it about */
#ifndef AX_API_GREET_H
#define AX_API_GREET_H

#include "api/inner.h"

struct MHD_Connection;

struct ax_greeting {
    struct ax_claim claim; /* in the request's arena */
    bool judged;           /* there is authentication: the claim counts */
    struct ax_str asked;   /* the tenant that the head names */
    bool from_elsewhere;   /* a browser's page that has no business here */
    bool slow;             /* ask is due */
    int rc;                /* of the check */
    struct ax_err err;
};

struct ax_str ax_header(struct MHD_Connection *c, const char *name); /* empty when absent */

void ax_greeting_begin(struct ax_greeting *g, struct ax_request *q, struct MHD_Connection *c,
                       bool is_unix);
void ax_greeting_ask(struct ax_greeting *g, struct ax_request *q);
/* Fills q->who and q->tenant; false: the reply says why not. Without a route only whether the
 * sender is known. */
bool ax_greet(const struct ax_greeting *g, struct ax_request *q, const struct ax_route *route,
              struct ax_reply *r);
/* The answer that an error of ax_auth_check is. */
void ax_greet_refuse(struct ax_request *q, struct ax_reply *r, const struct ax_err *err);

#endif
