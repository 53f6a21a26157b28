// SPDX-License-Identifier: Apache-2.0
#include "vmi/inspector_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#define START_MS 15000
#define POLL_MS  2000

int ax_inspector_new(struct ax_inspector **out, const struct ax_ram_place *place,
                     const struct ax_inspector_options *o, struct ax_err *err)
{
    const struct ax_ram_pieces *pieces = &place->pieces;
    if (place->n_blocks > AX_RAM_BLOCKS || pieces->n_slots > AX_RAM_BLOCKS ||
        pieces->n_found > AX_RAM_BLOCKS || pieces->n_fds > AX_RAM_BLOCKS)
        return ax_fail(err, -EINVAL, "the VM's RAM is in more than %d pieces", AX_RAM_BLOCKS);
    struct ax_inspector *i = ax_calloc(1, sizeof *i);
    if (!ax_ram_place_duplicate(&i->place, place, 3)) {
        free(i);
        return ax_fail_errno(err, "guest memory");
    }
    i->o = *o;
    i->o.start_ms = o->start_ms ? o->start_ms : START_MS;
    i->o.poll_ms = o->poll_ms ? o->poll_ms : POLL_MS;
    i->socket = -1;
    if (getrandom(&i->secret, sizeof i->secret, 0) < 0)
        i->secret = (uint64_t)ax_mono_ns();
    *out = i;
    return 0;
}

int ax_inspector_end(struct ax_inspector *i)
{
    int status = 0;
    ax_close_fd(&i->socket);
    i->socket = -1;
    if (i->pid) {
        kill(i->pid, SIGKILL);
        while (waitpid(i->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    i->pid = 0;
    return status;
}

void ax_inspector_free(struct ax_inspector *i)
{
    if (!i)
        return;
    ax_inspector_end(i);
    ax_ram_place_close(&i->place);
    ax_buf_free(&i->plan);
    free(i);
}

struct ax_inspector_counts ax_inspector_counts(const struct ax_inspector *i)
{
    return i->counts;
}

/* ---- starting ---- */

static int start(struct ax_inspector *i, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf nothing = AX_BUF_INIT;
    struct ax_worker_hello hello = {.magic = AX_WORKER_MAGIC,
                                    .scope = i->o.scope,
                                    .extracts = i->o.extracts,
                                    .blind = i->blind,
                                    .budget_ms = (uint64_t)i->o.start_ms,
                                    .secret = i->secret,
                                    .place = i->place};
    bool fatal;
    int64_t wait = i->not_before_ms - ax_inspector_now_ms();
    if (wait > 0)
        return ax_fail(err, -EAGAIN, "%s; the next attempt is in %" PRId64 " ms", i->failure, wait);
    int rc = ax_inspector_launch(i, err);
    if (rc < 0)
        return ax_inspector_failed(i, err);
    i->counts.starts++;
    rc = ax_inspector_tell(i, &hello, sizeof hello, err);
    if (rc == 0)
        rc = ax_inspector_take(i, true, i->o.start_ms, &nothing, &fatal, err);
    if (rc < 0) {
        ax_inspector_end(i);
        return ax_inspector_failed(i, err);
    }
    return 0;
}

static int exchange(struct ax_inspector *i, struct ax_worker_request q, struct ax_buf *out,
                    struct ax_err *err)
{
    size_t before = out->n;
    bool fatal = true;
    q.magic = AX_WORKER_MAGIC;
    q.budget_ms = (uint64_t)i->o.poll_ms;
    int rc = ax_inspector_tell(i, &q, sizeof q, err);
    if (rc == 0)
        rc = ax_inspector_take(i, false, i->o.poll_ms, out, &fatal, err);
    if (rc < 0 && fatal) {
        ax_inspector_end(i);
        out->n = before;
        return ax_inspector_failed(i, err);
    }
    i->counts.polls++;
    i->pause_ms = 0;
    return rc;
}

static int ask_once(struct ax_inspector *i, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    const struct ax_worker_request q = {.what = AX_WORKER_LOOK, .parts = parts};
    int rc = i->pid ? 0 : start(i, err);
    return rc < 0 ? rc : exchange(i, q, json, err);
}

int ax_inspector_ask(struct ax_inspector *i, unsigned parts, struct ax_buf *json,
                     struct ax_err *err)
{
    int rc = ask_once(i, parts, json, err);
    if (rc == -ESTALE) { /* another kernel by now: a new worker finds it */
        ax_inspector_end(i);
        rc = ask_once(i, parts, json, err);
    }
    if (rc == -ESTALE)
        ax_inspector_end(i);
    return rc;
}

/* ---- extracts ---- */

static bool ended_worker(int rc)
{
    return rc == -EIO || rc == -ETIMEDOUT;
}

int ax_inspector_map(struct ax_inspector *i, struct ax_memory_map *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    int rc = i->pid ? 0 : start(i, err);
    if (i->o.extracts && ended_worker(rc) && !i->blind) { /* a guest must not keep it from being */
        i->blind = true;
        i->not_before_ms = 0;
        rc = start(i, err);
    }
    if (rc == 0)
        rc = exchange(i, (struct ax_worker_request){.what = AX_WORKER_MAP}, &b, err);
    if (rc == 0 && b.n != sizeof *out)
        return ax_inspector_nonsense(i, err);
    if (rc == 0)
        memcpy(out, b.p, sizeof *out);
    return rc;
}

int ax_inspector_extract(struct ax_inspector *i, uint64_t gpa, uint64_t bytes, struct ax_buf *piece,
                         struct ax_err *err)
{
    const struct ax_worker_request q = {.what = AX_WORKER_EXTRACT, .gpa = gpa, .bytes = bytes};
    size_t before = piece->n;
    uint64_t covers, data;
    int rc = i->pid ? exchange(i, q, piece, err)
                    : ax_fail(err, -EIO, "the reading process is gone%s%s",
                              i->failure[0] ? ": " : "", i->failure);
    if (rc == 0 && ax_piece_check((struct ax_str){piece->p + before, piece->n - before}, bytes,
                                  &covers, &data, NULL) < 0)
        rc = ax_inspector_nonsense(i, err);
    if (rc < 0)
        piece->n = before;
    return rc;
}
