// SPDX-License-Identifier: Apache-2.0
/* Threads that do jobs in the order in which they are added. */
#ifndef AX_BASE_JOBS_H
#define AX_BASE_JOBS_H

#include <stdbool.h>
#include <stddef.h>

/* Part of whatever the job is about; it may be gone, or added again, when run returns. */
struct ax_job {
    void (*run)(void *arg);
    void *arg;
    struct ax_job *next; /* the queue's own */
};

struct ax_jobs;
struct ax_jobs *ax_jobs_start(size_t threads);
/* Any thread. False when it has been ended: the job is not taken. */
bool ax_jobs_add(struct ax_jobs *j, struct ax_job *job);
/* Does all that were added and takes no more. */
void ax_jobs_end(struct ax_jobs *j);
void ax_jobs_free(struct ax_jobs *j); /* ended before; NULL is fine */

#endif
