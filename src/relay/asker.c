// SPDX-License-Identifier: Apache-2.0
#include "relay/inner.h"

#include <errno.h>

bool ax_relay_heard(struct ax_relay *r, struct ax_str tenant, struct ax_str host, int64_t now_ns,
                    int64_t ns)
{
    pthread_mutex_lock(&r->lock);
    const struct ax_relay_place *p = ax_relay_find_place(r, tenant, host);
    bool heard = p && (p->waits || now_ns - p->heard_ns <= ns);
    pthread_mutex_unlock(&r->lock);
    return heard;
}

static int check_room(const struct ax_relay *r, struct ax_str tenant, struct ax_err *err)
{
    int own = 0;
    for (const struct ax_relay_asked *q = r->requests; q; q = q->next)
        own += ax_relay_is(q->tenant, tenant);
    if (own >= r->o.tenant_requests)
        return ax_fail(err, -EAGAIN, "the limit of %d inspections of a tenant at once is reached",
                       r->o.tenant_requests);
    if (r->asked >= r->o.max_requests)
        return ax_fail(err, -EAGAIN, "the server's limit of %d inspections at once is reached",
                       r->o.max_requests);
    return 0;
}

static struct ax_relay_asked *make(struct ax_str tenant, struct ax_str host,
                                   struct ax_relay_request *q)
{
    struct ax_relay_asked *x = ax_calloc(1, sizeof *x);
    struct ax_uuid id = ax_uuid_random();
    ax_uuid_print(&id, q->id);
    x->q = *q;
    x->tenant = ax_relay_copy(tenant);
    x->host = ax_relay_copy(host);
    x->handle = ax_relay_copy(q->handle);
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
        struct ax_relay_asked *x = make(tenant, host, q);
        x->wait = w;
        x->next = r->requests;
        r->requests = x;
        r->asked++;
        w->over = ended;
        if (!ended)
            ax_relay_begin_wait(r, w, NULL);
        struct ax_relay_place *place = ax_relay_find_place(r, tenant, host);
        if (place)
            collector = ax_relay_part(r, ax_relay_is_at, place);
    }
    pthread_mutex_unlock(&r->lock);
    ax_relay_wake(collector);
    if (rc == 0 && ended)
        w->wake(w->ctx);
    return rc;
}

int ax_relay_collect(struct ax_relay *r, struct ax_str id, struct ax_buf *out, bool *taken)
{
    int rc = -ETIMEDOUT;
    pthread_mutex_lock(&r->lock);
    struct ax_relay_asked **at = &r->requests;
    while (*at && !ax_relay_is((*at)->q.id, id))
        at = &(*at)->next;
    struct ax_relay_asked *q = *at;
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
    ax_relay_free_request(q);
    return rc;
}
