// SPDX-License-Identifier: Apache-2.0
/* What asking for a VM's inside and answering have in common. Inside the API. */
#ifndef AX_API_INSPECT_H
#define AX_API_INSPECT_H

#include "api/inner.h"

#include "warrant/warrant.h"

#include <jansson.h>

int ax_inspect_body(struct ax_request *q, json_t **out, struct ax_err *err);

int ax_inspect_text(const json_t *body, const char *key, struct ax_arena *a, struct ax_str *out,
                    struct ax_err *err); /* absent: as it was */
/* "wait", seconds. */
int ax_inspect_wait(const json_t *body, int64_t *ms, struct ax_err *err);

/* The VM that the path names, of those that the one who asks may see. */
int ax_inspect_find(struct ax_request *q, struct ax_resource *vm, struct ax_err *err);
void ax_inspect_name(struct ax_request *q, const struct ax_resource *vm, struct ax_inspection *x);
/* 0, or the status of the answer: it is off, or its host's collector is not there. */
int ax_inspect_reach(struct ax_request *q, const struct ax_resource *vm, struct ax_err *err);
void ax_inspect_unreachable(struct ax_reply *r, int status, const struct ax_err *err);

/* "grant": what allows it. */
void ax_inspect_put_grant(struct ax_json *j, const struct ax_grant *g);
/* What the collector could not do (code, and the text that it sent), or -ETIMEDOUT: that it did not
 * answer. */
void ax_inspect_failed(struct ax_request *q, struct ax_reply *r, int code, struct ax_str said);
struct ax_str ax_inspect_silence(struct ax_request *q, struct ax_str host, bool taken, int64_t ms);

/* The collector that asks, and the host that it is of. */
int ax_inspect_collector(struct ax_request *q, struct ax_relay_at *at, struct ax_err *err);

/* As ax_reply_auspex_errno, with what only the law has: a damaged ledger is 503. */
void ax_inspect_refuse(struct ax_reply *r, const struct ax_err *err);

#endif
