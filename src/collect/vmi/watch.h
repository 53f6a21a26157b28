// SPDX-License-Identifier: Apache-2.0
/* What looks into a VM, one after the other, say of its health. Pure: readings and times in, signs
 * out; no clock, nothing read. */
#ifndef AX_COLLECT_VMI_WATCH_H
#define AX_COLLECT_VMI_WATCH_H

#include "base/arena.h"
#include "vmi/vmi.h"

#define AX_HUNG_MS  5000 /* an idle guest's clock stands still for up to half a second */
#define AX_STUCK_MS 8000

/* The newest reading of some parts, and the one before it; NULL: there is none. Times are
 * monotonic, ms. */
struct ax_look {
    const struct ax_reading *now, *before;
    int64_t now_ms, before_ms;
    bool fresh; /* `now` is new since the last step */
};
struct ax_looks {
    struct ax_look vital;   /* system: each step has a fresh one */
    struct ax_look tasks;   /* processes; log and stacks where the scope goes so far */
    struct ax_look storage; /* disks, file systems */
    bool running;           /* says the hypervisor: a paused guest's clock stands still, too */
};

/* What is remembered of a VM; zeroed: nothing. */
struct ax_watch {
    bool known, panicked, hung, starved, stuck; /* those that were told and have not ended */
    uint64_t jiffies, tainted;
    int64_t moved_ms; /* since when the clock is seen where it is */
    double uptime;
    int64_t oom_kills, fs_errors;
    bool read_only;
    int64_t waiting_ms; /* since when there are tasks in D; 0: there are none */
    int64_t frozen_ms;  /* since when a disk has requests and completes none; 0: there is none */
    struct {
        int32_t pid; /* of who has waited in D for longest; 0: nobody has */
        int64_t start_us, switches, since_ms;
    } blocked;
    int64_t due_ms; /* when a look would tell that something is stuck; 0: nothing seems so */
    bool starving;  /* the last window was one of starvation */
    struct {
        int64_t ms, switches;
        double uptime;
    } window;
};

/* An event of the VM, of type "guest". */
struct ax_sign {
    const char *what, *detail; /* detail: of "recovered": what from */
    const char *severity;
    struct ax_str text; /* goes on behind the VM's name */
};
#define AX_SIGNS 8 /* of one step */

/* Whether there is a sign of trouble that a look at tasks, storage, log and stacks would tell more
 * of: to be asked before the step, which then has them. */
bool ax_watch_wants_all(const struct ax_watch *w, const struct ax_look *vital);
/* Tasks wait: that a disk does not answer is seen from the first look on that had its requests. */
bool ax_watch_wants_storage(const struct ax_look *vital);
/* Texts are in the arena, or constants. Returns how many. */
size_t ax_watch_step(struct ax_watch *w, const struct ax_looks *l, struct ax_arena *a,
                     struct ax_sign out[AX_SIGNS]);
/* The guest was stopped or moved on by its hypervisor: its clock's standing still says nothing. */
void ax_watch_paused(struct ax_watch *w);

#endif
