// SPDX-License-Identifier: Apache-2.0
/* The HTTP client of a pusher: brings one entry to the server, and says what became of it. One
 * thread at a time. */
#ifndef AX_PUSH_POST_H
#define AX_PUSH_POST_H

#include "push/push.h"
#include "push/spool.h"

struct ax_post;
/* `late` is asked now and then during a transfer; true ends it. -EINVAL, -ENOMEM, or what reading
 * the files of TLS gives. */
int ax_post_open(struct ax_post **out, const struct ax_push_options *o, bool (*late)(void *ctx),
                 void *ctx, struct ax_err *err);
void ax_post_close(struct ax_post *p); /* NULL is fine */

enum ax_posted { AX_POST_SENT, AX_POST_REFUSED, AX_POST_AGAIN };
enum ax_posted ax_post_send(struct ax_post *p, enum ax_spool_kind kind, struct ax_str bytes);

#endif
