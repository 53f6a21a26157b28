// SPDX-License-Identifier: Apache-2.0
/* The worker's RAM when it is in several pieces (pieces.h). */
#ifndef AX_VMI_WORKER_PIECES_H
#define AX_VMI_WORKER_PIECES_H

#include "vmi/inspector.h"

struct ax_worker_pieces {
    const struct ax_ram_pieces *p;
    struct ax_ram *rams[AX_RAM_BLOCKS + 1]; /* one for each file, and one for the process */
    size_t n_rams;
    struct ax_ram_part parts[AX_RAM_BLOCKS]; /* each piece that was found, in its ram */
    const struct ax_ram *ram;          /* what was joined of them, and is read; NULL: nothing yet */
    uint64_t left_out[AX_PIECES_WAYS]; /* bytes */
    uint64_t beyond; /* reads of what is not in it, until it was listened to last */
    int64_t heard_ms, pause_ms;
    int64_t missed_ms; /* the pause after such a read */
};

/* Opens all that was found: before the worker is locked in. */
int ax_worker_pieces_open(struct ax_worker_pieces *w, const struct ax_ram_place *p,
                          struct ax_err *err);
/* Puts the pieces where they belong: afterwards, as it reads what the guest wrote. In more than one
 * way when the kernel must tell which is right. NULL: no more ways. The same once more in `again`,
 * unless that is NULL. */
int ax_worker_pieces_join(struct ax_worker_pieces *w, struct ax_ram *out[AX_PIECES_WAYS],
                          struct ax_ram *again[AX_PIECES_WAYS], struct ax_err *err);
/* Whether a piece that was left out has since come to tell where it lies (memory that was plugged
 * in holds nothing at first). Listens only if one was left out: after a second, then each time
 * after twice as long, but at first within a second when the kernel led to where no memory is
 * known. */
bool ax_worker_pieces_news(struct ax_worker_pieces *w);
void ax_worker_pieces_close(struct ax_worker_pieces *w); /* after what was joined of them */

#endif
