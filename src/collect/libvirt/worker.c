// SPDX-License-Identifier: Apache-2.0
/* Threads for calls that may hang.
 *
 * A call to libvirt has no deadline of its own, and one domain whose monitor is stuck holds the
 * bulk call up. So the call runs in a worker; when half of the round's time is gone without an
 * answer, a second worker with a connection of its own asks again: the stuck domain is now taken by
 * the first call, so that NOWAIT passes over it and the others' numbers come through. The first
 * worker ends by itself when its call returns. At most WORKERS exist at once. */
#include "collect/libvirt/virt.h"

#include "base/clock.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORKERS    4
#define GOODBYE_NS 1000000000ll

struct worker {
    struct ax_virt_pool *pool;
    struct ax_virt_question *question; /* set: something to do */
    struct ax_virt_snapshot *answer;
    struct ax_err err;
    bool busy, abandoned;
    virConnectPtr conn; /* the thread's own */
};

/* Freed by the last thread that leaves it. */
struct ax_virt_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    struct worker *idle; /* the one with a good connection, NULL = none */
    unsigned workers, users;
    bool quit;
};

/* libvirt prints each error to stderr unless it is told not to; ours say them in their own way. */
static void say_nothing(void *arg, virErrorPtr e) {}

struct ax_virt_pool *ax_virt_pool_new(void)
{
    virSetErrorFunc(NULL, say_nothing);
    struct ax_virt_pool *p = ax_calloc(1, sizeof *p);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->users = 1;
    return p;
}

/* Called with the lock held, which is gone afterwards. */
static void leave(struct ax_virt_pool *p)
{
    bool last = --p->users == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->done);
    free(p);
}

static int connect_to(struct worker *w, const struct ax_virt_question *q, struct ax_err *err)
{
    if (w->conn && virConnectIsAlive(w->conn) == 1)
        return 0;
    if (w->conn)
        virConnectClose(w->conn);
    w->conn = q->set_balloon_period ? virConnectOpen(q->uri) : virConnectOpenReadOnly(q->uri);
    if (!w->conn) {
        const virError *e = virGetLastError();
        return ax_fail(err, -ENOTCONN, "cannot connect to libvirt at %s: %s", q->uri,
                       e && e->message ? e->message : "unknown error");
    }
    /* A daemon that stopped answering is noticed after some 15 s; works for remote ones only. */
    virConnectSetKeepAlive(w->conn, 5, 3);
    return 0;
}

/* Without the lock: everything here may hang. */
static struct ax_virt_snapshot *serve(struct worker *w, const struct ax_virt_question *q,
                                      struct ax_err *err)
{
    if (connect_to(w, q, err) < 0)
        return NULL;
    struct ax_virt_snapshot *s = ax_virt_gather(w->conn, q);
    if (!s->err.code)
        return s;
    *err = s->err;
    ax_virt_snapshot_free(s);
    return NULL;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct ax_virt_pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    while (!p->quit && !w->abandoned) {
        if (!w->question) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        struct ax_virt_question *q = w->question;
        struct ax_err err = {0};
        pthread_mutex_unlock(&p->lock);
        struct ax_virt_snapshot *s = serve(w, q, &err);
        ax_virt_question_free(q);
        pthread_mutex_lock(&p->lock);
        w->question = NULL;
        w->answer = s;
        w->err = err;
        w->busy = false;
        pthread_cond_broadcast(&p->done);
    }
    if (p->idle == w)
        p->idle = NULL;
    pthread_mutex_unlock(&p->lock);
    ax_virt_snapshot_free(w->answer);
    ax_virt_question_free(w->question);
    if (w->conn)
        virConnectClose(w->conn);
    free(w);
    pthread_mutex_lock(&p->lock);
    p->workers--;
    pthread_cond_broadcast(&p->done);
    leave(p);
    return NULL;
}

static struct worker *worker_new(struct ax_virt_pool *p, struct ax_err *err)
{
    if (p->workers >= WORKERS) {
        ax_fail(err, -ETIMEDOUT, "libvirt hangs: %u calls have not come back", p->workers);
        return NULL;
    }
    struct worker *w = ax_calloc(1, sizeof *w);
    w->pool = p;
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, work, w);
    if (rc) {
        free(w);
        ax_fail(err, -rc, "cannot start a thread for libvirt: %s", strerror(rc));
        return NULL;
    }
    pthread_detach(thread);
    p->workers++;
    p->users++;
    return w;
}

static struct ax_virt_question *copy_question(const struct ax_virt_question *q)
{
    struct ax_virt_question *c = ax_calloc(1, sizeof *c);
    *c = *q;
    c->uri = ax_strdup(q->uri);
    c->proc = ax_strdup(q->proc);
    c->known = ax_calloc(q->nknown + 1, sizeof *c->known);
    if (q->nknown)
        memcpy(c->known, q->known, q->nknown * sizeof *c->known);
    c->paths = ax_calloc(q->npaths + 1, sizeof *c->paths);
    c->path_owner = ax_calloc(q->npaths + 1, sizeof *c->path_owner);
    for (size_t i = 0; i < q->npaths; i++) {
        c->paths[i] = ax_strdup(q->paths[i]);
        c->path_owner[i] = q->path_owner[i];
    }
    return c;
}

static bool wait_until(struct worker *w, int64_t until_ns)
{
    struct timespec ts = {until_ns / 1000000000, until_ns % 1000000000};
    while (w->busy)
        if (pthread_cond_timedwait(&w->pool->done, &w->pool->lock, &ts) == ETIMEDOUT)
            return !w->busy;
    return true;
}

/* Asks the idle worker or a new one; with the lock held. NULL: no answer until then, or an error.
 */
static struct ax_virt_snapshot *ask_once(struct ax_virt_pool *p, const struct ax_virt_question *q,
                                         int64_t until_ns, struct ax_err *err)
{
    struct worker *w = p->idle ? p->idle : worker_new(p, err);
    if (!w)
        return NULL;
    p->idle = w;
    w->question = copy_question(q);
    w->busy = true;
    pthread_cond_broadcast(&p->wake);
    if (!wait_until(w, until_ns)) {
        w->abandoned = true;
        p->idle = NULL;
        ax_fail(err, -ETIMEDOUT, "libvirt did not answer in time");
        return NULL;
    }
    struct ax_virt_snapshot *s = w->answer;
    w->answer = NULL;
    if (!s)
        *err = w->err;
    return s;
}

struct ax_virt_snapshot *ax_virt_ask(struct ax_virt_pool *p, struct ax_virt_question *q,
                                     int64_t deadline_ms, struct ax_err *err)
{
    int64_t start = ax_mono_ns(), total = deadline_ms * 1000000;
    pthread_mutex_lock(&p->lock);
    struct ax_virt_snapshot *s = ask_once(p, q, start + total / 2, err);
    if (!s && err->code == -ETIMEDOUT)
        s = ask_once(p, q, start + total, err);
    pthread_mutex_unlock(&p->lock);
    ax_virt_question_free(q);
    return s;
}

/* Those that do not hang are waited for, so that their connections are closed in good order. */
void ax_virt_pool_free(struct ax_virt_pool *p)
{
    if (!p)
        return;
    int64_t until = ax_mono_ns() + GOODBYE_NS;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->wake);
    while (p->workers && pthread_cond_timedwait(&p->done, &p->lock, &ts) != ETIMEDOUT)
        ;
    leave(p);
}
