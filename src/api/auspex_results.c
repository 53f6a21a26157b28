// SPDX-License-Identifier: Apache-2.0
/* What collectors bring: readings, pieces of extracts, and how often they read. */
#include "api/inspect.h"

#include "api/body.h"
#include "base/clock.h"
#include "vmi/vmi.h"

#include <errno.h>

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
    int code = 0, rc = ax_inspect_collector(q, &at, &err);
    if (rc == 0)
        rc = ax_relay_find(relay, &at, q->rest, &request, &q->arena, &err);
    if (rc == 0)
        rc = ax_reading_check_bounds(ax_buf_view(&q->body), &err);
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
    int rc = ax_inspect_collector(q, &at, &err);
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
    int rc = ax_inspect_collector(q, &at, &err);
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
