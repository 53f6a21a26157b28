// SPDX-License-Identifier: Apache-2.0
/* An extract through the server: it is begun, fetched piece after piece, and ended, which puts its
 * hash into the ledger. */
#include "cli/extract.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_S 30 /* the server waits 20 s for its collector */
#define BEGIN_S    20

struct fetching {
    struct ax_client *client;
    struct ax_extract_file file;
    char *handle;
    struct ax_buf path; /* of the extract, once it has begun */
};

static int begin(struct fetching *x, const char *reason, const struct ax_extract_wish *w,
                 struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT, path = AX_BUF_INIT;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_json j = {.out = &body};
    ax_json_obj(&j);
    ax_json_key(&j, "from");
    ax_json_int(&j, (int64_t)w->from);
    ax_json_key(&j, "bytes");
    ax_json_int(&j, (int64_t)w->bytes);
    if (reason) {
        ax_json_key(&j, "reason");
        ax_json_cstr(&j, reason);
    }
    ax_json_key(&j, "wait");
    ax_json_int(&j, BEGIN_S);
    ax_json_end(&j);
    ax_buf_cstr(&path, "/auspex/v1/resources/");
    ax_path_escape(&path, x->handle);
    ax_buf_cstr(&path, "/extract");
    int rc = ax_client_send(x->client, "POST", ax_path_end(&path), ax_buf_view(&body), &a, err);
    if (rc < 0)
        return rc;
    double size = ax_j_num(a.json, "bytes"), left_out = ax_j_num(a.json, "left_out_bytes");
    const char *id = ax_j_str(a.json, "id");
    if (!*id || !(size >= 1 && size < 0x1p53) || !(left_out >= 0 && left_out < 0x1p53))
        return ax_fail(err, -EPROTO, "the server's answer makes no sense");
    x->file.size = (uint64_t)size;
    x->file.left_out = (uint64_t)left_out;
    ax_buf_cstr(&x->path, "/auspex/v1/inspection/extracts/");
    ax_path_escape(&x->path, id);
    return 0;
}

static int fetch(struct fetching *x, struct ax_buf *piece, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    char offset[32];
    uint64_t covers, data;
    snprintf(offset, sizeof offset, "%llu", (unsigned long long)x->file.at);
    ax_buf_str(&path, ax_buf_view(&x->path));
    ax_buf_cstr(&path, "/piece");
    ax_path_add(&path, "offset", offset);
    ax_buf_clear(piece);
    int rc = ax_client_bytes(x->client, "POST", ax_path_end(&path), piece, err);
    if (rc == 0)
        rc = ax_piece_check(ax_buf_view(piece), x->file.size - x->file.at, &covers, &data, err);
    return rc;
}

static int fetch_all(struct fetching *x, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf piece = {.max = AX_EXTRACT_BODY};
    int rc = 0;
    while (rc == 0 && x->file.at < x->file.size) {
        rc = ax_extract_stopped() ? ax_fail(err, -EINTR, "stopped") : fetch(x, &piece, err);
        if (rc == 0)
            rc = ax_extract_file_add(&x->file, ax_buf_view(&piece), err);
    }
    return rc;
}

/* The server says what it has handed out; it must be what we have. */
static int end(struct fetching *x, struct ax_answer *out, struct ax_err *err)
{
    struct ax_extract_end sum;
    ax_path_end(&x->path);
    int rc = ax_client_send(x->client, "DELETE", x->path.p, AX_STR_NULL, out, err);
    if (rc < 0)
        return rc;
    ax_extract_file_sum(&x->file, AX_STR_NULL, &sum);
    if (strcmp(sum.sha256, ax_j_str(out->json, "sha256")) != 0)
        return ax_fail(err, -EIO,
                       "%s is not what the server has handed out: its SHA-256 is %s, the server's "
                       "%s",
                       x->file.part, sum.sha256, ax_j_str(out->json, "sha256"));
    return 0;
}

static int extract(struct fetching *x, const char *reason, const struct ax_extract_wish *w,
                   struct ax_answer *told, struct ax_err *err)
{
    int rc = begin(x, reason, w, err);
    if (rc < 0)
        return rc;
    rc = fetch_all(x, err);
    if (rc == 0)
        return end(x, told, err);
    AX_CLEANUP(ax_answer_free) struct ax_answer ignored = {0};
    ax_path_end(&x->path); /* it may have ended already; else it does in a minute */
    ax_client_send(x->client, "DELETE", x->path.p, AX_STR_NULL, &ignored, NULL);
    return rc;
}

static int run(struct fetching *x, const struct ax_cli *c, const char *reason,
               const struct ax_extract_wish *w)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer told = {0};
    struct ax_err err;
    if (ax_extract_file_open(&x->file, w->file, &err) < 0)
        return ax_cli_error(&err);
    if (extract(x, reason, w, &told, &err) < 0) {
        ax_progress_end(&x->file.progress);
        ax_cli_error(&err);
        ax_extract_file_leave(&x->file);
        return AX_EXIT_ERROR;
    }
    if (ax_extract_file_keep(&x->file, &err) < 0)
        return ax_cli_error(&err);
    struct ax_extract_told t = {.file = &x->file,
                                .began = ax_j_time(told.json, "begin"),
                                .ended = ax_j_time(told.json, "end"),
                                .sequence = (int64_t)ax_j_num(told.json, "sequence")};
    snprintf(t.sha256, sizeof t.sha256, "%s", ax_j_str(told.json, "sha256"));
    ax_extract_tell(&t, c->json);
    return AX_EXIT_OK;
}

int ax_extract_vm(const struct ax_cli *c, const char *reason, const struct ax_extract_wish *w)
{
    struct fetching x = {.client = ax_client_new(c)};
    struct ax_err err;
    ax_client_patience(x.client, PATIENCE_S);
    int rc = ax_resolve(x.client, c->args[0], &x.handle, &err);
    if (rc == 0 && strncmp(x.handle, "vm:", 3) != 0)
        rc = ax_fail(&err, -EINVAL, "%s is no VM: only into VMs can be looked", x.handle);
    int status = rc < 0 ? ax_cli_error(&err) : run(&x, c, reason, w);
    ax_client_free(x.client);
    ax_buf_free(&x.path);
    free(x.handle);
    return status;
}
