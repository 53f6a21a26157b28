// SPDX-License-Identifier: Apache-2.0
/* Remote write, 1.0 and 2.0: which of them it is, the Content-Type says. */
#include "api/inner.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

enum message { WRITE_1, WRITE_2 };

/* Of "application/x-protobuf;proto=NAME" the name; no parameter means 1.0, as senders of 1.0 have
 * none, nor always the right type before it. */
static int which_message(struct ax_str type, enum message *out, struct ax_err *err)
{
    struct ax_str rest = type, part, name = AX_STR_NULL;
    while (ax_str_cut(&rest, ';', &part)) {
        part = ax_str_trim(part);
        if (ax_str_starts(part, AX_STR("proto=")))
            name = (struct ax_str){part.p + 6, part.n - 6};
    }
    if (name.n > 1 && name.p[0] == '"' && name.p[name.n - 1] == '"')
        name = (struct ax_str){name.p + 1, name.n - 2};
    if (!name.p || ax_str_eq(name, AX_STR("prometheus.WriteRequest")))
        *out = WRITE_1;
    else if (ax_str_eq(name, AX_STR("io.prometheus.write.v2.Request")))
        *out = WRITE_2;
    else
        return ax_fail(err, -ENOTSUP,
                       "the message \"%.*s\" is not known (known: prometheus.WriteRequest, "
                       "io.prometheus.write.v2.Request)",
                       (int)(name.n < 80 ? name.n : 80), name.p);
    return 0;
}

static int decode(struct ax_request *q, enum message which, struct ax_decoding *d,
                  struct ax_err *err)
{
    struct ax_str body;
    int rc = ax_samples_body(q, AX_PACKED_SNAPPY, &body, err);
    if (rc < 0)
        return rc;
    return which == WRITE_2 ? ax_remote_write2_decode(d, body, err)
                            : ax_remote_write_decode(d, body, err);
}

/* What became of it, when it was not all stored. */
static void tell(struct ax_reply *r, const struct ax_decoding *d,
                 const struct ax_intake_result *result, const char *first)
{
    struct ax_buf text = AX_BUF_INIT;
    uint64_t refused = d->bad + result->rejected;
    if (refused)
        ax_buf_printf(&text, "%llu of %llu samples refused, the others stored; first: %s",
                      (unsigned long long)refused, (unsigned long long)(refused + result->accepted),
                      d->bad ? first : result->reason);
    if (d->histograms)
        ax_buf_printf(&text, "%s%llu native histograms refused, which cannot be stored yet%s",
                      refused ? "; " : "", (unsigned long long)d->histograms,
                      refused ? "" : "; the samples were");
    ax_buf_byte(&text, 0);
    ax_reply_prometheus_error(r, 400, "bad_data", text.p);
    ax_buf_free(&text);
}

static void put_counts(struct ax_reply *r, uint64_t samples)
{
    ax_reply_count(r, "X-Prometheus-Remote-Write-Samples-Written", samples);
    ax_reply_count(r, "X-Prometheus-Remote-Write-Histograms-Written", 0);
    ax_reply_count(r, "X-Prometheus-Remote-Write-Exemplars-Written", 0);
}

void ax_write(struct ax_request *q, struct ax_reply *r)
{
    struct ax_batch batch = {.arena = &q->arena, .now = q->commit_now};
    struct ax_intake *in = ax_api_rooms(q->api)->intake;
    struct ax_intake_result result = {0};
    struct ax_intake_pending *pending = AX_NEW(&q->arena, struct ax_intake_pending);
    struct ax_err err = {0};
    struct ax_walk walk;
    struct ax_decoding d = {.tenant = q->tenant, .walk = &walk, .out = &batch};
    enum message which = WRITE_1;
    char first[AX_ERR_TEXT];
    int rc = which_message(q->content_type, &which, &err);
    if (rc == 0)
        rc = ax_quota_admit(ax_api_quotas(q->api), q->tenant, &err);
    if (rc == 0) {
        ax_walk_begin(&walk, in, q->tenant);
        rc = decode(q, which, &d, &err);
        snprintf(first, sizeof first, "%s", err.text);
        if (rc == 0)
            rc = ax_intake_offer(in, &batch, ax_now_ms(), &result, pending, &err);
        ax_walk_end(&walk);
    }
    ax_quota_charge(ax_api_quotas(q->api), q->tenant, result.accepted);
    if (rc < 0)
        ax_samples_failed(r, &err);
    else if (d.bad + result.rejected + d.histograms)
        tell(r, &d, &result, first);
    else
        r->status = 204;
    if (rc == 0)
        r->pending = pending;
    if (which == WRITE_2)
        put_counts(r, rc < 0 ? 0 : result.accepted);
}
