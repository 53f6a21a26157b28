// SPDX-License-Identifier: Apache-2.0
#include "base/jobs.h"

#include "base/arena.h"
#include "base/err.h"

#include <pthread.h>
#include <stdlib.h>

struct ax_jobs {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct ax_job *first, **last;
    bool ended;
    size_t nthreads;
    pthread_t threads[];
};

static void *worker(void *arg)
{
    struct ax_jobs *j = arg;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        struct ax_job *job = j->first;
        if (!job && j->ended)
            break;
        if (!job) {
            pthread_cond_wait(&j->more, &j->lock);
            continue;
        }
        j->first = job->next;
        if (!j->first)
            j->last = &j->first;
        pthread_mutex_unlock(&j->lock);
        job->run(job->arg);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

struct ax_jobs *ax_jobs_start(size_t threads)
{
    struct ax_jobs *j = ax_calloc(1, sizeof *j + threads * sizeof *j->threads);
    j->last = &j->first;
    j->nthreads = threads;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->more, NULL);
    for (size_t i = 0; i < threads; i++)
        AX_ASSERT(pthread_create(&j->threads[i], NULL, worker, j) == 0);
    return j;
}

bool ax_jobs_add(struct ax_jobs *j, struct ax_job *job)
{
    pthread_mutex_lock(&j->lock);
    bool taken = !j->ended;
    if (taken) {
        job->next = NULL;
        *j->last = job;
        j->last = &job->next;
        pthread_cond_signal(&j->more);
    }
    pthread_mutex_unlock(&j->lock);
    return taken;
}

void ax_jobs_end(struct ax_jobs *j)
{
    pthread_mutex_lock(&j->lock);
    j->ended = true;
    pthread_cond_broadcast(&j->more);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < j->nthreads; i++)
        pthread_join(j->threads[i], NULL);
}

void ax_jobs_free(struct ax_jobs *j)
{
    if (!j)
        return;
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->more);
    free(j);
}
