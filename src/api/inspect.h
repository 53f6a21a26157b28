// SPDX-License-Identifier: Apache-2.0
/* What asking for a VM's inside (a look, an extract) and answering have in common. Inside the
 * API. */
#ifndef AX_API_INSPECT_H
#define AX_API_INSPECT_H

#include "api/inner.h"

#include "warrant/warrant.h"

#include <jansson.h>

/* ---- asking ---- */

/* Somebody asks for something inside of a VM. The first member of what a handler keeps. */
struct ax_inquiry {
    struct ax_later later;
    struct ax_relay_wait wait;
    struct ax_relay_request request;
    struct ax_resource vm;
    struct ax_inspection x;
    struct ax_grant grant;
    int64_t wait_ms;
};
/* What is wanted, from the body; x.scope is how far that goes. The VM is known. -EINVAL. */
typedef int ax_inquiry_read(const json_t *body, struct ax_inquiry *i, struct ax_err *err);
/* The VM, the body, the law, and whether its host's collector is there. Then `later` answers; else
 * the reply says why not. */
void ax_inquiry_begin(struct ax_request *q, struct ax_reply *r, struct ax_inquiry *i,
                      ax_inquiry_read *read, struct ax_later later);
struct ax_relay_wait ax_inquiry_wait(int64_t ms, void (*wake)(void *ctx), void *ctx);

/* What was asked of the relay, and the answer. */
struct ax_inquiry_answer {
    struct ax_buf text;
    struct ax_str said; /* why there is none; lives as long as the text and the request */
};
/* After wake. < 0: the collector could not, or did not answer within `ms`; the reply tells it. */
int ax_inquiry_collect(struct ax_request *q, struct ax_reply *r,
                       const struct ax_relay_request *asked, struct ax_str host, int64_t ms,
                       struct ax_inquiry_answer *out);
void ax_inquiry_answer_free(struct ax_inquiry_answer *a);
/* -EIO and the like, of an answer that makes no sense. */
void ax_inquiry_failed(struct ax_request *q, struct ax_reply *r, int code, struct ax_str said);

/* ---- who and what ---- */

/* The VM that the path names, of those that the one who asks may see. */
int ax_inspect_find(struct ax_request *q, struct ax_resource *vm, struct ax_err *err);
void ax_inspect_name(struct ax_request *q, const struct ax_resource *vm, struct ax_inspection *x);
bool ax_inspect_is_off(const struct ax_resource *vm);
bool ax_inspect_is_heard(struct ax_request *q, const struct ax_resource *vm); /* its collector */
/* The collector that asks, and the host that it is of (auspex_inspections.c). */
int ax_inspect_collector(struct ax_request *q, struct ax_relay_at *at, struct ax_err *err);

int ax_inspect_body(struct ax_request *q, json_t **out, struct ax_err *err);
/* "grant": what allows it. */
void ax_inspect_put_grant(struct ax_json *j, const struct ax_grant *g);
/* As ax_reply_auspex_errno, with what only the law has: a damaged ledger is 503. */
void ax_inspect_refuse(struct ax_reply *r, const struct ax_err *err);

#endif
