// SPDX-License-Identifier: Apache-2.0
/* Extracts of a VM's memory that were begun (auspex_extract.c): handed out piece after piece in
 * order, ended with their hash in the ledger (extracts.h). Each piece is read when it is asked for,
 * and only while the warrant lasts. */
#include "api/extracts.h"
#include "api/inspect.h"
#include "api/inspection.h"
#include "base/clock.h"
#include "vmi/vmi.h"

#include <errno.h>
#include <inttypes.h>

#define PIECE_MS 20000

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
    return ax_extracts_take(ax_api_extracts(q->api), q->rest, ax_inspection_who(q), out, err);
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
        ax_extracts_end(ax_api_extracts(q->api), e, ax_str(err.text), NULL, NULL);
        return;
    }
    ax_extracts_give(ax_api_extracts(q->api), e);
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
    f->wait = ax_inquiry_wait(PIECE_MS, wake, ctx);
    int rc = ax_extracts_ask(ax_api_extracts(q->api), f->e, f->gpa, f->bytes, &f->request, &f->wait,
                             &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        ax_extracts_end(ax_api_extracts(q->api), f->e, ax_str(err.text), NULL, NULL);
    }
    return rc == 0;
}

static void finish_piece(struct ax_later *l, struct ax_request *q, struct ax_reply *r)
{
    struct fetching *f = (struct fetching *)l;
    AX_CLEANUP(ax_inquiry_answer_free) struct ax_inquiry_answer answer;
    if (ax_inquiry_collect(q, r, &f->request, f->e->host, PIECE_MS, &answer) < 0)
        ax_extracts_end(ax_api_extracts(q->api), f->e, answer.said, NULL, NULL);
    else
        reply_piece(q, r, f->e, &answer.text);
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
        ax_extracts_give(ax_api_extracts(q->api), f->e);
        ax_reply_auspex_errno(r, &err);
        return;
    }
    rc = check_grant(q, f->e, &err);
    if (rc < 0) {
        ax_inspect_refuse(r, &err);
        ax_extracts_end(ax_api_extracts(q->api), f->e, ax_str(err.text), NULL, NULL);
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
    rc = ax_extracts_end(ax_api_extracts(q->api), e,
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
