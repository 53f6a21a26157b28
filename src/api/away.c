// SPDX-License-Identifier: Apache-2.0
/* Where a request is while its connection sleeps: with a worker, the settler, the teller. */
#include "api/exchange_inner.h"

#include <microhttpd.h>

/* The answer was made for samples that are kept: they are not. */
static void unsettle(struct ax_exchange *x, const struct ax_err *err)
{
    struct ax_reply *r = &x->r;
    r->ncounts = 0;
    if (r->unsettled)
        r->unsettled(r, err);
    else
        ax_samples_failed(r, err);
}

static bool settle(struct ax_exchange *x)
{
    struct ax_err err;
    int rc = ax_intake_settle(ax_api_rooms(x->q.api)->intake, x->r.pending, &err);
    if (rc < 0)
        unsettle(x, &err);
    return rc == 0;
}

static bool keep_beside(struct ax_exchange *x)
{
    struct ax_err err;
    int rc = x->r.also ? x->r.also(&x->q, x->r.also_arg, &err) : 0;
    if (rc < 0)
        unsettle(x, &err);
    return rc == 0;
}

static void follow(struct ax_exchange *x)
{
    ax_intake_follow(ax_api_rooms(x->q.api)->intake, x->r.pending);
}

static void come_back(struct ax_exchange *x)
{
    x->answered = true;
    MHD_resume_connection(x->connection);
}

/* A tenant that reads gets so many of the workers at once, the rest are its neighbours'. */
static void handle(struct ax_exchange *x)
{
    struct ax_err err;
    struct ax_quotas *quotas = ax_api_quotas(x->q.api);
    if (!(x->route->may & AX_MAY_READ)) {
        x->route->handler(&x->q, &x->r);
    } else if (ax_quota_read(quotas, x->q.tenant, &err) < 0) {
        ax_refuse(&x->q, &x->r, 429, "unavailable", err.text);
        x->r.retry_after = 1;
    } else {
        x->route->handler(&x->q, &x->r);
        ax_quota_read_end(quotas, x->q.tenant);
    }
}

/* Goes on there, or here when nobody is there any more. */
static void go_on(struct ax_exchange *x, struct ax_jobs *to, void (*run)(void *arg))
{
    x->away = (struct ax_job){.run = run, .arg = x};
    if (!ax_jobs_add(to, &x->away))
        run(x);
}

static void finish(void *arg)
{
    struct ax_exchange *x = arg;
    x->r.later->finish(x->r.later, &x->q, &x->r);
    come_back(x);
}

static void woken(void *arg)
{
    struct ax_exchange *x = arg;
    go_on(x, x->all->workers, finish);
}

/* Once it waits, it may be woken at any time: nothing is touched any more. */
static void work(void *arg)
{
    struct ax_exchange *x = arg;
    handle(x);
    AX_ASSERT(!x->r.pending); /* who takes samples is quick */
    if (!x->r.later || !x->r.later->wait(x->r.later, &x->q, &x->r, woken, x))
        come_back(x);
}

static void wait_for_outcome(void *arg)
{
    struct ax_exchange *x = arg;
    follow(x);
    come_back(x);
}

static void wait_for_registry(void *arg)
{
    struct ax_exchange *x = arg;
    if (keep_beside(x) && x->r.pending->follows)
        go_on(x, x->all->teller, wait_for_outcome);
    else
        come_back(x);
}

/* Samples first, on a thread that does nothing else: what came of them, and of others, waits for
 * all of them to be durable. */
static void wait_for_disk(void *arg)
{
    struct ax_exchange *x = arg;
    if (!settle(x))
        come_back(x);
    else if (x->r.also)
        go_on(x, x->all->workers, wait_for_registry);
    else
        wait_for_registry(x);
}

/* The connection is suspended first: once the job is added, it may be resumed at any time. */
bool ax_exchange_send_away(struct ax_exchange *x, struct ax_jobs *to, void (*run)(void *arg))
{
    MHD_suspend_connection(x->connection);
    x->away = (struct ax_job){.run = run, .arg = x};
    if (ax_jobs_add(to, &x->away))
        return true;
    MHD_resume_connection(x->connection);
    return false;
}

bool ax_exchange_begin_answer(struct ax_exchange *x)
{
    if (!(x->route->methods & AX_QUICK) && ax_exchange_send_away(x, x->all->workers, work))
        return true;
    handle(x);
    if (x->r.later) /* there are no workers any more */
        ax_refuse(&x->q, &x->r, 503, "unavailable", "the server is ending");
    if (!x->r.pending)
        return false;
    if (ax_exchange_send_away(x, x->all->settler, wait_for_disk))
        return true;
    if (settle(x) && keep_beside(x))
        follow(x);
    return false;
}
