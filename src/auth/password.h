// SPDX-License-Identifier: Apache-2.0
/* Inside the room: argon2id. It is slow and takes 19 MiB by intent, so only a few run at once. */
#ifndef AX_AUTH_PASSWORD_H
#define AX_AUTH_PASSWORD_H

#include "auth/auth.h"

#include <pthread.h>

#define AX_PASSWORD_TEXT 128 /* "$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH" */

/* -EINVAL when it is too short or too long. */
int ax_password_hash(struct ax_str password, char out[AX_PASSWORD_TEXT], struct ax_err *err);
/* encoded NULL: nobody's; takes as long as with one, and is false. */
bool ax_password_right(const char *encoded, struct ax_str password);

/* Two at once, four more may wait. */
struct ax_gate {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned running, waiting;
};
void ax_gate_init(struct ax_gate *g);
void ax_gate_destroy(struct ax_gate *g);
bool ax_gate_enter(struct ax_gate *g); /* false: too many wait */
void ax_gate_leave(struct ax_gate *g);

#endif
