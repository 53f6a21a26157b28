// SPDX-License-Identifier: Apache-2.0
#include "cli/host_sight_parts.h"

#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define ANSWER_MAX (15u << 20) /* of a reading: the server takes 16 MiB */

void ax_host_request_free(struct ax_host_request *q)
{
    free(q->id);
    free(q->handle);
    free(q->extract);
    free(q);
}

static const char *word_of(int code)
{
    switch (code) {
    case -ENOENT: return "no_kernel";
    case -ENOTSUP: return "unsupported";
    case -ESRCH: return "not_running";
    case -EAGAIN:
    case -ETIMEDOUT: return "unavailable";
    default: return "failed";
    }
}

static void put_error(struct ax_buf *body, const struct ax_err *err)
{
    struct ax_json j = {.out = body};
    ax_json_obj(&j);
    ax_json_key(&j, "error");
    ax_json_obj(&j);
    ax_json_key(&j, "code");
    ax_json_cstr(&j, word_of(err->code));
    ax_json_key(&j, "message");
    ax_json_cstr(&j, err->text);
    ax_json_end(&j);
    ax_json_end(&j);
}

static int look(struct ax_sight *sight, const struct ax_host_request *q, struct ax_buf *body,
                struct ax_err *err)
{
    ax_buf_cstr(body, "{\"reading\":");
    int rc = ax_sight_look(sight, ax_str(q->handle), q->scope, q->parts, body, err);
    ax_buf_byte(body, '}');
    return rc;
}

static void put_map(struct ax_buf *body, const struct ax_memory_map *m)
{
    struct ax_json j = {.out = body};
    ax_json_obj(&j);
    ax_json_key(&j, "memory");
    ax_json_obj(&j);
    ax_json_key(&j, "ram");
    ax_json_arr(&j);
    for (size_t i = 0; i < m->n && i < AX_RAM_BLOCKS; i++) {
        ax_json_obj(&j);
        ax_json_key(&j, "address");
        ax_json_int(&j, (int64_t)m->blocks[i].gpa);
        ax_json_key(&j, "bytes");
        ax_json_int(&j, (int64_t)m->blocks[i].size);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_key(&j, "vmcoreinfo");
    ax_json_str(&j, (struct ax_str){m->vmcoreinfo, m->vmcoreinfo_n});
    ax_json_key(&j, "left_out_bytes");
    ax_json_int(&j, (int64_t)m->left_out);
    ax_json_end(&j);
    ax_json_end(&j);
}

/* First where the memory is, as JSON; then pieces, as they are; then its end. */
static int extract(struct ax_sight *sight, const struct ax_host_request *q, struct ax_buf *body,
                   struct ax_err *err)
{
    const struct ax_sight_extract x = {ax_str(q->extract), ax_str(q->handle), q->from, q->bytes};
    static struct ax_memory_map map; /* of the one thread that answers */
    if (q->ends) {
        ax_sight_extract_end(sight, x.id);
        ax_buf_cstr(body, "{}");
        return 0;
    }
    if (q->bytes)
        return ax_sight_extract_piece(sight, &x, body, err);
    int rc = ax_sight_extract_map(sight, &x, &map, err);
    if (rc == 0)
        put_map(body, &map);
    return rc;
}

void ax_host_answer(struct ax_sight *sight, struct ax_errand *by, const char *host,
                    const struct ax_host_request *q)
{
    static struct ax_log_limit limit;
    AX_CLEANUP(ax_buf_free)
    struct ax_buf path = AX_BUF_INIT, body = {.max = ANSWER_MAX}, said = {.max = 65536};
    struct ax_err err = {0};
    int rc = q->extract ? extract(sight, q, &body, &err) : look(sight, q, &body, &err);
    if (rc == 0 && body.overflow)
        rc = ax_fail(&err, -E2BIG, "the reading is larger than %u MiB: ask for fewer parts",
                     ANSWER_MAX >> 20);
    if (rc < 0) {
        ax_buf_free(&body);
        body = (struct ax_buf)AX_BUF_INIT;
        put_error(&body, &err);
    }
    ax_buf_printf(&path, "/auspex/v1/inspection/requests/%s/%s?host=%s%c", q->id,
                  rc == 0 && q->bytes ? "piece" : "result", host, '\0');
    int status = ax_errand_ask(by, path.p, ax_buf_view(&body), 15000, &said, &err);
    if (status != 204)
        ax_log_limited(&limit, 10, AX_LOG_WARN, "what was read of %s could not be delivered (%d)",
                       q->handle, status);
}
