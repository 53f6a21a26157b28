// SPDX-License-Identifier: Apache-2.0
/* One thread takes what is in the queue and writes it, in order, in transactions of bounded size.
 * A transaction that fails is tried again as a whole, until it is in: nothing that comes later
 * overtakes it. */
#include "alarm/stream/writing.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define RETRY_MS   200
#define MARK_MS    5000 /* how far the mark may be behind */
#define DURABLE_MS 2000 /* how long the writer waits for pushes to be durable */
#define ANSWER_MS  5000 /* how long a push waits for its transitions */

static int write_mark(struct ax_stream *s, int64_t mark, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s->o.sql,
                  "INSERT OR REPLACE INTO alarm_engine(one, mark, listen) VALUES(1, ?, ?)");
    ax_stmt_int(&q, mark);
    ax_stmt_int(&q, s->listen);
    return ax_stmt_run(&q, "writing the mark to", err);
}

/* Up to AX_WRITE_MOST changes, and the mark when it is time for it. *after: the first that is left.
 */
static int write_some(struct ax_stream *s, struct ax_change_entry *first, int64_t mark,
                      struct ax_change_entry **after, struct ax_err *err)
{
    struct ax_writing w = {.s = s, .newest = AX_MAP_INIT};
    struct ax_change_entry *e = first;
    int rc = ax_sql_begin(s->o.sql, err);
    if (rc < 0)
        return rc;
    for (size_t n = 0; rc == 0 && e && n < AX_WRITE_MOST; n++, e = e->next)
        rc = ax_write_change(&w, e, err);
    if (rc == 0 && !e && mark)
        rc = write_mark(s, mark, err);
    rc = ax_sql_end(s->o.sql, rc, err);
    if (rc == 0) {
        *after = e;
        __atomic_add_fetch(&s->transitions, w.transitions, __ATOMIC_RELAXED);
        if (w.transitions && s->o.committed)
            s->o.committed(s->o.ctx);
        ax_write_events(&w);
    }
    ax_map_free(&w.newest);
    ax_arena_free(&w.arena);
    return rc;
}

static void done(struct ax_stream *s, struct ax_change_entry *first, struct ax_change_entry *after)
{
    uint64_t number = 0;
    for (struct ax_change_entry *next; first != after; first = next) {
        next = first->next;
        number = first->number;
        free(first);
    }
    pthread_mutex_lock(&s->queue.lock);
    s->queue.done = number ? number : s->queue.done;
    s->queue.stuck = false;
    pthread_cond_broadcast(&s->queue.written);
    pthread_mutex_unlock(&s->queue.lock);
}

/* All up to it is judged, and what came of it is in the queue. */
static int64_t mark_of(struct ax_stream *s)
{
    return s->ticked < s->hold ? s->hold_over + s->o.delay_ms : s->ticked;
}

/* A sample is durable before what came of it is written, or else the next start would see an
 * outcome without its cause. Pushes that came in before the queue was taken are waited for. */
static void wait_until_durable(struct ax_stream *s, unsigned turn)
{
    for (int ms = 0; ms < DURABLE_MS; ms++) {
        if (!__atomic_load_n(&s->queue.under_way[turn], __ATOMIC_ACQUIRE))
            return;
        ax_sleep_ms(1);
    }
}

/* Takes the queue, while nobody is in between: what belongs to a push is taken whole, and before
 * the mark all is judged. */
static struct ax_change_entry *take(struct ax_stream *s, int64_t *mark)
{
    int64_t now = ax_stream_now(s);
    bool due = now >= s->marked + MARK_MS || now < s->marked;
    pthread_rwlock_wrlock(&s->shape);
    *mark = due ? mark_of(s) : 0;
    pthread_mutex_lock(&s->queue.lock);
    struct ax_change_entry *first = s->queue.first;
    s->queue.first = NULL;
    s->queue.last = &s->queue.first;
    pthread_mutex_unlock(&s->queue.lock);
    unsigned turn = s->queue.turn;
    s->queue.turn ^= 1;
    pthread_rwlock_unlock(&s->shape);
    wait_until_durable(s, turn);
    return first;
}

static void put_back(struct ax_queue *q, struct ax_change_entry *first)
{
    struct ax_change_entry *last = first;
    if (!first)
        return;
    while (last->next)
        last = last->next;
    pthread_mutex_lock(&q->lock);
    last->next = q->first;
    if (!q->first)
        q->last = &last->next;
    q->first = first;
    pthread_mutex_unlock(&q->lock);
}

int ax_write_out(struct ax_stream *s, struct ax_err *err)
{
    pthread_mutex_lock(&s->turn);
    int64_t mark;
    struct ax_change_entry *first = take(s, &mark), *after = NULL;
    int rc = 0;
    while (rc == 0 && (first || mark)) {
        rc = write_some(s, first, mark, &after, err);
        if (rc < 0)
            break;
        done(s, first, after);
        first = after;
        if (!first && mark) {
            s->marked = ax_stream_now(s);
            mark = 0;
        }
    }
    if (rc < 0) {
        __atomic_add_fetch(&s->failures, 1, __ATOMIC_RELAXED);
        put_back(&s->queue, first);
    }
    pthread_mutex_unlock(&s->turn);
    return rc;
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static bool wait_for_more(struct ax_stream *s)
{
    struct ax_queue *q = &s->queue;
    struct timespec until = in_ms(MARK_MS);
    pthread_mutex_lock(&q->lock);
    while (!q->stop && !q->first && pthread_cond_timedwait(&q->more, &q->lock, &until) == 0)
        ;
    bool stop = q->stop;
    pthread_mutex_unlock(&q->lock);
    return !stop;
}

static void *keep_writing(void *arg)
{
    struct ax_stream *s = arg;
    while (wait_for_more(s)) {
        struct ax_err err = {0};
        if (ax_write_out(s, &err) < 0) {
            if (s->o.warn)
                s->o.warn(s->o.ctx, err.text);
            ax_sleep_ms(RETRY_MS);
        }
    }
    return NULL;
}

int ax_writer_start(struct ax_stream *s, struct ax_err *err)
{
    if (s->o.manual)
        return 0;
    int rc = pthread_create(&s->writer, NULL, keep_writing, s);
    s->writing = rc == 0;
    return rc ? ax_fail(err, -rc, "no thread for writing alarms can be started") : 0;
}

void ax_writer_stop(struct ax_stream *s)
{
    if (!s->writing)
        return;
    pthread_mutex_lock(&s->queue.lock);
    s->queue.stop = true;
    pthread_cond_broadcast(&s->queue.more);
    pthread_mutex_unlock(&s->queue.lock);
    pthread_join(s->writer, NULL);
    s->writing = false;
}

/* The store's turn came first: the samples are durable. */
int ax_engine_commit(void *self, uint64_t ticket, struct ax_err *err)
{
    struct ax_stream *s = self;
    __atomic_sub_fetch(&s->queue.under_way[ticket & 1], 1, __ATOMIC_RELEASE);
    return 0;
}

/* A database that takes nothing costs this time once, not for each push. */
void ax_engine_follow(void *self, uint64_t ticket)
{
    struct ax_stream *s = self;
    struct ax_queue *q = &s->queue;
    ticket >>= 1;
    if (s->o.manual)
        return;
    struct timespec until = in_ms(ANSWER_MS);
    pthread_mutex_lock(&q->lock);
    while (q->done < ticket && !q->stuck)
        q->stuck = pthread_cond_timedwait(&q->written, &q->lock, &until) != 0 && q->done < ticket;
    pthread_mutex_unlock(&q->lock);
}

int ax_stream_flush(struct ax_stream *s, struct ax_err *err)
{
    return ax_write_out(s, err);
}
