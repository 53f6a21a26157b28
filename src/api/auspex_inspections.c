// SPDX-License-Identifier: Apache-2.0
/* The collectors' side of looking into VMs. The server never connects to them: they come and ask,
 * and wait here while there is nothing for them. */
#include "api/inspect.h"

#include "api/body.h"
#include "base/clock.h"
#include "base/map.h"
#include "vmi/vmi.h"

#include <errno.h>

#define WAIT_MAX_S 50

/* ---- who comes ---- */

static int whose(struct ax_request *q, struct ax_relay_at *at, struct ax_err *err)
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
    int rc = whose(q, &l->at, &err);
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

/* ---- POST result ---- */

static bool is_member_of(const char *key, unsigned parts)
{
    static const struct {
        const char *member;
        unsigned part;
    } members[] = {{"system", AX_PART_SYSTEM},       {"memory", AX_PART_MEMORY},
                   {"network", AX_PART_NETWORK},     {"disks", AX_PART_STORAGE},
                   {"filesystems", AX_PART_STORAGE}, {"processes", AX_PART_PROCESSES},
                   {"modules", AX_PART_MODULES},     {"integrity", AX_PART_INTEGRITY},
                   {"messages", AX_PART_LOG},        {"stacks", AX_PART_STACKS},
                   {"messages_lost", AX_PART_LOG},   {"kernel", AX_PART_ALL},
                   {"build_id", AX_PART_ALL},        {"attach_seconds", AX_PART_ALL},
                   {"poll_seconds", AX_PART_ALL},    {"missing", AX_PART_ALL}};
    for (size_t i = 0; i < AX_ARRAY_LEN(members); i++)
        if (strcmp(members[i].member, key) == 0)
            return members[i].part & parts;
    return false;
}

static int to_buf(const char *bytes, size_t n, void *out)
{
    ax_buf_add(out, bytes, n);
    return 0;
}

static void filter(const json_t *reading, unsigned parts, struct ax_buf *out)
{
    const char *key;
    const json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)reading, key, v) {
        if (!is_member_of(key, parts))
            continue;
        ax_buf_printf(out, "%s\"%s\":", out->n ? "," : "", key);
        json_dump_callback(v, to_buf, out,
                           JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    }
}

static int code_of(const char *word)
{
    static const struct {
        const char *word;
        int code;
    } codes[] = {{"no_kernel", -ENOENT},
                 {"unsupported", -ENOTSUP},
                 {"not_running", -ESRCH},
                 {"unavailable", -EAGAIN}};
    for (size_t i = 0; word && i < AX_ARRAY_LEN(codes); i++)
        if (strcmp(codes[i].word, word) == 0)
            return codes[i].code;
    return -EIO;
}

/* {"ram": [{"address", "bytes"}...], "vmcoreinfo": "...", "left_out_bytes"}; whether it makes sense
 * is seen later (ax_extract_plan). Who does not say what is left out must not seem to leave out
 * nothing. */
static int read_map(const json_t *memory, struct ax_buf *out, struct ax_err *err)
{
    const json_t *ram = json_object_get(memory, "ram"),
                 *text = json_object_get(memory, "vmcoreinfo"),
                 *left_out = json_object_get(memory, "left_out_bytes");
    struct ax_memory_map m = {.n = json_array_size(ram)};
    if (m.n == 0 || m.n > AX_RAM_BLOCKS)
        return ax_fail(err, -EINVAL, "ram: expected 1 to %d pieces", AX_RAM_BLOCKS);
    if (!json_is_integer(left_out) || json_integer_value(left_out) < 0)
        return ax_fail(err, -EINVAL, "left_out_bytes: expected a number of bytes");
    m.left_out = (uint64_t)json_integer_value(left_out);
    for (size_t i = 0; i < m.n; i++) {
        const json_t *one = json_array_get(ram, i);
        m.blocks[i].gpa = (uint64_t)json_integer_value(json_object_get(one, "address"));
        m.blocks[i].size = (uint64_t)json_integer_value(json_object_get(one, "bytes"));
    }
    if (json_string_length(text) <= sizeof m.vmcoreinfo)
        m.vmcoreinfo_n = json_string_length(text);
    if (m.vmcoreinfo_n)
        memcpy(m.vmcoreinfo, json_string_value(text), m.vmcoreinfo_n);
    ax_buf_add(out, &m, sizeof m);
    return 0;
}

/* {"reading": {...}}, {"memory": {...}} or {"error": {"code": ..., "message": ...}} -> what the
 * asker is told. */
static int read_result(const json_t *body, const struct ax_relay_request *q, int *code,
                       struct ax_buf *out, struct ax_err *err)
{
    const json_t *reading = json_object_get(body, "reading"),
                 *memory = json_object_get(body, "memory"), *fault = json_object_get(body, "error");
    const char *text = json_string_value(json_object_get(fault, "message"));
    *code = 0;
    if (q->extract.ends)
        return 0;
    if (json_is_object(reading) && !q->extract.id[0]) {
        filter(reading, q->parts, out);
        return 0;
    }
    if (json_is_object(memory) && q->extract.id[0] && !q->extract.bytes)
        return read_map(memory, out, err);
    if (!text || strlen(text) > AX_ERR_TEXT)
        return ax_fail(
            err, -EINVAL,
            "expected {\"reading\": {...}} (of an extract's begin {\"memory\": {...}}), or "
            "{\"error\": {\"code\", \"message\"}}");
    *code = code_of(json_string_value(json_object_get(fault, "code")));
    ax_buf_cstr(out, text);
    return 0;
}

void ax_inspections_result(struct ax_request *q, struct ax_reply *r)
{
    struct ax_relay *relay = ax_api_rooms(q->api)->relay;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    AX_CLEANUP(ax_body_free) json_t *body = NULL;
    struct ax_relay_at at;
    struct ax_relay_request request;
    struct ax_err err;
    int code = 0, rc = whose(q, &at, &err);
    if (rc == 0)
        rc = ax_relay_find(relay, &at, q->rest, &request, &q->arena, &err);
    if (rc == 0) { /* only of who was asked so much is taken in */
        json_error_t where;
        body = json_loadb(q->body.p ? q->body.p : "", q->body.n, JSON_ALLOW_NUL, &where);
        rc = body ? read_result(body, &request, &code, &text, &err)
                  : ax_fail(&err, -EINVAL, "not JSON: %s", where.text);
    }
    if (rc == 0)
        rc = ax_relay_answer(relay, &at, q->rest, code, &text, &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}

/* ---- POST piece: of an extract ---- */

/* The body is the piece. */
void ax_inspections_piece(struct ax_request *q, struct ax_reply *r)
{
    struct ax_relay *relay = ax_api_rooms(q->api)->relay;
    struct ax_relay_at at;
    struct ax_relay_request request;
    struct ax_err err;
    uint64_t covers, data;
    int rc = whose(q, &at, &err);
    if (rc == 0)
        rc = ax_relay_find(relay, &at, q->rest, &request, &q->arena, &err);
    if (rc == 0 && !request.extract.bytes)
        rc = ax_fail(&err, -EINVAL, "the request is of no piece of memory");
    if (rc == 0)
        rc = ax_piece_check(ax_buf_view(&q->body), request.extract.bytes, &covers, &data, &err);
    if (rc == 0)
        rc = ax_relay_answer(relay, &at, q->rest, 0, &q->body, &err);
    r->status = 204;
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
}

/* ---- POST count: of a standing collection ---- */

/* {"polls": N}, and {"ended": "why"} when it has stopped. 403: its grant has ended. */
void ax_inspections_count(struct ax_request *q, struct ax_reply *r)
{
    AX_CLEANUP(ax_body_free) json_t *body = NULL;
    struct ax_warrants *w = ax_api_rooms(q->api)->warrants;
    struct ax_relay_at at;
    struct ax_str why = AX_STR_NULL;
    struct ax_err err;
    int64_t now = ax_now_ms();
    int rc = whose(q, &at, &err);
    if (rc == 0)
        rc = ax_inspect_body(q, &body, &err);
    json_int_t polls = json_integer_value(json_object_get(body, "polls"));
    if (rc == 0 && (polls < 0 || polls > INT32_MAX))
        rc = ax_fail(&err, -EINVAL, "polls: expected a whole number");
    if (rc == 0 && ax_body_has(body, "ended"))
        rc = ax_body_text(body, "ended", &q->arena, &why, &err);
    if (rc == 0)
        rc = ax_standing_count(w, q->rest, (uint64_t)polls, now, &err);
    if (rc == 0 && why.n)
        rc = ax_standing_end(w, q->rest, why, now, &err);
    r->status = 204;
    if (rc < 0)
        ax_inspect_refuse(r, &err);
}
