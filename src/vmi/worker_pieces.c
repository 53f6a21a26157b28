// SPDX-License-Identifier: Apache-2.0
#include "vmi/worker_pieces.h"

#include "base/clock.h"
#include "vmi/worker.h"

#include <errno.h>
#include <unistd.h>

#define LISTEN_MS  1000
#define LISTEN_MAX 320000

/* The pieces in one file, or in the process: in a ram of their own, in the order in which they were
 * found, at addresses that mean nothing. */
static int open_source(struct ax_worker_pieces *w, const struct ax_ram_place *p, int32_t file,
                       struct ax_err *err)
{
    struct ax_ram_block blocks[AX_RAM_BLOCKS];
    struct ax_ram **ram = &w->rams[w->n_rams];
    uint64_t gpa = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < p->pieces.n_found; i++) {
        const struct ax_ram_found *f = &p->pieces.found[i];
        if (f->file != file)
            continue;
        blocks[n++] = (struct ax_ram_block){gpa, f->size, f->at};
        w->parts[i].from = gpa;
        gpa += f->size;
    }
    if (n == 0)
        return 0;
    int rc = file < 0 ? ax_ram_open_process(ram, p->pid, blocks, n, err)
                      : ax_ram_open_file(ram, AX_WORKER_MEMORY + file, blocks, n, err);
    for (uint32_t i = 0; rc == 0 && i < p->pieces.n_found; i++)
        if (p->pieces.found[i].file == file)
            w->parts[i].ram = *ram;
    w->n_rams += rc == 0;
    return rc;
}

int ax_worker_pieces_open(struct ax_worker_pieces *w, const struct ax_ram_place *p,
                          struct ax_err *err)
{
    int rc = 0;
    w->p = &p->pieces;
    for (int32_t file = -1; rc == 0 && file < (int32_t)p->pieces.n_fds; file++)
        rc = open_source(w, p, file, err);
    for (uint32_t i = 0; i < p->pieces.n_fds; i++)
        close(AX_WORKER_MEMORY + (int)i); /* the rams have their own */
    if (rc == 0 && w->n_rams == 0)
        rc = ax_fail(err, -EINVAL, "the guest has no memory");
    return rc;
}

int ax_worker_pieces_join(struct ax_worker_pieces *w, struct ax_ram *out[AX_PIECES_WAYS],
                          struct ax_ram *again[AX_PIECES_WAYS], struct ax_err *err)
{
    struct ax_pieces_placed ways[AX_PIECES_WAYS];
    int n = ax_pieces_place(w->p, w->parts, ways, err), rc = n < 0 ? n : 0;
    for (int i = 0; i < n && rc == 0; i++) {
        rc = ax_ram_open_pieces(&out[i], ways[i].out, ways[i].n, err);
        if (rc == 0 && again)
            rc = ax_ram_open_pieces(&again[i], ways[i].out, ways[i].n, err);
        w->left_out[i] = ways[i].left_out;
    }
    w->heard_ms = ax_mono_ns() / 1000000;
    w->pause_ms = w->missed_ms = LISTEN_MS;
    return rc;
}

static bool is_due(struct ax_worker_pieces *w, int64_t now)
{
    uint64_t beyond = w->ram ? ax_ram_counts(w->ram).beyond : 0;
    bool missed = beyond != w->beyond;
    int64_t *pause = missed ? &w->missed_ms : &w->pause_ms;
    if (now - w->heard_ms < *pause)
        return false;
    w->beyond = beyond;
    w->heard_ms = now;
    *pause = *pause < LISTEN_MAX ? *pause * 2 : LISTEN_MAX; /* a guest can mislead us for ever */
    return true;
}

bool ax_worker_pieces_news(struct ax_worker_pieces *w)
{
    struct ax_pieces_placed ways[AX_PIECES_WAYS];
    struct ax_err err;
    return w->left_out[0] && is_due(w, ax_mono_ns() / 1000000) &&
           (ax_pieces_place(w->p, w->parts, ways, &err) < 0 || ways[0].left_out < w->left_out[0]);
}

void ax_worker_pieces_close(struct ax_worker_pieces *w)
{
    for (size_t i = 0; i < w->n_rams; i++)
        ax_ram_close(w->rams[i]);
    w->n_rams = 0;
}
