// SPDX-License-Identifier: Apache-2.0
/* An extract without a server: the worker reads, we write. */
#include "base/clock.h"
#include "cli/extract.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define PIECE_MS 60000 /* of a dump on a slow disk, or of memory that is swapped out */

/* Shared memory outlives the guest that used it. */
static int check_alive(const struct ax_inspect_record *r, struct ax_err *err)
{
    return r->pid > 0 && kill(r->pid, 0) < 0 && errno == ESRCH
               ? ax_fail(err, -ESRCH, "the VM has ended (there is no process %d any more)", r->pid)
               : 0;
}

static int read_pieces(struct ax_inspector *in, const struct ax_extract *x,
                       const struct ax_inspect_record *r, struct ax_extract_file *f,
                       struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf piece = {.max = AX_EXTRACT_BODY};
    uint64_t gpa, bytes;
    int rc = 0;
    f->size = x->size;
    f->left_out = x->left_out;
    ax_extract_head(x, &piece);
    rc = ax_extract_file_add(f, ax_buf_view(&piece), err);
    while (rc == 0 && ax_extract_at(x, f->at, &gpa, &bytes)) {
        ax_buf_clear(&piece);
        if (ax_extract_stopped())
            return ax_fail(err, -EINTR, "stopped");
        rc = check_alive(r, err);
        if (rc == 0)
            rc = ax_inspector_extract(in, gpa, bytes, &piece, err);
        if (rc == 0)
            rc = ax_extract_file_add(f, ax_buf_view(&piece), err);
    }
    return rc;
}

static int extract(const struct ax_ram_place *p, const struct ax_inspect_record *r,
                   const struct ax_extract_wish *w, struct ax_extract_file *f, struct ax_err *err)
{
    const struct ax_inspector_options o = {.scope = AX_SCOPE_FORENSIC,
                                           .extracts = true,
                                           .start_ms = ax_inspect_start_ms(p),
                                           .poll_ms = PIECE_MS};
    static struct ax_memory_map map;
    struct ax_inspector *in = NULL;
    struct ax_extract x = {0};
    int rc = ax_inspector_new(&in, p, &o, err);
    if (rc == 0)
        rc = ax_inspector_map(in, &map, err);
    if (rc == 0)
        rc = ax_extract_plan(&x, &map, w->from, w->bytes, err);
    if (rc == 0)
        rc = read_pieces(in, &x, r, f, err);
    ax_inspector_free(in);
    ax_extract_free(&x);
    return rc;
}

/* The entry of the end; `why` as its text: NULL when it is complete. */
static int record_end(const struct ax_inspect_record *r, struct ax_extract_file *f, const char *why,
                      struct ax_extract_told *told, struct ax_err *err)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_extract_end sum;
    struct ax_inspect_record end = *r;
    ax_extract_file_sum(f, ax_str(why), &sum);
    *told = (struct ax_extract_told){.file = f, .began = f->began, .ended = ax_now_ms()};
    memcpy(told->sha256, sum.sha256, sizeof told->sha256);
    end.detail = ax_extract_end_text(&sum, AX_STR(""), &a).p;
    end.ends = true;
    end.sequence = &told->sequence;
    return ax_inspect_record(&end, err);
}

int ax_extract_failed(const struct ax_inspect_record *r, struct ax_extract_file *f,
                      const struct ax_err *why)
{
    struct ax_extract_told told;
    struct ax_err err;
    int rc = record_end(r, f, why->text, &told, &err);
    ax_cli_error(why);
    if (rc < 0)
        ax_cli_error(&err);
    ax_extract_file_leave(f);
    return AX_EXIT_ERROR;
}

int ax_extract_local(const struct ax_ram_place *p, const struct ax_inspect_record *r,
                     const struct ax_extract_wish *w, struct ax_extract_file *f, bool json)
{
    struct ax_extract_told told;
    struct ax_err err;
    if (extract(p, r, w, f, &err) < 0)
        return ax_extract_failed(r, f, &err);
    if (record_end(r, f, NULL, &told, &err) < 0) {
        ax_cli_error(&err);
        ax_extract_file_leave(f);
        return AX_EXIT_ERROR;
    }
    if (ax_extract_file_keep(f, &err) < 0)
        return ax_cli_error(&err);
    ax_extract_tell(&told, json);
    return AX_EXIT_OK;
}
