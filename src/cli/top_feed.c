// SPDX-License-Identifier: Apache-2.0
/* The thread of the live view that asks: a server that hangs never stops the keys. */
#include "cli/top.h"

#include <signal.h>
#include <time.h>

/* Until the interval is over, or somebody wants it now. Called with the lock held. */
static void rest(struct ax_top_feed *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += f->interval_ms / 1000;
    until.tv_nsec += f->interval_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!f->stop && !f->now && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
        ;
    f->now = false;
}

static void *ask(void *self)
{
    struct ax_top_feed *f = self;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        pthread_mutex_unlock(&f->lock);
        struct ax_top *t = NULL;
        struct ax_err err = {0};
        ax_top_fetch(f->client, &t, &err);
        pthread_mutex_lock(&f->lock);
        if (t) {
            ax_top_free(f->fresh);
            f->fresh = t;
        }
        f->err = err;
        f->looks++;
        rest(f);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int ax_top_feed_start(struct ax_top_feed *f, const struct ax_cli *c, int64_t interval_ms)
{
    pthread_condattr_t attr;
    sigset_t all, before;
    *f = (struct ax_top_feed){.lock = PTHREAD_MUTEX_INITIALIZER, .interval_ms = interval_ms};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
    f->client = ax_client_new(c);
    sigfillset(&all); /* signals are for the thread that draws */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, ask, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void poke(struct ax_top_feed *f, bool stop)
{
    pthread_mutex_lock(&f->lock);
    f->now = true;
    f->stop = stop;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void ax_top_feed_now(struct ax_top_feed *f)
{
    poke(f, false);
}

struct ax_top *ax_top_feed_take(struct ax_top_feed *f, struct ax_err *err, uint64_t *looks)
{
    pthread_mutex_lock(&f->lock);
    struct ax_top *fresh = f->fresh;
    f->fresh = NULL;
    *looks = f->looks;
    *err = f->err;
    pthread_mutex_unlock(&f->lock);
    return fresh;
}

void ax_top_feed_stop(struct ax_top_feed *f)
{
    ax_client_abort(f->client);
    poke(f, true);
    pthread_join(f->thread, NULL);
    ax_client_free(f->client);
    ax_top_free(f->fresh);
    pthread_cond_destroy(&f->wake);
}
