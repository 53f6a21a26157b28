// SPDX-License-Identifier: Apache-2.0
#include "api/inner.h"

#include "base/clock.h"
#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>

static void write_failed(struct ax_reply *r, const struct ax_err *err)
{
    switch (err->code) {
    case -EBADMSG: ax_reply_prometheus_error(r, 400, "bad_data", err->text); break;
    case -EFBIG: ax_reply_prometheus_error(r, 413, "bad_data", err->text); break;
    case -ENOSPC: ax_reply_prometheus_error(r, 507, "internal", err->text); break;
    case -ENOBUFS:
        ax_reply_prometheus_error(r, 429, "internal", err->text);
        r->retry_after = 60;
        break;
    default: ax_reply_prometheus_error(r, 503, "internal", err->text); break;
    }
}

void ax_write(struct ax_request *q, struct ax_reply *r)
{
    struct ax_batch batch = {.arena = &q->arena};
    struct ax_intake_result result;
    struct ax_err err = {0};
    uint64_t bad = 0;
    struct ax_intake *in = ax_api_rooms(q->api)->intake;
    struct ax_walk walk;
    char first[AX_ERR_TEXT];
    ax_walk_begin(&walk, in, q->tenant);
    int rc = ax_remote_write_decode(ax_buf_view(&q->body), q->tenant, &walk, &batch, &bad, &err);
    snprintf(first, sizeof first, "%s", err.text);
    if (rc == 0)
        rc = ax_intake_push(in, &batch, ax_now_ms(), &result, &err);
    ax_walk_end(&walk);
    if (rc < 0) {
        write_failed(r, &err);
        return;
    }
    uint64_t refused = bad + result.rejected;
    if (refused == 0) {
        r->status = 204;
        return;
    }
    char text[AX_ERR_TEXT + 100];
    snprintf(text, sizeof text, "%llu of %llu samples refused, the others stored; first: %s",
             (unsigned long long)refused, (unsigned long long)(refused + result.accepted),
             bad ? first : result.reason);
    ax_reply_prometheus_error(r, 400, "bad_data", text);
}
