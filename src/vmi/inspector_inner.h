// SPDX-License-Identifier: Apache-2.0
/* An inspector, between its files:
 *
 *   inspector.c         questions and answers
 *   inspector_talk.c    what the worker says, and how it fails
 *   inspector_spawn.c   its process, and the memory that it is given */
#ifndef AX_VMI_INSPECTOR_INNER_H
#define AX_VMI_INSPECTOR_INNER_H

#include "base/clock.h"
#include "vmi/worker.h"

struct ax_inspector {
    struct ax_ram_place place;
    struct ax_inspector_options o;
    pid_t pid; /* 0: no worker */
    int socket;
    int64_t pause_ms, not_before_ms; /* after a failure */
    char failure[AX_ERR_TEXT / 2];
    struct ax_inspector_counts counts;
    bool blind; /* extracts: the search for the kernel ended the worker */
    uint64_t secret;
    char key[AX_WORKER_KEY + 1]; /* of the plan; empty: there is none */
    struct ax_buf plan;
};

static inline int64_t ax_inspector_now_ms(void)
{
    return ax_mono_ns() / 1000000;
}

/* Duplicates, none of them below `above`; errno says what is wrong. */
bool ax_ram_place_duplicate(struct ax_ram_place *to, const struct ax_ram_place *from, int above);

/* Starts the process, and no more. */
int ax_inspector_launch(struct ax_inspector *i, struct ax_err *err);
/* Ends the worker, however it fares; returns its wait status. */
int ax_inspector_end(struct ax_inspector *i);

int ax_inspector_tell(struct ax_inspector *i, const void *p, size_t n, struct ax_err *err);
/* An answer, which ends in *json, or as the error that it is. *fatal: no worker is left. */
int ax_inspector_take(struct ax_inspector *i, bool starting, int ms, struct ax_buf *json,
                      bool *fatal, struct ax_err *err);

/* Both return an error's code: the next attempt is later; the worker is ended. */
int ax_inspector_failed(struct ax_inspector *i, struct ax_err *err);
int ax_inspector_nonsense(struct ax_inspector *i, struct ax_err *err);

#endif
