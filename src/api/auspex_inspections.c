// SPDX-License-Identifier: Apache-2.0
/* The collectors' side of looking into VMs (and auspex_results.c). The server never connects to
 * them: they come and ask, and wait here while there is nothing for them. */
#include "api/inspect.h"

#include "base/clock.h"
#include "base/map.h"
#include "vmi/vmi.h"

#include <errno.h>

#define WAIT_MAX_S 50

/* ---- who comes ---- */

int ax_inspect_collector(struct ax_request *q, struct ax_relay_at *at, struct ax_err *err)
{
    enum ax_kind kind;
    struct ax_str id;
    struct ax_resource host;
    *at = (struct ax_relay_at){q->tenant, ax_param(q, "host"), ax_str(q->who.name)};
    int rc = ax_handle_parse(at->host, &kind, &id, err);
    if (rc == 0 && kind != AX_KIND_HOST)
        rc = ax_fail(err, -EINVAL, "not the handle of a host");
    if (rc < 0)
        return ax_err_wrap(err, "host");
    return ax_registry_get(ax_api_rooms(q->api)->registry, q->tenant, at->host, &q->arena, &host,
                           err);
}

/* ---- what is granted for standing collection ---- */

struct standing {
    struct ax_str handle;
    struct ax_inspection x;
    struct ax_grant grant;
};
struct standings {
    struct standing *v;
    size_t n;
    uint64_t version;
};

static bool is_on(const struct ax_resource *vm, struct ax_str host)
{
    static const char *const states[] = {"running", "blocked", "paused", "crashed"};
    if (vm->gone || !ax_str_eq(vm->host, host))
        return false;
    for (size_t i = 0; i < AX_ARRAY_LEN(states); i++)
        if (ax_str_eq(vm->state, ax_str(states[i])))
            return true;
    return false;
}

/* The furthest that is open to all: what the owner is to learn later must not show in series that
 * the owner can see. */
static int find_grant(struct ax_request *q, enum ax_scope most, struct standing *s,
                      struct ax_err *err)
{
    for (int scope = most < AX_SCOPE_DIAGNOSIS ? (int)most : AX_SCOPE_DIAGNOSIS;
         scope > AX_SCOPE_NONE; scope--) {
        s->x.scope = (enum ax_scope)scope;
        int rc = ax_warrants_allow(ax_api_rooms(q->api)->warrants, &s->x, ax_now_ms(), &q->arena,
                                   &s->grant, err);
        if (rc == 0 && s->grant.notice_at == 0)
            return 0;
        if (rc < 0 && rc != -EPERM && rc != -ENOENT)
            return rc;
    }
    s->x.scope = AX_SCOPE_NONE;
    return 0;
}

static uint64_t version_of(const struct standings *s)
{
    uint64_t h = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const struct standing *x = &s->v[i];
        uint64_t parts[] = {h, ax_hash(x->handle.p, x->handle.n), (uint64_t)x->x.scope,
                            ax_hash(x->grant.id, strlen(x->grant.id)), (uint64_t)x->grant.expires};
        h = ax_hash(parts, sizeof parts);
    }
    return h;
}

static int look_up(struct ax_request *q, const struct ax_relay_at *at, struct standings *out,
                   struct ax_err *err)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_vm_level *levels;
    size_t n;
    int rc = ax_warrants_levels(rooms->warrants, ax_now_ms(), &q->arena, &levels, &n, err);
    *out = (struct standings){.v = AX_NEWS(&q->arena, struct standing, n + 1)};
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct ax_resource vm;
        if (!ax_str_eq(levels[i].tenant, q->tenant) ||
            ax_registry_get(rooms->registry, q->tenant, levels[i].handle, &q->arena, &vm, NULL) <
                0 ||
            !is_on(&vm, at->host))
            continue;
        struct standing *s = &out->v[out->n];
        *s = (struct standing){
            .handle = vm.handle,
            .x = {.tenant = q->tenant,
                  .handle = vm.handle,
                  .who = ax_arena_printf(&q->arena, "collector of %.*s", AX_STR_ARG(at->host)),
                  .reason = AX_STR("continuous collection"),
                  .provider = true}};
        rc = find_grant(q, levels[i].scope, s, err);
        out->n += rc == 0 && s->x.scope != AX_SCOPE_NONE;
    }
    out->version = version_of(out);
    return rc;
}

/* Each is in the ledger, and its owner told, before the collector hears of it. */
static int put_standings(struct ax_request *q, struct ax_json *j, const struct standings *all,
                         struct ax_err *err)
{
    ax_json_key(j, "vms");
    ax_json_arr(j);
    for (size_t i = 0; i < all->n; i++) {
        struct standing *s = &all->v[i];
        char id[AX_WARRANT_ID];
        int rc = ax_standing_begin(ax_api_rooms(q->api)->warrants, &s->x, ax_now_ms(), &q->arena,
                                   id, &s->grant, err);
        if (rc == -EPERM || rc == -ENOENT)
            continue; /* it ended this moment */
        if (rc < 0)
            return rc;
        ax_json_obj(j);
        ax_json_key(j, "handle");
        ax_json_str(j, s->handle);
        ax_json_key(j, "scope");
        ax_json_cstr(j, ax_scope_name(s->x.scope));
        ax_json_key(j, "grant");
        ax_json_cstr(j, s->grant.id);
        ax_json_key(j, "standing");
        ax_json_cstr(j, id);
        ax_json_key(j, "expires");
        ax_json_time(j, s->grant.expires);
        ax_json_end(j);
    }
    ax_json_end(j);
    return 0;
}

/* ---- GET work ---- */

struct listening {
    struct ax_later later;
    struct ax_relay_wait wait;
    struct ax_relay_at at;
    struct standings now;
    struct ax_str version; /* that the collector has */
};

static struct ax_str version_text(struct ax_request *q, const struct standings *s)
{
    return ax_arena_printf(&q->arena, "%016llx", (unsigned long long)s->version);
}

static void put_extract(struct ax_json *j, const struct ax_relay_extract *x)
{
    ax_json_key(j, "extract");
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_cstr(j, x->id);
    ax_json_key(j, "from");
    ax_json_int(j, (int64_t)x->from);
    ax_json_key(j, "bytes");
    ax_json_int(j, (int64_t)x->bytes);
    ax_json_key(j, "ends");
    ax_json_bool(j, x->ends);
    ax_json_end(j);
}

static void put_requests(struct ax_request *q, struct ax_json *j, const struct ax_relay_at *at)
{
    struct ax_relay_work work;
    ax_relay_take(ax_api_rooms(q->api)->relay, at, ax_mono_ns(), &q->arena, &work);
    const struct ax_relay_request *v = work.v;
    ax_json_key(j, "id");
    ax_json_cstr(j, work.id);
    ax_json_key(j, "requests");
    ax_json_arr(j);
    for (size_t i = 0; i < work.n; i++) {
        ax_json_obj(j);
        ax_json_key(j, "id");
        ax_json_cstr(j, v[i].id);
        ax_json_key(j, "handle");
        ax_json_str(j, v[i].handle);
        ax_json_key(j, "scope");
        ax_json_cstr(j, ax_scope_name(v[i].scope));
        ax_json_key(j, "parts");
        ax_json_arr(j);
        for (unsigned k = 0; k < AX_PARTS; k++)
            if (v[i].parts & 1u << k)
                ax_json_cstr(j, ax_part_names[k]);
        ax_json_end(j);
        if (v[i].extract.id[0])
            put_extract(j, &v[i].extract);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void answer(struct listening *l, struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    struct ax_json j = {.out = &r->body};
    struct ax_str version = version_text(q, &l->now);
    int rc = 0;
    ax_json_obj(&j);
    ax_json_key(&j, "version");
    ax_json_str(&j, version);
    if (!ax_str_eq(version, l->version))
        rc = put_standings(q, &j, &l->now, &err);
    if (rc == 0) {
        put_requests(q, &j, &l->at);
        ax_json_end(&j);
    } else {
        ax_inspect_refuse(r, &err);
    }
}

static bool listen(struct ax_later *later, struct ax_request *q, struct ax_reply *r,
                   void (*wake)(void *ctx), void *ctx)
{
    struct listening *l = (struct listening *)later;
    struct ax_err err;
    l->wait.wake = wake;
    l->wait.ctx = ctx;
    int rc = ax_relay_listen(ax_api_rooms(q->api)->relay, &l->at, &l->wait, ax_mono_ns(), &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    return rc == 0;
}

static void finish(struct ax_later *later, struct ax_request *q, struct ax_reply *r)
{
    struct listening *l = (struct listening *)later;
    struct ax_err err;
    if (l->wait.replaced)
        ax_reply_auspex_error(r, 409, "conflict", "another collector of this host has come");
    else if (look_up(q, &l->at, &l->now, &err) < 0)
        ax_inspect_refuse(r, &err);
    else
        answer(l, q, r);
}

/* With something new the answer comes at once. */
void ax_inspections_work(struct ax_request *q, struct ax_reply *r)
{
    struct listening *l = AX_NEW(&q->arena, struct listening);
    struct ax_err err;
    uint32_t seconds = 0;
    int rc = ax_inspect_collector(q, &l->at, &err);
    if (rc == 0)
        rc = ax_param_count(q, "wait", 25, WAIT_MAX_S, &seconds, &err);
    if (rc == 0)
        rc = look_up(q, &l->at, &l->now, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return;
    }
    ax_relay_come(ax_api_rooms(q->api)->relay, &l->at, ax_param(q, "got"), ax_mono_ns());
    l->version = ax_param(q, "version");
    if (!ax_str_eq(version_text(q, &l->now), l->version) || seconds == 0) {
        answer(l, q, r);
        return;
    }
    l->wait.until_ns = ax_mono_ns() + (int64_t)seconds * 1000000000;
    l->later = (struct ax_later){listen, finish};
    r->later = &l->later;
}
