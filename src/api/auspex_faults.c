// SPDX-License-Identifier: Apache-2.0
/* Faults as they happen (text/event-stream), and those that stand. */
#include "api/faults.h"
#include "api/greet.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define LASTS_MAX 86400
#define LIST_MAX  1000

static bool sees_all(const struct ax_request *q)
{
    return (q->who.roles & AX_ROLE_PROVIDER) && !q->greeting->asked.n;
}

static int scope(struct ax_request *q, struct ax_str asked, struct ax_str *out, struct ax_err *err)
{
    if (asked.n)
        return ax_str_eq(asked, q->tenant) ? (*out = q->tenant, 0)
                                           : ax_who_tenant(&q->who, asked, out, err);
    *out = sees_all(q) ? AX_STR("") : q->tenant;
    return 0;
}

static struct ax_fault_filter filter_of(const struct ax_request *q)
{
    return (struct ax_fault_filter){.tenant = ax_param(q, "tenant"),
                                    .host = ax_param(q, "host"),
                                    .resource = ax_param(q, "resource"),
                                    .type = ax_param(q, "type"),
                                    .all = ax_str_eq(ax_param(q, "all"), AX_STR("1"))};
}

static int check_handle(struct ax_str handle, const char *name, struct ax_err *err)
{
    enum ax_kind kind;
    struct ax_str id;
    int rc = handle.n ? ax_handle_parse(handle, &kind, &id, err) : 0;
    return rc < 0 ? ax_err_wrap(err, "%s", name) : 0;
}

int ax_fault_check(struct ax_request *q, struct ax_fault_filter *f, struct ax_str severity,
                   struct ax_err *err)
{
    int rc = scope(q, f->tenant, &f->tenant, err);
    if (rc == 0)
        rc = check_handle(f->host, "host", err);
    if (rc == 0)
        rc = check_handle(f->resource, "resource", err);
    if (rc == 0 && severity.n && !ax_fault_severity_parse(severity, &f->severity))
        rc = ax_fail(err, -EINVAL, "severity: expected info, warning or critical");
    if (rc == 0 && f->type.n > 64)
        rc = ax_fail(err, -EINVAL, "type: expected at most 64 bytes (lifecycle, state, alarm...)");
    return rc;
}

/* ---- those that stand ---- */

static int list(struct ax_request *q, struct ax_open_faults *out, struct ax_err *err)
{
    struct ax_fault_filter f = filter_of(q);
    uint32_t limit, offset;
    int rc = ax_fault_check(q, &f, ax_param(q, "severity"), err);
    if (rc == 0)
        rc = ax_param_count(q, "limit", 100, LIST_MAX, &limit, err);
    if (rc == 0)
        rc = ax_param_count(q, "offset", 0, UINT32_MAX, &offset, err);
    return rc == 0 ? ax_faults_open_list(ax_api_rooms(q->api)->faults, &f, limit, offset, &q->arena,
                                         out, err)
                   : rc;
}

void ax_faults_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_open_faults found;
    struct ax_err err;
    if (list(q, &found, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "faults");
    ax_json_arr(&j);
    for (size_t i = 0; i < found.n; i++)
        ax_json_raw(&j, found.json[i]);
    ax_json_end(&j);
    ax_json_key(&j, "total");
    ax_json_int(&j, (int64_t)found.total);
    ax_json_end(&j);
}

/* ---- one stream: between the faults and the connection ---- */

struct tap {
    struct ax_body body;
    struct ax_fault_stream *stream;
    struct ax_arena arena;
    struct ax_auth *auth;
    struct ax_claim claim; /* in the arena */
    struct ax_who who;
};

static int fill(struct ax_body *b, struct ax_buf *out)
{
    struct tap *t = (struct tap *)b;
    int rc = ax_fault_stream_take(t->stream, out);
    return rc == AX_FAULT_PARKED ? AX_BODY_PARKED : rc;
}

static void close_tap(struct ax_body *b)
{
    ax_fault_stream_close(((struct tap *)b)->stream);
}

static void park(void *ctx)
{
    ax_body_park(&((struct tap *)ctx)->body);
}

static void wake(void *ctx)
{
    ax_body_wake(&((struct tap *)ctx)->body);
}

static void free_tap(void *ctx)
{
    struct tap *t = ctx;
    ax_arena_free(&t->arena);
    free(t);
}

/* Ends with the credentials it began with; what cannot be told now ends nothing. */
static bool may(void *ctx)
{
    struct tap *t = ctx;
    struct ax_who who;
    struct ax_err err;
    int rc = ax_auth_check(t->auth, &t->claim, ax_now_ms(), &who, &err);
    if (rc == 0)
        return who.roles == t->who.roles && strcmp(who.tenant, t->who.tenant) == 0;
    return rc == -EAGAIN || rc == -EBUSY || rc == -EHOSTUNREACH;
}

static struct tap *new_tap(struct ax_request *q)
{
    struct tap *t = ax_calloc(1, sizeof *t);
    t->body = (struct ax_body){.fill = fill, .close = close_tap};
    t->auth = ax_api_rooms(q->api)->auth;
    t->who = q->who;
    if (q->greeting->judged) {
        struct ax_str *const strings[] = {&t->claim.x_auth_token, &t->claim.authorization,
                                          &t->claim.certificate, &t->claim.certificate_fault,
                                          &t->claim.peer};
        t->claim = q->greeting->claim;
        for (size_t i = 0; i < AX_ARRAY_LEN(strings); i++)
            if (strings[i]->n)
                *strings[i] = ax_arena_str(&t->arena, *strings[i]);
    }
    return t;
}

/* The header is what a browser's EventSource sends by itself when it comes again. */
static int read_since(struct ax_request *q, int64_t *since, struct ax_err *err)
{
    struct ax_str v = q->last_event_id.n ? q->last_event_id : ax_param(q, "since");
    *since = -1;
    if (v.n && (!ax_str_i64(v, since) || *since < 0))
        return ax_fail(err, -EINVAL,
                       "since and Last-Event-ID: expected the id of an event, a whole number");
    return 0;
}

static int read_lasts(struct ax_request *q, int64_t *ms, struct ax_err *err)
{
    uint32_t seconds = 0;
    int rc = ax_param_count(q, "seconds", 0, LASTS_MAX, &seconds, err);
    *ms = ax_param(q, "seconds").n ? (int64_t)seconds * 1000 : -1;
    return rc;
}

void ax_fault_stream(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    struct ax_fault_stream_options o = {
        .filter = filter_of(q),
        .owner = q->tenant,
        .park = park,
        .wake = wake,
        .may = q->greeting->judged ? may : NULL,
        .free = free_tap,
    };
    int rc = ax_fault_check(q, &o.filter, ax_param(q, "severity"), &err);
    if (rc == 0)
        rc = read_since(q, &o.since, &err);
    if (rc == 0)
        rc = read_lasts(q, &o.lasts_ms, &err);
    struct tap *t = rc == 0 ? new_tap(q) : NULL;
    o.ctx = t;
    if (rc == 0 &&
        (rc = ax_fault_stream_open(ax_api_rooms(q->api)->faults, &o, &t->stream, &err)) < 0)
        free_tap(t);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    r->type = "text/event-stream";
    r->stream = &t->body;
}
