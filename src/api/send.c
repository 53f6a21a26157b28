// SPDX-License-Identifier: Apache-2.0
#include "api/send.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define STREAM_BYTES (64u * 1024)

/* The next bytes of a streamed answer. */
static ssize_t on_more(void *cls, uint64_t pos, char *to, size_t max)
{
    struct ax_sending *x = cls;
    while (x->sent == x->part.n) {
        if (x->last_part)
            return MHD_CONTENT_READER_END_OF_STREAM;
        ax_buf_clear(&x->part);
        x->sent = 0;
        int rc = x->stream->fill(x->stream, &x->part);
        if (rc == AX_BODY_PARKED)
            return 0;
        if (rc < 0 || x->part.overflow)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        x->last_part = rc == 0;
    }
    size_t n = x->part.n - x->sent < max ? x->part.n - x->sent : max;
    memcpy(to, x->part.p + x->sent, n);
    x->sent += n;
    return (ssize_t)n;
}

void ax_body_park(struct ax_body *s)
{
    MHD_suspend_connection(s->connection);
}

void ax_body_wake(struct ax_body *s)
{
    MHD_resume_connection(s->connection);
}

static struct MHD_Response *response_of(struct MHD_Connection *c, struct ax_sending *x,
                                        struct ax_reply *r)
{
    struct MHD_Response *resp;
    x->stream = r->stream; /* closed when the sending ends, whatever happens */
    if (r->stream)
        r->stream->connection = c;
    if (r->stream)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BYTES, on_more, x, NULL);
    resp = MHD_create_response_from_buffer(r->body.n, r->body.p, MHD_RESPMEM_MUST_FREE);
    if (!resp)
        ax_buf_free(&r->body);
    r->body = (struct ax_buf)AX_BUF_INIT; /* the response frees it */
    return resp;
}

static void put_numbers(struct MHD_Response *resp, const struct ax_reply *r)
{
    char text[32];
    if (r->retry_after) {
        snprintf(text, sizeof text, "%d", r->retry_after);
        MHD_add_response_header(resp, "Retry-After", text);
    }
    for (size_t i = 0; i < r->ncounts; i++) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)r->counts[i].n);
        MHD_add_response_header(resp, r->counts[i].name, text);
    }
}

bool ax_send(struct MHD_Connection *c, struct ax_sending *x, struct ax_reply *r)
{
    static const struct {
        const char *name, *value;
    } always[] = {{"X-Content-Type-Options", "nosniff"},
                  {"Referrer-Policy", "no-referrer"},
                  {"X-Frame-Options", "DENY"},
                  {"Content-Security-Policy", "default-src 'self'; img-src 'self' data:"}};
    struct MHD_Response *resp = response_of(c, x, r);
    if (!resp)
        return false;
    if (r->status != 204 && r->status != 304)
        MHD_add_response_header(resp, "Content-Type", r->type);
    for (size_t i = 0; i < AX_ARRAY_LEN(always); i++)
        MHD_add_response_header(resp, always[i].name, always[i].value);
    MHD_add_response_header(resp, "Cache-Control", r->etag ? "no-cache" : "no-store");
    if (r->etag)
        MHD_add_response_header(resp, "ETag", r->etag);
    if (r->gzip)
        MHD_add_response_header(resp, "Content-Encoding", "gzip");
    if (r->allow)
        MHD_add_response_header(resp, "Allow", r->allow);
    if (r->who_asks)
        MHD_add_response_header(resp, "WWW-Authenticate", "Bearer realm=\"auspex\"");
    put_numbers(resp, r);
    enum MHD_Result rc = MHD_queue_response(c, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    return rc == MHD_YES;
}

void ax_sending_end(struct ax_sending *x)
{
    if (x->stream)
        x->stream->close(x->stream);
    ax_buf_free(&x->part);
}
