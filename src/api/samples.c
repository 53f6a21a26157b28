// SPDX-License-Identifier: Apache-2.0
/* What the endpoints that take samples share: their bodies, and their failures. */
#include "api/inner.h"

#include <errno.h>

/* Unpacked once, and about as much again for what is decoded from it. */
#define DECODED_FACTOR 2

int ax_samples_body(struct ax_request *q, enum ax_packing absent, struct ax_str *out,
                    struct ax_err *err)
{
    enum ax_packing packing;
    struct ax_str body = ax_buf_view(&q->body);
    int rc = ax_packing_parse(q->content_encoding, absent, &packing, err);
    if (rc < 0)
        return rc;
    if (!ax_request_hold(q, DECODED_FACTOR * ax_unpacked_bound(body, packing)))
        return ax_fail(err, -EAGAIN, "too many large requests at once: try again in a second");
    rc = ax_unpack(body, packing, &q->arena, out, err);
    if (rc == 0 && packing != AX_PACKED_NOT)
        ax_buf_free(&q->body);
    return rc;
}

void ax_samples_failed(struct ax_reply *r, const struct ax_err *err)
{
    switch (err->code) {
    case -EINVAL:
    case -EBADMSG: ax_reply_prometheus_error(r, 400, "bad_data", err->text); break;
    case -ENOTSUP: ax_reply_prometheus_error(r, 415, "bad_data", err->text); break;
    case -EFBIG: ax_reply_prometheus_error(r, 413, "bad_data", err->text); break;
    case -ENOSPC: ax_reply_prometheus_error(r, 507, "internal", err->text); break;
    case -EDQUOT:
    case -EAGAIN:
        ax_reply_prometheus_error(r, 429, "unavailable", err->text);
        r->retry_after = 1;
        break;
    case -ENOBUFS: /* the limit of series: it passes only when some are forgotten */
        ax_reply_prometheus_error(r, 429, "internal", err->text);
        r->retry_after = 60;
        break;
    default: ax_reply_prometheus_error(r, 503, "internal", err->text); break;
    }
}
