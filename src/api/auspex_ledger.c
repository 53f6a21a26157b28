// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/inspection/ledger: what was done, and whether all of it is there. */
#include "api/inspection.h"

#define PAGE     1000
#define MAX_PAGE 10000

void ax_ledger_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str resource = ax_param(q, "resource");
    struct ax_ledger_filter f = {.tenant = ax_inspection_tenant(q),
                                 .handle = resource.n ? resource : AX_STR_NULL,
                                 .seen_at = ax_inspection_seen_at(q),
                                 .newest_first = ax_inspection_flag(q, "newest")};
    struct ax_ledger_entry *v;
    struct ax_err err;
    uint32_t after = 0, before = 0;
    size_t n;
    int rc = ax_param_count(q, "after", 0, UINT32_MAX, &after, &err);
    if (rc == 0)
        rc = ax_param_count(q, "before", 0, UINT32_MAX, &before, &err);
    if (rc == 0)
        rc = ax_param_count(q, "limit", PAGE, MAX_PAGE, &f.limit, &err);
    f.after = after;
    f.before = before;
    f.limit = f.limit ? f.limit : PAGE;
    if (rc == 0)
        rc = ax_ledger_read(ax_warrants_ledger(ax_api_rooms(q->api)->warrants), &f, &q->arena, &v,
                            &n, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    ax_buf_cstr(&r->body, "{\"entries\":[");
    for (size_t i = 0; i < n; i++) {
        ax_buf_cstr(&r->body, i ? "," : "");
        ax_ledger_json(&v[i], true, &r->body);
    }
    ax_buf_cstr(&r->body, "]}");
}

static void put_number(struct ax_json *j, const char *key, int64_t v)
{
    ax_json_key(j, key);
    if (v)
        ax_json_int(j, v);
    else
        ax_json_null(j);
}

void ax_ledger_verify_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_ledger_report x;
    struct ax_err err;
    if (ax_ledger_verify(ax_warrants_ledger(ax_api_rooms(q->api)->warrants), ax_param(q, "head"),
                         &x, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "intact");
    ax_json_bool(&j, x.intact);
    ax_json_key(&j, "entries");
    ax_json_int(&j, x.entries);
    ax_inspection_text(&j, "head", ax_str(x.head));
    put_number(&j, "found", x.found);
    put_number(&j, "bad", x.bad);
    ax_inspection_text(&j, "fault", x.intact ? AX_STR("") : ax_str(x.fault));
    ax_json_end(&j);
}
