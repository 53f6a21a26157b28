// SPDX-License-Identifier: Apache-2.0
/* Streams of faults. The teller fills a stream's buffer up to ROOM and, when that is taken, goes on
 * where it was: what a client has not taken yet waits in the database. */
#include "faults/inner.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM (64u << 10)

/* An id without an event: from there a client goes on that has seen none since. */
static void put_place(struct ax_fault_stream *s, const char *before)
{
    ax_buf_printf(&s->out, "%s\nid: %lld\n\n", before, (long long)s->at);
}

static void copy_strings(struct ax_fault_stream *s)
{
    struct ax_fault_stream_options *o = &s->o;
    struct ax_str *const strings[] = {&o->filter.tenant, &o->filter.host, &o->filter.resource,
                                      &o->filter.type, &o->owner};
    for (size_t i = 0; i < AX_ARRAY_LEN(strings); i++)
        *strings[i] = ax_arena_str(&s->arena, *strings[i]);
}

static int owned_by(const struct ax_faults *f, struct ax_str owner)
{
    int n = 0;
    for (const struct ax_fault_stream *s = f->streams; s; s = s->next)
        n += ax_str_eq(s->o.owner, owner);
    return n;
}

/* With the room's lock held. */
static int check_room(struct ax_faults *f, struct ax_str owner, struct ax_err *err)
{
    int rc = 0;
    if (f->nstreams >= f->o.max_streams)
        rc = ax_fail(err, -EAGAIN, "the server's limit of %d fault streams is reached",
                     f->o.max_streams);
    else if (owned_by(f, owner) >= f->o.tenant_streams)
        rc = ax_fail(err, -EAGAIN, "the limit of %d fault streams of a tenant is reached",
                     f->o.tenant_streams);
    f->refused += rc < 0;
    return rc;
}

static struct ax_fault_stream *make(struct ax_faults *f, const struct ax_fault_stream_options *o,
                                    int64_t at)
{
    struct ax_fault_stream *s = ax_calloc(1, sizeof *s);
    int64_t now = ax_mono_ns();
    s->f = f;
    s->refs = 1;
    s->o = *o;
    s->at = at;
    s->behind = true;
    s->taken_ns = now;
    s->beat_ns = now + f->o.beat_ms * 1000000;
    s->ends_ns = o->lasts_ms < 0 ? INT64_MAX : now + o->lasts_ms * 1000000;
    pthread_mutex_init(&s->lock, NULL);
    copy_strings(s);
    put_place(s, "retry: 1000");
    return s;
}

static void destroy(struct ax_fault_stream *s)
{
    pthread_mutex_destroy(&s->lock);
    ax_buf_free(&s->out);
    ax_arena_free(&s->arena);
    free(s);
}

int ax_fault_stream_open(struct ax_faults *f, const struct ax_fault_stream_options *o,
                         struct ax_fault_stream **out, struct ax_err *err)
{
    int64_t at = o->since;
    int rc = at < 0 ? ax_registry_last_event(f->o.registry, &at, err) : 0;
    if (rc < 0)
        return rc;
    struct ax_fault_stream *s = make(f, o, at);
    pthread_mutex_lock(&f->lock);
    rc = check_room(f, s->o.owner, err);
    if (rc == 0) {
        s->over = f->ended;
        s->next = f->streams;
        f->streams = s;
        f->nstreams++;
        f->news = true; /* to it all is */
        pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
    if (rc < 0)
        destroy(s);
    else
        *out = s;
    return rc;
}

void ax_fault_stream_unref(struct ax_fault_stream *s)
{
    pthread_mutex_lock(&s->f->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->f->lock);
    if (!last)
        return;
    s->o.free(s->o.ctx);
    destroy(s);
}

void ax_fault_stream_close(struct ax_fault_stream *s)
{
    struct ax_faults *f = s->f;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&f->lock);
    struct ax_fault_stream **at = &f->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    f->nstreams--;
    pthread_mutex_unlock(&f->lock);
    ax_fault_stream_unref(s);
}

int ax_fault_stream_take(struct ax_fault_stream *s, struct ax_buf *out)
{
    bool more = false;
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    if (s->out.n) {
        ax_buf_str(out, ax_buf_view(&s->out));
        ax_buf_clear(&s->out);
        s->taken_ns = ax_mono_ns();
        more = s->behind;
        rc = 1;
    } else if (!s->over) {
        s->parked = true;
        s->o.park(s->o.ctx);
        rc = AX_FAULT_PARKED;
    }
    pthread_mutex_unlock(&s->lock);
    if (more)
        ax_faults_wake(s->f);
    return rc;
}

/* ---- the teller's side ---- */

/* With its lock held: who sleeps while there is something is woken. */
static void unpark(struct ax_fault_stream *s)
{
    if (!s->parked || (!s->out.n && !s->over))
        return;
    s->parked = false;
    s->taken_ns = ax_mono_ns();
    s->o.wake(s->o.ctx);
}

void ax_fault_stream_over(struct ax_fault_stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->over = true;
    unpark(s);
    pthread_mutex_unlock(&s->lock);
}

static void check(void *arg)
{
    struct ax_fault_stream *s = arg;
    if (!s->o.may(s->o.ctx))
        ax_fault_stream_over(s);
    pthread_mutex_lock(&s->lock);
    s->checking = false;
    pthread_mutex_unlock(&s->lock);
    ax_fault_stream_unref(s);
}

/* Asking takes a reference of its own: the client may go meanwhile. */
static void ask(struct ax_fault_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool asks = s->o.may && !s->checking && !s->closed;
    s->checking |= asks;
    pthread_mutex_unlock(&s->lock);
    if (!asks)
        return;
    pthread_mutex_lock(&s->f->lock);
    s->refs++;
    pthread_mutex_unlock(&s->f->lock);
    s->check = (struct ax_job){.run = check, .arg = s};
    if (!ax_jobs_add(s->f->checker, &s->check))
        ax_fault_stream_unref(s);
}

static void beat(struct ax_fault_stream *s, int64_t now_ns)
{
    s->beat_ns = now_ns + s->f->o.beat_ms * 1000000;
    ask(s);
    pthread_mutex_lock(&s->lock);
    if (s->out.n == 0)
        put_place(s, ": alive");
    unpark(s);
    pthread_mutex_unlock(&s->lock);
}

static void put(struct ax_fault_stream *s, const struct ax_fault_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct ax_fault *x = &p->v[i];
        if (!ax_fault_matches(&s->o.filter, x->told, x->kind))
            continue;
        ax_buf_printf(&s->out, "id: %lld\nevent: %s\ndata: ", (long long)x->told->event.id,
                      x->kind ? "fault" : "event");
        ax_buf_str(&s->out, x->json);
        ax_buf_cstr(&s->out, "\n\n");
        s->f->streamed++;
    }
    s->at = p->last;
    s->behind = p->full;
}

/* Whether it is to be fed; who takes nothing is cut off. */
static bool has_room(struct ax_fault_stream *s, bool news, int64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    bool room = !s->over && s->out.n < ROOM;
    bool wants = room && (news || s->behind);
    if (!s->over && s->out.n && now_ns - s->taken_ns > s->f->o.stall_ms * 1000000) {
        s->over = true;
        s->f->cut++;
    }
    s->behind |= news;
    pthread_mutex_unlock(&s->lock);
    return wants;
}

bool ax_fault_stream_feed(struct ax_fault_stream *s, struct ax_fault_page *p, bool news,
                          int64_t now_ns)
{
    struct ax_err err;
    bool more = false, wants = has_room(s, news, now_ns);
    if (now_ns >= s->beat_ns)
        beat(s, now_ns);
    if (wants && ax_fault_page_read(s->f->o.registry, p, s->at, &err) < 0) {
        s->f->failed++;
        return false; /* it stays behind, and is fed the next time */
    }
    pthread_mutex_lock(&s->lock);
    if (wants)
        put(s, p);
    more = s->behind && s->out.n < ROOM;
    s->over |= !s->behind && now_ns >= s->ends_ns;
    unpark(s);
    pthread_mutex_unlock(&s->lock);
    return more;
}
