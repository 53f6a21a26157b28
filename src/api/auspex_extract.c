// SPDX-License-Identifier: Apache-2.0
/* Extracts of a VM's memory: begun under a forensic warrant, handed out piece after piece in order,
 * ended with their hash in the ledger (extracts.h). Each piece is read when it is asked for, and
 * only while the warrant lasts. */
#include "api/extracts.h"
#include "api/inspect.h"
#include "api/inspection.h"
#include "base/clock.h"
#include "vmi/vmi.h"

#include <errno.h>
#include <inttypes.h>

#define PIECE_MS 20000

static struct ax_extracts *extracts_of(const struct ax_request *q)
{
    return ax_api_extracts(q->api);
}

/* ---- POST: the begin ---- */

struct beginning {
    struct ax_later later;
    struct ax_relay_wait wait;
    struct ax_relay_request request;
    struct ax_resource vm;
    struct ax_inspection x;
    struct ax_grant grant;
    struct ax_extraction *e;
    int64_t wait_ms, sequence;
    uint64_t from, bytes;
};

static int read_number(const json_t *body, const char *key, uint64_t *out, struct ax_err *err)
{
    const json_t *v = json_object_get(body, key);
    if (!v)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) > (json_int_t)1 << 52)
        return ax_fail(err, -EINVAL, "%s: expected a number of bytes", key);
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

static int read_body(struct ax_request *q, struct beginning *b, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *body = NULL;
    int rc = ax_inspect_body(q, &body, err);
    if (rc == 0)
        rc = read_number(body, "from", &b->from, err);
    if (rc == 0)
        rc = read_number(body, "bytes", &b->bytes, err);
    if (rc == 0)
        rc = ax_inspect_text(body, "reason", &q->arena, &b->x.reason, err);
    if (rc == 0)
        rc = ax_inspect_text(body, "grant", &q->arena, &b->x.grant, err);
    return rc < 0 ? rc : ax_inspect_wait(body, &b->wait_ms, err);
}

static int check_law(struct ax_request *q, struct beginning *b, struct ax_err *err)
{
    struct ax_warrants *w = ax_api_rooms(q->api)->warrants;
    b->x.scope = AX_SCOPE_FORENSIC;
    int rc = ax_warrants_allow(w, &b->x, ax_now_ms(), &q->arena, &b->grant, err);
    if (rc == -EPERM) /* a refusal is written down */
        rc = ax_warrants_use(w, &b->x, ax_now_ms(), &q->arena, &b->grant, err);
    return rc;
}

static struct ax_str range_text(struct ax_request *q, const struct beginning *b)
{
    if (b->bytes)
        return ax_arena_printf(&q->arena, "its memory from 0x%" PRIx64 ", %" PRIu64 " bytes",
                               b->from, b->bytes);
    return b->from ? ax_arena_printf(&q->arena, "its memory from 0x%" PRIx64 " on", b->from)
                   : AX_STR("all of its memory");
}

/* In the ledger, and the notice made, before the collector can hear of it. */
static int begin(struct ax_request *q, struct beginning *b, struct ax_err *err)
{
    struct ax_warrants *w = ax_api_rooms(q->api)->warrants;
    int rc = ax_extracts_make(extracts_of(q), &b->x, b->vm.host, &b->e, err);
    if (rc < 0)
        return rc;
    rc = ax_warrants_extract(w, &b->x, range_text(q, b), b->e->began, &q->arena, b->e->id,
                             &b->grant, &b->sequence, err);
    if (rc < 0) {
        b->e->id[0] = '\0';
        ax_extracts_end(extracts_of(q), b->e, AX_STR_NULL, NULL, NULL);
        return rc;
    }
    b->e->x.grant = ax_arena_str(&b->e->arena, ax_str(b->grant.id));
    return 0;
}

static int ask(struct ax_request *q, const struct ax_extraction *e, uint64_t from, uint64_t bytes,
               struct ax_relay_request *request, struct ax_relay_wait *wait, struct ax_err *err)
{
    *request = (struct ax_relay_request){.handle = e->x.handle,
                                         .scope = AX_SCOPE_FORENSIC,
                                         .extract = {.from = from, .bytes = bytes}};
    memcpy(request->extract.id, e->id, sizeof request->extract.id);
    return ax_relay_ask(ax_api_rooms(q->api)->relay, e->x.tenant, e->host, request, wait, err);
}

static bool wait_for_map(struct ax_later *l, struct ax_request *q, struct ax_reply *r,
                         void (*wake)(void *ctx), void *ctx)
{
    struct beginning *b = (struct beginning *)l;
    struct ax_err err;
    int rc = begin(q, b, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return false;
    }
    b->wait = (struct ax_relay_wait){
        .wake = wake, .ctx = ctx, .until_ns = ax_mono_ns() + b->wait_ms * 1000000};
    b->e->known = true;
    rc = ask(q, b->e, 0, 0, &b->request, &b->wait, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        ax_extracts_end(extracts_of(q), b->e, ax_str(err.text), NULL, NULL);
    }
    return rc == 0;
}

static void put_begin(struct ax_request *q, struct ax_reply *r, const struct beginning *b,
                      const struct ax_memory_map *m)
{
    struct ax_json j = {.out = &r->body};
    r->status = 201;
    ax_json_obj(&j);
    ax_json_key(&j, "id");
    ax_json_cstr(&j, b->e->id);
    ax_json_key(&j, "handle");
    ax_json_str(&j, b->vm.handle);
    ax_json_key(&j, "name");
    ax_json_str(&j, b->vm.name);
    ax_json_key(&j, "host");
    ax_json_str(&j, b->vm.host);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, b->sequence);
    ax_inspection_time(&j, "begin", b->e->began);
    ax_json_key(&j, "bytes");
    ax_json_int(&j, (int64_t)b->e->file.size);
    ax_json_key(&j, "kernel");
    ax_json_bool(&j, m->vmcoreinfo_n > 0);
    ax_json_key(&j, "left_out_bytes");
    ax_json_int(&j, (int64_t)b->e->file.left_out);
    ax_inspect_put_grant(&j, &b->grant);
    ax_json_end(&j);
}

static void finish_map(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct beginning *b = (struct beginning *)l;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_relay *relay = ax_api_rooms(q->api)->relay;
    struct ax_memory_map m;
    struct ax_err err;
    bool taken;
    int rc = ax_relay_collect(relay, ax_str(b->request.id), &text, &taken);
    struct ax_str said = ax_buf_view(&text);
    if (rc == -ETIMEDOUT)
        said = ax_inspect_silence(q, b->vm.host, taken, b->wait_ms);
    if (rc < 0) {
        ax_inspect_failed(q, r, rc, said);
    } else if (text.n != sizeof m) {
        said = AX_STR("the collector's answer is of something else");
        ax_inspect_failed(q, r, -EIO, said);
        rc = -EIO;
    } else {
        memcpy(&m, text.p, sizeof m);
        rc = ax_extract_plan(&b->e->file, &m, b->from, b->bytes, &err);
        said = rc < 0 ? ax_str(err.text) : AX_STR_NULL;
        if (rc < 0)
            ax_reply_auspex_errno(r, &err);
    }
    if (rc < 0) {
        ax_extracts_end(extracts_of(q), b->e, said, NULL, NULL);
        return;
    }
    put_begin(q, r, b, &m);
    ax_extracts_give(extracts_of(q), b->e);
}

void ax_extraction_post(struct ax_request *q, struct ax_reply *r)
{
    struct beginning *b = AX_NEW(&q->arena, struct beginning);
    struct ax_err err;
    int rc = ax_inspect_find(q, &b->vm, &err);
    if (rc == 0)
        rc = read_body(q, b, &err);
    if (rc == 0) {
        ax_inspect_name(q, &b->vm, &b->x);
        rc = check_law(q, b, &err);
    }
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return;
    }
    int status = ax_inspect_reach(q, &b->vm, &err);
    if (status) {
        ax_inspect_unreachable(r, status, &err);
        return;
    }
    b->later = (struct ax_later){wait_for_map, finish_map};
    r->later = &b->later;
}

/* ---- POST piece ---- */

struct fetching {
    struct ax_later later;
    struct ax_relay_wait wait;
    struct ax_relay_request request;
    struct ax_extraction *e;
    uint64_t gpa, bytes;
};

static int take(struct ax_request *q, struct ax_extraction **out, struct ax_err *err)
{
    return ax_extracts_take(extracts_of(q), q->rest, ax_inspection_who(q), out, err);
}

/* The warrant under which it began, and no other. */
static int check_grant(struct ax_request *q, const struct ax_extraction *e, struct ax_err *err)
{
    struct ax_grant grant;
    int rc = ax_warrants_allow(ax_api_rooms(q->api)->warrants, &e->x, ax_now_ms(), &q->arena,
                               &grant, err);
    return rc == -EPERM ? ax_fail(err, -EPERM,
                                  "the warrant under which the extract was made has ended, and the "
                                  "extract with it")
                        : rc;
}

static int check_offset(struct ax_request *q, const struct ax_extraction *e, struct ax_err *err)
{
    uint64_t offset;
    if (!ax_str_u64(ax_param(q, "offset"), &offset))
        return ax_fail(err, -EINVAL, "offset: expected how much of the file is there already");
    if (offset != e->offset || ax_extraction_is_complete(e))
        return ax_fail(err, -EALREADY,
                       "pieces are handed out once, and in order: %" PRIu64 " of %" PRIu64
                       " bytes were",
                       e->offset, e->file.size);
    return 0;
}

static void reply_piece(struct ax_request *q, struct ax_reply *r, struct ax_extraction *e,
                        struct ax_buf *piece)
{
    struct ax_err err;
    int rc = ax_extraction_count(e, ax_buf_view(piece), &err);
    if (rc < 0) {
        ax_reply_auspex_error(r, 502, "collector", err.text);
        ax_extracts_end(extracts_of(q), e, ax_str(err.text), NULL, NULL);
        return;
    }
    ax_extracts_give(extracts_of(q), e);
    ax_buf_free(&r->body);
    r->type = "application/octet-stream";
    r->body = *piece;
    *piece = (struct ax_buf)AX_BUF_INIT;
}

static bool wait_for_piece(struct ax_later *l, struct ax_request *q, struct ax_reply *r,
                           void (*wake)(void *ctx), void *ctx)
{
    struct fetching *f = (struct fetching *)l;
    struct ax_err err;
    f->wait = (struct ax_relay_wait){
        .wake = wake, .ctx = ctx, .until_ns = ax_mono_ns() + PIECE_MS * INT64_C(1000000)};
    int rc = ask(q, f->e, f->gpa, f->bytes, &f->request, &f->wait, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        ax_extracts_end(extracts_of(q), f->e, ax_str(err.text), NULL, NULL);
    }
    return rc == 0;
}

static void finish_piece(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct fetching *f = (struct fetching *)l;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    bool taken;
    int rc = ax_relay_collect(ax_api_rooms(q->api)->relay, ax_str(f->request.id), &text, &taken);
    struct ax_str said = ax_buf_view(&text);
    if (rc == -ETIMEDOUT)
        said = ax_inspect_silence(q, f->e->host, taken, PIECE_MS);
    if (rc == 0) {
        reply_piece(q, r, f->e, &text);
        return;
    }
    ax_inspect_failed(q, r, rc, said);
    ax_extracts_end(extracts_of(q), f->e, said, NULL, NULL);
}

void ax_extraction_piece(struct ax_request *q, struct ax_reply *r)
{
    struct fetching *f = AX_NEW(&q->arena, struct fetching);
    AX_CLEANUP(ax_buf_free) struct ax_buf head = AX_BUF_INIT;
    struct ax_err err;
    int rc = take(q, &f->e, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    rc = check_offset(q, f->e, &err);
    if (rc < 0) {
        ax_extracts_give(extracts_of(q), f->e);
        ax_reply_auspex_errno(r, &err);
        return;
    }
    rc = check_grant(q, f->e, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        ax_extracts_end(extracts_of(q), f->e, ax_str(err.text), NULL, NULL);
        return;
    }
    if (f->e->offset == 0) {
        ax_extract_head(&f->e->file, &head);
        reply_piece(q, r, f->e, &head);
        return;
    }
    AX_ASSERT(ax_extract_at(&f->e->file, f->e->offset, &f->gpa, &f->bytes));
    f->later = (struct ax_later){wait_for_piece, finish_piece};
    r->later = &f->later;
}

/* ---- DELETE: the end ---- */

void ax_extraction_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_extraction *e;
    struct ax_extraction_sum sum;
    struct ax_err err;
    int rc = take(q, &e, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    bool complete = ax_extraction_is_complete(e);
    int64_t began = e->began;
    rc = ax_extracts_end(extracts_of(q), e,
                         complete ? AX_STR_NULL : AX_STR("by who had asked for it"), &sum, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "complete");
    ax_json_bool(&j, complete);
    ax_json_key(&j, "bytes");
    ax_json_int(&j, (int64_t)sum.end.size);
    ax_json_key(&j, "holes_bytes");
    ax_json_int(&j, (int64_t)(sum.end.size - sum.end.data));
    ax_json_key(&j, "left_out_bytes");
    ax_json_int(&j, (int64_t)sum.end.left_out);
    ax_json_key(&j, "sha256");
    ax_json_cstr(&j, sum.end.sha256);
    ax_inspection_time(&j, "begin", began);
    ax_inspection_time(&j, "end", sum.at);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, sum.sequence);
    ax_json_end(&j);
}
