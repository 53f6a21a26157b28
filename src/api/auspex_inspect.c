// SPDX-License-Identifier: Apache-2.0
/* A look at a VM's inside: POST /auspex/v1/resources/{handle}/inspect; and GET: how far one may. */
#include "api/inspect.h"

#include "api/inspection.h"
#include "base/clock.h"
#include "vmi/vmi.h"

#include <errno.h>

/* ---- POST: a look ---- */

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

static int read_wanted(const json_t *body, struct ax_inquiry *x, struct ax_err *err)
{
    int rc = read_parts(json_object_get(body, "parts"), &x->request.parts, err);
    if (rc < 0)
        return rc;
    x->request.handle = x->vm.handle;
    x->x.scope = x->request.scope = ax_vmi_scope_needed(x->request.parts);
    return 0;
}

/* The use is in the ledger and the notice made before the collector can hear of it. */
static bool wait_for_collector(struct ax_later *l, struct ax_request *q, struct ax_reply *r,
                               void (*wake)(void *ctx), void *ctx)
{
    struct ax_inquiry *x = (struct ax_inquiry *)l;
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_err err;
    int rc = ax_warrants_use(rooms->warrants, &x->x, ax_now_ms(), &q->arena, &x->grant, &err);
    if (rc == 0) {
        x->wait = ax_inquiry_wait(x->wait_ms, wake, ctx);
        rc = ax_relay_ask(rooms->relay, x->vm.tenant, x->vm.host, &x->request, &x->wait, &err);
    }
    if (rc < 0)
        ax_inspect_refuse(r, &err);
    return rc == 0;
}

/* The reading's members follow in the same object. */
static void put_head(struct ax_json *j, const struct ax_inquiry *x)
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

static void finish(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct ax_inquiry *x = (struct ax_inquiry *)l;
    AX_CLEANUP(ax_inquiry_answer_free) struct ax_inquiry_answer answer;
    struct ax_json j = {.out = &r->body};
    if (ax_inquiry_collect(q, r, &x->request, x->vm.host, x->wait_ms, &answer) < 0)
        return;
    put_head(&j, x);
    if (answer.text.n)
        ax_buf_byte(&r->body, ',');
    ax_buf_str(&r->body, ax_buf_view(&answer.text));
    ax_buf_byte(&r->body, '}');
}

void ax_inspect(struct ax_request *q, struct ax_reply *r)
{
    struct ax_inquiry *x = AX_NEW(&q->arena, struct ax_inquiry);
    ax_inquiry_begin(q, r, x, read_wanted, (struct ax_later){wait_for_collector, finish});
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
    ax_json_bool(&j, !ax_inspect_is_off(&vm));
    ax_json_key(&j, "collector");
    ax_json_bool(&j, ax_inspect_is_heard(q, &vm));
    if (may)
        ax_inspect_put_grant(&j, &grant);
    else {
        ax_json_key(&j, "text");
        ax_json_cstr(&j, err.text);
    }
    ax_json_end(&j);
}
