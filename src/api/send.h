// SPDX-License-Identifier: Apache-2.0
/* Answers on their way out, as libmicrohttpd wants them. Inside the API only. */
#ifndef AX_API_SEND_H
#define AX_API_SEND_H

#include "api/inner.h"

struct MHD_Connection;

/* Of one request; zeroed at first. */
struct ax_sending {
    struct ax_body *stream; /* the answer, when it is made while it is sent */
    struct ax_buf part;     /* of it, and how much of that is sent */
    size_t sent;
    bool last_part;
};

/* Hands the answer over; it takes the reply's body and stream. False: the connection is no more. */
bool ax_send(struct MHD_Connection *c, struct ax_sending *x, struct ax_reply *r);
/* When the answer is sent, or the client gone. */
void ax_sending_end(struct ax_sending *x);

#endif
