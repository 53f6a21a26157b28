// SPDX-License-Identifier: Apache-2.0
/* The room and its thread, the teller. */
#include "faults/inner.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#define TICK_MS 500 /* signs of life and ends of streams are that late */

void ax_faults_wake(struct ax_faults *f)
{
    pthread_mutex_lock(&f->lock);
    pthread_cond_signal(&f->wake);
    f->news = true;
    pthread_mutex_unlock(&f->lock);
}

static void on_events(void *ctx)
{
    ax_faults_wake(ctx);
}

/* All streams, each held on to. */
static struct ax_fault_stream **hold(struct ax_faults *f, int *n)
{
    pthread_mutex_lock(&f->lock);
    struct ax_fault_stream **v =
        ax_calloc((size_t)f->nstreams + 1, sizeof(struct ax_fault_stream *));
    *n = 0;
    for (struct ax_fault_stream *s = f->streams; s; s = s->next) {
        s->refs++;
        v[(*n)++] = s;
    }
    pthread_mutex_unlock(&f->lock);
    return v;
}

/* Who is where the last one was shares its page. True: there is more for somebody. */
static bool feed_streams(struct ax_faults *f, struct ax_fault_page *p, bool news)
{
    int n;
    bool more = false;
    int64_t now = ax_mono_ns();
    struct ax_fault_stream **v = hold(f, &n);
    for (int i = 0; i < n; i++) {
        more |= ax_fault_stream_feed(v[i], p, news, now);
        ax_fault_stream_unref(v[i]);
    }
    free(v);
    return more;
}

static bool deliver(struct ax_faults *f, struct ax_fault_page *p)
{
    struct ax_err err = {0};
    int rc = ax_subscriptions_deliver(f, p, &err);
    if (rc < 0) {
        f->failed++;
        if (f->o.warn)
            f->o.warn(err.text);
        ax_sleep_ms(TICK_MS);
    }
    return rc != 0; /* after a failure again */
}

/* Sleeps unless there is more; tells whether there is something new. False in *on: the end. */
static bool wait_for_news(struct ax_faults *f, bool more, bool *on)
{
    int64_t until = ax_mono_ns() + TICK_MS * 1000000ll;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    pthread_mutex_lock(&f->lock);
    if (!more && !f->news && !f->quit && f->streams)
        pthread_cond_timedwait(&f->wake, &f->lock, &ts);
    else
        while (!more && !f->news && !f->quit && !f->streams)
            pthread_cond_wait(&f->wake, &f->lock);
    bool news = f->news;
    f->news = false;
    *on = !f->quit;
    pthread_mutex_unlock(&f->lock);
    return news;
}

/* Streams first: they wait for no disk. */
static void *tell(void *arg)
{
    struct ax_faults *f = arg;
    bool more = true, on = true;
    while (on) {
        bool news = wait_for_news(f, more, &on) || more;
        struct ax_fault_page p = {0};
        more = feed_streams(f, &p, news);
        if (news)
            more |= deliver(f, &p);
        ax_arena_free(&p.arena);
    }
    return NULL;
}

static void set_defaults(struct ax_faults_options *o)
{
    int *const counts[] = {&o->max_streams, &o->tenant_streams, &o->max_subscriptions};
    static const int count_defaults[] = {256, 32, 100};
    for (size_t i = 0; i < AX_ARRAY_LEN(counts); i++)
        *counts[i] = *counts[i] > 0 ? *counts[i] : count_defaults[i];
    o->beat_ms = o->beat_ms > 0 ? o->beat_ms : 15000;
    o->stall_ms = o->stall_ms > 0 ? o->stall_ms : 60000;
}

static void init_locks(struct ax_faults *f)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int ax_faults_open(struct ax_faults **out, const struct ax_faults_options *o, struct ax_err *err)
{
    struct ax_faults *f = ax_calloc(1, sizeof *f);
    f->o = *o;
    set_defaults(&f->o);
    init_locks(f);
    f->checker = ax_jobs_start(1);
    int rc = ax_subscriptions_open(f, err);
    if (rc == 0 && (rc = -pthread_create(&f->teller, NULL, tell, f)) < 0)
        ax_fail(err, rc, "no thread that tells of faults can be started");
    f->telling = rc == 0;
    if (rc < 0) {
        ax_faults_close(f);
        return rc;
    }
    ax_registry_on_events(o->registry, on_events, f);
    *out = f;
    return 0;
}

void ax_faults_end(struct ax_faults *f)
{
    int n;
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->ended = true;
    pthread_mutex_unlock(&f->lock);
    struct ax_fault_stream **v = hold(f, &n);
    for (int i = 0; i < n; i++) {
        ax_fault_stream_over(v[i]);
        ax_fault_stream_unref(v[i]);
    }
    free(v);
}

void ax_faults_close(struct ax_faults *f)
{
    if (!f)
        return;
    ax_registry_on_events(f->o.registry, NULL, NULL);
    pthread_mutex_lock(&f->lock);
    f->quit = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->telling) {
        pthread_join(f->teller, NULL);
        ax_subscriptions_keep(f, NULL);
    }
    ax_jobs_end(f->checker);
    ax_jobs_free(f->checker);
    AX_ASSERT(!f->streams);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void ax_faults_stats(struct ax_faults *f, struct ax_faults_stats *out)
{
    *out = (struct ax_faults_stats){.subscriptions = f->subscriptions,
                                    .streamed = f->streamed,
                                    .queued = f->queued,
                                    .streams_refused = f->refused,
                                    .streams_cut = f->cut,
                                    .failed = f->failed};
    pthread_mutex_lock(&f->lock);
    out->streams = (uint64_t)f->nstreams;
    pthread_mutex_unlock(&f->lock);
}
