// SPDX-License-Identifier: Apache-2.0
/* add -> queue in memory -> sender thread -> server
 *             |                 ^
 *             +---> spool ------+     when the queue passes QUEUE_MAX, and at the end
 *
 * Each entry has a number that rises. What is in the spool is older than what is in the queue, so
 * the sender takes the spool's oldest first and keeps the entry in hand until the server took or
 * refused it. */
#include "push/push.h"

#include "base/clock.h"
#include "base/log.h"
#include "push/observation.h"
#include "push/post.h"
#include "push/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX       16
#define SERIES_PER_SEND 10000
#define SPOOL_DEFAULT   (64ull << 20)
#define RETRY_MIN_MS    250
#define RETRY_MAX_MS    5000
#define GOODBYE_MS      2000

struct entry {
    uint64_t number;
    enum ax_spool_kind kind;
    struct ax_buf bytes;
    struct entry *next;
};

struct ax_push {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct entry *head, **tail, *current; /* current: in the sender's hand */
    size_t queued;
    uint64_t next_number;
    bool spooling; /* there is a spool directory */
    struct ax_spool spool;
    struct ax_push_stats stats;
    bool quit;
    int64_t quit_at_ns; /* the end of the goodbye */
    struct ax_post *post;
};

/* ---- the queue (with the lock held) ---- */

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    ax_buf_free(&e->bytes);
    free(e);
}

static struct entry *take_head(struct ax_push *p)
{
    struct entry *e = p->head;
    if (!e)
        return NULL;
    p->head = e->next;
    if (!p->head)
        p->tail = &p->head;
    p->queued--;
    e->next = NULL;
    return e;
}

static void to_spool(struct ax_push *p, struct entry *e)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    if (!p->spooling)
        p->stats.dropped++;
    else if (ax_spool_put(&p->spool, e->number, e->kind, ax_buf_view(&e->bytes), &err) < 0) {
        p->stats.dropped++;
        ax_log_limited(&limit, 60, AX_LOG_WARN, "dropped: %s", err.text);
    }
    entry_free(e);
}

static void spill(struct ax_push *p)
{
    if (!p->spooling) { /* nowhere to go: only the oldest is lost */
        to_spool(p, take_head(p));
        return;
    }
    while (p->head)
        to_spool(p, take_head(p));
}

static void add(struct ax_push *p, enum ax_spool_kind kind, struct ax_buf bytes)
{
    struct entry *e = ax_calloc(1, sizeof *e);
    e->kind = kind;
    e->bytes = bytes;
    pthread_mutex_lock(&p->lock);
    e->number = p->next_number++;
    *p->tail = e;
    p->tail = &e->next;
    if (++p->queued > QUEUE_MAX)
        spill(p);
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void ax_push_batch(struct ax_push *p, const struct ax_batch *b)
{
    static struct ax_log_limit limit;
    for (size_t i = 0; i < b->n; i += SERIES_PER_SEND) {
        size_t n = b->n - i < SERIES_PER_SEND ? b->n - i : SERIES_PER_SEND;
        struct ax_batch part = {.arena = b->arena, .v = b->v + i, .n = n};
        struct ax_buf bytes = AX_BUF_INIT;
        struct ax_err err = {0};
        if (ax_remote_write_encode(&part, &bytes, &err) == 0) {
            add(p, AX_SPOOL_SAMPLES, bytes);
            continue;
        }
        ax_buf_free(&bytes);
        ax_log_limited(&limit, 60, AX_LOG_WARN, "dropped: %s", err.text);
        pthread_mutex_lock(&p->lock);
        p->stats.dropped++;
        pthread_mutex_unlock(&p->lock);
    }
}

void ax_push_observation(struct ax_push *p, const struct ax_observation *o)
{
    struct ax_buf bytes = AX_BUF_INIT;
    ax_observation_json(o, &bytes);
    add(p, AX_SPOOL_OBSERVATION, bytes);
}

void ax_push_stats(struct ax_push *p, struct ax_push_stats *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->stats;
    out->dropped += p->spool.dropped;
    out->spool_bytes = p->spool.bytes;
    out->spool_entries = p->spool.n - p->spool.first;
    pthread_mutex_unlock(&p->lock);
}

/* ---- sending ---- */

/* The spool's oldest as an entry; what can't be read is dropped. With the lock held. */
static struct entry *take_spooled(struct ax_push *p)
{
    const struct ax_spool_entry *s;
    while (p->spooling && (s = ax_spool_oldest(&p->spool))) {
        struct entry *e = ax_calloc(1, sizeof *e);
        e->number = s->number;
        e->kind = s->kind;
        if (ax_spool_read(&p->spool, s, &e->bytes, NULL) == 0 && e->bytes.n)
            return e;
        entry_free(e);
        p->stats.dropped++;
        ax_spool_remove(&p->spool, s->number);
    }
    return NULL;
}

static void rest(struct ax_push *p, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    while (!p->quit && pthread_cond_timedwait(&p->wake, &p->lock, &ts) != ETIMEDOUT)
        ;
}

/* One entry, with the lock held but for the sending itself. */
static enum ax_posted send_one(struct ax_push *p)
{
    pthread_mutex_unlock(&p->lock);
    enum ax_posted outcome =
        ax_post_send(p->post, p->current->kind, ax_buf_view(&p->current->bytes));
    pthread_mutex_lock(&p->lock);
    if (outcome == AX_POST_AGAIN) {
        p->stats.retries++;
        return AX_POST_AGAIN;
    }
    p->stats.sent += outcome == AX_POST_SENT;
    p->stats.rejected += outcome == AX_POST_REFUSED;
    if (p->spooling)
        ax_spool_remove(&p->spool, p->current->number);
    entry_free(p->current);
    p->current = NULL;
    return outcome;
}

static void *run(void *arg)
{
    struct ax_push *p = arg;
    int64_t pause_ms = RETRY_MIN_MS;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        bool late = p->quit && ax_mono_ns() > p->quit_at_ns;
        if (!late && !p->current && !(p->current = take_spooled(p)))
            p->current = take_head(p);
        if (late || (p->quit && !p->current))
            break;
        if (!p->current) {
            pthread_cond_wait(&p->wake, &p->lock);
        } else if (send_one(p) != AX_POST_AGAIN) {
            pause_ms = RETRY_MIN_MS;
        } else if (p->quit) {
            break; /* the server is away: no use in waiting for it */
        } else {
            rest(p, pause_ms);
            pause_ms = pause_ms * 2 < RETRY_MAX_MS ? pause_ms * 2 : RETRY_MAX_MS;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void destroy(struct ax_push *p)
{
    entry_free(p->current);
    while (p->head)
        entry_free(take_head(p));
    if (p->spooling)
        ax_spool_close(&p->spool);
    ax_post_close(p->post);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p);
}

/* The goodbye is over. */
static bool is_late(void *arg)
{
    struct ax_push *p = arg;
    pthread_mutex_lock(&p->lock);
    bool late = p->quit && ax_mono_ns() > p->quit_at_ns;
    pthread_mutex_unlock(&p->lock);
    return late;
}

static int start(struct ax_push *p, const struct ax_push_options *o, struct ax_err *err)
{
    if (!o->url || !o->url[0])
        return ax_fail(err, -EINVAL, "no URL to push to (expected http://HOST:PORT)");
    if (o->spool_dir) {
        uint64_t max = o->spool_max ? o->spool_max : SPOOL_DEFAULT;
        int rc = ax_spool_open(&p->spool, o->spool_dir, max, err);
        if (rc < 0)
            return rc;
        p->spooling = true;
        p->next_number = ax_spool_next_number(&p->spool);
    }
    int rc = ax_post_open(&p->post, o, is_late, p, err);
    if (rc < 0)
        return rc;
    rc = pthread_create(&p->thread, NULL, run, p);
    return rc ? ax_fail(err, -rc, "cannot start the sender: %s", strerror(rc)) : 0;
}

int ax_push_new(struct ax_push **out, const struct ax_push_options *o, struct ax_err *err)
{
    struct ax_push *p = ax_calloc(1, sizeof *p);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->tail = &p->head;
    p->next_number = 1;
    int rc = start(p, o, err);
    if (rc < 0)
        destroy(p);
    else
        *out = p;
    return rc;
}

void ax_push_free(struct ax_push *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    p->quit_at_ns = ax_mono_ns() + GOODBYE_MS * 1000000ll;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    if (p->current && p->spooling) { /* it may be there already, then it came from there */
        ax_spool_remove(&p->spool, p->current->number);
        to_spool(p, p->current);
        p->current = NULL;
    }
    if (p->spooling)
        spill(p);
    destroy(p);
}
