// SPDX-License-Identifier: Apache-2.0
#include "relay/relay.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A host of a tenant, once its collector has come. There are no more of them than hosts, and they
 * are kept: a name and a time. */
struct ax_relay_place {
    char *tenant, *host;
    int64_t heard_ns;
    bool waits; /* its collector */
    struct ax_relay_place *next;
};

struct request {
    struct ax_relay_request q; /* its handle is ours */
    char *tenant, *host, *handle;
    char *who;     /* took it; NULL: nobody yet */
    uint64_t work; /* with which it was taken */
    bool got;      /* which did reach who took it */
    struct ax_relay_wait *wait;
    struct ax_buf text;
    int code;
    bool answered;
    struct request *next;
};

struct ax_relay {
    pthread_mutex_t lock;
    struct ax_relay_options o;
    bool ended;
    struct ax_relay_wait *waiting; /* collectors and askers */
    struct ax_relay_place *places;
    struct request *requests;
    int listening, asked;
    uint64_t work; /* the last that was handed out */
    uint64_t answered, late;
};

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

static char *copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static bool is(const char *ours, struct ax_str theirs)
{
    return ours && ax_str_eq(ax_str(ours), theirs);
}

static void free_request(struct request *q)
{
    free(q->tenant);
    free(q->host);
    free(q->handle);
    free(q->who);
    ax_buf_free(&q->text);
    free(q);
}

void ax_relay_free(struct ax_relay *r)
{
    if (!r)
        return;
    AX_ASSERT(!r->waiting);
    while (r->requests) {
        struct request *q = r->requests;
        r->requests = q->next;
        free_request(q);
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

/* ---- waiting (with the lock held; wakes are called without it) ---- */

/* Takes out of the list whom `over` points at; they are returned as a list. */
static struct ax_relay_wait *part(struct ax_relay *r,
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

/* A wait may be gone, or begun again, once its wake was called. */
static void wake(struct ax_relay_wait *list)
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
    struct ax_relay_wait *list = part(r, over, arg);
    pthread_mutex_unlock(&r->lock);
    wake(list);
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

static bool is_at(const struct ax_relay_wait *w, const void *place)
{
    return w->place && w->place == place;
}

static bool is_this(const struct ax_relay_wait *w, const void *wait)
{
    return w == wait;
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
    struct ax_relay_wait *list = part(r, everybody, NULL);
    pthread_mutex_unlock(&r->lock);
    wake(list);
}

static void begin_wait(struct ax_relay *r, struct ax_relay_wait *w, struct ax_relay_place *place)
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

/* ---- collectors ---- */

static struct ax_relay_place *find_place(struct ax_relay *r, struct ax_str tenant,
                                         struct ax_str host)
{
    for (struct ax_relay_place *p = r->places; p; p = p->next)
        if (is(p->host, host) && is(p->tenant, tenant))
            return p;
    return NULL;
}

static struct ax_relay_place *place_of(struct ax_relay *r, const struct ax_relay_at *at)
{
    struct ax_relay_place *p = find_place(r, at->tenant, at->host);
    if (p)
        return p;
    p = ax_calloc(1, sizeof *p);
    p->tenant = copy(at->tenant);
    p->host = copy(at->host);
    p->next = r->places;
    return r->places = p;
}

static bool waits_for(const struct request *q, struct ax_str tenant, struct ax_str host)
{
    return !q->who && q->wait && !q->wait->over && is(q->host, host) && is(q->tenant, tenant);
}

static bool has_request(const struct ax_relay *r, const struct ax_relay_at *at)
{
    for (const struct request *q = r->requests; q; q = q->next)
        if (waits_for(q, at->tenant, at->host))
            return true;
    return false;
}

static struct ax_relay_wait *replace(struct ax_relay *r, const struct ax_relay_place *place)
{
    struct ax_relay_wait *before = place->waits ? part(r, is_at, place) : NULL;
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
static void take_back(struct request *q, struct ax_str got)
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
    for (struct request *q = got.p ? r->requests : NULL; q; q = q->next)
        if (q->who && is(q->host, at->host) && is(q->tenant, at->tenant))
            take_back(q, got);
    pthread_mutex_unlock(&r->lock);
    wake(before);
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
        begin_wait(r, w, place);
    pthread_mutex_unlock(&r->lock);
    wake(before);
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

static struct ax_relay_request copy_of(const struct request *q, struct ax_arena *a)
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
    for (struct request *q = r->requests; q; q = q->next) {
        if (!waits_for(q, at->tenant, at->host))
            continue;
        q->who = copy(at->who);
        q->work = r->work;
        q->got = false;
        v[taken++] = copy_of(q, a);
    }
    pthread_mutex_unlock(&r->lock);
    reverse(v, taken);
    out->v = v;
    out->n = taken;
}

static struct request *find_taken(struct ax_relay *r, const struct ax_relay_at *at,
                                  struct ax_str id)
{
    for (struct request *q = r->requests; q; q = q->next)
        if (is(q->q.id, id) && q->wait && is(q->who, at->who) && is(q->host, at->host) &&
            is(q->tenant, at->tenant))
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
    const struct request *q = find_taken(r, at, id);
    if (q)
        *out = copy_of(q, a);
    pthread_mutex_unlock(&r->lock);
    return q ? 0 : unknown(err);
}

int ax_relay_answer(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str id, int code,
                    struct ax_buf *text, struct ax_err *err)
{
    struct ax_relay_wait *woken = NULL;
    pthread_mutex_lock(&r->lock);
    struct request *q = find_taken(r, at, id);
    if (q) {
        q->code = code;
        q->text = *text;
        *text = (struct ax_buf)AX_BUF_INIT;
        q->answered = true;
        r->answered++;
        woken = part(r, is_this, q->wait);
        q->wait = NULL;
    } else {
        r->late++;
    }
    pthread_mutex_unlock(&r->lock);
    wake(woken);
    return q ? 0 : unknown(err);
}

/* ---- askers ---- */

bool ax_relay_heard(struct ax_relay *r, struct ax_str tenant, struct ax_str host, int64_t now_ns,
                    int64_t ns)
{
    pthread_mutex_lock(&r->lock);
    const struct ax_relay_place *p = find_place(r, tenant, host);
    bool heard = p && (p->waits || now_ns - p->heard_ns <= ns);
    pthread_mutex_unlock(&r->lock);
    return heard;
}

static int check_room(const struct ax_relay *r, struct ax_str tenant, struct ax_err *err)
{
    int own = 0;
    for (const struct request *q = r->requests; q; q = q->next)
        own += is(q->tenant, tenant);
    if (own >= r->o.tenant_requests)
        return ax_fail(err, -EAGAIN, "the limit of %d inspections of a tenant at once is reached",
                       r->o.tenant_requests);
    if (r->asked >= r->o.max_requests)
        return ax_fail(err, -EAGAIN, "the server's limit of %d inspections at once is reached",
                       r->o.max_requests);
    return 0;
}

static struct request *make(struct ax_str tenant, struct ax_str host, struct ax_relay_request *q)
{
    struct request *x = ax_calloc(1, sizeof *x);
    struct ax_uuid id = ax_uuid_random();
    ax_uuid_print(&id, q->id);
    x->q = *q;
    x->tenant = copy(tenant);
    x->host = copy(host);
    x->handle = copy(q->handle);
    return x;
}

int ax_relay_ask(struct ax_relay *r, struct ax_str tenant, struct ax_str host,
                 struct ax_relay_request *q, struct ax_relay_wait *w, struct ax_err *err)
{
    struct ax_relay_wait *collector = NULL;
    pthread_mutex_lock(&r->lock);
    bool ended = r->ended;
    int rc = check_room(r, tenant, err);
    if (rc == 0) {
        struct request *x = make(tenant, host, q);
        x->wait = w;
        x->next = r->requests;
        r->requests = x;
        r->asked++;
        w->over = ended;
        if (!ended)
            begin_wait(r, w, NULL);
        struct ax_relay_place *place = find_place(r, tenant, host);
        if (place)
            collector = part(r, is_at, place);
    }
    pthread_mutex_unlock(&r->lock);
    wake(collector);
    if (rc == 0 && ended)
        w->wake(w->ctx);
    return rc;
}

int ax_relay_collect(struct ax_relay *r, struct ax_str id, struct ax_buf *out, bool *taken)
{
    int rc = -ETIMEDOUT;
    pthread_mutex_lock(&r->lock);
    struct request **at = &r->requests;
    while (*at && !is((*at)->q.id, id))
        at = &(*at)->next;
    struct request *q = *at;
    AX_ASSERT(q); /* its asker comes once */
    *at = q->next;
    r->asked--;
    pthread_mutex_unlock(&r->lock);
    *taken = q->who != NULL;
    if (q->answered) {
        rc = q->code;
        *out = q->text;
        q->text = (struct ax_buf)AX_BUF_INIT;
    }
    free_request(q);
    return rc;
}

void ax_relay_stats(struct ax_relay *r, struct ax_relay_stats *out)
{
    pthread_mutex_lock(&r->lock);
    *out =
        (struct ax_relay_stats){(uint64_t)r->listening, (uint64_t)r->asked, r->answered, r->late};
    pthread_mutex_unlock(&r->lock);
}
