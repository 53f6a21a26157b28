// SPDX-License-Identifier: Apache-2.0
/* Whoever asks for a VM's inside, be it for a look or for an extract, goes this way: the law first
 * (warrant/), then the collector of its host (relay/). */
#include "api/inspect.h"

#include "api/inspection.h"
#include "base/clock.h"

#include <errno.h>

#define WAIT_S     20
#define WAIT_MAX_S 60
#define SILENT_NS  60000000000ll /* a collector comes every half minute */

void ax_inspect_refuse(struct ax_reply *r, const struct ax_err *err)
{
    if (err->code == -EBADMSG)
        ax_reply_auspex_error(r, 503, "unavailable", err->text);
    else
        ax_reply_auspex_errno(r, err);
}

/* ---- what is asked ---- */

/* -EBADMSG is the ledger's here. */
int ax_inspect_body(struct ax_request *q, json_t **out, struct ax_err *err)
{
    int rc = ax_body_object(q, out, err);
    return rc == -EBADMSG ? (err->code = -EINVAL) : rc;
}

static int read_text(const json_t *body, const char *key, struct ax_arena *a, struct ax_str *out,
                     struct ax_err *err)
{
    int rc = ax_body_has(body, key) ? ax_body_text(body, key, a, out, err) : 0;
    return rc == -EBADMSG ? (err->code = -EINVAL) : rc;
}

static int read_wait(const json_t *body, int64_t *ms, struct ax_err *err)
{
    const json_t *wait = json_object_get(body, "wait");
    double s = wait ? json_number_value(wait) : WAIT_S;
    if ((wait && !json_is_number(wait)) || !(s >= 0.1 && s <= WAIT_MAX_S))
        return ax_fail(err, -EINVAL, "wait: expected seconds, at most %d", WAIT_MAX_S);
    *ms = (int64_t)(s * 1000);
    return 0;
}

static int read_body(struct ax_request *q, struct ax_inquiry *i, ax_inquiry_read *read,
                     struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *body = NULL;
    int rc = ax_inspect_body(q, &body, err);
    if (rc == 0)
        rc = read(body, i, err);
    if (rc == 0)
        rc = read_text(body, "reason", &q->arena, &i->x.reason, err);
    if (rc == 0)
        rc = read_text(body, "grant", &q->arena, &i->x.grant, err);
    return rc < 0 ? rc : read_wait(body, &i->wait_ms, err);
}

/* ---- who and what ---- */

int ax_inspect_find(struct ax_request *q, struct ax_resource *vm, struct ax_err *err)
{
    struct ax_str owner;
    int rc = ax_inspection_vm(q, q->rest, &owner, err);
    return rc < 0 ? rc
                  : ax_registry_get(ax_api_rooms(q->api)->registry, owner, q->rest, &q->arena, vm,
                                    err);
}

void ax_inspect_name(struct ax_request *q, const struct ax_resource *vm, struct ax_inspection *x)
{
    x->tenant = vm->tenant;
    x->handle = vm->handle;
    x->who = ax_inspection_who(q);
    x->provider = ax_inspection_is_provider(q);
}

bool ax_inspect_is_off(const struct ax_resource *vm)
{
    return vm->gone || ax_str_eq(vm->state, AX_STR("shutoff")) ||
           ax_str_eq(vm->state, AX_STR("deleted"));
}

bool ax_inspect_is_heard(struct ax_request *q, const struct ax_resource *vm)
{
    return ax_relay_heard(ax_api_rooms(q->api)->relay, vm->tenant, vm->host, ax_mono_ns(),
                          SILENT_NS);
}

/* Refusals of the law come first: who may not look learns nothing of the VM. They are written down,
 * which ax_warrants_use does. */
static int check_law(struct ax_request *q, struct ax_inquiry *i, struct ax_err *err)
{
    struct ax_warrants *w = ax_api_rooms(q->api)->warrants;
    int rc = ax_warrants_allow(w, &i->x, ax_now_ms(), &q->arena, &i->grant, err);
    if (rc == -EPERM)
        rc = ax_warrants_use(w, &i->x, ax_now_ms(), &q->arena, &i->grant, err);
    return rc;
}

/* False: the reply says why. */
static bool can_be_reached(struct ax_request *q, const struct ax_resource *vm, struct ax_reply *r)
{
    struct ax_err err;
    if (ax_inspect_is_off(vm)) {
        ax_fail(&err, -EALREADY, "%.*s is not running: it has no memory to look into",
                AX_STR_ARG(vm->name));
        ax_reply_auspex_error(r, 409, "conflict", err.text);
        return false;
    }
    if (vm->host.n && ax_inspect_is_heard(q, vm))
        return true;
    struct ax_str host = vm->host.n ? vm->host : AX_STR("unknown");
    ax_fail(&err, -ETIMEDOUT,
            "no collector of the host of %.*s (%.*s) has asked for work in the last minute: is "
            "`auspex host` running there, with --server naming this server?",
            AX_STR_ARG(vm->name), AX_STR_ARG(host));
    ax_reply_auspex_error(r, 504, "timeout", err.text);
    return false;
}

void ax_inquiry_begin(struct ax_request *q, struct ax_reply *r, struct ax_inquiry *i,
                      ax_inquiry_read *read, struct ax_later later)
{
    struct ax_err err;
    int rc = ax_inspect_find(q, &i->vm, &err);
    if (rc == 0)
        rc = read_body(q, i, read, &err);
    if (rc == 0) {
        ax_inspect_name(q, &i->vm, &i->x);
        rc = check_law(q, i, &err);
    }
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return;
    }
    if (!can_be_reached(q, &i->vm, r))
        return;
    i->later = later;
    r->later = &i->later;
}

/* ---- the answer ---- */

struct ax_relay_wait ax_inquiry_wait(int64_t ms, void (*wake)(void *ctx), void *ctx)
{
    return (struct ax_relay_wait){
        .wake = wake, .ctx = ctx, .until_ns = ax_mono_ns() + ms * 1000000};
}

static struct ax_str silence(struct ax_request *q, struct ax_str host, bool taken, int64_t ms)
{
    return ax_arena_printf(&q->arena, "the collector of %.*s %s within %lld s", AX_STR_ARG(host),
                           taken ? "took the request and did not answer"
                                 : "did not come for the request",
                           (long long)(ms / 1000));
}

void ax_inquiry_failed(struct ax_request *q, struct ax_reply *r, int code, struct ax_str said)
{
    const char *text = ax_arena_cstr(&q->arena, said);
    switch (code) {
    case -ETIMEDOUT: ax_reply_auspex_error(r, 504, "timeout", text); break;
    case -ENOENT: ax_reply_auspex_error(r, 422, "no_kernel", text); break;
    case -ENOTSUP: ax_reply_auspex_error(r, 422, "unsupported", text); break;
    case -ESRCH: ax_reply_auspex_error(r, 409, "conflict", text); break;
    case -EAGAIN: ax_reply_auspex_error(r, 503, "unavailable", text); break;
    default: ax_reply_auspex_error(r, 502, "collector", text); break;
    }
}

int ax_inquiry_collect(struct ax_request *q, struct ax_reply *r,
                       const struct ax_relay_request *asked, struct ax_str host, int64_t ms,
                       struct ax_inquiry_answer *out)
{
    bool taken;
    *out = (struct ax_inquiry_answer){.text = AX_BUF_INIT};
    int rc = ax_relay_collect(ax_api_rooms(q->api)->relay, ax_str(asked->id), &out->text, &taken);
    if (rc == 0)
        return 0;
    out->said = rc == -ETIMEDOUT ? silence(q, host, taken, ms) : ax_buf_view(&out->text);
    ax_inquiry_failed(q, r, rc, out->said);
    return rc;
}

void ax_inquiry_answer_free(struct ax_inquiry_answer *a)
{
    ax_buf_free(&a->text);
}

void ax_inspect_put_grant(struct ax_json *j, const struct ax_grant *g)
{
    ax_json_key(j, "grant");
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_cstr(j, g->id);
    ax_json_key(j, "kind");
    ax_json_cstr(j, g->warrant ? "warrant" : "consent");
    ax_json_key(j, "scope");
    ax_json_cstr(j, ax_scope_name(g->scope));
    ax_inspection_time(j, "expires", g->expires);
    ax_json_end(j);
}
