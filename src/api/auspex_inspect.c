// SPDX-License-Identifier: Apache-2.0
/* Asking for a VM's inside: POST /auspex/v1/resources/{handle}/inspect. The law first (warrant/),
 * then the collector of its host (relay/). */
#include "api/inspect.h"

#include "api/inspection.h"
#include "base/clock.h"
#include "vmi/vmi.h"

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

static bool part_of(const char *name, unsigned *out)
{
    for (unsigned i = 0; name && i < AX_PARTS; i++)
        if (strcmp(ax_part_names[i], name) == 0) {
            *out |= 1u << i;
            return true;
        }
    if (name && strcmp(name, "all") == 0) {
        *out = AX_PART_ALL;
        return true;
    }
    return false;
}

/* Names of parts, or "all". -EINVAL. */
static int read_parts(const json_t *list, unsigned *out, struct ax_err *err)
{
    unsigned parts = 0;
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        if (!part_of(json_string_value(one), &parts))
            return ax_fail(err, -EINVAL,
                           "parts: expected some of system, memory, network, storage, processes, "
                           "modules, integrity, log, stacks, or all");
    }
    if (!parts)
        return ax_fail(err, -EINVAL, "parts: expected a list of what is wanted, as [\"memory\"]");
    *out = parts;
    return 0;
}

struct asking {
    struct ax_later later;
    struct ax_relay_wait wait;
    struct ax_relay_request request;
    struct ax_resource vm;
    struct ax_inspection x;
    struct ax_grant grant;
    int64_t wait_ms;
};

int ax_inspect_text(const json_t *body, const char *key, struct ax_arena *a, struct ax_str *out,
                    struct ax_err *err)
{
    int rc = ax_body_has(body, key) ? ax_body_text(body, key, a, out, err) : 0;
    return rc == -EBADMSG ? (err->code = -EINVAL) : rc;
}

int ax_inspect_wait(const json_t *body, int64_t *ms, struct ax_err *err)
{
    const json_t *wait = json_object_get(body, "wait");
    double s = wait ? json_number_value(wait) : WAIT_S;
    if ((wait && !json_is_number(wait)) || !(s >= 0.1 && s <= WAIT_MAX_S))
        return ax_fail(err, -EINVAL, "wait: expected seconds, at most %d", WAIT_MAX_S);
    *ms = (int64_t)(s * 1000);
    return 0;
}

static int read_body(struct ax_request *q, struct asking *x, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *body = NULL;
    int rc = ax_inspect_body(q, &body, err);
    if (rc == 0)
        rc = read_parts(json_object_get(body, "parts"), &x->request.parts, err);
    if (rc == 0)
        rc = ax_inspect_text(body, "reason", &q->arena, &x->x.reason, err);
    if (rc == 0)
        rc = ax_inspect_text(body, "grant", &q->arena, &x->x.grant, err);
    return rc < 0 ? rc : ax_inspect_wait(body, &x->wait_ms, err);
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

static bool is_off(const struct ax_resource *vm)
{
    return vm->gone || ax_str_eq(vm->state, AX_STR("shutoff")) ||
           ax_str_eq(vm->state, AX_STR("deleted"));
}

/* Refusals of the law come first: who may not look learns nothing of the VM. They are written down,
 * which ax_warrants_use does. */
static int check_law(struct ax_request *q, struct asking *x, struct ax_err *err)
{
    struct ax_warrants *w = ax_api_rooms(q->api)->warrants;
    x->x.scope = x->request.scope = ax_vmi_scope_needed(x->request.parts);
    int rc = ax_warrants_allow(w, &x->x, ax_now_ms(), &q->arena, &x->grant, err);
    if (rc == -EPERM)
        rc = ax_warrants_use(w, &x->x, ax_now_ms(), &q->arena, &x->grant, err);
    return rc;
}

int ax_inspect_reach(struct ax_request *q, const struct ax_resource *vm, struct ax_err *err)
{
    if (is_off(vm)) {
        ax_fail(err, -EALREADY, "%.*s is not running: it has no memory to look into",
                AX_STR_ARG(vm->name));
        return 409;
    }
    if (vm->host.n &&
        ax_relay_heard(ax_api_rooms(q->api)->relay, vm->tenant, vm->host, ax_mono_ns(), SILENT_NS))
        return 0;
    struct ax_str host = vm->host.n ? vm->host : AX_STR("unknown");
    ax_fail(err, -ETIMEDOUT,
            "no collector of the host of %.*s (%.*s) has asked for work in the last minute: is "
            "`auspex host` running there, with --server naming this server?",
            AX_STR_ARG(vm->name), AX_STR_ARG(host));
    return 504;
}

void ax_inspect_unreachable(struct ax_reply *r, int status, const struct ax_err *err)
{
    ax_reply_auspex_error(r, status, status == 409 ? "conflict" : "timeout", err->text);
}

/* ---- the answer ---- */

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

/* The reading's members follow in the same object. */
static void put_head(struct ax_json *j, const struct asking *x)
{
    ax_json_obj(j);
    ax_json_key(j, "handle");
    ax_json_str(j, x->vm.handle);
    ax_json_key(j, "name");
    ax_json_str(j, x->vm.name);
    ax_json_key(j, "host");
    ax_json_str(j, x->vm.host);
    ax_inspection_time(j, "time", ax_now_ms());
    ax_inspect_put_grant(j, &x->grant);
}

struct ax_str ax_inspect_silence(struct ax_request *q, struct ax_str host, bool taken, int64_t ms)
{
    return ax_arena_printf(&q->arena, "the collector of %.*s %s within %lld s", AX_STR_ARG(host),
                           taken ? "took the request and did not answer"
                                 : "did not come for the request",
                           (long long)(ms / 1000));
}

void ax_inspect_failed(struct ax_request *q, struct ax_reply *r, int code, struct ax_str said)
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

static void finish(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct asking *x = (struct asking *)l;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    bool taken;
    struct ax_relay *relay = ax_api_rooms(q->api)->relay;
    int rc = ax_relay_collect(relay, ax_str(x->request.id), &text, &taken);
    struct ax_str said = ax_buf_view(&text);
    if (rc == -ETIMEDOUT)
        said = ax_inspect_silence(q, x->vm.host, taken, x->wait_ms);
    if (rc < 0) {
        ax_inspect_failed(q, r, rc, said);
    } else {
        struct ax_json j = {.out = &r->body};
        put_head(&j, x);
        if (said.n)
            ax_buf_byte(&r->body, ',');
        ax_buf_str(&r->body, said);
        ax_buf_byte(&r->body, '}');
    }
}

/* The use is in the ledger and the notice made before the collector can hear of it. */
static bool wait_for_collector(struct ax_later *l, struct ax_request *q, struct ax_reply *r,
                               void (*wake)(void *ctx), void *ctx)
{
    struct asking *x = (struct asking *)l;
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_err err;
    int rc = ax_warrants_use(rooms->warrants, &x->x, ax_now_ms(), &q->arena, &x->grant, &err);
    if (rc == 0) {
        x->wait = (struct ax_relay_wait){
            .wake = wake, .ctx = ctx, .until_ns = ax_mono_ns() + x->wait_ms * 1000000};
        rc = ax_relay_ask(rooms->relay, x->vm.tenant, x->vm.host, &x->request, &x->wait, &err);
    }
    if (rc < 0)
        ax_inspect_refuse(r, &err);
    return rc == 0;
}

void ax_inspect(struct ax_request *q, struct ax_reply *r)
{
    struct asking *x = AX_NEW(&q->arena, struct asking);
    struct ax_err err;
    int rc = ax_inspect_find(q, &x->vm, &err);
    if (rc == 0)
        rc = read_body(q, x, &err);
    if (rc == 0) {
        ax_inspect_name(q, &x->vm, &x->x);
        x->request.handle = x->vm.handle;
        rc = check_law(q, x, &err);
    }
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return;
    }
    int status = ax_inspect_reach(q, &x->vm, &err);
    if (status) {
        ax_inspect_unreachable(r, status, &err);
        return;
    }
    x->later = (struct ax_later){wait_for_collector, finish};
    r->later = &x->later;
}

/* ---- GET: how far the one who asks may look now ---- */

void ax_inspect_may(struct ax_request *q, struct ax_reply *r)
{
    struct ax_resource vm;
    struct ax_inspection x = {0};
    struct ax_grant grant;
    struct ax_err err;
    int rc = ax_inspect_find(q, &vm, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    ax_inspect_name(q, &vm, &x);
    enum ax_scope may = AX_SCOPE_NONE;
    for (int s = AX_SCOPE_FORENSIC; s > AX_SCOPE_NONE && may == AX_SCOPE_NONE; s--) {
        x.scope = (enum ax_scope)s;
        rc = ax_warrants_allow(ax_api_rooms(q->api)->warrants, &x, ax_now_ms(), &q->arena, &grant,
                               &err);
        may = rc == 0 ? x.scope : AX_SCOPE_NONE;
        if (rc < 0 && rc != -EPERM) {
            ax_inspect_refuse(r, &err);
            return;
        }
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "scope");
    ax_json_cstr(&j, ax_scope_name(may));
    ax_json_key(&j, "running");
    ax_json_bool(&j, !is_off(&vm));
    ax_json_key(&j, "collector");
    ax_json_bool(&j, ax_relay_heard(ax_api_rooms(q->api)->relay, vm.tenant, vm.host, ax_mono_ns(),
                                    SILENT_NS));
    if (may)
        ax_inspect_put_grant(&j, &grant);
    else {
        ax_json_key(&j, "text");
        ax_json_cstr(&j, err.text);
    }
    ax_json_end(&j);
}
