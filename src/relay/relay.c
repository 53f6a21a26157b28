// SPDX-License-Identifier: Apache-2.0
#include "relay/inner.h"

#include <stdlib.h>

/* ---- what is kept ---- */

char *ax_relay_copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

bool ax_relay_is(const char *ours, struct ax_str theirs)
{
    return ours && ax_str_eq(ax_str(ours), theirs);
}

struct ax_relay_place *ax_relay_find_place(struct ax_relay *r, struct ax_str tenant,
                                           struct ax_str host)
{
    for (struct ax_relay_place *p = r->places; p; p = p->next)
        if (ax_relay_is(p->host, host) && ax_relay_is(p->tenant, tenant))
            return p;
    return NULL;
}

void ax_relay_free_request(struct ax_relay_asked *q)
{
    free(q->tenant);
    free(q->host);
    free(q->handle);
    free(q->who);
    ax_buf_free(&q->text);
    free(q);
}

/* ---- beginning and end ---- */

static int or_else(int v, int otherwise)
{
    return v ? v : otherwise;
}

struct ax_relay *ax_relay_new(const struct ax_relay_options *o)
{
    struct ax_relay *r = ax_calloc(1, sizeof *r);
    r->o = (struct ax_relay_options){or_else(o->max_requests, 256), or_else(o->tenant_requests, 32),
                                     or_else(o->max_waiting, 512)};
    struct ax_uuid chance = ax_uuid_random(); /* what a server before this one gave is not ours */
    memcpy(&r->work, &chance, sizeof r->work);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void ax_relay_free(struct ax_relay *r)
{
    if (!r)
        return;
    AX_ASSERT(!r->waiting);
    while (r->requests) {
        struct ax_relay_asked *q = r->requests;
        r->requests = q->next;
        ax_relay_free_request(q);
    }
    while (r->places) {
        struct ax_relay_place *p = r->places;
        r->places = p->next;
        free(p->tenant);
        free(p->host);
        free(p);
    }
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- waiting ---- */

struct ax_relay_wait *ax_relay_part(struct ax_relay *r,
                                    bool (*over)(const struct ax_relay_wait *w, const void *arg),
                                    const void *arg)
{
    struct ax_relay_wait *out = NULL, **at = &r->waiting;
    while (*at) {
        struct ax_relay_wait *w = *at;
        if (!over(w, arg)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->over = true;
        w->next = out;
        out = w;
        if (w->place) {
            w->place->waits = false;
            r->listening--;
        }
    }
    return out;
}

void ax_relay_wake(struct ax_relay_wait *list)
{
    while (list) {
        struct ax_relay_wait *w = list;
        list = w->next;
        w->wake(w->ctx);
    }
}

static void wake_those(struct ax_relay *r,
                       bool (*over)(const struct ax_relay_wait *w, const void *arg),
                       const void *arg)
{
    pthread_mutex_lock(&r->lock);
    struct ax_relay_wait *list = ax_relay_part(r, over, arg);
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(list);
}

static bool everybody(const struct ax_relay_wait *w, const void *arg)
{
    return true;
}

static bool is_late(const struct ax_relay_wait *w, const void *now_ns)
{
    return w->until_ns <= *(const int64_t *)now_ns;
}

static bool is_collector(const struct ax_relay_wait *w, const void *arg)
{
    return w->place != NULL;
}

bool ax_relay_is_at(const struct ax_relay_wait *w, const void *place)
{
    return w->place && w->place == place;
}

void ax_relay_tick(struct ax_relay *r, int64_t now_ns)
{
    wake_those(r, is_late, &now_ns);
}

void ax_relay_stir(struct ax_relay *r)
{
    if (r)
        wake_those(r, is_collector, NULL);
}

void ax_relay_end(struct ax_relay *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    struct ax_relay_wait *list = ax_relay_part(r, everybody, NULL);
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(list);
}

void ax_relay_begin_wait(struct ax_relay *r, struct ax_relay_wait *w, struct ax_relay_place *place)
{
    w->place = place;
    w->replaced = w->over = false;
    w->next = r->waiting;
    r->waiting = w;
    if (place) {
        place->waits = true;
        r->listening++;
    }
}

void ax_relay_stats(struct ax_relay *r, struct ax_relay_stats *out)
{
    pthread_mutex_lock(&r->lock);
    *out =
        (struct ax_relay_stats){(uint64_t)r->listening, (uint64_t)r->asked, r->answered, r->late};
    pthread_mutex_unlock(&r->lock);
}
