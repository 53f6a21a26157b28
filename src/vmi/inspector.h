// SPDX-License-Identifier: Apache-2.0
/* Reads a guest by way of a process of its own: whatever the guest's memory does to the reader, it
 * does it to a process that can do nothing (sandbox.h), and that is killed when it takes too long.
 *
 *   inspector (the server, the collector, the command line)
 *       | socket: parts, budget ->   <- JSON, or an error
 *   worker (`auspex inspect --worker`): the guest's memory read-only, one scope, no way out
 *
 * Threads: one inspector, one thread at a time. */
#ifndef AX_VMI_INSPECTOR_H
#define AX_VMI_INSPECTOR_H

#include "base/buf.h"
#include "base/err.h"
#include "model/scope.h"
#include "vmi/extract.h"
#include "vmi/pieces.h"
#include "vmi/ram.h"

struct ax_plan_store;

enum ax_ram_kind {
    AX_RAM_FILE,    /* shared memory of a running guest, or a raw dump */
    AX_RAM_ELF,     /* a dump with an ELF header */
    AX_RAM_PROCESS, /* the memory of a QEMU process */
    AX_RAM_PIECES   /* several pieces, in files or in the process */
};

/* Where a guest's memory is to be had. */
struct ax_ram_place {
    enum ax_ram_kind kind;
    int fd;        /* FILE, ELF: O_RDONLY; -1 else */
    pid_t pid;     /* PROCESS, and PIECES of which one is in the process; 0 else */
    uint64_t base; /* FILE, PROCESS: where the RAM begins in the file or in the process */
    uint64_t size; /* of the RAM, bytes */
    /* The layout, when it is known; n_blocks = 0: those of ax_ram_layout are tried. */
    struct ax_ram_block blocks[AX_RAM_BLOCKS];
    size_t n_blocks;
    struct ax_ram_pieces pieces; /* PIECES; its descriptors are O_RDONLY */
};
void ax_ram_place_close(struct ax_ram_place *p); /* its descriptors */

struct ax_inspector_options {
    enum ax_scope scope; /* the most that this inspector's worker will read, ever */
    bool extracts; /* it is for ax_inspector_extract: takes the scope forensic, and no kernel */
    int start_ms;  /* until the kernel must have been found; 0 = 15,000 */
    int poll_ms;   /* until an answer must be there; 0 = 2,000 */
    /* Where plans of kernels are kept (vmi.h), called in ax_inspector_ask; NULL = one is remembered
     * by the inspector itself. What a worker wants kept is what it says: a worker that was taken
     * over could leave a plan that makes others read nonsense of guests with the same kernel. */
    const struct ax_plan_store *plans;
    const char *program; /* NULL = this program itself */
    char *const *args;   /* NULL = {"auspex", "inspect", "--worker"} */
};

struct ax_inspector;

/* Takes duplicates of the place's descriptors. Nothing is started or read before the first
 * question. */
int ax_inspector_new(struct ax_inspector **out, const struct ax_ram_place *place,
                     const struct ax_inspector_options *o, struct ax_err *err);
void ax_inspector_free(struct ax_inspector *i); /* ends the worker; takes NULL */

/* Appends the JSON of a reading (ax_reading_json) of these parts (enum ax_part); it was made from
 * somebody else's memory: before it is parsed, ax_reading_check_bounds.
 * Errors of ax_vmi_attach and ax_vmi_read as they are (a guest that has rebooted is found anew
 * without a word), and: -ETIMEDOUT the worker was too slow and has been killed; -EIO it died, the
 * text says how; -E2BIG its answer was over 32 MiB; -EAGAIN a worker failed just now, and the next
 * one is not started yet (each failure in a row doubles the pause, from 0.5 to 30 s). */
int ax_inspector_ask(struct ax_inspector *i, unsigned parts, struct ax_buf *json,
                     struct ax_err *err);

/* Before the JSON of a reading is taken in, wherever it comes from: a worker that was taken over
 * may answer 32 MiB of empty lists, and who parses them needs gigabytes. -EFBIG: it is more than
 * any guest makes a sound worker write. */
int ax_reading_check_bounds(struct ax_str json, struct ax_err *err);

/* ---- extracts (extract.h): of inspectors that are for them ---- */

/* Where the memory is. A search for the kernel that comes to no end, or to a bad one, leaves the
 * memory without one. -EPERM: the scope is not forensic. */
int ax_inspector_map(struct ax_inspector *i, struct ax_memory_map *out, struct ax_err *err);
/* Appends a piece, checked, of guest-physical memory within one block. A worker that dies is not
 * replaced: -EIO. */
int ax_inspector_extract(struct ax_inspector *i, uint64_t gpa, uint64_t bytes, struct ax_buf *piece,
                         struct ax_err *err);

struct ax_inspector_counts {
    uint64_t starts; /* of workers */
    uint64_t polls;  /* answered */
    uint64_t late;   /* workers killed at their deadline */
    uint64_t died;   /* workers that died by themselves */
};
struct ax_inspector_counts ax_inspector_counts(const struct ax_inspector *i);

/* The worker's whole life: `auspex inspect --worker`, started by an inspector. Exit status. */
int ax_inspector_worker(void);

#endif
