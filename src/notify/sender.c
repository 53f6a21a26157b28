// SPDX-License-Identifier: Apache-2.0
/* The thread that empties the outbox:
 *
 *     take in new rows -> begin what is due -> wait for sockets, scripts, the clock or a wake-up
 *          ^                                                  |
 *          +------- write the outcomes <- settle what ended <-+
 *
 * A LATER outcome whose item ended since then writes to a row that is no more, which does no
 * harm. */
#include "notify/sender.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define SETTLE_AT_ONCE 512
#define WAIT_MAX_MS    1000
#define GOODBYE_MS     1000
#define FDS_MAX        64

void ax_sender_count(struct ax_sender *s, enum ax_notify_type type, size_t which, uint64_t n)
{
    pthread_mutex_lock(&s->lock);
    *(uint64_t *)((char *)&s->stats.by_type[type] + which) += n;
    pthread_mutex_unlock(&s->lock);
}

/* ---- ending ---- */

void ax_sender_end(struct ax_sender *s, struct ax_flight *f)
{
    struct ax_flight **at = &s->flights;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    s->nflights--;
    s->by_type[f->type]--;
    s->suspects -= f->suspect;
    f->target->busy--;
    if (f->adding)
        curl_multi_remove_handle(s->multi, f->try.easy);
    if (f->n > 0)
        ax_try_end(&f->try);
    free(f);
}

/* Tells whether one did. */
static bool reap_transfers(struct ax_sender *s)
{
    CURLMsg *m;
    int left;
    bool any = false;
    while ((m = curl_multi_info_read(s->multi, &left))) {
        struct ax_flight *f = NULL;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        ax_try_curl(&f->try, rc);
        ax_settle_flight(s, f);
        ax_sender_end(s, f);
        any = true;
    }
    return any;
}

static bool reap_scripts(struct ax_sender *s)
{
    bool any = false;
    for (struct ax_flight *f = s->flights, *next; f; f = next) {
        next = f->next;
        if (f->try.pid <= 0)
            continue;
        ax_script_look(&f->try, s->n);
        if (f->try.done) {
            ax_settle_flight(s, f);
            ax_sender_end(s, f);
            any = true;
        }
    }
    return any;
}

static bool settle(struct ax_sender *s)
{
    if (s->noutcomes == 0 || (s->noutcomes < SETTLE_AT_ONCE && ax_mono_ns() < s->settle_at_ns))
        return false;
    ax_settle_write(s);
    return true;
}

/* ---- the loop ---- */

static void publish(struct ax_sender *s)
{
    int64_t now = ax_mono_ns();
    uint64_t waiting = 0, repeating = 0;
    int64_t oldest = INT64_MAX;
    if (s->items.n > 1000 && now - s->published_ns < 1000000000ll)
        return;
    for (size_t b = 0; b < s->items.nbuckets; b++)
        for (struct ax_item *i = s->items.buckets[b]; i; i = i->next) {
            bool stands = i->repeat > 0 && i->tries == 0 && i->state == AX_ITEM_READY;
            repeating += stands;
            waiting += !stands;
            if (!stands && i->created < oldest)
                oldest = i->created;
        }
    s->published_ns = now;
    pthread_mutex_lock(&s->lock);
    s->stats.waiting = waiting;
    s->stats.repeating = repeating;
    s->stats.busy = (uint64_t)s->nflights;
    s->oldest_created = waiting ? oldest : INT64_MAX;
    pthread_mutex_unlock(&s->lock);
}

static void wait_for(struct ax_sender *s, int64_t ms)
{
    struct curl_waitfd fds[FDS_MAX];
    unsigned n = 0;
    for (struct ax_flight *f = s->flights; f; f = f->next)
        if (f->try.pidfd >= 0 && n < FDS_MAX) {
            fds[n++] = (struct curl_waitfd){.fd = f->try.pidfd, .events = CURL_WAIT_POLLIN};
            ms = ms < 100 ? ms : 100; /* a script may run late */
        }
    if (s->noutcomes) {
        int64_t left = (s->settle_at_ns - ax_mono_ns()) / 1000000 + 1;
        ms = left < ms ? left : ms;
    }
    curl_multi_poll(s->multi, fds, n, ms > 0 ? (int)ms : 0, NULL);
}

static int64_t begin(struct ax_sender *s)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    int64_t ms = ax_sender_begin(s, WAIT_MAX_MS, &err);
    if (ms >= 0)
        return ms;
    ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
    return WAIT_MAX_MS;
}

static void turn(struct ax_sender *s, bool begins)
{
    int running;
    int64_t ms = begins ? begin(s) : WAIT_MAX_MS;
    curl_multi_perform(s->multi, &running);
    bool moved = reap_transfers(s);
    moved |= reap_scripts(s);
    moved |= settle(s);
    publish(s);
    wait_for(s, moved && begins ? 0 : ms);
}

static void *run(void *arg)
{
    struct ax_sender *s = arg;
    while (!atomic_load(&s->quit))
        turn(s, true);
    int64_t until = ax_mono_ns() + GOODBYE_MS * 1000000ll;
    while (s->flights && ax_mono_ns() < until)
        turn(s, false);
    while (s->flights) /* their rows stay */
        ax_sender_end(s, s->flights);
    ax_settle_write(s);
    return NULL;
}

/* ---- beginning and end ---- */

void ax_sender_wake(struct ax_sender *s)
{
    atomic_store(&s->woken, true);
    curl_multi_wakeup(s->multi);
}

void ax_sender_stats(struct ax_sender *s, struct ax_notify_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    int64_t created = s->oldest_created, now = ax_notify_now(s->n);
    out->oldest_ms = created < now ? now - created : 0;
    pthread_mutex_unlock(&s->lock);
}

static void destroy(struct ax_sender *s)
{
    ax_items_free(&s->items);
    for (size_t k = 0; k < s->ntargets; k++)
        ax_outlet_free(s->targets[k]);
    free(s->targets);
    free(s->outcomes);
    ax_map_free(&s->by_id);
    curl_multi_cleanup(s->multi);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int ax_sender_start(struct ax_notify *n, struct ax_err *err)
{
    struct ax_sender *s = ax_calloc(1, sizeof *s);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    s->n = n;
    s->oldest_created = INT64_MAX;
    pthread_mutex_init(&s->lock, NULL);
    AX_ASSERT(getrandom(&s->chance, sizeof s->chance, 0) == sizeof s->chance);
    s->multi = curl_multi_init();
    s->woken = true; /* what is there from before */
    ax_sql_lock(n->sql);
    int rc = ax_sender_hear(s, err);
    ax_sql_unlock(n->sql);
    if (rc == 0 && !s->multi)
        rc = ax_fail(err, -ENOMEM, "cannot set up the sender of notifications");
    if (rc == 0 && (rc = -pthread_create(&s->thread, NULL, run, s)) < 0)
        ax_fail(err, rc, "cannot start the sender of notifications: %s", strerror(-rc));
    if (rc < 0)
        destroy(s);
    else
        n->sender = s;
    return rc;
}

void ax_sender_stop(struct ax_sender *s)
{
    if (!s)
        return;
    atomic_store(&s->quit, true);
    curl_multi_wakeup(s->multi);
    pthread_join(s->thread, NULL);
    destroy(s);
}
