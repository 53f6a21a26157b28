// SPDX-License-Identifier: Apache-2.0
#include "api/inner.h"

#include <errno.h>

static void begin(struct ax_reply *r, int status)
{
    r->status = status;
    r->type = "application/json";
    ax_buf_clear(&r->body);
}

void ax_reply_prometheus_error(struct ax_reply *r, int status, const char *type, const char *text)
{
    begin(r, status);
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "status");
    ax_json_cstr(&j, "error");
    ax_json_key(&j, "errorType");
    ax_json_cstr(&j, type);
    ax_json_key(&j, "error");
    ax_json_cstr(&j, text);
    ax_json_end(&j);
}

void ax_reply_auspex_error(struct ax_reply *r, int status, const char *code, const char *text)
{
    begin(r, status);
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "error");
    ax_json_obj(&j);
    ax_json_key(&j, "code");
    ax_json_cstr(&j, code);
    ax_json_key(&j, "message");
    ax_json_cstr(&j, text);
    ax_json_end(&j);
    ax_json_end(&j);
}

void ax_reply_auspex_errno(struct ax_reply *r, const struct ax_err *err)
{
    switch (err->code) {
    case -EINVAL:
    case -EBADMSG: ax_reply_auspex_error(r, 400, "bad_request", err->text); break;
    case -EFBIG: ax_reply_auspex_error(r, 413, "too_large", err->text); break;
    case -EPERM: ax_reply_auspex_error(r, 403, "forbidden", err->text); break;
    case -ENOENT: ax_reply_auspex_error(r, 404, "not_found", err->text); break;
    case -EALREADY: ax_reply_auspex_error(r, 409, "conflict", err->text); break;
    case -ENOSPC: ax_reply_auspex_error(r, 507, "no_space", err->text); break;
    case -EDQUOT: ax_reply_auspex_error(r, 429, "too_many_requests", err->text); break;
    case -EAGAIN:
        ax_reply_auspex_error(r, 429, "too_many_requests", err->text);
        r->retry_after = 10;
        break;
    case -EUCLEAN: ax_reply_auspex_error(r, 503, "ledger_damaged", err->text); break;
    case -EROFS:
    case -EBUSY: ax_reply_auspex_error(r, 503, "unavailable", err->text); break;
    default: ax_reply_auspex_error(r, 500, "internal", err->text); break;
    }
}

void ax_reply_count(struct ax_reply *r, const char *header, uint64_t n)
{
    AX_ASSERT(r->ncounts < AX_REPLY_COUNTS);
    r->counts[r->ncounts].name = header;
    r->counts[r->ncounts++].n = n;
}

void ax_reply_made(struct ax_reply *r, const char *id)
{
    struct ax_json j = {.out = &r->body};
    r->status = 201;
    ax_json_obj(&j);
    ax_json_key(&j, "id");
    ax_json_cstr(&j, id);
    ax_json_end(&j);
}
