// SPDX-License-Identifier: Apache-2.0
/* POST /v2.0/logs: all of a request is taken or nothing, and what was taken is on stable storage
 * when it is answered. Each log becomes a line in the form in which Monasca hands logs over (to
 * Kafka, there), with the dimensions of all logs among its own. */
#include "api/monasca.h"

#include "base/clock.h"

#include <errno.h>

#define BODY_BYTES (5u << 20) /* as Monasca's specification has it */

struct posting {
    struct ax_later later;
    struct ax_logs_append append;
    struct ax_logs_body body;
    struct ax_log_text log;
};

static void refuse(const struct ax_request *q, struct ax_reply *r, const struct ax_err *err)
{
    static const struct {
        int code;
        enum ax_logs_refusal why;
    } reasons[] = {{-EINVAL, AX_LOGS_INVALID},  {-EBADMSG, AX_LOGS_INVALID},
                   {-ENOTSUP, AX_LOGS_INVALID}, {-EFBIG, AX_LOGS_TOO_LARGE},
                   {-EAGAIN, AX_LOGS_BUSY},     {-EDQUOT, AX_LOGS_BUSY},
                   {-ENOSPC, AX_LOGS_DISK},     {-EIO, AX_LOGS_DISK}};
    for (size_t i = 0; i < AX_ARRAY_LEN(reasons); i++)
        if (reasons[i].code == err->code)
            ax_logs_refused(ax_api_rooms(q->api)->logs, reasons[i].why);
    ax_monasca_failed(r, err);
}

/* ---- lines ---- */

static bool has(const struct ax_log_dimensions *d, struct ax_str name)
{
    for (size_t i = 0; i < d->n; i++)
        if (ax_str_eq(d->v[i].name, name))
            return true;
    return false;
}

static void put_dimensions(struct ax_json *j, const struct posting *p)
{
    const struct ax_log_dimensions *own = &p->log.dimensions, *all = &p->body.dimensions;
    ax_json_key(j, "dimensions");
    ax_json_obj(j);
    for (size_t i = 0; i < all->n; i++) {
        if (has(own, all->v[i].name))
            continue;
        ax_json_key_str(j, all->v[i].name);
        ax_json_str(j, all->v[i].value);
    }
    for (size_t i = 0; i < own->n; i++) {
        ax_json_key_str(j, own->v[i].name);
        ax_json_str(j, own->v[i].value);
    }
    ax_json_end(j);
}

/* The region is Monasca's when none is configured. */
static void put_line(struct ax_buf *out, const struct posting *p, int64_t now)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "log");
    ax_json_obj(&j);
    for (size_t i = 0; i < p->log.nothers; i++) {
        ax_json_key_str(&j, p->log.others[i].key);
        ax_json_raw(&j, p->log.others[i].json);
    }
    ax_json_key(&j, "message");
    ax_json_str(&j, p->log.message);
    put_dimensions(&j, p);
    ax_json_end(&j);
    ax_json_key(&j, "creation_time");
    ax_json_int(&j, now / 1000);
    ax_json_key(&j, "meta");
    ax_json_obj(&j);
    ax_json_key(&j, "tenantId");
    ax_json_str(&j, p->append.tenant);
    ax_json_key(&j, "region");
    ax_json_null(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_buf_byte(out, '\n');
}

static int put_lines(struct posting *p, struct ax_buf *out, struct ax_err *err)
{
    int64_t now = ax_now_ms();
    for (;;) {
        int rc = ax_logs_next(&p->body, &p->log, err);
        if (rc <= 0)
            return rc;
        put_line(out, p, now);
        if (out->overflow)
            return ax_fail(err, -EFBIG,
                           "with the dimensions of all logs among those of each, the logs are more "
                           "than %u MiB: send them in several requests",
                           AX_LOGS_APPEND_MAX >> 20);
    }
}

/* ---- the request ---- */

static bool wait_for_disk(struct ax_later *later, struct ax_request *q, struct ax_reply *r,
                          void (*wake)(void *ctx), void *ctx)
{
    struct posting *p = (struct posting *)later;
    struct ax_err err;
    p->append.done = wake;
    p->append.ctx = ctx;
    int rc = ax_logs_append(ax_api_rooms(q->api)->logs, &p->append, &err);
    if (rc < 0)
        refuse(q, r, &err);
    return rc == 0;
}

static void finish(struct ax_later *later, struct ax_request *q, struct ax_reply *r)
{
    struct posting *p = (struct posting *)later;
    if (p->append.err.code)
        refuse(q, r, &p->append.err);
}

/* The lines take the body's place, which is not needed any more: they go when the request goes. */
static int make_lines(struct ax_request *q, struct posting *p, struct ax_err *err)
{
    struct ax_str body;
    struct ax_buf lines = {.max = AX_LOGS_APPEND_MAX};
    int rc = ax_samples_body(q, AX_PACKED_NOT, &body, err);
    if (rc == 0 && body.n > BODY_BYTES)
        rc = ax_fail(err, -EFBIG, "the body has more than %u MiB", BODY_BYTES >> 20);
    if (rc == 0)
        rc = ax_logs_decode(body, &q->arena, &p->body, err);
    if (rc == 0)
        rc = put_lines(p, &lines, err);
    if (rc == 0 && !ax_request_hold(q, lines.n))
        rc = ax_fail(err, -EAGAIN, "too many large requests at once: try again in a second");
    ax_buf_free(&q->body);
    q->body = lines;
    p->append.lines = ax_buf_view(&q->body);
    p->append.n = p->body.n;
    return rc;
}

void ax_monasca_logs_post(struct ax_request *q, struct ax_reply *r)
{
    struct posting *p = AX_NEW(&q->arena, struct posting);
    struct ax_quotas *quotas = ax_api_quotas(q->api);
    struct ax_err err = {0};
    r->status = 204;
    if (!ax_api_rooms(q->api)->logs) {
        ax_monasca_error(r, 404, "logs are not taken: start the server with --logs DIR");
        return;
    }
    int rc = ax_monasca_tenant(q, &p->append.tenant, &err);
    if (rc == 0)
        rc = ax_quota_admit(quotas, p->append.tenant, &err);
    if (rc == 0)
        rc = make_lines(q, p, &err);
    if (rc < 0) {
        refuse(q, r, &err);
        return;
    }
    ax_quota_charge(quotas, p->append.tenant, p->append.n);
    if (p->append.n == 0)
        return;
    p->later = (struct ax_later){wait_for_disk, finish};
    r->later = &p->later;
}
