// SPDX-License-Identifier: Apache-2.0
/*   asker:   GET work ──> grants ──> ax_sight (collect)      answerer: request ──> ax_sight_look
 *               └───────> requests ──> queue ─────────────────────────────> POST result
 */
#include "cli/host_sight.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/host_sight_parts.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_S    10
#define LEASE_NS  40000000000ll /* so long grants hold without a word from the server */
#define QUEUE_MAX 64
#define PAUSE_MAX 30000

struct ax_host_sight {
    struct ax_sight *sight;
    struct ax_errand *asks, *answers;
    char *host; /* escaped, for a path */
    pthread_t asker, answerer;
    bool asking, answering;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool quit;
    struct ax_host_request *queue;
    size_t queued;
    char version[32], got[32]; /* the asker's, as is the rest */
    struct ax_host_reports reports;
    int64_t pause_ms;
};

static bool is_over(struct ax_host_sight *h)
{
    pthread_mutex_lock(&h->lock);
    bool quit = h->quit;
    pthread_mutex_unlock(&h->lock);
    return quit;
}

/* Until there is news, or the end. With the lock. */
static void rest(struct ax_host_sight *h, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    if (!h->quit)
        pthread_cond_timedwait(&h->wake, &h->lock, &ts);
}

/* ---- what the server said ---- */

static struct ax_str text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return (struct ax_str){json_string_value(v), json_string_length(v)};
}

static void take_grants(struct ax_host_sight *h, const json_t *vms)
{
    size_t n = json_array_size(vms), k = 0;
    struct ax_sight_grant *v = ax_calloc(n + 1, sizeof *v);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(vms, i);
        struct ax_sight_grant *g = &v[k];
        struct ax_str expires = text(o, "expires");
        *g = (struct ax_sight_grant){.handle = text(o, "handle"), .standing = text(o, "standing")};
        k += ax_scope_parse(text(o, "scope"), &g->scope) && g->standing.n &&
             (!expires.n || ax_time_parse(expires, &g->expires, NULL) == 0);
    }
    ax_sight_grant(h->sight, v, k, ax_mono_ns() + LEASE_NS);
    free(v);
}

static unsigned parts_of(const json_t *list)
{
    unsigned parts = 0;
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one)
        for (unsigned k = 0; k < AX_PARTS; k++)
            if (json_is_string(one) && strcmp(json_string_value(one), ax_part_names[k]) == 0)
                parts |= 1u << k;
    return parts;
}

/* False: it is neither a look at parts nor an extract. */
static bool read_wish(const json_t *o, struct ax_host_request *q)
{
    const json_t *extract = json_object_get(o, "extract");
    const char *id = json_string_value(json_object_get(extract, "id"));
    json_int_t from = json_integer_value(json_object_get(extract, "from"));
    json_int_t bytes = json_integer_value(json_object_get(extract, "bytes"));
    q->parts = parts_of(json_object_get(o, "parts"));
    if (!extract)
        return q->parts != 0;
    if (!id || q->scope != AX_SCOPE_FORENSIC || from < 0 || bytes < 0)
        return false;
    q->extract = ax_strdup(id);
    q->from = (uint64_t)from;
    q->bytes = (uint64_t)bytes;
    q->ends = json_is_true(json_object_get(extract, "ends"));
    return true;
}

static void take_request(struct ax_host_sight *h, const json_t *o)
{
    struct ax_host_request *q = ax_calloc(1, sizeof *q);
    const char *id = json_string_value(json_object_get(o, "id"));
    const char *handle = json_string_value(json_object_get(o, "handle"));
    bool known = ax_scope_parse(text(o, "scope"), &q->scope) && read_wish(o, q);
    pthread_mutex_lock(&h->lock);
    bool taken = known && id && handle && h->queued < QUEUE_MAX;
    if (taken) {
        struct ax_host_request **at = &h->queue;
        q->id = ax_strdup(id);
        q->handle = ax_strdup(handle);
        while (*at)
            at = &(*at)->next;
        *at = q;
        h->queued++;
        pthread_cond_broadcast(&h->wake);
    }
    pthread_mutex_unlock(&h->lock);
    if (!taken)
        ax_host_request_free(q);
}

static void take_work(struct ax_host_sight *h, const json_t *work)
{
    const json_t *vms = json_object_get(work, "vms"), *one;
    struct ax_str version = text(work, "version"), id = text(work, "id");
    size_t i;
    snprintf(h->version, sizeof h->version, "%.*s", AX_STR_ARG(version));
    snprintf(h->got, sizeof h->got, "%.*s", AX_STR_ARG(id));
    if (json_is_array(vms))
        take_grants(h, vms);
    else
        ax_sight_renew(h->sight, ax_mono_ns() + LEASE_NS);
    json_array_foreach (json_object_get(work, "requests"), i, one)
        take_request(h, one);
}

/* ---- asking ---- */

/* Servers that know nothing of this are asked again now and then, quietly. */
static void pause_asking(struct ax_host_sight *h, int status, const struct ax_err *err)
{
    static struct ax_log_limit limit;
    if (status == 401 || status == 403)
        ax_log_limited(&limit, 600, AX_LOG_WARN,
                       "the server gives no work for looking into VMs (%d): does the token have "
                       "the role agent?",
                       status);
    h->version[0] = '\0'; /* what it grants is asked for anew */
    pthread_mutex_lock(&h->lock);
    int64_t until = ax_mono_ns() + h->pause_ms * 1000000;
    while (!h->quit && ax_mono_ns() < until)
        rest(h, (until - ax_mono_ns()) / 1000000 + 1);
    pthread_mutex_unlock(&h->lock);
    h->pause_ms = h->pause_ms * 2 < PAUSE_MAX ? h->pause_ms * 2 : PAUSE_MAX;
    if (err->code && h->pause_ms > 4000) /* it may be back any moment */
        h->pause_ms = 4000;
}

static void ask(struct ax_host_sight *h)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT, answer = {.max = 8u << 20};
    struct ax_err err = {0};
    ax_buf_printf(&path, "/auspex/v1/inspection/work?host=%s&wait=%d&version=%s&got=%s%c", h->host,
                  WAIT_S, h->version, h->got, '\0');
    int status = ax_errand_ask(h->asks, path.p, AX_STR_NULL, (WAIT_S + 15) * 1000, &answer, &err);
    json_t *work = status == 200 ? json_loadb(answer.p, answer.n, 0, NULL) : NULL;
    if (json_is_object(work) && text(work, "version").n) {
        take_work(h, work);
        h->pause_ms = 500;
    } else {
        pause_asking(h, status, &err);
    }
    json_decref(work);
}

static void *run_asker(void *arg)
{
    struct ax_host_sight *h = arg;
    while (!is_over(h)) {
        ask(h);
        if (ax_host_report_send(&h->reports, h->sight, h->asks, h->host, false))
            h->version[0] = '\0';
    }
    return NULL;
}

static void *run_answerer(void *arg)
{
    struct ax_host_sight *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->quit) {
        struct ax_host_request *q = h->queue;
        if (!q) {
            rest(h, 5000);
        } else {
            h->queue = q->next;
            h->queued--;
        }
        pthread_mutex_unlock(&h->lock);
        if (q) {
            ax_host_answer(h->sight, h->answers, h->host, q);
            ax_host_request_free(q);
        } else {
            ax_sight_rest(h->sight, ax_mono_ns());
        }
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static char *escaped(struct ax_str s)
{
    struct ax_buf b = AX_BUF_INIT;
    for (size_t i = 0; i < s.n; i++) /* the rest of a handle is plain */
        ax_buf_add(&b, s.p[i] == ':' ? "%3A" : s.p + i, s.p[i] == ':' ? 3 : 1);
    ax_buf_byte(&b, '\0');
    return b.p;
}

int ax_host_sight_new(struct ax_host_sight **out, struct ax_sight *sight,
                      const struct ax_push_options *o, struct ax_str host, struct ax_err *err)
{
    struct ax_host_sight *h = ax_calloc(1, sizeof *h);
    pthread_condattr_t monotonic;
    h->sight = sight;
    h->host = escaped(host);
    h->pause_ms = 500;
    h->reports.sent_ns = ax_mono_ns();
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = ax_errand_new(&h->asks, o, err);
    if (rc == 0)
        rc = ax_errand_new(&h->answers, o, err);
    if (rc < 0)
        ax_host_sight_stop(h);
    else
        *out = h;
    return rc;
}

int ax_host_sight_start(struct ax_host_sight *h, struct ax_err *err)
{
    h->asking = pthread_create(&h->asker, NULL, run_asker, h) == 0;
    h->answering = pthread_create(&h->answerer, NULL, run_answerer, h) == 0;
    if (h->asking && h->answering)
        return 0;
    return ax_fail(err, -EAGAIN, "cannot start the threads that ask for work");
}

void ax_host_sight_stop(struct ax_host_sight *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->quit = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
    if (h->asks)
        ax_errand_stop(h->asks);
    if (h->asking)
        pthread_join(h->asker, NULL);
    if (h->answering)
        pthread_join(h->answerer, NULL);
    ax_sight_end(h->sight);
    if (h->answers)
        ax_host_report_send(&h->reports, h->sight, h->answers, h->host, true);
    ax_host_reports_free(&h->reports);
    while (h->queue) {
        struct ax_host_request *q = h->queue;
        h->queue = q->next;
        ax_host_request_free(q);
    }
    ax_errand_free(h->asks);
    ax_errand_free(h->answers);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->wake);
    free(h->host);
    free(h);
}
