// SPDX-License-Identifier: Apache-2.0
/* What asking for a VM's inside and answering have in common. Inside the API. */
#ifndef AX_API_INSPECT_H
#define AX_API_INSPECT_H

#include "api/inner.h"

#include <jansson.h>

int ax_inspect_body(struct ax_request *q, json_t **out, struct ax_err *err);

/* As ax_reply_auspex_errno, with what only the law has: a damaged ledger is 503. */
void ax_inspect_refuse(struct ax_reply *r, const struct ax_err *err);

#endif
