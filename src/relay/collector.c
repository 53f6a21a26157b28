// SPDX-License-Identifier: Apache-2.0
#include "relay/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct ax_relay_place *place_of(struct ax_relay *r, const struct ax_relay_at *at)
{
    struct ax_relay_place *p = ax_relay_find_place(r, at->tenant, at->host);
    if (p)
        return p;
    p = ax_calloc(1, sizeof *p);
    p->tenant = ax_relay_copy(at->tenant);
    p->host = ax_relay_copy(at->host);
    p->next = r->places;
    return r->places = p;
}

static bool waits_for(const struct ax_relay_asked *q, struct ax_str tenant, struct ax_str host)
{
    return !q->who && q->wait && !q->wait->over && ax_relay_is(q->host, host) &&
           ax_relay_is(q->tenant, tenant);
}

static bool has_request(const struct ax_relay *r, const struct ax_relay_at *at)
{
    for (const struct ax_relay_asked *q = r->requests; q; q = q->next)
        if (waits_for(q, at->tenant, at->host))
            return true;
    return false;
}

static struct ax_relay_wait *replace(struct ax_relay *r, const struct ax_relay_place *place)
{
    struct ax_relay_wait *before = place->waits ? ax_relay_part(r, ax_relay_is_at, place) : NULL;
    for (struct ax_relay_wait *b = before; b; b = b->next)
        b->replaced = true;
    return before;
}

static void print_work(uint64_t work, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)work);
}

/* A collector that has just begun has nothing of what was taken; another has what it says, and what
 * it said before. */
static void take_back(struct ax_relay_asked *q, struct ax_str got)
{
    char work[17];
    print_work(q->work, work);
    q->got = got.n && (q->got || ax_str_eq(got, ax_str(work)));
    if (q->got)
        return;
    free(q->who);
    q->who = NULL;
}

void ax_relay_come(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str got,
                   int64_t now_ns)
{
    pthread_mutex_lock(&r->lock);
    struct ax_relay_place *place = place_of(r, at);
    place->heard_ns = now_ns;
    struct ax_relay_wait *before = replace(r, place);
    for (struct ax_relay_asked *q = got.p ? r->requests : NULL; q; q = q->next)
        if (q->who && ax_relay_is(q->host, at->host) && ax_relay_is(q->tenant, at->tenant))
            take_back(q, got);
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(before);
}

int ax_relay_listen(struct ax_relay *r, const struct ax_relay_at *at, struct ax_relay_wait *w,
                    int64_t now_ns, struct ax_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    struct ax_relay_place *place = place_of(r, at);
    place->heard_ns = now_ns;
    bool at_once = r->ended || has_request(r, at);
    struct ax_relay_wait *before = replace(r, place);
    if (!at_once && r->listening >= r->o.max_waiting)
        rc = ax_fail(err, -EAGAIN, "the server's limit of %d waiting collectors is reached",
                     r->o.max_waiting);
    else if (!at_once)
        ax_relay_begin_wait(r, w, place);
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(before);
    if (rc == 0 && at_once)
        w->wake(w->ctx);
    return rc;
}

/* In the order in which they were asked: the list has the newest first. */
static void reverse(struct ax_relay_request *v, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct ax_relay_request x = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = x;
    }
}

static struct ax_relay_request copy_of(const struct ax_relay_asked *q, struct ax_arena *a)
{
    struct ax_relay_request out = q->q;
    out.handle = ax_arena_str(a, ax_str(q->handle));
    return out;
}

void ax_relay_take(struct ax_relay *r, const struct ax_relay_at *at, int64_t now_ns,
                   struct ax_arena *a, struct ax_relay_work *out)
{
    pthread_mutex_lock(&r->lock);
    struct ax_relay_request *v = AX_NEWS(a, struct ax_relay_request, (size_t)r->asked + 1);
    size_t taken = 0;
    place_of(r, at)->heard_ns = now_ns;
    print_work(++r->work, out->id);
    for (struct ax_relay_asked *q = r->requests; q; q = q->next) {
        if (!waits_for(q, at->tenant, at->host))
            continue;
        q->who = ax_relay_copy(at->who);
        q->work = r->work;
        q->got = false;
        v[taken++] = copy_of(q, a);
    }
    pthread_mutex_unlock(&r->lock);
    reverse(v, taken);
    out->v = v;
    out->n = taken;
}

static struct ax_relay_asked *find_taken(struct ax_relay *r, const struct ax_relay_at *at,
                                         struct ax_str id)
{
    for (struct ax_relay_asked *q = r->requests; q; q = q->next)
        if (ax_relay_is(q->q.id, id) && q->wait && ax_relay_is(q->who, at->who) &&
            ax_relay_is(q->host, at->host) && ax_relay_is(q->tenant, at->tenant))
            return q;
    return NULL;
}

static int unknown(struct ax_err *err)
{
    return ax_fail(err, -ENOENT,
                   "nobody waits for this answer from this collector: it came too late, or the "
                   "request is another host's");
}

int ax_relay_find(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str id,
                  struct ax_relay_request *out, struct ax_arena *a, struct ax_err *err)
{
    pthread_mutex_lock(&r->lock);
    const struct ax_relay_asked *q = find_taken(r, at, id);
    if (q)
        *out = copy_of(q, a);
    pthread_mutex_unlock(&r->lock);
    return q ? 0 : unknown(err);
}

static bool is_this(const struct ax_relay_wait *w, const void *wait)
{
    return w == wait;
}

int ax_relay_answer(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str id, int code,
                    struct ax_buf *text, struct ax_err *err)
{
    struct ax_relay_wait *woken = NULL;
    pthread_mutex_lock(&r->lock);
    struct ax_relay_asked *q = find_taken(r, at, id);
    if (q) {
        q->code = code;
        q->text = *text;
        *text = (struct ax_buf)AX_BUF_INIT;
        q->answered = true;
        r->answered++;
        woken = ax_relay_part(r, is_this, q->wait);
        q->wait = NULL;
    } else {
        r->late++;
    }
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(woken);
    return q ? 0 : unknown(err);
}
