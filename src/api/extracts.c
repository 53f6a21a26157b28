// SPDX-License-Identifier: Apache-2.0
#include "api/extracts.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define EXTRACTS   16
#define QUIET_NS   60000000000ll
#define GOODBYE_NS 10000000000ll

struct ax_extracts {
    pthread_mutex_t lock;
    struct ax_warrants *warrants;
    struct ax_relay *relay;
    struct ax_extraction *all;
    int n;
};

struct ax_extracts *ax_extracts_new(struct ax_warrants *w, struct ax_relay *relay)
{
    struct ax_extracts *e = ax_calloc(1, sizeof *e);
    e->warrants = w;
    e->relay = relay;
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

static void forget(struct ax_extracts *e, struct ax_extraction *x)
{
    pthread_mutex_lock(&e->lock);
    struct ax_extraction **at = &e->all;
    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    e->n--;
    pthread_mutex_unlock(&e->lock);
    ax_extract_free(&x->file);
    ax_digest_free(x->digest);
    ax_arena_free(&x->arena);
    free(x);
}

int ax_extracts_make(struct ax_extracts *e, const struct ax_inspection *x, struct ax_str host,
                     struct ax_extraction **out, struct ax_err *err)
{
    struct ax_extraction *n = ax_calloc(1, sizeof *n);
    n->host = ax_arena_str(&n->arena, host);
    n->x = *x;
    struct ax_str *const texts[] = {&n->x.tenant, &n->x.handle, &n->x.who, &n->x.reason};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(&n->arena, *texts[i]);
    n->digest = ax_digest_new();
    n->began = ax_now_ms();
    n->busy = true;
    pthread_mutex_lock(&e->lock);
    n->next = e->all;
    e->all = n;
    bool full = e->n++ == EXTRACTS;
    pthread_mutex_unlock(&e->lock);
    if (full) {
        forget(e, n);
        return ax_fail(err, -EAGAIN, "the server's limit of %d extracts at once is reached",
                       EXTRACTS);
    }
    *out = n;
    return 0;
}

int ax_extracts_take(struct ax_extracts *e, struct ax_str id, struct ax_str who,
                     struct ax_extraction **out, struct ax_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&e->lock);
    struct ax_extraction *x = e->all;
    while (x && !(id.n && ax_str_eq(ax_str(x->id), id) && ax_str_eq(x->x.who, who)))
        x = x->next;
    if (!x)
        rc = ax_fail(err, -ENOENT,
                     "there is no such extract under way: it has ended, or is somebody else's");
    else if (x->busy)
        rc = ax_fail(err, -EALREADY, "a request of this extract is under way");
    else
        x->busy = true;
    pthread_mutex_unlock(&e->lock);
    *out = x;
    return rc;
}

void ax_extracts_give(struct ax_extracts *e, struct ax_extraction *x)
{
    pthread_mutex_lock(&e->lock);
    x->used_ns = ax_mono_ns();
    x->busy = false;
    pthread_mutex_unlock(&e->lock);
}

/* ---- what is handed out ---- */

int ax_extraction_count(struct ax_extraction *x, struct ax_str piece, struct ax_err *err)
{
    struct ax_run run;
    int rc;
    while ((rc = ax_piece_next(&piece, &run, err)) > 0) {
        ax_digest_zeros(x->digest, run.zeros);
        ax_digest_add(x->digest, run.data);
        x->offset += run.zeros + run.data.n;
        x->data += run.data.n;
    }
    return rc;
}

bool ax_extraction_is_complete(const struct ax_extraction *x)
{
    return x->file.size && x->offset == x->file.size;
}

/* ---- the collector ---- */

static struct ax_relay_request request_of(const struct ax_extraction *x)
{
    struct ax_relay_request q = {.handle = x->x.handle, .scope = AX_SCOPE_FORENSIC};
    memcpy(q.extract.id, x->id, sizeof q.extract.id);
    return q;
}

int ax_extracts_ask(struct ax_extracts *e, const struct ax_extraction *x, uint64_t from,
                    uint64_t bytes, struct ax_relay_request *q, struct ax_relay_wait *w,
                    struct ax_err *err)
{
    *q = request_of(x);
    q->extract.from = from;
    q->extract.bytes = bytes;
    return ax_relay_ask(e->relay, x->x.tenant, x->host, q, w, err);
}

/* ---- the end ---- */

/* A request whose answer nobody waits for. */
struct goodbye {
    struct ax_relay_wait wait;
    struct ax_relay_request request;
    struct ax_relay *relay;
};

static void forget_goodbye(void *arg)
{
    struct goodbye *g = arg;
    struct ax_buf nothing = AX_BUF_INIT;
    bool taken;
    ax_relay_collect(g->relay, ax_str(g->request.id), &nothing, &taken);
    ax_buf_free(&nothing);
    free(g);
}

/* The collector has a process for each, which it would else keep for a minute. */
static void say_goodbye(struct ax_extracts *e, const struct ax_extraction *x)
{
    struct goodbye *g = ax_calloc(1, sizeof *g);
    g->relay = e->relay;
    g->wait = (struct ax_relay_wait){
        .wake = forget_goodbye, .ctx = g, .until_ns = ax_mono_ns() + GOODBYE_NS};
    g->request = request_of(x);
    g->request.extract.ends = true;
    if (ax_relay_ask(e->relay, x->x.tenant, x->host, &g->request, &g->wait, NULL) < 0)
        free(g);
}

int ax_extracts_end(struct ax_extracts *e, struct ax_extraction *x, struct ax_str why,
                    struct ax_extraction_sum *out, struct ax_err *err)
{
    struct ax_extraction_sum sum = {.at = ax_now_ms()};
    sum.end = (struct ax_extract_end){
        .why = why, .size = x->offset, .data = x->data, .left_out = x->file.left_out};
    int rc = 0;
    ax_digest_copy(x->digest, sum.end.sha256);
    if (x->id[0])
        rc = ax_warrants_extract_end(e->warrants, ax_str(x->id), &sum.end, sum.at, &sum.sequence,
                                     err);
    if (rc < 0 && rc != -ENOENT) {
        ax_extracts_give(e, x);
        return rc;
    }
    if (out)
        *out = sum;
    if (x->known)
        say_goodbye(e, x);
    forget(e, x);
    return rc;
}

static struct ax_str why_quiet(const struct ax_extraction *x)
{
    return ax_extraction_is_complete(x) ? AX_STR_NULL
                                        : AX_STR("nobody has asked for more of it in a minute");
}

static struct ax_extraction *take_quiet(struct ax_extracts *e, int64_t now_ns)
{
    pthread_mutex_lock(&e->lock);
    struct ax_extraction *x = e->all;
    while (x && (x->busy || now_ns - x->used_ns < QUIET_NS))
        x = x->next;
    if (x)
        x->busy = true;
    pthread_mutex_unlock(&e->lock);
    return x;
}

void ax_extracts_tick(struct ax_extracts *e, int64_t now_ns)
{
    static struct ax_log_limit limit;
    struct ax_extraction *x;
    struct ax_err err;
    int rc = 0;
    while (rc == 0 && (x = take_quiet(e, now_ns)) != NULL) {
        rc = ax_extracts_end(e, x, why_quiet(x), NULL, &err);
        if (rc < 0)
            ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
    }
}

/* What the ledger does not take now is ended by the next start. */
void ax_extracts_free(struct ax_extracts *e)
{
    if (!e)
        return;
    while (e->all) {
        struct ax_extraction *x = e->all;
        struct ax_err err;
        struct ax_str why = ax_extraction_is_complete(x) ? AX_STR_NULL : AX_STR("the server ends");
        if (ax_extracts_end(e, x, why, NULL, &err) < 0 && e->all == x) {
            ax_log(AX_LOG_ERROR, "%s", err.text);
            forget(e, x);
        }
    }
    pthread_mutex_destroy(&e->lock);
    free(e);
}
