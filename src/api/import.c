// SPDX-License-Identifier: Apache-2.0
/* Samples of any time, in text: batch after batch, each of them on stable storage before the next.
 */
#include "api/inner.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

struct import {
    struct ax_import im;
    uint64_t stored, refused, bad_lines;
    char first[AX_ERR_TEXT]; /* why, of the first that was refused */
};

static void note(struct import *x, const char *why)
{
    if (!x->first[0])
        snprintf(x->first, sizeof x->first, "%s", why);
}

static int one_batch(struct ax_request *q, struct import *x, struct ax_arena *a, struct ax_err *err)
{
    struct ax_intake *in = ax_api_rooms(q->api)->intake;
    struct ax_batch batch = {.arena = a};
    struct ax_intake_result result = {0};
    struct ax_walk walk;
    struct ax_err why = {0};
    struct ax_decoding d = {.tenant = q->tenant, .walk = &walk, .out = &batch};
    ax_walk_begin(&walk, in, q->tenant);
    ax_import_next(&x->im, &d, &why);
    int rc = batch.n ? ax_intake_push(in, &batch, x->im.now, &result, err) : 0;
    ax_walk_end(&walk);
    if (d.bad)
        note(x, why.text);
    if (result.rejected)
        note(x, result.reason);
    x->bad_lines += d.bad;
    x->refused += result.rejected;
    x->stored += rc < 0 ? 0 : result.accepted;
    ax_quota_charge(ax_api_quotas(q->api), q->tenant, result.accepted);
    return rc;
}

static void answer(struct ax_reply *r, const struct import *x)
{
    char text[AX_ERR_TEXT + 160];
    r->status = 204;
    if (x->bad_lines || x->refused) {
        snprintf(text, sizeof text,
                 "%llu lines and %llu samples refused, %llu samples stored; first: %s",
                 (unsigned long long)x->bad_lines, (unsigned long long)x->refused,
                 (unsigned long long)x->stored, x->first);
        ax_reply_prometheus_error(r, 400, "bad_data", text);
    }
    ax_reply_count(r, "X-Auspex-Samples-Stored", x->stored);
    ax_reply_count(r, "X-Auspex-Samples-Refused", x->refused);
    ax_reply_count(r, "X-Auspex-Lines-Refused", x->bad_lines);
}

/* OpenMetrics says what it is by its type, or by the line that ends it. */
static bool is_openmetrics(const struct ax_request *q, struct ax_str text)
{
    return ax_str_starts(q->content_type, AX_STR("application/openmetrics-text")) ||
           ax_str_ends(ax_str_trim(text), AX_STR("\n# EOF"));
}

static void import(struct ax_request *q, struct ax_reply *r, enum ax_import_format format,
                   const struct ax_csv *csv)
{
    struct import x = {.im = {.format = format, .csv = csv, .now = ax_now_ms()}};
    struct ax_err err;
    struct ax_arena a = AX_ARENA_INIT;
    uint32_t line;
    int rc = ax_param_count(q, "first_line", 1, UINT32_MAX, &line, &err);
    if (rc == 0)
        rc = ax_quota_admit(ax_api_quotas(q->api), q->tenant, &err);
    if (rc == 0)
        rc = ax_samples_body(q, AX_PACKED_NOT, &x.im.rest, &err);
    x.im.line = line;
    if (rc == 0 && format == AX_IMPORT_PROMETHEUS && is_openmetrics(q, x.im.rest))
        x.im.format = AX_IMPORT_OPENMETRICS;
    while (rc == 0 && x.im.rest.n) {
        rc = one_batch(q, &x, &a, &err);
        ax_arena_reset(&a);
    }
    ax_arena_free(&a);
    if (rc < 0)
        ax_samples_failed(r, &err);
    else
        answer(r, &x);
}

void ax_import_prometheus(struct ax_request *q, struct ax_reply *r)
{
    import(q, r, AX_IMPORT_PROMETHEUS, NULL);
}

void ax_import_jsonl(struct ax_request *q, struct ax_reply *r)
{
    import(q, r, AX_IMPORT_JSONL, NULL);
}

void ax_import_csv(struct ax_request *q, struct ax_reply *r)
{
    struct ax_csv csv;
    struct ax_err err;
    if (ax_csv_parse(ax_param(q, "format"), &csv, &err) < 0) {
        ax_err_wrap(&err, "invalid parameter \"format\"");
        ax_samples_failed(r, &err);
        return;
    }
    import(q, r, AX_IMPORT_CSV, &csv);
}
