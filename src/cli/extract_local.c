// SPDX-License-Identifier: Apache-2.0
/* An extract without a server: the worker reads, we write. */
#include "base/clock.h"
#include "cli/extract.h"

#include <errno.h>
#include <signal.h>

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

/* Whatever came of it, it is on record, with the hash of what there is. */
int ax_extract_local(const struct ax_ram_place *p, const struct ax_inspect_record *r,
                     const struct ax_extract_wish *w, struct ax_extract_file *f, bool json)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_extract_end sum;
    struct ax_err err, why;
    int64_t sequence = 0;
    struct ax_inspect_record end = *r;
    int rc = extract(p, r, w, f, &why);
    ax_extract_file_sum(f, rc < 0 ? ax_str(why.text) : AX_STR_NULL, &sum);
    struct ax_extract_told told = {
        .file = f, .sha256 = sum.sha256, .began = f->began, .ended = ax_now_ms()};
    end.detail = ax_extract_end_text(&sum, AX_STR(""), &a).p;
    end.ends = true;
    end.sequence = &sequence;
    int recorded = ax_inspect_record(&end, &err);
    if (rc < 0)
        ax_cli_error(&why);
    if (recorded < 0)
        ax_cli_error(&err);
    if (rc < 0 || recorded < 0) {
        ax_extract_file_leave(f);
        return AX_EXIT_ERROR;
    }
    if (ax_extract_file_keep(f, &err) < 0)
        return ax_cli_error(&err);
    told.sequence = sequence;
    ax_extract_tell(&told, json);
    return AX_EXIT_OK;
}
