// SPDX-License-Identifier: Apache-2.0
/* Extracts of a VM's memory are begun here, under a forensic warrant; then they are handed out
 * piece after piece (auspex_extract_piece.c). */
#include "api/extracts.h"
#include "api/inspect.h"
#include "api/inspection.h"
#include "vmi/vmi.h"

#include <errno.h>
#include <inttypes.h>

struct beginning {
    struct ax_inquiry ask;
    struct ax_extraction *e;
    int64_t sequence;
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

static int read_wanted(const json_t *body, struct ax_inquiry *ask, struct ax_err *err)
{
    struct beginning *b = (struct beginning *)ask;
    ask->x.scope = AX_SCOPE_FORENSIC;
    int rc = read_number(body, "from", &b->from, err);
    return rc < 0 ? rc : read_number(body, "bytes", &b->bytes, err);
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
    int rc = ax_extracts_make(ax_api_extracts(q->api), &b->ask.x, b->ask.vm.host, &b->e, err);
    if (rc < 0)
        return rc;
    rc = ax_warrants_extract(w, &b->ask.x, range_text(q, b), b->e->began, &q->arena, b->e->id,
                             &b->ask.grant, &b->sequence, err);
    if (rc < 0) {
        b->e->id[0] = '\0';
        ax_extracts_end(ax_api_extracts(q->api), b->e, AX_STR_NULL, NULL, NULL);
        return rc;
    }
    b->e->x.grant = ax_arena_str(&b->e->arena, ax_str(b->ask.grant.id));
    return 0;
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
    b->ask.wait = ax_inquiry_wait(b->ask.wait_ms, wake, ctx);
    b->e->known = true;
    rc = ax_extracts_ask(ax_api_extracts(q->api), b->e, 0, 0, &b->ask.request, &b->ask.wait, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        ax_extracts_end(ax_api_extracts(q->api), b->e, ax_str(err.text), NULL, NULL);
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
    ax_json_str(&j, b->ask.vm.handle);
    ax_json_key(&j, "name");
    ax_json_str(&j, b->ask.vm.name);
    ax_json_key(&j, "host");
    ax_json_str(&j, b->ask.vm.host);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, b->sequence);
    ax_inspection_time(&j, "begin", b->e->began);
    ax_json_key(&j, "bytes");
    ax_json_int(&j, (int64_t)b->e->file.size);
    ax_json_key(&j, "kernel");
    ax_json_bool(&j, m->vmcoreinfo_n > 0);
    ax_json_key(&j, "left_out_bytes");
    ax_json_int(&j, (int64_t)b->e->file.left_out);
    ax_inspect_put_grant(&j, &b->ask.grant);
    ax_json_end(&j);
}

/* The file that is made of what the collector says of the memory. *why is in the reply, too. */
static int plan(struct ax_request *q, struct ax_reply *r, struct beginning *b, struct ax_str said,
                struct ax_memory_map *m, struct ax_str *why)
{
    struct ax_err err;
    if (said.n != sizeof *m) {
        *why = AX_STR("the collector's answer is of something else");
        ax_inquiry_failed(q, r, -EIO, *why);
        return -EIO;
    }
    memcpy(m, said.p, sizeof *m);
    int rc = ax_extract_plan(&b->e->file, m, b->from, b->bytes, &err);
    if (rc < 0) {
        *why = ax_arena_str(&q->arena, ax_str(err.text));
        ax_reply_auspex_errno(r, &err);
    }
    return rc;
}

static void finish_map(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct beginning *b = (struct beginning *)l;
    AX_CLEANUP(ax_inquiry_answer_free) struct ax_inquiry_answer answer;
    struct ax_memory_map m;
    int rc = ax_inquiry_collect(q, r, &b->ask.request, b->ask.vm.host, b->ask.wait_ms, &answer);
    if (rc == 0)
        rc = plan(q, r, b, ax_buf_view(&answer.text), &m, &answer.said);
    if (rc < 0) {
        ax_extracts_end(ax_api_extracts(q->api), b->e, answer.said, NULL, NULL);
        return;
    }
    put_begin(q, r, b, &m);
    ax_extracts_give(ax_api_extracts(q->api), b->e);
}

void ax_extraction_post(struct ax_request *q, struct ax_reply *r)
{
    struct beginning *b = AX_NEW(&q->arena, struct beginning);
    ax_inquiry_begin(q, r, &b->ask, read_wanted, (struct ax_later){wait_for_map, finish_map});
}
